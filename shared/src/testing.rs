//! Values for tests.

use jiff::Timestamp;

use crate::display::MigrationKind;
use crate::ids::{MigrationId, ObjectId, VcenterId};
use crate::migration::{MigrationState, MigrationView};

/// A vCenter's name.
///
/// # Panics
///
/// If it is none.
#[allow(clippy::expect_used, reason = "tests")]
pub fn vcenter(name: &str) -> VcenterId {
    name.parse().expect("a vCenter's name")
}

/// A running migration of a VM of the vCenter `onprem` to the vCenter `cloud`.
pub fn migration(id: MigrationId, moid: &str, vm_name: &str) -> MigrationView {
    MigrationView {
        id,
        vm: ObjectId { vcenter: vcenter("onprem"), moid: moid.into() },
        kind: MigrationKind::Cold,
        vm_name: vm_name.into(),
        source_cluster: "C0".into(),
        source_cluster_id: "domain-c1".into(),
        cloud: vcenter("cloud"),
        target_name: vm_name.into(),
        target_vm: None,
        state: MigrationState::Running,
        step: None,
        step_label: None,
        steps_done: 0,
        steps_total: 12,
        committed: false,
        queue_position: None,
        schedule: None,
        limit_mbit_per_second: None,
        starts_at: None,
        window_over: false,
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
        created_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        ended_at: None,
    }
}
