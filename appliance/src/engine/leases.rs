//! Keeping the leases of what is driven, and letting go in time of what is lost.

use std::sync::Arc;

use futures_util::future::join_all;
use hdm_shared::MigrationId;

use super::live::{Live, guard};
use super::scheduler::Engine;
use super::workflow::Workflow;

impl<W: Workflow> Engine<W> {
    pub(super) async fn keep_leases(&self) {
        let shared = &self.shared;
        loop {
            let well = self.renew().await;
            let often = shared.settings.lease / 3;
            shared.clock.sleep(if well { often } else { often.min(shared.settings.poll.base) }).await;
        }
    }

    /// Ends drivers whose leases could not be extended in time, before anybody else may have begun. Asks no
    /// database, which may hang.
    pub(super) async fn let_go(&self) {
        let shared = &self.shared;
        loop {
            let now = shared.clock.now();
            let over: Vec<_> = guard(&shared.driven)
                .iter()
                .filter(|(_, driven)| driven.until <= now)
                .map(|(id, driven)| (*id, driven.live.fence))
                .collect();
            for (id, fence) in over {
                self.abandon(id, fence, "its lease could not be extended in time");
            }
            shared.clock.sleep(shared.settings.lease / 20).await;
        }
    }

    /// Extends the leases of what is driven, all at once. A driver whose lease is lost is ended here; one whose
    /// lease could not be extended in time, by [`Engine::run`]. True if every lease could be asked for.
    pub async fn renew(&self) -> bool {
        let shared = &self.shared;
        let held: Vec<_> = guard(&shared.driven).iter().map(|(id, d)| (*id, d.live.clone())).collect();
        join_all(held.into_iter().map(|(id, live)| self.renew_one(id, live)))
            .await
            .into_iter()
            .all(|well| well)
    }

    async fn renew_one(&self, id: MigrationId, live: Arc<Live<W::Memo>>) -> bool {
        let until = self.shared.until();
        let shown = (live.progress.get(), live.progress.estimate());
        match self.shared.store.renew_showing(id, live.fence, until, shown).await {
            Ok(Some(cancel)) => {
                let mut driven = guard(&self.shared.driven);
                if let Some(driven) = driven.get_mut(&id).filter(|d| d.live.fence == live.fence) {
                    driven.until = until.max(driven.until);
                }
                if cancel.is_some() && live.cancel.borrow().is_none() {
                    live.cancel.send_replace(cancel);
                }
                true
            }
            Ok(None) => {
                self.abandon(id, live.fence, "another appliance has taken it over");
                true
            }
            Err(error) => {
                tracing::warn!(migration = %id, %error, "its lease could not be extended");
                false
            }
        }
    }

    fn abandon(&self, id: MigrationId, fence: i64, why: &str) {
        let mut driven = guard(&self.shared.driven);
        if driven.get(&id).is_some_and(|d| d.live.fence == fence)
            && let Some(lost) = driven.remove(&id)
        {
            lost.task.abort();
            tracing::warn!(migration = %id, why, "no longer driven here");
            self.wake();
        }
    }
}
