//! Looking at workflows: one, all that are open, what has changed, what has ended.

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, MigrationState};

use super::counts::Counts;
use super::live::guard;
use super::scheduler::Engine;
use super::settings::EngineError;
use super::workflow::Workflow;
use crate::store::{HistoryFilter, Record, Since, StoreError};

/// What has changed since a number.
#[derive(Debug)]
pub struct Followed {
    /// To be given next time.
    pub cursor: i64,
    /// Whether what was known before is to be forgotten.
    pub reset: bool,
    /// Whether more is waiting.
    pub more: bool,
    /// The workflows with their places in the queue.
    pub records: Vec<(Record, Option<u32>)>,
}

impl<W: Workflow> Engine<W> {
    /// A workflow with its place in the queue and what is known of its progress.
    pub async fn look(&self, id: MigrationId) -> Result<(Record, Option<u32>), EngineError> {
        let record = self.shared.store.workflow(id).await?.ok_or(EngineError::Unknown(id))?;
        let positions =
            if record.state == MigrationState::Queued { self.positions().await? } else { BTreeMap::new() };
        let position = positions.get(&id).copied();
        Ok((self.with_progress(record), position))
    }

    /// What has changed.
    pub async fn since(&self, since: Since<'_>) -> Result<Followed, StoreError> {
        let changes = self.shared.store.changes(since).await?;
        let any_queued = changes.records.iter().any(|record| record.state == MigrationState::Queued);
        let positions = if any_queued { self.positions().await? } else { BTreeMap::new() };
        let place = |record: Record| {
            let position = positions.get(&record.id).copied();
            (self.with_progress(record), position)
        };
        let records = changes.records.into_iter().map(place).collect();
        Ok(Followed { cursor: changes.cursor, reset: changes.reset, more: changes.more, records })
    }

    /// What this process has counted.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// How many workflows this process drives.
    pub fn driven(&self) -> usize {
        guard(&self.shared.driven).len()
    }

    /// All workflows that have not ended, with what is known of their progress.
    pub async fn open(&self) -> Result<Vec<Record>, StoreError> {
        let open = self.shared.store.open_workflows().await?;
        Ok(open.into_iter().map(|record| self.with_progress(record)).collect())
    }

    /// Looks back at workflows, newest first, with their places in the queue.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<(Record, Option<u32>)>, StoreError> {
        let positions = self.positions().await?;
        let records = self.shared.store.history(filter).await?;
        Ok(records
            .into_iter()
            .map(|record| (positions.get(&record.id).copied(), self.with_progress(record)))
            .map(|(position, record)| (record, position))
            .collect())
    }

    /// Takes a workflow that has ended off the list of what is in progress. Doing it twice is doing it once.
    pub async fn dismiss(&self, id: MigrationId) -> Result<(), EngineError> {
        if self.shared.store.dismiss(id).await? {
            self.shared.changed();
            return Ok(());
        }
        let (record, _) = self.look(id).await?;
        Err(EngineError::WrongState {
            id,
            state: record.state.label().to_lowercase(),
            why: "only one that has ended can be taken off the list.".into(),
        })
    }

    pub(super) async fn positions(&self) -> Result<BTreeMap<MigrationId, u32>, StoreError> {
        let open = self.shared.store.open_workflows().await?;
        Ok(self.turns(&open).await?.into_iter().zip(1..).collect())
    }

    pub(super) fn with_progress(&self, mut record: Record) -> Record {
        let live = guard(&self.shared.driven).get(&record.id).map(|d| d.live.progress.clone());
        if let Some(progress) = live {
            let disks: Vec<DiskProgress> = progress.get();
            if !disks.is_empty() {
                record.progress = disks;
            }
            record.estimate = progress.estimate();
        }
        record
    }
}
