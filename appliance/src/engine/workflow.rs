//! What a workflow must be able to do.

use hdm_shared::event::EventView;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::Cx;
use super::error::StepError;
use crate::store::{NewEvent, Verdict};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Well.
    Succeeded,
    /// Otherwise.
    Failed {
        /// Why, as a sentence.
        reason: String,
    },
}

/// What somebody asks of a running workflow elsewhere than through HDM: by its tasks in a vCenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// Cancel all of it.
    Cancel {
        /// Who asks.
        by: String,
    },
    /// End this attempt.
    EndAttempt {
        /// Who asks.
        by: String,
    },
}

/// What is worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// It was accepted and waits for its turn.
    Accepted,
    /// Its first step begins.
    Started,
    /// An attempt failed; there will be another.
    AttemptFailed {
        /// Why.
        reason: String,
        /// Number of the attempt that failed.
        attempt: u32,
    },
    /// It waits for a vCenter.
    Waiting {
        /// Which, and why.
        why: String,
    },
    /// The point of no return.
    Committed,
    /// A person has taken it out of the queue.
    Paused {
        /// Who.
        by: String,
    },
    /// A person must decide.
    NeedsOperator {
        /// What about.
        reason: String,
    },
    /// A person has decided that it goes on, or that it waits for its turn again.
    Resumed {
        /// Who.
        by: String,
    },
    /// It is being undone.
    Unwinding {
        /// Why.
        verdict: Verdict,
    },
    /// It has ended well.
    Done,
    /// It has been undone.
    Undone {
        /// Why.
        verdict: Verdict,
    },
}

/// A kind of workflow: its steps, each with its undo, and what goes with attempts and events.
pub trait Workflow: Send + Sync + Sized + 'static {
    /// Its name in the store.
    const KIND: &'static str;
    /// What it is told when it is accepted; never changes.
    type Input: Serialize + DeserializeOwned + Send + Sync + 'static;
    /// What it must not forget.
    type Memo: Serialize + DeserializeOwned + Default + Clone + Send + Sync + 'static;
    /// Its steps.
    type Step: Copy + Eq + std::fmt::Debug + Send + Sync + 'static;

    /// All steps in order.
    fn steps() -> &'static [Self::Step];

    /// A step's stable word.
    fn word(step: Self::Step) -> &'static str;

    /// From the beginning of this step on nothing is undone.
    fn point_of_no_return() -> Self::Step;

    /// Whether a cancel past the point of no return still changes anything at this step.
    fn heeds_cancel(step: Self::Step) -> bool;

    /// Does a step. May be called again after any interruption.
    fn run(
        &self,
        step: Self::Step,
        cx: &mut Cx<'_, Self>,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Undoes a step that was begun. May be called again after any interruption.
    fn undo(
        &self,
        step: Self::Step,
        cx: &mut Cx<'_, Self>,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// An attempt has begun: what shows it is opened, and what still shows an earlier one is closed. Called
    /// between steps until it goes well; nothing waits for it.
    fn attempt_begins(&self, cx: &mut Cx<'_, Self>) -> impl Future<Output = Result<(), StepError>> + Send;

    /// An attempt has ended: what shows it is closed. If that fails, nothing waits for it until the end of the
    /// workflow, when it is called until it goes well.
    fn attempt_ended(
        &self,
        cx: &mut Cx<'_, Self>,
        outcome: &AttemptOutcome,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// Looks whether somebody interrupts it by its tasks. What cannot be asked now is no interrupt.
    fn interrupt(
        &self,
        input: &Self::Input,
        memo: &Self::Memo,
    ) -> impl Future<Output = Option<Interrupt>> + Send;

    /// A cancel was answered past the point of no return; [`Workflow::interrupt`] shall not tell of it again.
    fn cancel_answered(&self, _cx: &mut Cx<'_, Self>) -> impl Future<Output = Result<(), StepError>> + Send {
        async { Ok(()) }
    }

    /// Ends what an appliance that drove it before us may still have open.
    fn take_over(
        &self,
        input: &Self::Input,
        former_owner: &str,
    ) -> impl Future<Output = Result<(), StepError>> + Send;

    /// The event of a milestone; none if it is not worth one.
    fn event(input: &Self::Input, milestone: &Milestone) -> Option<NewEvent>;

    /// Shows an event in the vCenters, unless it is there.
    fn post(
        &self,
        input: &Self::Input,
        memo: &Self::Memo,
        event: &EventView,
    ) -> impl Future<Output = Result<(), StepError>> + Send;
}
