//! What the vCenters show of a workflow's attempts.
//!
//! It is for people to look at, so no step and no undo waits for it: what a vCenter does not take now is tried
//! again between steps, and before the workflow ends it is waited for, visibly.

use tokio_util::sync::CancellationToken;

use super::driver::{Ask, Driver};
use super::error::StepError;
use super::waiting::Heed;
use super::workflow::{AttemptOutcome, Workflow};

/// Where the showing stands, as far as this process knows. A new one opens again what may be open already.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Whether the current attempt is shown.
    open: bool,
    /// An attempt's end that is not shown yet.
    owed: Option<AttemptOutcome>,
    /// Whether the log says that something is not shown.
    told: bool,
}

/// How often the end of a workflow that went well is tried to be shown in vain, if not for an outage.
const TRIES: u32 = 3;

impl<W: Workflow> Driver<W> {
    /// Shows what is not shown yet, as far as that is possible now.
    pub(super) async fn keep_books(&mut self) -> Result<(), StepError> {
        if let Some(outcome) = self.books.owed.clone() {
            if !self.try_to_show(Ask::Ended(outcome)).await? {
                return Ok(());
            }
            self.books.owed = None;
        }
        if !self.books.open && self.try_to_show(Ask::Begins).await? {
            self.books.open = true;
        }
        Ok(())
    }

    /// The current attempt has ended; shows it if that is possible now.
    pub(super) async fn attempt_ended(&mut self, outcome: AttemptOutcome) -> Result<(), StepError> {
        self.books.open = false;
        let shown = self.try_to_show(Ask::Ended(outcome.clone())).await?;
        self.books.owed = (!shown).then_some(outcome);
        Ok(())
    }

    async fn try_to_show(&mut self, ask: Ask<W>) -> Result<bool, StepError> {
        match self.ask(ask, CancellationToken::new()).await {
            Ok(()) => {
                self.books.told = false;
                Ok(true)
            }
            Err(StepError::LostLease) => Err(StepError::LostLease),
            Err(error) => {
                if !std::mem::replace(&mut self.books.told, true) {
                    let message =
                        format!("The attempt's tasks in the vCenters are brought up to date later: {error}");
                    self.note("note", message).await?;
                }
                Ok(false)
            }
        }
    }

    /// Shows the end of the last attempt before the workflow ends, and waits for it: nothing of ours may stay
    /// open. What can never be shown, because the vCenter was removed or refuses, is logged and left.
    pub(super) async fn settle_books(&mut self, outcome: AttemptOutcome) -> Result<(), StepError> {
        let unwinding = self.record.verdict.is_some();
        let mut failures = 0;
        loop {
            let error = match self.ask(Ask::Ended(outcome.clone()), CancellationToken::new()).await {
                Ok(()) => return self.end_wait().await,
                Err(StepError::LostLease) => return Err(StepError::LostLease),
                Err(error) => error,
            };
            failures += 1;
            let hopeless = match &error {
                StepError::Refused { .. } | StepError::Operator { .. } => true,
                StepError::Retry { .. } => !unwinding && failures >= TRIES,
                _ => false,
            };
            if hopeless {
                self.end_wait().await?;
                return self
                    .note("note", format!("The attempt's tasks in the vCenters could not be closed: {error}"))
                    .await;
            }
            self.wait_for(&error, failures, Heed::Nothing).await?;
        }
    }
}
