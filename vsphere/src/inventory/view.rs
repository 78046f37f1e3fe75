//! What the inventory looks like.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::MoRef;
use crate::property::{NicDetails, PowerState};

/// The whole inventory at one moment, by reference.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each map holds what its type says")]
pub struct InventoryView {
    pub datacenters: BTreeMap<MoRef, Arc<DatacenterSummary>>,
    pub folders: BTreeMap<MoRef, Arc<FolderSummary>>,
    pub clusters: BTreeMap<MoRef, Arc<ClusterSummary>>,
    pub hosts: BTreeMap<MoRef, Arc<HostSummary>>,
    pub pools: BTreeMap<MoRef, Arc<PoolSummary>>,
    pub datastores: BTreeMap<MoRef, Arc<DatastoreSummary>>,
    /// Datastore clusters: name and members.
    pub datastore_clusters: BTreeMap<MoRef, (String, Vec<MoRef>)>,
    pub networks: BTreeMap<MoRef, Arc<NetworkSummary>>,
    pub vms: BTreeMap<MoRef, Arc<VmSummary>>,
}

/// A datacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatacenterSummary {
    /// The object.
    pub datacenter: MoRef,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// Its root VM folder.
    pub vm_folder: Option<MoRef>,
}

/// A folder of any kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSummary {
    /// The object.
    pub folder: MoRef,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// Whether VMs can be put into it.
    pub holds_vms: bool,
    /// The datacenter it is in, if any.
    pub datacenter: Option<MoRef>,
}

/// A cluster, or a standalone host's compute resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSummary {
    /// The object: `ClusterComputeResource` or `ComputeResource`.
    pub cluster: MoRef,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// The datacenter it is in.
    pub datacenter: Option<MoRef>,
    /// Whether DRS is on. Without DRS a cluster has no child resource pools and a host must be chosen.
    pub drs: bool,
    /// Whether it is one standalone host.
    pub standalone: bool,
    /// Its hosts.
    pub hosts: Vec<MoRef>,
    /// The datastores its hosts see.
    pub datastores: Vec<MoRef>,
    /// The networks its hosts see.
    pub networks: Vec<MoRef>,
    /// Its root resource pool.
    pub root_pool: Option<MoRef>,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSummary {
    /// The object.
    pub host: MoRef,
    /// Its name.
    pub name: String,
    /// Its cluster or compute resource.
    pub cluster: Option<MoRef>,
    /// Whether vCenter is connected to it.
    pub connected: bool,
    /// Whether it is in maintenance mode.
    pub maintenance: bool,
    /// The datastores it sees.
    pub datastores: Vec<MoRef>,
    /// The networks it sees.
    pub networks: Vec<MoRef>,
    /// Product version, such as `8.0.2`.
    pub version: String,
    /// Logical processors (`summary.hardware.numCpuThreads`).
    pub logical_cpus: u32,
    /// Memory in bytes (`summary.hardware.memorySize`).
    pub memory_bytes: u64,
}

/// A datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatastoreSummary {
    /// The object.
    pub datastore: MoRef,
    /// Its name.
    pub name: String,
    /// Such as `VMFS` or `NFS`.
    pub kind: String,
    /// Size in bytes.
    pub capacity_bytes: u64,
    /// Free space in bytes.
    pub free_bytes: u64,
    /// Whether it can be reached.
    pub accessible: bool,
    /// Whether it is in maintenance mode.
    pub maintenance: bool,
    /// The datastore cluster it belongs to.
    pub pod: Option<MoRef>,
    /// The datacenter it is in.
    pub datacenter: Option<MoRef>,
}

/// A network or a distributed port group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSummary {
    /// The object.
    pub network: MoRef,
    /// Its name.
    pub name: String,
    /// The hosts that see it.
    pub hosts: Vec<MoRef>,
    /// Key of the distributed port group, if it is one.
    pub portgroup_key: Option<String>,
    /// The datacenter it is in.
    pub datacenter: Option<MoRef>,
}

/// A resource pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSummary {
    /// The object: `ResourcePool` or `VirtualApp`.
    pub pool: MoRef,
    /// Its name.
    pub name: String,
    /// The pool or cluster above it.
    pub parent: Option<MoRef>,
    /// The cluster or compute resource it belongs to.
    pub owner: Option<MoRef>,
}

/// A virtual machine as lists need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmSummary {
    /// The object.
    pub vm: MoRef,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// Whether it runs.
    pub power: PowerState,
    /// The host it is on.
    pub host: Option<MoRef>,
    /// That host's cluster or compute resource.
    pub cluster: Option<MoRef>,
    /// Its resource pool; templates have none.
    pub pool: Option<MoRef>,
    /// The folder or vApp it is in.
    pub parent: Option<MoRef>,
    /// The datacenter it is in.
    pub datacenter: Option<MoRef>,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory.
    pub memory_mib: u64,
    /// Label and size in bytes of each disk.
    pub disks: Vec<(String, u64)>,
    /// Network adapters in the order of the hardware.
    pub nics: Vec<NicDetails>,
    /// BIOS UUID.
    pub uuid: String,
    /// Instance UUID.
    pub instance_uuid: String,
    /// Whether it is a template.
    pub template: bool,
    /// Key of the extension that manages it.
    pub managed_by: Option<String>,
    /// Whether Fault Tolerance is on.
    pub ft: bool,
    /// Whether a question waits for an answer.
    pub question: bool,
    /// Whether its disks need consolidation.
    pub consolidation_needed: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Virtual hardware, such as `vmx-19`.
    pub hw_version: String,
    /// Guest operating system id.
    pub guest_id: String,
    /// Whether VMware Tools run.
    pub tools_running: bool,
    /// Whether it belongs to a vApp.
    pub in_vapp: bool,
    /// The migration that made it (`extraConfig` `hdm.migration`).
    pub hdm_migration: Option<String>,
}

impl InventoryView {
    /// The members of a datastore cluster by name, if there is one of that name.
    pub fn datastore_cluster(&self, name: &str) -> Option<Vec<&str>> {
        let (_, members) = self.datastore_clusters.values().find(|(known, _)| known == name)?;
        Some(
            members
                .iter()
                .filter_map(|member| self.datastores.get(member))
                .map(|d| d.name.as_str())
                .collect(),
        )
    }

    /// The VMs directly in a folder.
    pub fn vms_in<'a>(&'a self, folder: &'a MoRef) -> impl Iterator<Item = &'a Arc<VmSummary>> {
        self.vms.values().filter(move |vm| vm.parent.as_ref() == Some(folder))
    }
}
