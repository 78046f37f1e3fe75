//! A migration as tests need it.
#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_shared::migration::{ColdOptions, ColdRequest, MigrationState, TargetChoice};
use hdm_shared::{MigrationId, ObjectId};
use hdm_vsphere::MoRef;
use jiff::Timestamp;
use uuid::Uuid;

use super::input::{ColdInput, InputDisk, Named, Place};
use crate::store::Record;

/// A record without input.
pub fn record(n: u128, state: MigrationState) -> Record {
    Record {
        id: MigrationId(Uuid::from_u128(n)),
        kind: "cold".into(),
        input: String::new(),
        memo: "{}".into(),
        progress: Vec::new(),
        estimate: None,
        dismissed: false,
        state,
        steps_done: 0,
        step: None,
        committed: false,
        attempt: 1,
        attempts_before: 0,
        verdict: None,
        cancel_by: None,
        error: None,
        waiting_for: None,
        waiting_since: None,
        queue_line: String::new(),
        queue_number: 1,
        schedule: None,
        limit_bytes_per_second: None,
        owner: None,
        former_owners: Vec::new(),
        lease_until: 0,
        fence: 0,
        log_length: 1,
        created_at: Timestamp::UNIX_EPOCH,
        started_at: None,
        ended_at: None,
    }
}

/// A VM of one disk on its way.
pub fn input() -> ColdInput {
    let vcenter = "onprem".to_owned().try_into().unwrap();
    let cloud: hdm_shared::VcenterId = "cloud".to_owned().try_into().unwrap();
    let named = |kind: &str, name: &str| Named { object: MoRef::new(kind, name), name: name.into() };
    ColdInput {
        source: ObjectId { vcenter, moid: "vm-1".into() },
        instance_uuid: "uuid-1".into(),
        vm_name: "web-01".into(),
        vm_path: "/DC0/vm/web-01".into(),
        source_cluster: named("ClusterComputeResource", "C0"),
        cloud: cloud.clone(),
        target_name: "web-01".into(),
        place: Place {
            datacenter: named("Datacenter", "DC0"),
            cluster: named("ClusterComputeResource", "C0"),
            host: None,
            pool: named("ResourcePool", "Resources"),
            datastore: named("Datastore", "ds0"),
            folder: named("Folder", "vm"),
            networks: [("VM Network".to_owned(), named("Network", "VM Network"))].into(),
            adapters: [].into(),
        },
        options: ColdOptions::default(),
        disks: vec![InputDisk { label: "Hard disk 1".into(), capacity_bytes: 10 << 30 }],
        macs: vec!["00:50:56:01:02:03".into()],
        warnings: Vec::new(),
        requested_by: "ann".into(),
        request: ColdRequest {
            source: None,
            vms: vec!["vm-1".into()],
            cloud,
            target: TargetChoice::default(),
            options: ColdOptions::default(),
            schedule: None,
        },
    }
}
