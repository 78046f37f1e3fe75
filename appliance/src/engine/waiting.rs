//! Waiting: for a vCenter that is away, for a person, between attempts. It is shown what is waited for, and a wait that is
//! over does not add to the next one.

use std::convert::Infallible;
use std::time::Duration;

use hdm_shared::migration::{DiskProgress, MigrationState};

use super::clock::spent;
use super::context::Cell;
use super::driver::Driver;
use super::error::StepError;
use super::live::Live;
use super::scheduler::Shared;
use super::workflow::{Milestone, Workflow};
use crate::store::{Line, Record};

/// Whether a cancel ends a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heed {
    Cancel,
    Nothing,
}

impl<W: Workflow> Driver<W> {
    /// Shows what is waited for, and waits a little.
    pub(super) async fn wait_for(
        &mut self,
        error: &StepError,
        failures: u32,
        heed: Heed,
    ) -> Result<(), StepError> {
        let what = match error {
            StepError::Passing { what, .. } | StepError::Locked { what, .. } => what.clone(),
            _ => "the next try".to_owned(),
        };
        let unwinding = self.record.verdict.is_some();
        let locked = matches!(error, StepError::Locked { .. });
        let another = std::mem::replace(&mut self.locked, locked) != locked;
        if another || self.record.waiting_for.as_ref() != Some(&what) {
            self.waits_since = Some(self.shared.clock.mark());
            let now = self.shared.clock.now();
            let why = error.to_string();
            self.milestone(
                "waiting",
                format!("Waiting for {what}: {why}"),
                Milestone::Waiting { why: why.clone() },
                |record| {
                    if !unwinding {
                        record.state = MigrationState::Waiting;
                    }
                    record.error = Some(why.clone());
                    record.waiting_for = Some(what);
                    record.waiting_since = Some(now);
                },
            )
            .await?;
        }
        let pause = self.shared.poll_pause(failures);
        self.pause(pause, heed).await;
        Ok(())
    }

    /// The wait, if there was one, is over.
    pub(super) async fn end_wait(&mut self) -> Result<(), StepError> {
        if let Some(line) = end_wait(&mut self.record) {
            self.write(line).await?;
        }
        Ok(())
    }

    /// An outage that lasts longer than one may is not passing any more.
    pub(super) fn waited_too_long(&mut self, error: &StepError) -> Option<StepError> {
        let StepError::Passing { what, why } = error else { return None };
        let since = self.record.waiting_since.filter(|_| self.record.waiting_for.as_ref() == Some(what))?;
        let (clock, limit) = (&self.shared.clock, self.shared.settings.outage);
        let mark = clock.mark();
        // Another process may have begun to wait.
        let before = || mark.saturating_sub(spent(&**clock, since, limit));
        let waited = mark.saturating_sub(*self.waits_since.get_or_insert_with(before));
        (waited >= limit).then(|| StepError::retry(format!("Waited {} s for {what}: {why}", limit.as_secs())))
    }

    pub(super) async fn pause(&mut self, time: Duration, heed: Heed) {
        let mut asked = self.live.cancel.subscribe();
        let sleep = self.shared.clock.sleep(time);
        if heed == Heed::Nothing {
            return sleep.await;
        }
        tokio::select! {
            () = sleep => {}
            _ = asked.wait_for(Option::is_some) => {}
        }
    }
}

/// Ends a record's wait; the line says so, if there was one.
fn end_wait(record: &mut Record) -> Option<Line> {
    record.waiting_for.take()?;
    record.waiting_since = None;
    record.error = None;
    let unwinding = record.verdict.is_some();
    record.state = if unwinding { MigrationState::Unwinding } else { MigrationState::Running };
    Some(Line { kind: "resumed", step: record.step.clone(), message: "It goes on.".into(), event: None })
}

/// While a step is tried again after an outage: ends the wait as soon as bytes move, or after the step has
/// gone on for longer than any call may hang. A later outage is one of its own then.
pub(super) async fn see_alive<W: Workflow>(
    shared: &Shared<W>,
    live: &Live<W::Memo>,
    cell: &Cell,
) -> Infallible {
    if cell.record().lock().await.waiting_for.is_some() {
        let begun = shared.clock.mark();
        let mut seen = wire_bytes(&live.progress.get());
        loop {
            shared.clock.sleep(shared.settings.poll.base).await;
            let now = wire_bytes(&live.progress.get());
            let undisturbed = shared.clock.mark().saturating_sub(begun);
            if now > seen || undisturbed >= shared.settings.undisturbed {
                break;
            }
            seen = now;
        }
        let mut record = cell.record().lock().await;
        if let Some(line) = end_wait(&mut record)
            && let Err(error) = shared.write(&mut record, live, line).await
        {
            // Whoever writes next learns of it too.
            tracing::debug!(%error, "the end of a wait could not be logged");
        }
    }
    std::future::pending().await
}

fn wire_bytes(disks: &[DiskProgress]) -> u64 {
    disks.iter().fold(0, |sum, disk| sum.saturating_add(disk.wire_bytes))
}
