//! What people ask of the engine: cancel, pause, resume, retry, and work on what nobody drives.

use std::sync::{Arc, Mutex};

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationState;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::context::{Cell, Cx};
use super::error::{StepError, caught};
use super::live::{Live, Progress, guard};
use super::scheduler::{Engine, Shared};
use super::settings::EngineError;
use super::workflow::{Milestone, Workflow};
use crate::store::{Line, Record, StoreError, Verdict};

impl<W: Workflow> Engine<W> {
    /// Cancels: what waits at once, what runs as soon as it can.
    pub async fn cancel(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        let wrong = |why: &str| EngineError::WrongState {
            id,
            state: record.state.label().to_lowercase(),
            why: why.to_owned(),
        };
        match record.state {
            state if state.is_final() => Err(wrong("it has ended, so there is nothing to cancel.")),
            MigrationState::Unwinding => Err(wrong("it is being undone already.")),
            MigrationState::Queued | MigrationState::Paused => {
                let milestone = Milestone::Undone { verdict: Verdict::Cancelled { by: by.into() } };
                let message = format!("Cancelled by {by} before it began.");
                let cancelled =
                    self.change(&record, MigrationState::Cancelled, "undone", message, &milestone);
                if cancelled.await? {
                    return Ok(());
                }
                // Its turn has just come.
                self.ask_cancel(id, by).await
            }
            MigrationState::NeedsOperator if record.committed => Err(wrong(
                "it is past the point of no return, so both copies are kept. Go on with hdm retry, or power off the copy and go back with hdm source release.",
            )),
            MigrationState::NeedsOperator if record.verdict.is_some() => Err(wrong(
                "it is being undone already and waits for you. Mend what it names, then hdm retry.",
            )),
            MigrationState::NeedsOperator => self.go_on(id, Go::Back, by).await,
            _ if record.committed && !Self::heeds_cancel(&record) => Err(wrong(
                "the VM has been moved already, and only its source is being put away. To go back, wait for the end, power off the copy and use hdm source release.",
            )),
            _ => self.ask_cancel(id, by).await,
        }
    }

    /// Whether a cancel past the point of no return can still make a difference.
    fn heeds_cancel(record: &Record) -> bool {
        W::steps().iter().skip(record.steps_done).any(|step| W::heeds_cancel(*step))
    }

    async fn ask_cancel(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        self.shared.store.ask_cancel(id, by).await?;
        if let Some(driven) = guard(&self.shared.driven).get(&id) {
            driven.live.cancel.send_replace(Some(by.to_owned()));
        }
        self.shared.changed();
        Ok(())
    }

    /// Takes a queued workflow out of the queue until it is resumed.
    pub async fn pause(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        let milestone = Milestone::Paused { by: by.to_owned() };
        let message = format!("Taken out of the queue by {by}.");
        if record.state == MigrationState::Queued
            && self.change(&record, MigrationState::Paused, "paused", message, &milestone).await?
        {
            return Ok(());
        }
        self.wrong_state(id, "only a queued migration can be paused.").await
    }

    /// Puts a paused workflow back to its place.
    pub async fn resume(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        let milestone = Milestone::Resumed { by: by.to_owned() };
        let message = format!("Put back into the queue by {by}.");
        if record.state == MigrationState::Paused
            && self.change(&record, MigrationState::Queued, "queued", message, &milestone).await?
        {
            return Ok(());
        }
        self.wrong_state(id, "only a paused migration can be resumed.").await
    }

    /// Changes the state of a workflow that waits in the queue; false if it has another one by now. What is
    /// logged and what everybody is told is written together with it.
    async fn change(
        &self,
        record: &Record,
        to: MigrationState,
        kind: &'static str,
        message: String,
        milestone: &Milestone,
    ) -> Result<bool, EngineError> {
        let shared = &self.shared;
        let input: W::Input = serde_json::from_str(&record.input).map_err(StoreError::from)?;
        let line = Line { kind, step: None, message, event: W::event(&input, milestone) };
        let now = shared.clock.now();
        let changed = shared.store.change_state(record.id, record.state, to, line, now).await?;
        if changed {
            self.wake();
        }
        Ok(changed)
    }

    async fn wrong_state(&self, id: MigrationId, why: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        Err(EngineError::WrongState { id, state: record.state.label().to_lowercase(), why: why.into() })
    }

    /// Lets a workflow that waits for a person go on, forward or undoing, with all its attempts anew.
    /// [`EngineError::Full`] if as many as may run already.
    pub async fn retry(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        if record.state != MigrationState::NeedsOperator {
            return self.wrong_state(id, "only one that needs an operator can go on.").await;
        }
        self.go_on(id, Go::On, by).await
    }

    async fn go_on(&self, id: MigrationId, go: Go, by: &str) -> Result<(), EngineError> {
        let _held = Held::take(&self.shared, id)?;
        let shared = &self.shared;
        let claimed =
            shared.store.hold(id, &shared.owner, shared.until().stored, shared.lease_time()).await?;
        let Some(mut record) = claimed else { return Err(EngineError::Driven(id)) };
        let went = self.let_go_on(&mut record, go, by).await;
        shared.store.release(id, record.fence).await?;
        self.wake();
        went
    }

    async fn let_go_on(&self, record: &mut Record, go: Go, by: &str) -> Result<(), EngineError> {
        if record.state != MigrationState::NeedsOperator {
            return Ok(());
        }
        let input: W::Input = serde_json::from_str(&record.input).map_err(StoreError::from)?;
        record.error = None;
        let (kind, message, milestone) = match go {
            Go::On => {
                record.state = MigrationState::Unwinding;
                if record.verdict.is_none() {
                    record.state = MigrationState::Running;
                    // Numbered through: the tasks of its earlier attempts are found by their numbers.
                    record.attempts_before = record.attempt;
                    record.attempt += 1;
                }
                ("retried", format!("{by} lets it go on."), Milestone::Resumed { by: by.to_owned() })
            }
            Go::Back => {
                let verdict = Verdict::Cancelled { by: by.to_owned() };
                record.state = MigrationState::Unwinding;
                record.verdict = Some(verdict.clone());
                ("unwinding", format!("Cancelled by {by}."), Milestone::Unwinding { verdict })
            }
        };
        let event = W::event(&input, &milestone);
        let line = Line { kind, step: record.step.clone(), message, event };
        let now = self.shared.clock.now();
        let written = self.shared.store.write_running(record, vec![line], now).await?;
        if written { Ok(()) } else { Err(EngineError::Full) }
    }

    /// Does something for a workflow that nobody drives now, as its owner, and gives the lease back. Sessions
    /// of appliances that drove it before are ended first.
    pub async fn under_lease<T>(
        &self,
        id: MigrationId,
        work: impl AsyncFnOnce(&mut Cx<'_, W>) -> Result<T, StepError>,
    ) -> Result<T, EngineError> {
        let _held = Held::take(&self.shared, id)?;
        let shared = &self.shared;
        let claimed =
            shared.store.hold(id, &shared.owner, shared.until().stored, shared.lease_time()).await?;
        let Some(record) = claimed else { return Err(EngineError::Driven(id)) };
        let fence = record.fence;
        let input: W::Input = serde_json::from_str(&record.input).map_err(StoreError::from)?;
        let mut memo: W::Memo = serde_json::from_str(&record.memo).map_err(StoreError::from)?;
        let live = Live {
            memo: Mutex::new(memo.clone()),
            progress: Progress::default(),
            cancel: watch::Sender::new(None),
            fence,
        };
        live.progress.set(record.progress.clone());
        let former = record.former_owners.clone();
        let cell = Cell::new(record);
        let mut cx = Cx {
            store: &shared.store,
            clock: &shared.clock,
            counts: &shared.counts,
            live: &live,
            input: &input,
            memo: &mut memo,
            cell: &cell,
            cancel: CancellationToken::new(),
        };
        let keep = async {
            loop {
                shared.clock.sleep(shared.settings.lease / 3).await;
                if !matches!(shared.store.renew(id, fence, shared.until().stored).await, Ok(Some(_))) {
                    return;
                }
            }
        };
        let work = async {
            for owner in former.iter().filter(|owner| **owner != shared.owner) {
                shared.workflow.take_over(&input, owner).await?;
            }
            work(&mut cx).await
        };
        let outcome = tokio::select! {
            outcome = caught("what was asked for", Box::pin(work)) => outcome,
            () = keep => Err(StepError::LostLease),
        };
        shared.store.release(id, fence).await?;
        self.wake();
        Ok(outcome?)
    }
}

/// How a workflow that waits for a person goes on.
#[derive(Clone, Copy)]
enum Go {
    /// Where it was, forward or undoing.
    On,
    /// Undoing.
    Back,
}

/// Keeps a workflow from being driven, or worked on a second time, by this appliance.
struct Held<W: Workflow> {
    shared: Arc<Shared<W>>,
    id: MigrationId,
}

impl<W: Workflow> Held<W> {
    fn take(shared: &Arc<Shared<W>>, id: MigrationId) -> Result<Self, EngineError> {
        if guard(&shared.driven).contains_key(&id) || !guard(&shared.held).insert(id) {
            return Err(EngineError::Driven(id));
        }
        Ok(Self { shared: shared.clone(), id })
    }
}

impl<W: Workflow> Drop for Held<W> {
    fn drop(&mut self) {
        guard(&self.shared.held).remove(&self.id);
    }
}
