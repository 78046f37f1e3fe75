//! Admission: whether a virtual machine can be moved cold to a given place.
//!
//! Everything here is a rule over plain facts. The appliance gathers the facts (from the inventory, from one
//! read of the VM and from its own open migrations); the rules answer with every [`Finding`] at once, so that
//! an administrator mends all of them before asking again. The same rules run when a request is accepted and
//! again when the VM leaves the queue, because a day may lie between the two.
//!
//! | file | subject |
//! |---|---|
//! | [`source`] | what the VM is: its kind, devices, disks and present condition |
//! | [`carried`] | what a move leaves behind: warnings, never blockers |
//! | [`target`] | whether cluster, host, pool, datastore and folder fit together, have room and know the VM's hardware |
//! | [`network`] | whether each adapter has a network and each MAC address is free |
//! | [`options`] | whether the numbers asked for are possible |
//! | [`reservation`] | what the migrations accepted earlier have been promised |
//!
//! Codes of findings are stable: scripts compare them. [`CODES`] lists them all.

pub mod carried;
pub mod network;
pub mod options;
pub mod reservation;
pub mod source;
pub mod target;

use crate::migration::ColdOptions;
use crate::problem::Finding;

pub use network::{NetworkChoice, SourceNic};
pub use reservation::{Reservation, Reservations};
pub use source::{DeviceKind, PowerState, SourceDevice, SourceDisk, SourceVm};
pub use target::{DatastoreFacts, HostFacts, TargetFacts};

/// Every code the rules of this module can answer with.
pub const CODES: &[&str] = &[
    "already-moving",
    "cluster-without-host",
    "consolidation-needed",
    "controller-unsupported",
    "cpus-out-of-range",
    "custom-attributes-not-carried",
    "datastore-inaccessible",
    "datastore-maintenance",
    "datastore-not-seen",
    "device-not-carried",
    "disk-encrypted",
    "disk-independent",
    "disk-multi-writer",
    "disk-rdm",
    "disk-shared-bus",
    "disk-size-unknown",
    "encrypted",
    "fault-tolerance",
    "firmware-unsupported",
    "folder-elsewhere",
    "folder-wrong-kind",
    "hardware-version-unsupported",
    "host-disconnected",
    "host-maintenance",
    "host-not-in-cluster",
    "host-sees-no-datastore",
    "host-sees-no-network",
    "iso-not-carried",
    "linked-clone",
    "mac-in-use",
    "mac-reserved",
    "managed-by",
    "memory-out-of-range",
    "method-disabled",
    "moved-already",
    "name-not-offered",
    "name-reserved",
    "name-taken",
    "name-unusable",
    "network-not-seen",
    "network-unmapped",
    "nvdimm",
    "other-properties-not-carried",
    "passthrough",
    "permissions-not-carried",
    "pool-elsewhere",
    "powered-on",
    "question-pending",
    "snapshots-not-carried",
    "source-pool-impossible",
    "space-short",
    "sr-iov",
    "storage-policy-not-carried",
    "suspended",
    "tags-not-carried",
    "task-running",
    "template",
    "timeout-out-of-range",
    "vapp-member",
    "vgpu",
    "vm-inaccessible",
    "vtpm",
];

/// All that is known about one move that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The VM.
    pub vm: &'a SourceVm,
    /// Where it goes.
    pub target: &'a TargetFacts,
    /// How it is moved and what it becomes.
    pub options: &'a ColdOptions,
    /// What other migrations have been promised.
    pub reservations: &'a Reservations,
}

/// Applies every rule; blockers first, each group in a fixed order.
pub fn admit(case: Case<'_>) -> Vec<Finding> {
    let Case { vm, target, options, reservations } = case;
    let mut findings = admit_without_target(vm, options, reservations);
    findings.extend(target::check(vm, target, reservations));
    findings.extend(network::check(vm, target, options, reservations));
    findings.sort_by_key(|f| !f.blocks());
    findings
}

/// Applies the rules that need no target, for a VM whose target is not known in all its parts.
pub fn admit_without_target(
    vm: &SourceVm,
    options: &ColdOptions,
    reservations: &Reservations,
) -> Vec<Finding> {
    let mut findings = options::check(vm, options);
    findings.extend(source::check(vm));
    findings.extend(source::check_power(vm, options));
    findings.extend(reservations.check_moving(vm));
    findings.extend(carried::check(vm));
    findings
}

#[cfg(test)]
pub(crate) mod samples {
    //! A VM and a target with nothing wrong, for the rules' tests to spoil one thing at a time.
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::ObjectId;

    pub fn id(vcenter: &str, moid: &str) -> ObjectId {
        ObjectId { vcenter: vcenter.to_owned().try_into().unwrap(), moid: moid.into() }
    }

    pub fn vm() -> SourceVm {
        SourceVm {
            id: id("onprem", "vm-1"),
            name: "web-01".into(),
            target_name: "web-01".into(),
            connection: "connected".into(),
            power: PowerState::Off,
            hardware_version: Some(19),
            firmware: "bios".into(),
            controllers: vec!["ParaVirtualSCSIController".into()],
            disks: vec![SourceDisk {
                label: "Hard disk 1".into(),
                capacity_bytes: 10 << 30,
                backing: "FlatVer2".into(),
                ..SourceDisk::default()
            }],
            nics: vec![SourceNic {
                label: "Network adapter 1".into(),
                mac: "00:50:56:01:02:03".into(),
                network: "VM Network".into(),
            }],
            cluster: "C0".into(),
            cluster_has_drs: true,
            tags: Some(Vec::new()),
            permissions: Some(Vec::new()),
            storage_policies: Some(Vec::new()),
            template: false,
            moved_already: false,
            encrypted: false,
            fault_tolerance: false,
            managed_by: None,
            vapp: None,
            linked_clone: false,
            consolidation_needed: false,
            question: None,
            disabled_methods: Vec::new(),
            running_tasks: Vec::new(),
            devices: Vec::new(),
            snapshots: Vec::new(),
            custom_attributes: Vec::new(),
        }
    }

    pub fn target() -> TargetFacts {
        TargetFacts {
            vcenter: "cloud".to_owned().try_into().unwrap(),
            cluster: "C0".into(),
            datacenter: "DC0".into(),
            hosts: vec![HostFacts {
                name: "esx-1".into(),
                in_cluster: true,
                connected: true,
                maintenance: false,
                sees_datastore: true,
                unseen_networks: Vec::new(),
                max_hardware_version: Some(21),
            }],
            pool: "Resources".into(),
            pool_in_cluster: true,
            datastore: DatastoreFacts {
                id: "datastore-1".into(),
                name: "ds0".into(),
                accessible: true,
                maintenance: false,
                seen_by_cluster: true,
                free_bytes: 100 << 30,
            },
            folder_id: "group-v1".into(),
            folder: "/DC0/vm".into(),
            folder_holds_vms: true,
            folder_in_datacenter: true,
            networks: [("VM Network".to_owned(), NetworkChoice { name: "Cloud LAN".into(), seen: true })]
                .into(),
            adapters: [].into(),
            firmware: None,
            names_in_folder: BTreeSet::new(),
            macs_in_use: Vec::new(),
        }
    }

    pub fn codes(findings: &[Finding]) -> Vec<&str> {
        for f in findings {
            assert!(CODES.contains(&f.code.as_str()), "{} is missing from CODES", f.code);
            assert!(f.message.ends_with('.') && f.remedy.ends_with('.'), "not sentences: {f:?}");
            assert!(!f.object.is_empty(), "names no object: {f:?}");
        }
        findings.iter().map(|f| f.code.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{codes, target, vm};
    use super::*;

    #[test]
    fn a_plain_vm_is_admitted_without_a_word() {
        let (vm, target) = (vm(), target());
        let findings = admit(Case {
            vm: &vm,
            target: &target,
            options: &ColdOptions::default(),
            reservations: &Reservations::default(),
        });
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn every_failing_check_is_reported_at_once_blockers_first() {
        let mut vm = vm();
        vm.snapshots = vec!["before-patch".into()];
        vm.template = true;
        vm.encrypted = true;
        let mut target = target();
        target.datastore.free_bytes = 1;
        let findings = admit(Case {
            vm: &vm,
            target: &target,
            options: &ColdOptions::default(),
            reservations: &Reservations::default(),
        });
        assert_eq!(codes(&findings), ["template", "encrypted", "space-short", "snapshots-not-carried"]);
    }

    #[test]
    fn the_list_of_codes_is_sorted_and_without_doubles() {
        assert!(CODES.windows(2).all(|w| w[0] < w[1]));
    }
}
