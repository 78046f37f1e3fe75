//! The last look before the point of no return, and what is remembered of a cancel that came after it.
//!
//! A wish to cancel may lie in the store, written by another appliance, or at a task in a vCenter, and be
//! noticed only at the next look. Before what cannot be undone begins both are asked.

use tokio_util::sync::CancellationToken;

use super::driver::{Ask, Driver};
use super::error::StepError;
use super::workflow::{Interrupt, Workflow};

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLook {
    /// Nobody wants anything.
    GoOn,
    /// It shall be cancelled; `live.cancel` says by whom.
    Cancelled,
    /// This attempt shall end.
    AttemptEnded,
}

impl<W: Workflow> Driver<W> {
    /// Asks the store and the tasks if the step is the point of no return and was not begun. What cannot be
    /// asked now is no wish.
    pub(super) async fn last_look(&self, step: W::Step) -> Result<LastLook, StepError> {
        if step != W::point_of_no_return() || self.record.committed {
            return Ok(LastLook::GoOn);
        }
        let stored = self.shared.store.workflow(self.record.id).await?.and_then(|record| record.cancel_by);
        if let Some(by) = stored {
            self.live.cancel.send_replace(Some(by));
            return Ok(LastLook::Cancelled);
        }
        match self.shared.workflow.interrupt(&self.input, &self.memo).await {
            None => Ok(LastLook::GoOn),
            Some(Interrupt::EndAttempt { .. }) => Ok(LastLook::AttemptEnded),
            Some(Interrupt::Cancel { by }) => {
                self.shared.store.ask_cancel(self.record.id, &by).await?;
                self.live.cancel.send_replace(Some(by));
                Ok(LastLook::Cancelled)
            }
        }
    }

    /// Lets the workflow remember that a cancel was answered, so that the same one is not heard again.
    pub(super) async fn remember_answer(&mut self) -> Result<(), StepError> {
        match self.ask(Ask::CancelAnswered, CancellationToken::new()).await {
            Err(StepError::LostLease) => Err(StepError::LostLease),
            Err(error) => {
                tracing::warn!(%error, "the same cancel may be heard again");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
