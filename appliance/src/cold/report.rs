//! What became of a migration, for a report.

use hdm_shared::migration::LogLine;
use hdm_shared::report::{ReportDisk, ReportEntry, Times, downtime};
use jiff::Timestamp;

use super::input::ColdInput;
use super::memo::ColdMemo;
use super::view::view;
use crate::store::{Record, StoreError};

/// Reports a record with the turning points of its log; what has not ended lasts until now.
pub fn report(record: &Record, log: &[LogLine], now: Timestamp) -> Result<ReportEntry, StoreError> {
    let view = view(record, None, 0, now)?;
    let input: ColdInput = serde_json::from_str(&record.input)?;
    let memo: ColdMemo = serde_json::from_str(&record.memo)?;
    let ran = memo.original.is_some_and(|original| original.powered_on);
    Ok(ReportEntry {
        id: view.id,
        vm: view.vm,
        vm_name: view.vm_name,
        source_cluster: view.source_cluster,
        cloud: view.cloud,
        target_name: view.target_name,
        state: view.state,
        requested_by: view.requested_by,
        created_at: view.created_at,
        started_at: view.started_at,
        ended_at: view.ended_at,
        attempts: view.attempt,
        times: Times::of(log, view.ended_at.unwrap_or(now)),
        downtime: downtime(log, input.request.options.power_on).filter(|_| ran),
        disks: view
            .disks
            .into_iter()
            .map(|disk| ReportDisk {
                label: disk.label,
                capacity_bytes: disk.capacity_bytes,
                wire_bytes: disk.wire_bytes,
                checksum: disk.checksum,
            })
            .collect(),
        error: view.error,
    })
}
