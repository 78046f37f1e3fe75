//! Virtual machines and targets as they are listed.

use serde::{Deserialize, Serialize};

use crate::ids::{ObjectId, VcenterId};
use crate::problem::Finding;

/// A virtual machine of a source vCenter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmView {
    /// Which.
    pub vm: ObjectId,
    /// Its name, with `%2f` and the like decoded.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// The cluster it is in, by name.
    pub cluster: String,
    /// The same cluster's managed object id; empty if it is in none.
    pub cluster_id: String,
    /// Its network adapters.
    pub adapters: Vec<AdapterView>,
    /// Whether it is powered on.
    pub powered_on: bool,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Number of disks.
    pub disks: u32,
    /// Sum of the disks' capacities.
    pub capacity_bytes: u64,
    /// What blocks a cold migration, as far as the inventory tells without asking the VM.
    pub findings: Vec<Finding>,
}

/// A virtual network adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdapterView {
    /// Its label, such as `Network adapter 1`.
    pub label: String,
    /// The network it is on, by name.
    pub network: String,
    /// Its MAC address.
    pub mac: String,
}

/// A page of virtual machines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmPage {
    /// The virtual machines, by inventory path.
    pub vms: Vec<VmView>,
    /// How many match in all.
    pub total: u64,
}

/// A cluster that can receive VMs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CloudCluster {
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// Whether DRS is on.
    pub drs: bool,
    /// Its hosts that could take a VM: connected, not in maintenance.
    pub hosts: Vec<String>,
    /// Its resource pools below the root pool.
    pub pools: Vec<String>,
    /// Its datastores with their free space.
    pub datastores: Vec<CloudDatastore>,
    /// Its networks.
    pub networks: Vec<String>,
}

/// A datastore that can receive VMs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CloudDatastore {
    /// Its name.
    pub name: String,
    /// Its size.
    pub capacity_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
    /// What HDM has promised to migrations it accepted.
    pub reserved_bytes: u64,
}

/// A target vCenter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CloudView {
    /// Which vCenter.
    pub vcenter: VcenterId,
    /// Its clusters.
    pub clusters: Vec<CloudCluster>,
    /// Its VM folders, as inventory paths.
    pub folders: Vec<String>,
}
