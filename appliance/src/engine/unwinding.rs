//! Undoing what was begun, step by step and without limit.

use hdm_shared::migration::MigrationState;
use tokio_util::sync::CancellationToken;

use super::driver::{Ask, Driver, Next};
use super::error::StepError;
use super::waiting::Heed;
use super::workflow::{AttemptOutcome, Milestone, Workflow};
use crate::failpoint;
use crate::store::Verdict;

impl<W: Workflow> Driver<W> {
    pub(super) async fn begin_unwinding(&mut self, verdict: Verdict) -> Result<Next, StepError> {
        let reason = reason_of(&verdict);
        let milestone = Milestone::Unwinding { verdict: verdict.clone() };
        self.milestone("unwinding", reason.clone(), milestone, |record| {
            record.state = MigrationState::Unwinding;
            record.verdict = Some(verdict.clone());
            record.error = matches!(verdict, Verdict::Failed { .. }).then_some(reason.clone());
            record.waiting_for = None;
            record.waiting_since = None;
        })
        .await?;
        Ok(Next::Unwind)
    }

    pub(super) async fn unwind(&mut self) -> Result<Next, StepError> {
        let Some(verdict) = self.record.verdict.clone() else { return Ok(Next::Settled) };
        let outcome = AttemptOutcome::Failed { reason: reason_of(&verdict) };
        self.attempt_ended(outcome.clone()).await?;
        // A step that was begun may have done anything up to all of it.
        let mut upto = self.record.steps_done;
        if let Some(begun) = &self.record.step {
            let at = W::steps().iter().position(|step| W::word(*step) == begun);
            upto = upto.max(at.map_or(0, |at| at + 1));
        }
        while upto > 0 {
            let Some(step) = W::steps().get(upto - 1).copied() else { break };
            if let Some(next) = self.undo_step(step).await? {
                return Ok(next);
            }
            upto -= 1;
            self.record.steps_done = upto;
            self.record.error = matches!(verdict, Verdict::Failed { .. }).then(|| reason_of(&verdict));
            self.note("step-undone", format!("Step {} is undone.", W::word(step))).await?;
            self.record.step = None;
        }
        self.settle_books(outcome).await?;
        self.shared.store.clear_cancel(self.record.id).await?;
        let state = match verdict {
            Verdict::Cancelled { .. } => MigrationState::Cancelled,
            Verdict::Failed { .. } => MigrationState::Failed,
        };
        let message = "Everything was undone.".to_owned();
        let error = matches!(verdict, Verdict::Failed { .. }).then(|| reason_of(&verdict));
        self.milestone("undone", message, Milestone::Undone { verdict }, |record| {
            record.state = state;
            record.error = error;
        })
        .await?;
        Ok(Next::Settled)
    }

    /// Undoes a step, however long it takes.
    async fn undo_step(&mut self, step: W::Step) -> Result<Option<Next>, StepError> {
        let word = W::word(step);
        if self.record.step.as_deref() != Some(word) {
            self.record.step = Some(word.to_owned());
            self.note("step-undoing", format!("Undoing step {word}.")).await?;
        }
        let mut failures = 0;
        loop {
            failpoint::at("before-undo", word);
            let result = self.ask(Ask::Undo(step), CancellationToken::new()).await;
            if result.is_ok() {
                failpoint::at("after-undo", word);
            }
            match result {
                Ok(()) => {
                    self.end_wait().await?;
                    return Ok(None);
                }
                Err(StepError::LostLease) => return Ok(Some(Next::Lost)),
                Err(StepError::Operator { message } | StepError::Refused { message }) => {
                    return self.need_operator(message).await.map(Some);
                }
                Err(error) => {
                    failures += 1;
                    self.wait_for(&error, failures, Heed::Nothing).await?;
                }
            }
        }
    }
}

fn reason_of(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Cancelled { by } => format!("Cancelled by {by}."),
        Verdict::Failed { reason, .. } => reason.clone(),
    }
}
