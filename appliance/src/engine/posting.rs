//! Shows events in the vCenters, apart from everything else: a vCenter that does not answer delays nothing but
//! its own events.

use std::time::Duration;

use futures_util::StreamExt as _;
use hdm_shared::MigrationId;
use hdm_shared::event::EventView;
use jiff::{SignedDuration, Timestamp};

use super::error::{StepError, caught};
use super::live::guard;
use super::scheduler::Engine;
use super::workflow::Workflow;
use crate::store::StoreError;

/// The duty of the one appliance, of all that share the database, that posts: two would each find an event absent
/// and post it.
const DUTY: &str = "events";
/// Of how many workflows events are posted at once.
const AT_ONCE: usize = 16;

/// A workflow whose events could not be posted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    failures: u32,
    /// By the clock's mark.
    again: Duration,
}

impl<W: Workflow> Engine<W> {
    /// Posts events as they come, those that failed again later.
    pub(super) async fn post_for_ever(&self) {
        let shared = &self.shared;
        loop {
            if let Err(error) = self.post_all().await {
                tracing::warn!(%error, "events wait to be posted");
            }
            let pause = shared.clock.sleep(shared.settings.poll.max);
            tokio::select! {
                () = shared.to_post.notified() => {}
                () = pause => {}
            }
        }
    }

    /// Whether this appliance is the one that posts, for longer than one posting may take.
    async fn has_duty(&self) -> Result<bool, StoreError> {
        let shared = &self.shared;
        let lease = SignedDuration::try_from(shared.settings.post + shared.settings.lease);
        let now = shared.lease_time();
        let until = now.checked_add(lease.unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX);
        shared.store.take_duty(DUTY, &shared.owner, until, now).await
    }

    /// Posts everything that is due, unless another appliance does.
    pub(super) async fn post_all(&self) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            if !self.has_duty().await? {
                return Ok(());
            }
            let page = self.shared.store.unposted(after).await?;
            let Some((_, last)) = page.last() else { return Ok(()) };
            after = *last;
            let now = self.shared.clock.mark();
            let due = page.into_iter().map(|(id, _)| id).filter(|id| self.is_due(*id, now));
            futures_util::stream::iter(due.collect::<Vec<_>>())
                .for_each_concurrent(AT_ONCE, |id| self.post_of(id))
                .await;
        }
    }

    fn is_due(&self, id: MigrationId, now: Duration) -> bool {
        guard(&self.shared.unposted).get(&id).is_none_or(|failed| failed.again <= now)
    }

    async fn post_of(&self, id: MigrationId) {
        let posted = self.try_to_post(id).await;
        let shared = &self.shared;
        let mut unposted = guard(&shared.unposted);
        let Err(error) = posted else {
            unposted.remove(&id);
            return;
        };
        let failures = unposted.get(&id).map_or(0, |failed| failed.failures).saturating_add(1);
        let pause = shared.settings.retry.pause(failures, rand::random());
        unposted.insert(id, Failed { failures, again: shared.clock.mark().saturating_add(pause) });
        tracing::warn!(migration = %id, %error, "an event could not be posted; it will be later");
    }

    async fn try_to_post(&self, id: MigrationId) -> Result<(), StepError> {
        let shared = &self.shared;
        let events = shared.store.unposted_events(id).await?;
        let record = match shared.store.workflow(id).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(()),
            Err(StoreError::Content(error)) => return self.give_up(&events, &error.to_string()).await,
            Err(error) => return Err(error.into()),
        };
        let read = serde_json::from_str(&record.input)
            .and_then(|input: W::Input| Ok((input, serde_json::from_str::<W::Memo>(&record.memo)?)));
        let (input, memo) = match read {
            Ok(read) => read,
            Err(error) => return self.give_up(&events, &error.to_string()).await,
        };
        for event in &events {
            if !self.has_duty().await? {
                return Ok(());
            }
            let post = caught("posting an event", Box::pin(shared.workflow.post(&input, &memo, event)));
            let posted = tokio::select! {
                posted = post => posted,
                () = shared.clock.sleep(shared.settings.post) => {
                    Err(StepError::retry("A vCenter did not take an event in time."))
                }
            };
            match posted {
                Ok(()) => shared.store.event_posted(event.seq).await?,
                // The vCenter was removed: nobody can show it there any more.
                Err(StepError::Operator { message }) => {
                    self.give_up(std::slice::from_ref(event), &message).await?;
                }
                Err(error) if self.is_too_old(event) => {
                    self.give_up(std::slice::from_ref(event), &error.to_string()).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn is_too_old(&self, event: &EventView) -> bool {
        self.shared.clock.now().duration_since(event.at).unsigned_abs() > self.shared.settings.post_within
    }

    async fn give_up(&self, events: &[EventView], why: &str) -> Result<(), StepError> {
        for event in events {
            tracing::error!(seq = event.seq, why, "a vCenter never shows this event; HDM's own log has it");
            self.shared.store.event_posted(event.seq).await?;
        }
        Ok(())
    }
}
