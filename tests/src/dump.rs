//! A site's account of itself: what the simulated vCenter answers to `GET /dump`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The whole truth about one site.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in lab/vcenter's README")]
pub struct Dump {
    pub name: String,
    pub vms: Vec<Vm>,
    pub pools: Vec<Pool>,
    pub leases: Vec<Lease>,
    pub sessions: Vec<Session>,
    pub tasks: Vec<Task>,
    pub events: Vec<Event>,
    pub extensions: Vec<String>,
    pub datastores: Vec<Datastore>,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Vm {
    #[serde(rename = "ref")]
    pub moid: String,
    pub name: String,
    pub path: String,
    pub uuid: String,
    pub power: String,
    pub pool: String,
    pub cluster: String,
    pub folder: String,
    pub annotation: String,
    pub cpu: u32,
    pub memory_mib: u64,
    pub firmware: String,
    #[serde(default)]
    pub nvram: String,
    pub cores_per_socket: u32,
    pub secure_boot: bool,
    pub hot_add: bool,
    pub boot_order: Vec<String>,
    pub extra_config: BTreeMap<String, String>,
    pub nics: Vec<Nic>,
    pub disks: Vec<Disk>,
    pub snapshots: Vec<Snapshot>,
}

impl Vm {
    /// Whether it is powered on.
    pub fn is_on(&self) -> bool {
        self.power == "poweredOn"
    }

    /// Whether a guest starts from its disks when it is powered on, and writes to them.
    pub fn really_boots(&self) -> bool {
        self.extra_config.get("lab.bootable").is_some_and(|value| value == "true")
    }

    /// Whether it would be on the network if somebody powered it on.
    pub fn would_connect(&self) -> bool {
        self.nics.iter().any(|nic| nic.start_connected)
    }

    /// The sums of its disks, by label.
    pub fn sums(&self) -> Vec<(String, String)> {
        let mut sums: Vec<_> =
            self.disks.iter().map(|disk| (disk.label.clone(), disk.sha256.clone())).collect();
        sums.sort();
        sums
    }
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Nic {
    pub key: i32,
    #[serde(rename = "type")]
    pub kind: String,
    pub network: String,
    pub mac: String,
    pub address_type: String,
    pub start_connected: bool,
    pub connected: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Disk {
    pub label: String,
    pub controller: String,
    pub unit: i32,
    pub capacity_bytes: u64,
    pub thin: bool,
    #[serde(default)]
    pub sha256: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Snapshot {
    pub name: String,
    #[serde(default)]
    pub description: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Pool {
    pub name: String,
    pub cluster: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Lease {
    pub kind: String,
    pub state: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Session {
    pub key: String,
    pub user: String,
    #[serde(default)]
    pub user_agent: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Task {
    #[serde(rename = "ref")]
    pub moid: String,
    pub name: String,
    #[serde(default)]
    pub type_id: String,
    pub entity: String,
    pub state: String,
    #[serde(default)]
    pub parent: String,
    #[serde(default)]
    pub activation_id: String,
    #[serde(default)]
    pub error: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Event {
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    #[serde(default)]
    pub vm: String,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "as above")]
pub struct Datastore {
    pub name: String,
    pub capacity_bytes: i64,
    pub free_bytes: i64,
}

impl Dump {
    /// The only VM of that name; panics if there is none or more than one.
    pub fn vm(&self, name: &str) -> &Vm {
        let mut named = self.vms.iter().filter(|vm| vm.name == name);
        let found = named.next().unwrap_or_else(|| panic!("{}: there is no VM '{name}'", self.name));
        assert!(named.next().is_none(), "{}: there is more than one VM '{name}'", self.name);
        found
    }

    /// Whether a VM of that name exists.
    pub fn has(&self, name: &str) -> bool {
        self.vms.iter().any(|vm| vm.name == name)
    }
}
