//! A migration as it is shown.

use hdm_shared::ObjectId;
use hdm_shared::display::MigrationKind;
use hdm_shared::limit;
use hdm_shared::migration::{ColdRequest, DiskProgress, MigrationState, MigrationView, Verify};
use hdm_shared::schedule::Opens;
use jiff::Timestamp;

use super::input::ColdInput;
use super::memo::ColdMemo;
use super::step::ColdStep;
use crate::store::{Record, StoreError, Verdict};

/// The words of the steps in which disks travel.
pub fn moving() -> Vec<&'static str> {
    ColdStep::ALL.iter().filter(|step| step.moves_disks()).map(|step| step.word()).collect()
}

/// Shows a record as it is at a time; how many attempts there are each time somebody lets it go on, and the place
/// in the queue, are the engine's to know.
pub fn view(
    record: &Record,
    queue_position: Option<u32>,
    attempts: u32,
    now: Timestamp,
) -> Result<MigrationView, StoreError> {
    let input: ColdInput = serde_json::from_str(&record.input)?;
    let memo: ColdMemo = serde_json::from_str(&record.memo)?;
    let waits = record.state == MigrationState::Waiting || record.state == MigrationState::Unwinding;
    let queued = matches!(record.state, MigrationState::Queued | MigrationState::Paused);
    let opens = record.schedule.as_ref().filter(|_| queued).map(|schedule| schedule.opens(now));
    let step = record.step.as_deref().and_then(|word| ColdStep::ALL.iter().find(|step| step.word() == word));
    let moves = record.state == MigrationState::Running && step.is_some_and(|step| step.moves_disks());
    let mut disks = record.progress.clone();
    if disks.is_empty() {
        disks = input
            .disks
            .iter()
            .map(|d| DiskProgress {
                label: d.label.clone(),
                capacity_bytes: d.capacity_bytes,
                read_back_bytes: (input.options.verify == Verify::Readback).then_some(0),
                ..DiskProgress::default()
            })
            .collect();
    }
    Ok(MigrationView {
        id: record.id,
        kind: MigrationKind::Cold,
        vm: input.source,
        vm_name: input.vm_name,
        source_cluster: input.source_cluster.name,
        source_cluster_id: input.source_cluster.object.id,
        target_vm: memo.target.map(|vm| ObjectId { vcenter: input.cloud.clone(), moid: vm.id }),
        cloud: input.cloud,
        target_name: input.target_name,
        task: memo.source_task.map(|task| task.id),
        state: record.state,
        step: shown_step(record),
        step_label: step.filter(|_| !record.state.is_final()).map(|step| step.phrase().to_owned()),
        steps_done: u32::try_from(record.steps_done).unwrap_or(u32::MAX),
        steps_total: u32::try_from(ColdStep::ALL.len()).unwrap_or(u32::MAX),
        committed: record.committed,
        queue_position,
        schedule: record.schedule.clone(),
        starts_at: match opens {
            Some(Opens::At(at)) => Some(at),
            _ => None,
        },
        window_over: opens == Some(Opens::Never),
        limit_mbit_per_second: record.limit_bytes_per_second.map(limit::mbit_per_second),
        attempt: record.attempt,
        attempts_max: record.attempts_before.saturating_add(attempts),
        waiting_for: record.waiting_for.clone().filter(|_| waits),
        waiting_since: record.waiting_since.filter(|_| waits),
        disks,
        estimate: record.estimate.filter(|_| moves),
        dismissed: record.dismissed,
        cancel_requested: record.cancel_by.is_some() && !record.state.is_final(),
        error: record.error.clone(),
        warnings: input.warnings,
        question: memo.question,
        requested_by: input.requested_by,
        created_at: record.created_at,
        started_at: record.started_at,
        ended_at: record.ended_at,
    })
}

/// The step being done or waited for; of one that failed, the step it failed in.
fn shown_step(record: &Record) -> Option<String> {
    match (record.state, &record.verdict) {
        (MigrationState::Failed, Some(Verdict::Failed { step, .. })) => step.clone(),
        (state, _) if state.is_final() => None,
        _ => record.step.clone(),
    }
}

/// The request a migration came from, for asking again.
pub fn request_of(record: &Record) -> Result<ColdRequest, StoreError> {
    let input: ColdInput = serde_json::from_str(&record.input)?;
    Ok(input.request)
}
