//! A migration as tests need it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use hdm_shared::ObjectId;
use hdm_shared::migration::{ColdOptions, ColdRequest, TargetChoice};
#[cfg(test)]
use hdm_shared::{MigrationId, migration::MigrationState};
use hdm_vsphere::{
    ClusterSummary, DatacenterSummary, DatastoreSummary, FolderSummary, InventoryView, MoRef, NetworkSummary,
    PoolSummary,
};
#[cfg(test)]
use jiff::Timestamp;
#[cfg(test)]
use uuid::Uuid;

use super::input::{ColdInput, InputDisk, Named, Place};
#[cfg(test)]
use crate::store::Record;

/// A record without input.
#[cfg(test)]
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

/// One datacenter with two of everything: those with a 1 are public, those with a 2 are secret.
pub fn cloud() -> InventoryView {
    let mut view = InventoryView::default();
    let dc = MoRef::new("Datacenter", "datacenter-1");
    let name = |n: u32| if n == 1 { "public".to_owned() } else { "secret".to_owned() };
    for n in [1, 2] {
        let (cluster, pool) = (
            MoRef::new("ClusterComputeResource", format!("domain-c{n}")),
            MoRef::new("ResourcePool", format!("resgroup-{n}")),
        );
        let folder = MoRef::new("Folder", format!("group-v{n}"));
        let datastore = MoRef::new("Datastore", format!("datastore-{n}"));
        let network = MoRef::new("Network", format!("network-{n}"));
        let both = |kind: &str, word: &str| [1, 2].map(|n| MoRef::new(kind, format!("{word}-{n}"))).to_vec();
        view.clusters.insert(
            cluster.clone(),
            Arc::new(ClusterSummary {
                cluster: cluster.clone(),
                name: name(n),
                path: format!("/DC0/host/{}", name(n)),
                datacenter: Some(dc.clone()),
                drs: true,
                standalone: false,
                hosts: Vec::new(),
                datastores: both("Datastore", "datastore"),
                networks: both("Network", "network"),
                root_pool: Some(pool.clone()),
            }),
        );
        let pool_of =
            PoolSummary { pool: pool.clone(), name: "Resources".into(), parent: None, owner: Some(cluster) };
        view.pools.insert(pool, Arc::new(pool_of));
        view.folders.insert(
            folder.clone(),
            Arc::new(FolderSummary {
                folder,
                name: name(n),
                path: format!("/DC0/vm/{}", name(n)),
                holds_vms: true,
                datacenter: Some(dc.clone()),
            }),
        );
        view.datastores.insert(
            datastore.clone(),
            Arc::new(DatastoreSummary {
                datastore,
                name: name(n),
                kind: "VMFS".into(),
                capacity_bytes: 100,
                free_bytes: 100,
                accessible: true,
                maintenance: false,
                pod: None,
                datacenter: Some(dc.clone()),
            }),
        );
        view.networks.insert(
            network.clone(),
            Arc::new(NetworkSummary {
                network,
                name: name(n),
                hosts: Vec::new(),
                portgroup_key: None,
                datacenter: Some(dc.clone()),
            }),
        );
    }
    let root = DatacenterSummary {
        datacenter: dc.clone(),
        name: "DC0".into(),
        path: "/DC0".into(),
        vm_folder: Some(MoRef::new("Folder", "group-v2")),
    };
    view.datacenters.insert(dc, Arc::new(root));
    view
}
