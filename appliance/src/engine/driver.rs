//! One task that drives one workflow, and alone changes it.
//!
//! ```text
//!  forward: step by step ──────────────────────────────────────► attempt's end ─► Done
//!    │ Passing: wait for it; too long: as Retry
//!    │ Locked: wait for a person, without limit
//!    │ Retry: pause, next attempt; the last one: as Refused
//!    │ Refused, cancel ──┬─ before the point of no return ─► unwind: undo step by step ─► Cancelled | Failed
//!    │                   └─ from it on ─► NeedsOperator
//!    └ Operator ─► NeedsOperator
//!  unwind: whatever fails is tried again without limit; only Operator stops it
//! ```

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hdm_shared::migration::MigrationState;
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::context::{Cell, Cx};
use super::error::{StepError, caught};
use super::last_look::LastLook;
use super::live::Live;
use super::scheduler::Shared;
use super::waiting::{Heed, see_alive};
use super::workflow::{AttemptOutcome, Interrupt, Milestone, Workflow};
use crate::failpoint;
use crate::store::{Line, Record, Verdict};

/// How the driving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The workflow has ended, or waits for a person.
    Settled,
    /// It is somebody else's now.
    Lost,
}

/// What follows a phase.
pub(super) enum Next {
    Unwind,
    Settled,
    Lost,
}

/// What is asked of the workflow.
pub(super) enum Ask<W: Workflow> {
    Run(W::Step),
    Undo(W::Step),
    Begins,
    Ended(AttemptOutcome),
    CancelAnswered,
}

pub(super) struct Driver<W: Workflow> {
    pub(super) shared: Arc<Shared<W>>,
    pub(super) live: Arc<Live<W::Memo>>,
    pub(super) input: Arc<W::Input>,
    pub(super) memo: W::Memo,
    pub(super) record: Record,
    pub(super) books: Books,
    /// Whether a person is waited for, rather than an outage.
    pub(super) locked: bool,
    /// Since when it waits for what it waits for, by the clock's mark, as far as this process knows.
    pub(super) waits_since: Option<Duration>,
}

impl<W: Workflow> Driver<W> {
    /// Drives the workflow until it settles.
    pub(super) async fn drive(&mut self) -> End {
        match self.phases().await {
            Ok(end) => end,
            Err(StepError::LostLease) => End::Lost,
            Err(error) => {
                // The store failed at a place where nothing else could be done. The lease is given back below,
                // and the workflow claimed again.
                tracing::error!(migration = %self.record.id, %error, "driving stopped");
                End::Lost
            }
        }
    }

    async fn phases(&mut self) -> Result<End, StepError> {
        self.take_over().await?;
        loop {
            let next =
                if self.record.verdict.is_some() { self.unwind().await? } else { self.forward().await? };
            match next {
                Next::Unwind => {}
                Next::Settled => return Ok(End::Settled),
                Next::Lost => return Ok(End::Lost),
            }
        }
    }

    /// Ends what appliances that drove it before may still have open. Until that is done nothing may be
    /// written to a vCenter, so that no cancel shortens the wait for it.
    async fn take_over(&mut self) -> Result<(), StepError> {
        while let Some(former) = self.record.former_owners.first().cloned() {
            if former != self.shared.owner() {
                self.note("taken-over", format!("Taking over from appliance {former}.")).await?;
                self.end_former(&former).await?;
            }
            self.record.former_owners.remove(0);
            self.note("former-ended", format!("Appliance {former} has no sessions left.")).await?;
        }
        Ok(())
    }

    async fn end_former(&mut self, former: &str) -> Result<(), StepError> {
        let mut failures = 0;
        loop {
            let shared = self.shared.clone();
            match caught("the takeover", shared.workflow.take_over(&self.input, former)).await {
                Ok(()) => return self.end_wait().await,
                Err(StepError::LostLease) => return Err(StepError::LostLease),
                Err(error) => {
                    failures += 1;
                    self.wait_for(&error, failures, Heed::Nothing).await?;
                }
            }
        }
    }

    async fn forward(&mut self) -> Result<Next, StepError> {
        if self.record.steps_done == 0 && self.record.step.is_none() && self.record.attempt <= 1 {
            self.milestone("started", "The migration begins.".into(), Milestone::Started, |_| {}).await?;
        }
        let mut failures = 0;
        loop {
            let step = W::steps().get(self.record.steps_done).copied();
            let asked = self.live.cancel.borrow().clone();
            if let Some(by) = asked {
                let heeds = step.is_some_and(W::heeds_cancel);
                if !self.record.committed {
                    return self.begin_unwinding(Verdict::Cancelled { by }).await;
                }
                self.shared.store.clear_cancel(self.record.id).await?;
                self.live.cancel.send_replace(None);
                self.remember_answer().await?;
                if heeds {
                    let reason = format!(
                        "{by} asked to cancel after the point of no return. Both copies are kept. Go on with hdm retry {}, or power off the copy and go back with hdm source release.",
                        self.record.id
                    );
                    return self.need_operator(reason).await;
                }
                self.note(
                    "cancel-too-late",
                    format!("{by} asked to cancel, but the VM has been moved already."),
                )
                .await?;
            }
            let Some(step) = step else { break };
            if failures == 0 {
                self.keep_books().await?;
            }
            match self.last_look(step).await? {
                LastLook::GoOn => {}
                LastLook::Cancelled => continue,
                LastLook::AttemptEnded => {
                    failures = 0;
                    if let Some(next) = self.attempt_failed(&attempt_cancelled()).await? {
                        return Ok(next);
                    }
                    continue;
                }
            }
            self.begin(step).await?;
            failpoint::at("before", W::word(step));
            let result = self.run_step(step).await;
            if result.is_ok() {
                failpoint::at("after", W::word(step));
            }
            match result {
                Ok(()) => {
                    failures = 0;
                    self.step_done(step).await?;
                }
                Err(StepError::LostLease) => return Ok(Next::Lost),
                Err(StepError::Cancelled) if self.live.cancel.borrow().is_some() => {}
                Err(StepError::Cancelled) => {
                    failures = 0;
                    if let Some(next) = self.attempt_failed(&attempt_cancelled()).await? {
                        return Ok(next);
                    }
                }
                Err(error @ (StepError::Passing { .. } | StepError::Locked { .. })) => {
                    if let Some(error) = self.waited_too_long(&error) {
                        failures = 0;
                        if let Some(next) = self.attempt_failed(&error).await? {
                            return Ok(next);
                        }
                    } else {
                        failures += 1;
                        self.wait_for(&error, failures, Heed::Cancel).await?;
                    }
                }
                Err(error @ StepError::Retry { .. }) => {
                    failures = 0;
                    if let Some(next) = self.attempt_failed(&error).await? {
                        return Ok(next);
                    }
                }
                Err(StepError::Refused { message }) => return self.give_up(message).await,
                Err(StepError::Operator { message }) => return self.need_operator(message).await,
            }
        }
        self.settle_books(AttemptOutcome::Succeeded).await?;
        let done = |record: &mut Record| record.state = MigrationState::Done;
        self.milestone("done", "The migration is done.".into(), Milestone::Done, done).await?;
        Ok(Next::Settled)
    }

    /// Logs that a step begins, or is begun again.
    async fn begin(&mut self, step: W::Step) -> Result<(), StepError> {
        let word = W::word(step);
        if self.record.step.as_deref() == Some(word) {
            return Ok(());
        }
        self.record.step = Some(word.to_owned());
        let commits = step == W::point_of_no_return() && !self.record.committed;
        if commits {
            let message = "From here on nothing is undone automatically.".to_owned();
            return self.milestone("committed", message, Milestone::Committed, |r| r.committed = true).await;
        }
        self.note("step-began", format!("Step {word} begins.")).await
    }

    async fn step_done(&mut self, step: W::Step) -> Result<(), StepError> {
        self.record.steps_done += 1;
        self.record.state = MigrationState::Running;
        self.record.error = None;
        self.record.waiting_for = None;
        self.record.waiting_since = None;
        self.note("step-done", format!("Step {} is done.", W::word(step))).await?;
        self.record.step = None;
        Ok(())
    }

    /// Runs a step while listening for a cancel, through HDM or by the tasks in the vCenters.
    async fn run_step(&mut self, step: W::Step) -> Result<(), StepError> {
        let token = CancellationToken::new();
        let shared = self.shared.clone();
        let live = self.live.clone();
        let input = self.input.clone();
        let id = self.record.id;
        let mut run = Box::pin(self.ask(Ask::Run(step), token.clone()));
        let mut listen = std::pin::pin!(async {
            let mut asked = live.cancel.subscribe();
            let by_hdm = async { drop(asked.wait_for(Option::is_some).await) };
            let interrupt = tokio::select! {
                () = by_hdm => None,
                interrupt = interrupted(&shared, &live, &input) => Some(interrupt),
            };
            if let Some(Interrupt::Cancel { by }) = interrupt {
                // Before the step hears of it: its end must be understood as the whole's.
                live.cancel.send_replace(Some(by.clone()));
                if let Err(error) = shared.store.ask_cancel(id, &by).await {
                    tracing::warn!(%error, "the cancel is known to this process only");
                }
            }
        });
        tokio::select! {
            result = &mut run => return result,
            () = &mut listen => token.cancel(),
        }
        run.await
    }

    /// Calls the workflow. A panic in it costs an attempt like any other failure.
    pub(super) async fn ask(&mut self, ask: Ask<W>, cancel: CancellationToken) -> Result<(), StepError> {
        let shared = self.shared.clone();
        let live = self.live.clone();
        let input = self.input.clone();
        let cell = Cell::new(self.record.clone());
        let mut cx = Cx {
            store: &shared.store,
            clock: &shared.clock,
            counts: &shared.counts,
            live: &live,
            input: &*input,
            memo: &mut self.memo,
            cell: &cell,
            cancel,
        };
        let what = match &ask {
            Ask::Run(step) => format!("step {}", W::word(*step)),
            Ask::Undo(step) => format!("undoing step {}", W::word(*step)),
            Ask::Begins | Ask::Ended(_) => "keeping the attempt's tasks".to_owned(),
            Ask::CancelAnswered => "remembering an answered cancel".to_owned(),
        };
        // On the heap: a step's future is large, and a thread's stack is not.
        let part: BoxFuture<'_, Result<(), StepError>> = match &ask {
            Ask::Run(step) => Box::pin(shared.workflow.run(*step, &mut cx)),
            Ask::Undo(step) => Box::pin(shared.workflow.undo(*step, &mut cx)),
            Ask::Begins => Box::pin(shared.workflow.attempt_begins(&mut cx)),
            Ask::Ended(outcome) => Box::pin(shared.workflow.attempt_ended(&mut cx, outcome)),
            Ask::CancelAnswered => Box::pin(shared.workflow.cancel_answered(&mut cx)),
        };
        let work = caught(&what, part);
        let result = if matches!(ask, Ask::Run(_) | Ask::Undo(_)) {
            tokio::select! {
                result = work => result,
                never = see_alive(&shared, &live, &cell) => match never {},
            }
        } else {
            work.await
        };
        self.record = cell.into_record();
        result
    }

    /// Ends the attempt and pauses before the next; or gives up, if there is none.
    async fn attempt_failed(&mut self, error: &StepError) -> Result<Option<Next>, StepError> {
        let reason = error.to_string();
        let attempt = self.record.attempt;
        let last = self.record.attempts_before.saturating_add(self.shared.settings.attempts);
        if attempt >= last {
            return self.give_up(reason).await.map(Some);
        }
        self.attempt_ended(AttemptOutcome::Failed { reason: reason.clone() }).await?;
        let pause = self.shared.pause(attempt - self.record.attempts_before);
        let now = self.shared.clock.now();
        let next = attempt + 1;
        self.milestone(
            "attempt-failed",
            format!("Attempt {attempt} failed: {reason}"),
            Milestone::AttemptFailed { reason: reason.clone(), attempt },
            |record| {
                record.attempt = next;
                record.state = MigrationState::Waiting;
                record.error = Some(reason.clone());
                record.waiting_for = Some(format!("attempt {next} of {last}"));
                record.waiting_since = Some(now);
            },
        )
        .await?;
        self.pause(pause, Heed::Cancel).await;
        self.end_wait().await?;
        Ok(None)
    }

    async fn give_up(&mut self, reason: String) -> Result<Next, StepError> {
        if self.record.committed {
            return self.need_operator(reason).await;
        }
        let step = self.record.step.clone();
        self.begin_unwinding(Verdict::Failed { reason, step }).await
    }

    pub(super) async fn need_operator(&mut self, reason: String) -> Result<Next, StepError> {
        if self.record.verdict.is_none() {
            self.attempt_ended(AttemptOutcome::Failed { reason: reason.clone() }).await?;
        }
        let milestone = Milestone::NeedsOperator { reason: reason.clone() };
        self.milestone("needs-operator", reason.clone(), milestone, |record| {
            record.state = MigrationState::NeedsOperator;
            record.error = Some(reason.clone());
            record.waiting_for = None;
            record.waiting_since = None;
        })
        .await?;
        Ok(Next::Settled)
    }

    pub(super) async fn note(&mut self, kind: &'static str, message: String) -> Result<(), StepError> {
        self.write(Line { kind, step: self.record.step.clone(), message, event: None }).await
    }

    /// Changes the state, logs it, and tells everybody.
    pub(super) async fn milestone(
        &mut self,
        kind: &'static str,
        message: String,
        milestone: Milestone,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), StepError> {
        let before = self.record.clone();
        change(&mut self.record);
        if self.record.state.is_final() {
            self.record.ended_at = Some(self.shared.clock.now());
            self.record.waiting_for = None;
            self.record.waiting_since = None;
        }
        let event = W::event(&self.input, &milestone);
        let line = Line { kind, step: self.record.step.clone(), message, event };
        if let Err(error) = self.write(line).await {
            self.record = before;
            return Err(error);
        }
        self.shared.counts.count(&milestone, before.verdict.is_some());
        Ok(())
    }

    pub(super) async fn write(&mut self, line: Line) -> Result<(), StepError> {
        self.shared.write(&mut self.record, &self.live, line).await
    }
}

fn attempt_cancelled() -> StepError {
    StepError::retry("Its task in vCenter was cancelled, which ends the attempt.")
}

/// Looks at the workflow's tasks, at once and then from time to time, until one is cancelled. At once, because
/// most steps end before the next look.
async fn interrupted<W: Workflow>(shared: &Shared<W>, live: &Live<W::Memo>, input: &W::Input) -> Interrupt {
    loop {
        let memo = live.memo();
        if let Some(interrupt) = shared.workflow.interrupt(input, &memo).await {
            return interrupt;
        }
        shared.clock.sleep(shared.settings.interrupts).await;
    }
}
