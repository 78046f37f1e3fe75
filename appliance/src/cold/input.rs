//! What a cold migration is told when it is accepted. It never changes; what happens goes to the memo.

use std::collections::BTreeMap;

use hdm_shared::migration::{ColdOptions, ColdRequest, MacPolicy};
use hdm_shared::problem::Finding;
use hdm_shared::{ObjectId, VcenterId};
use hdm_vsphere::MoRef;
use serde::{Deserialize, Serialize};

/// An object of a vCenter with the name it had when it was chosen. The reference counts, the name is for
/// people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The object.
    pub object: MoRef,
    /// Its name, or its inventory path where it has one.
    pub name: String,
}

/// Where the copy goes; every part has been looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Datacenter, by inventory.
    pub datacenter: Named,
    /// Cluster or standalone compute resource.
    pub cluster: Named,
    /// The host asked for; chosen anew at each start if absent.
    pub host: Option<Named>,
    /// Resource pool.
    pub pool: Named,
    /// Datastore.
    pub datastore: Named,
    /// VM folder.
    pub folder: Named,
    /// Source network's name to target network.
    pub networks: BTreeMap<String, Named>,
    /// Adapter's label to target network; goes before `networks`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adapters: BTreeMap<String, Named>,
}

impl Place {
    /// The target network of an adapter, by its label and its source network's name.
    pub fn network_of(&self, label: &str, network: &str) -> Option<&Named> {
        self.adapters.get(label).or_else(|| self.networks.get(network))
    }
}

/// A disk of the source when the migration was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputDisk {
    /// Its label.
    pub label: String,
    /// Its size.
    pub capacity_bytes: u64,
}

/// A cold migration as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColdInput {
    /// The source VM.
    pub source: ObjectId,
    /// Its instance UUID: a reference that was given to another VM since is not ours.
    pub instance_uuid: String,
    /// Its name.
    pub vm_name: String,
    /// Its inventory path.
    pub vm_path: String,
    /// The cluster it is in; the queue is fair between these.
    pub source_cluster: Named,
    /// The vCenter it goes to.
    pub cloud: VcenterId,
    /// The copy's name.
    pub target_name: String,
    /// Where the copy goes.
    pub place: Place,
    /// How it is moved and what it becomes.
    pub options: ColdOptions,
    /// Its disks.
    pub disks: Vec<InputDisk>,
    /// Its MAC addresses.
    pub macs: Vec<String>,
    /// What the move cannot carry.
    pub warnings: Vec<Finding>,
    /// Who asked for it.
    pub requested_by: String,
    /// The request for this VM alone, for asking again.
    pub request: ColdRequest,
}

impl ColdInput {
    /// The source VM's reference.
    pub fn source_vm(&self) -> MoRef {
        MoRef { kind: "VirtualMachine".into(), id: self.source.moid.clone() }
    }

    /// Sum of the disks' sizes.
    pub fn capacity_bytes(&self) -> u64 {
        self.disks.iter().fold(0, |sum, d| sum.saturating_add(d.capacity_bytes))
    }

    /// The MAC addresses the copy will have, as far as they are known now.
    pub fn kept_macs(&self) -> impl Iterator<Item = &str> {
        let keep = self.options.mac == MacPolicy::Keep;
        self.macs.iter().filter(move |_| keep).map(String::as_str)
    }
}
