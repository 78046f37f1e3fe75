//! Keeping the leases of what is driven, and letting go in time of what is lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use hdm_shared::MigrationId;
use jiff::{SignedDuration, Timestamp};

use super::live::{Live, guard};
use super::scheduler::{Driven, Engine, Shared};
use super::settings::EngineError;
use super::workflow::Workflow;

/// A time by which leases are counted, and the clock's mark at that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseTime {
    pub(super) time: Timestamp,
    pub(super) mark: Duration,
    /// Whether it was told by a database that other appliances share.
    pub(super) of_database: bool,
}

/// When a lease is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseEnd {
    /// As it stands in the database.
    pub(super) stored: Timestamp,
    /// By the clock's mark.
    pub(super) mark: Duration,
    /// By this machine's clock.
    pub(super) clock: Timestamp,
}

impl<W: Workflow> Shared<W> {
    /// The time by which leases are written and compared: the database's where appliances share one, and from one look
    /// at it to the next it goes on evenly. Nothing that is done to this machine's clock makes a lease longer or shorter.
    pub(super) fn lease_time(&self) -> Timestamp {
        let LeaseTime { time, mark, .. } = *guard(&self.lease_time);
        let since = SignedDuration::try_from(self.clock.mark().saturating_sub(mark));
        time.checked_add(since.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }

    /// Whether this machine's clock was wrong when it was compared with the database's last, or was put wrong since. Nothing
    /// is claimed then: schedules, too, go by the clock.
    pub(super) fn clock_is_off(&self) -> bool {
        let jumped = || {
            let off = self.clock.now().duration_since(self.lease_time()).unsigned_abs();
            guard(&self.lease_time).of_database && off > self.settings.lease / 3
        };
        self.clock_is_off.load(Ordering::Relaxed) || jumped()
    }

    /// When a lease is over that is taken or extended now.
    pub(super) fn until(&self) -> LeaseEnd {
        let lease = SignedDuration::try_from(self.settings.lease).unwrap_or(SignedDuration::MAX);
        let later = |time: Timestamp| time.checked_add(lease).unwrap_or(Timestamp::MAX);
        LeaseEnd {
            stored: later(self.lease_time()),
            mark: self.clock.mark().saturating_add(self.settings.lease),
            clock: later(self.clock.now()),
        }
    }
}

impl<W: Workflow> Engine<W> {
    /// Compares this machine's clock with the database's, by which appliances that share it must agree on
    /// leases. While they differ by more than a third of a lease nothing is claimed, so that two appliances
    /// do not take a migration from each other for ever.
    pub async fn check_clock(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        let (before, asked) = (shared.clock.now(), shared.clock.mark());
        let Some(server) = shared.store.server_time().await? else { return Ok(()) };
        let after = shared.clock.now();
        let mark = shared.clock.mark();
        // It is behind the server's by what the answer took, so that nobody's lease is taken for over too early.
        if mark.saturating_sub(asked) <= shared.settings.lease / 10 {
            *guard(&shared.lease_time) = LeaseTime { time: server, mark, of_database: true };
        }
        // The server looked at its clock at some moment between.
        let off = if server < before {
            before.duration_since(server)
        } else if server > after {
            server.duration_since(after)
        } else {
            SignedDuration::ZERO
        };
        let (off, allowed) = (off.unsigned_abs(), shared.settings.lease / 3);
        let is_off = off > allowed;
        shared.clock_is_off.store(is_off, Ordering::Relaxed);
        if is_off { Err(EngineError::Clock(off, allowed)) } else { Ok(()) }
    }

    pub(super) async fn keep_leases(&self) {
        let shared = &self.shared;
        loop {
            let well = self.renew().await;
            let often = shared.settings.lease / 3;
            let pause = shared.clock.sleep(if well { often } else { often.min(shared.settings.poll.base) });
            tokio::select! {
                () = shared.to_renew.notified() => {}
                () = pause => {}
            }
        }
    }

    /// Ends drivers whose leases could not be extended in time, before anybody else may have begun. Asks no
    /// database, which may hang.
    ///
    /// A machine that was suspended does not know for how long, unless its clock is put right: leases that are over by the
    /// clock alone are asked for at once.
    pub(super) async fn let_go(&self) {
        let shared = &self.shared;
        loop {
            let mark = shared.clock.mark();
            let over: Vec<_> = guard(&shared.driven)
                .iter()
                .filter(|(_, driven)| driven.until.mark <= mark)
                .map(|(id, driven)| (*id, driven.live.fence))
                .collect();
            for (id, fence) in over {
                self.abandon(id, fence, "its lease could not be extended in time");
            }
            let now = shared.clock.now();
            if guard(&shared.driven).values().any(|driven| driven.until.clock <= now) {
                shared.to_renew.notify_one();
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
        match self.shared.store.renew_showing(id, live.fence, until.stored, shown).await {
            Ok(Some(cancel)) => {
                let mut driven = guard(&self.shared.driven);
                let later =
                    |d: &&mut Driven<W::Memo>| d.live.fence == live.fence && d.until.mark <= until.mark;
                if let Some(driven) = driven.get_mut(&id).filter(later) {
                    driven.until = until;
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
