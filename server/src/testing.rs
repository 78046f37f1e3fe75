//! Values for tests.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_shared::migration::{MigrationState, MigrationView};
use hdm_shared::{MigrationId, ObjectId};
use jiff::Timestamp;
use uuid::Uuid;

/// A running migration of a VM of the vCenter `onprem`.
pub fn migration(id: u128, vm: &str) -> MigrationView {
    MigrationView {
        id: MigrationId(Uuid::from_u128(id)),
        vm: ObjectId { vcenter: "onprem".parse().unwrap(), moid: vm.into() },
        kind: hdm_shared::display::MigrationKind::Cold,
        vm_name: format!("name-of-{vm}"),
        source_cluster: "C0".into(),
        source_cluster_id: "domain-c1".into(),
        cloud: "cloud".parse().unwrap(),
        target_name: format!("name-of-{vm}"),
        target_vm: None,
        state: MigrationState::Running,
        step: Some("recheck".into()),
        step_label: None,
        steps_done: 0,
        steps_total: 12,
        committed: false,
        queue_position: None,
        attempt: 1,
        attempts_max: 3,
        waiting_for: None,
        waiting_since: None,
        disks: Vec::new(),
        estimate: None,
        dismissed: false,
        cancel_requested: false,
        task: None,
        error: None,
        warnings: Vec::new(),
        question: None,
        requested_by: "ann".into(),
        created_at: Timestamp::from_second(1_700_000_000).unwrap(),
        started_at: None,
        ended_at: None,
    }
}
