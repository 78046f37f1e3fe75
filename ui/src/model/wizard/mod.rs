//! The Migrate wizard without its pages: what was chosen, whether it is complete, and the request it makes.

pub mod choices;
pub mod draft;
pub mod finding;
pub mod request;
pub mod step;
pub mod totals;
pub mod validate;
pub mod wave;

pub use draft::{Draft, Target};
pub use step::Step;

#[cfg(test)]
pub(crate) mod samples {
    //! VMs and a cloud for tests.
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::ObjectId;
    use hdm_shared::cloud::{CloudOffer, OfferedCluster, OfferedDatastore, OfferedObject};
    use hdm_shared::vm::{AdapterView, VmView};

    pub fn vm(number: u32) -> VmView {
        VmView {
            vm: ObjectId { vcenter: "onprem".parse().unwrap(), moid: format!("vm-{number}") },
            name: format!("web-{number}"),
            path: format!("/DC0/vm/web-{number}"),
            cluster: "C0".into(),
            cluster_id: "domain-c8".into(),
            adapters: vec![AdapterView {
                label: "Network adapter 1".into(),
                network: "VM Network".into(),
                mac: "00:50:56:00:00:01".into(),
            }],
            powered_on: true,
            cpus: 2,
            memory_mib: 2_048,
            disks: 1,
            capacity_bytes: 10 << 30,
            findings: Vec::new(),
        }
    }

    pub fn object(id: &str, name: &str) -> OfferedObject {
        OfferedObject {
            id: id.into(),
            name: name.into(),
            path: format!("/DC1/{name}"),
            datacenter: "DC1".into(),
        }
    }

    pub fn offer() -> CloudOffer {
        let datastore = |id: &str, name: &str, available: u64| OfferedDatastore {
            object: object(id, name),
            capacity_bytes: 100 << 30,
            available_bytes: available << 30,
        };
        CloudOffer {
            vcenter: "cloud".parse().unwrap(),
            address: "10.10.8.27".into(),
            unavailable: None,
            clusters: vec![OfferedCluster {
                object: object("domain-c1", "C1"),
                drs: true,
                cpus_total: 64,
                cpus_used: 10,
                memory_total_mib: 65_536,
                memory_used_mib: 1_024,
                hosts: Vec::new(),
                pools: vec![object("resgroup-1", "P1")],
                datastores: vec![datastore("datastore-1", "ds1", 50), datastore("datastore-2", "ds2", 90)],
                networks: vec![object("network-1", "VM Network"), object("network-2", "DMZ")],
            }],
            folders: vec![object("group-v1", "F1")],
        }
    }
}
