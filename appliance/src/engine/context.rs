//! What a step may use.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationState;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::counts::Counts;
use super::error::StepError;
use super::live::{Live, Progress, guard};
use super::workflow::Workflow;
use crate::store::{Line, NewEvent, Record, Store, Verdict};

/// A record while a step uses it: the step saves its memo, and beside it the driver marks the end of a wait.
pub(super) struct Cell {
    id: MigrationId,
    attempt: u32,
    verdict: Option<Verdict>,
    step: Option<String>,
    record: Mutex<Record>,
}

impl Cell {
    pub(super) fn new(record: Record) -> Self {
        Self {
            id: record.id,
            attempt: record.attempt,
            verdict: record.verdict.clone(),
            step: record.step.clone(),
            record: Mutex::new(record),
        }
    }

    pub(super) fn record(&self) -> &Mutex<Record> {
        &self.record
    }

    pub(super) fn into_record(self) -> Record {
        self.record.into_inner()
    }
}

/// The context of one workflow's step. What it saves is durable when the call returns.
pub struct Cx<'a, W: Workflow> {
    pub(super) store: &'a Store,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) counts: &'a Counts,
    pub(super) live: &'a Live<W::Memo>,
    pub(super) input: &'a W::Input,
    pub(super) memo: &'a mut W::Memo,
    pub(super) cell: &'a Cell,
    pub(super) cancel: CancellationToken,
}

impl<W: Workflow> Cx<'_, W> {
    /// The workflow's id.
    pub fn id(&self) -> MigrationId {
        self.cell.id
    }

    /// What it was told.
    pub fn input(&self) -> &W::Input {
        self.input
    }

    /// What it remembers.
    pub fn memo(&self) -> &W::Memo {
        self.memo
    }

    /// Number of the attempt, from 1. Never the same for two attempts.
    pub fn attempt(&self) -> u32 {
        self.cell.attempt
    }

    /// Why it unwinds, if it does.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.cell.verdict.as_ref()
    }

    /// Cancelled when the step shall end early. Never while it unwinds.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.clock
    }

    /// What is counted for `/metrics`.
    pub fn counts(&self) -> &Counts {
        self.counts
    }

    /// The disks' progress.
    pub fn progress(&self) -> &Progress {
        &self.live.progress
    }

    /// Changes the memo; `note` says what for. Only what has been saved may be acted upon.
    pub async fn save(&mut self, note: &str, change: impl FnOnce(&mut W::Memo)) -> Result<(), StepError> {
        let mut memo = self.memo.clone();
        change(&mut memo);
        let text = serde_json::to_string(&memo).map_err(crate::store::StoreError::from)?;
        let mut record = self.cell.record.lock().await;
        let before = std::mem::replace(&mut record.memo, text);
        if let Err(error) = self.write(&mut record, "saved", note.to_owned()).await {
            record.memo = before;
            return Err(error);
        }
        *self.memo = memo;
        *guard(&self.live.memo) = self.memo.clone();
        Ok(())
    }

    /// Writes a line into the log.
    pub async fn log(&mut self, message: String) -> Result<(), StepError> {
        tracing::info!(migration = %self.cell.id, "{message}");
        self.write(&mut *self.cell.record.lock().await, "note", message).await
    }

    /// Logs something together with its event; with an `end` the workflow ends so, and the message stays as its
    /// last word.
    pub async fn tell(
        &mut self,
        kind: &'static str,
        message: String,
        event: Option<NewEvent>,
        end: Option<MigrationState>,
    ) -> Result<(), StepError> {
        tracing::info!(migration = %self.cell.id, kind, "{message}");
        let now = self.clock.now();
        let mut held = self.cell.record.lock().await;
        let mut record = held.clone();
        record.progress = self.live.progress.get();
        if let Some(state) = end {
            record.state = state;
            record.error = Some(message.clone());
            record.ended_at = Some(now);
            record.waiting_for = None;
            record.waiting_since = None;
        }
        let line = Line { kind, step: record.step.clone(), message, event };
        self.store.write(&mut record, vec![line], now).await?;
        *held = record;
        Ok(())
    }

    /// Where it stands.
    pub async fn state(&self) -> MigrationState {
        self.cell.record.lock().await.state
    }

    async fn write(&self, record: &mut Record, kind: &'static str, message: String) -> Result<(), StepError> {
        record.progress = self.live.progress.get();
        let line = Line { kind, step: self.cell.step.clone(), message, event: None };
        self.store.write(record, vec![line], self.clock.now()).await?;
        Ok(())
    }
}
