//! A cloud as the wizard offers it: what an administrator released of it, by managed object id.

use serde::{Deserialize, Serialize};

use crate::ids::VcenterId;

/// A cloud that virtual machines can be moved to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CloudOffer {
    /// Its name in HDM.
    pub vcenter: VcenterId,
    /// Its address, for people.
    pub address: String,
    /// Why it cannot be chosen now, as a sentence; absent if it can.
    pub unavailable: Option<String>,
    /// Its clusters, by path.
    pub clusters: Vec<OfferedCluster>,
    /// Its VM folders, by path.
    pub folders: Vec<OfferedObject>,
}

/// Anything that is chosen by its id and shown by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OfferedObject {
    /// Managed object id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its inventory path.
    pub path: String,
    /// The datacenter it is in, by name.
    pub datacenter: String,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(from = "flat::Cluster")]
pub struct OfferedCluster {
    /// The cluster itself.
    #[serde(flatten)]
    pub object: OfferedObject,
    /// Whether DRS is on: without it a cluster has no resource pools.
    pub drs: bool,
    /// Logical processors of its connected hosts.
    pub cpus_total: u32,
    /// Virtual CPUs of its powered-on VMs, and of those that HDM has promised it.
    pub cpus_used: u32,
    /// Memory of its connected hosts in MiB.
    pub memory_total_mib: u64,
    /// Memory configured for its powered-on VMs, and promised, in MiB.
    pub memory_used_mib: u64,
    /// Hosts that could take a VM.
    pub hosts: Vec<OfferedObject>,
    /// Resource pools below the root pool.
    pub pools: Vec<OfferedObject>,
    /// Datastores its hosts see.
    pub datastores: Vec<OfferedDatastore>,
    /// Networks its hosts see.
    pub networks: Vec<OfferedObject>,
}

/// A datastore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(from = "flat::Datastore")]
pub struct OfferedDatastore {
    /// The datastore itself.
    #[serde(flatten)]
    pub object: OfferedObject,
    /// Its size.
    pub capacity_bytes: u64,
    /// What is free, less what HDM has promised to migrations it accepted.
    pub available_bytes: u64,
}

/// The same as it is read. Reading what is flattened would need a second reader for everything in it, which the
/// pages' program, fetched by a browser, would have to carry.
mod flat {
    use super::{Deserialize, OfferedCluster, OfferedDatastore, OfferedObject};

    #[derive(Deserialize)]
    pub struct Cluster {
        id: String,
        name: String,
        path: String,
        datacenter: String,
        drs: bool,
        cpus_total: u32,
        cpus_used: u32,
        memory_total_mib: u64,
        memory_used_mib: u64,
        hosts: Vec<OfferedObject>,
        pools: Vec<OfferedObject>,
        datastores: Vec<OfferedDatastore>,
        networks: Vec<OfferedObject>,
    }

    impl From<Cluster> for OfferedCluster {
        fn from(flat: Cluster) -> Self {
            let Cluster { id, name, path, datacenter, .. } = flat;
            Self {
                object: OfferedObject { id, name, path, datacenter },
                drs: flat.drs,
                cpus_total: flat.cpus_total,
                cpus_used: flat.cpus_used,
                memory_total_mib: flat.memory_total_mib,
                memory_used_mib: flat.memory_used_mib,
                hosts: flat.hosts,
                pools: flat.pools,
                datastores: flat.datastores,
                networks: flat.networks,
            }
        }
    }

    #[derive(Deserialize)]
    pub struct Datastore {
        id: String,
        name: String,
        path: String,
        datacenter: String,
        capacity_bytes: u64,
        available_bytes: u64,
    }

    impl From<Datastore> for OfferedDatastore {
        fn from(flat: Datastore) -> Self {
            let Datastore { id, name, path, datacenter, capacity_bytes, available_bytes } = flat;
            Self { object: OfferedObject { id, name, path, datacenter }, capacity_bytes, available_bytes }
        }
    }
}

/// What of a cloud may be chosen, by managed object id; `None` is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ReleasedObjects {
    /// Clusters.
    pub clusters: Option<Vec<String>>,
    /// VM folders.
    pub folders: Option<Vec<String>>,
    /// Datastores.
    pub datastores: Option<Vec<String>>,
    /// Networks.
    pub networks: Option<Vec<String>>,
}

impl ReleasedObjects {
    /// Nothing at all.
    pub fn none() -> Self {
        let none = || Some(Vec::new());
        Self { clusters: none(), folders: none(), datastores: none(), networks: none() }
    }
}
