//! Whether the place chosen fits together, has room, and knows the VM's hardware.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::VcenterId;
use crate::problem::Finding;

use super::network::NetworkChoice;
use super::reservation::Reservations;
use super::source::SourceVm;

/// Kinds of disk controller that an import can make (vSphere API: `VirtualController` and its kinds).
pub const KNOWN_CONTROLLERS: &[&str] = &[
    "ParaVirtualSCSIController",
    "VirtualAHCIController",
    "VirtualBusLogicController",
    "VirtualIDEController",
    "VirtualLsiLogicController",
    "VirtualLsiLogicSASController",
    "VirtualNVMEController",
];

/// A host that could take the VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// Whether it belongs to the cluster chosen.
    pub in_cluster: bool,
    /// Whether vCenter is connected to it.
    pub connected: bool,
    /// Whether it is in maintenance, or going there.
    pub maintenance: bool,
    /// Whether it sees the datastore chosen.
    pub sees_datastore: bool,
    /// Those of the networks chosen that it does not see, by name.
    pub unseen_networks: Vec<String>,
    /// The newest hardware version it runs, 21 for `vmx-21`; absent if unknown.
    pub max_hardware_version: Option<u32>,
}

impl HostFacts {
    /// Whether the VM can be imported on it.
    pub fn usable(&self) -> bool {
        self.in_cluster
            && self.connected
            && !self.maintenance
            && self.sees_datastore
            && self.unseen_networks.is_empty()
    }

    /// Whether it runs virtual hardware of this version, as far as that is known.
    pub fn runs(&self, hardware_version: Option<u32>) -> bool {
        hardware_version.zip(self.max_hardware_version).is_none_or(|(wanted, max)| wanted <= max)
    }
}

/// The datastore chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatastoreFacts {
    /// Its managed object id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether vCenter reaches it.
    pub accessible: bool,
    /// Whether it is in maintenance, or going there.
    pub maintenance: bool,
    /// Whether a host of the cluster sees it.
    pub seen_by_cluster: bool,
    /// Its free space.
    pub free_bytes: u64,
}

/// The place chosen, with what is known about it. Names are looked up before; here each is an object.
#[derive(Clone, Debug)]
pub struct TargetFacts {
    /// The vCenter.
    pub vcenter: VcenterId,
    /// The cluster, by name.
    pub cluster: String,
    /// The cluster's datacenter, by name.
    pub datacenter: String,
    /// The hosts that come into question: the one asked for, or all of the cluster.
    pub hosts: Vec<HostFacts>,
    /// The resource pool, by name.
    pub pool: String,
    /// Whether the pool belongs to the cluster.
    pub pool_in_cluster: bool,
    /// The datastore.
    pub datastore: DatastoreFacts,
    /// The folder's managed object id.
    pub folder_id: String,
    /// The folder's inventory path.
    pub folder: String,
    /// Whether the folder holds VMs.
    pub folder_holds_vms: bool,
    /// Whether the folder is in the cluster's datacenter.
    pub folder_in_datacenter: bool,
    /// Names of the folder's VMs.
    pub names_in_folder: BTreeSet<String>,
    /// Source network's name to the network chosen.
    pub networks: BTreeMap<String, NetworkChoice>,
    /// The target network chosen for an adapter, by its label; goes before `networks`.
    pub adapters: BTreeMap<String, NetworkChoice>,
    /// MAC addresses used in this vCenter, as far as they matter for the VM.
    pub macs_in_use: Vec<String>,
    /// The kinds of firmware the cluster can run; absent if unknown.
    pub firmware: Option<BTreeSet<String>>,
}

/// Checks the place, the room in it, the name and the hardware.
pub fn check(vm: &SourceVm, target: &TargetFacts, reservations: &Reservations) -> Vec<Finding> {
    let mut found = Vec::new();
    fits_together(target, &mut found);
    hosts(target, &mut found);
    space(vm, target, reservations, &mut found);
    let folder = FolderFacts { id: &target.folder_id, path: &target.folder, names: &target.names_in_folder };
    found.extend(check_name(vm, &target.vcenter, folder, reservations));
    hardware(vm, target, &mut found);
    found
}

/// The hosts HDM can choose from for a VM of this hardware version: the usable ones that run it, by name.
pub fn fit_hosts(hosts: &[HostFacts], hardware_version: Option<u32>) -> Vec<&HostFacts> {
    let mut fit: Vec<_> = hosts.iter().filter(|h| h.usable() && h.runs(hardware_version)).collect();
    fit.sort_by(|a, b| a.name.cmp(&b.name));
    fit
}

/// The newest hardware version a host of this ESXi version runs (VMware KB 1003746); absent for versions
/// unknown to us, which newer ones are: they run everything.
pub fn max_hardware_version(esxi: &str) -> Option<u32> {
    let mut parts = esxi.split('.').map(|part| part.parse::<u32>().ok());
    let version = (parts.next()??, parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0));
    match version {
        (6, 0, _) => Some(11),
        (6, 5, _) => Some(13),
        // 6.7 Update 2 runs 15 and has the same version number.
        (6, 7, _) => Some(15),
        (7, 0, 0) => Some(17),
        (7, 0, 1) => Some(18),
        (7, 0, _) => Some(19),
        (8, 0, 0 | 1) => Some(20),
        (8, 0, _) => Some(21),
        (9, 0, _) => Some(22),
        _ => None,
    }
}

fn fits_together(target: &TargetFacts, found: &mut Vec<Finding>) {
    let cluster = target.cluster.as_str();
    if !target.pool_in_cluster {
        found.push(Finding::blocker(
            "pool-elsewhere",
            &target.pool,
            format!("The resource pool '{}' does not belong to '{cluster}'.", target.pool),
            format!("Choose a pool of '{cluster}', or leave it out for the cluster's own."),
        ));
    }
    if !target.folder_holds_vms {
        found.push(Finding::blocker(
            "folder-wrong-kind",
            &target.folder,
            format!("The folder '{}' does not hold virtual machines.", target.folder),
            "Choose a folder of the view VMs and Templates.",
        ));
    } else if !target.folder_in_datacenter {
        found.push(Finding::blocker(
            "folder-elsewhere",
            &target.folder,
            format!("The folder '{}' is in another datacenter than '{cluster}'.", target.folder),
            format!("Choose a folder of the datacenter '{}'.", target.datacenter),
        ));
    }
    let datastore = &target.datastore;
    let name = datastore.name.as_str();
    if !datastore.seen_by_cluster {
        found.push(Finding::blocker(
            "datastore-not-seen",
            name,
            format!("No host of '{cluster}' sees the datastore '{name}'."),
            format!("Choose a datastore of '{cluster}', or another cluster."),
        ));
    }
    if !datastore.accessible {
        found.push(Finding::blocker(
            "datastore-inaccessible",
            name,
            format!("vCenter cannot reach the datastore '{name}'."),
            "Bring it back, or choose another one.",
        ));
    }
    if datastore.maintenance {
        found.push(Finding::blocker(
            "datastore-maintenance",
            name,
            format!("The datastore '{name}' is in maintenance."),
            "End the maintenance, or choose another one.",
        ));
    }
}

fn hosts(target: &TargetFacts, found: &mut Vec<Finding>) {
    let cluster = target.cluster.as_str();
    if target.hosts.is_empty() {
        found.push(Finding::blocker(
            "cluster-without-host",
            cluster,
            format!("'{cluster}' has no host."),
            "Choose another cluster.",
        ));
        return;
    }
    if target.hosts.iter().any(HostFacts::usable) {
        return;
    }
    let datastore = target.datastore.name.as_str();
    for host in &target.hosts {
        let name = host.name.as_str();
        let (code, message) = if !host.in_cluster {
            ("host-not-in-cluster", format!("The host '{name}' does not belong to '{cluster}'."))
        } else if !host.connected {
            ("host-disconnected", format!("vCenter is not connected to the host '{name}'."))
        } else if host.maintenance {
            ("host-maintenance", format!("The host '{name}' is in maintenance."))
        } else if !host.sees_datastore {
            // Said once for the datastore if no host sees it.
            if !target.datastore.seen_by_cluster {
                continue;
            }
            ("host-sees-no-datastore", format!("The host '{name}' does not see the datastore '{datastore}'."))
        } else {
            let unseen = host.unseen_networks.join("', '");
            ("host-sees-no-network", format!("The host '{name}' is not connected to '{unseen}'."))
        };
        let remedy = "Mend that, or choose another host, datastore or network.";
        found.push(Finding::blocker(code, name, message, remedy));
    }
}

fn space(vm: &SourceVm, target: &TargetFacts, reservations: &Reservations, found: &mut Vec<Finding>) {
    let needed = vm.disks.iter().fold(0u64, |sum, d| sum.saturating_add(d.capacity_bytes));
    let datastore = &target.datastore;
    let reserved = reservations.bytes_on(&target.vcenter, &datastore.id);
    let left = datastore.free_bytes.saturating_sub(reserved);
    if needed > left {
        found.push(Finding::blocker(
            "space-short",
            &datastore.name,
            format!(
                "'{}' needs {} on the datastore '{}', where {} are free and {} of that are reserved for other migrations.",
                vm.name,
                size(needed),
                datastore.name,
                size(datastore.free_bytes),
                size(reserved)
            ),
            "Choose another datastore, make room, or wait for the other migrations.",
        ));
    }
}

/// A size for people: in GiB or MiB with one decimal, exact below 1 MiB.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        b if b >= 1 << 30 => format!("{} GiB", tenths(1 << 30)),
        b if b >= 1 << 20 => format!("{} MiB", tenths(1 << 20)),
        b => format!("{b} bytes"),
    }
}

/// A folder that a copy is to be put into.
#[derive(Clone, Copy, Debug)]
pub struct FolderFacts<'a> {
    /// Its managed object id.
    pub id: &'a str,
    /// Its inventory path.
    pub path: &'a str,
    /// Names of its VMs.
    pub names: &'a BTreeSet<String>,
}

/// Checks that the copy's name is free in a folder.
pub fn check_name(
    vm: &SourceVm,
    vcenter: &VcenterId,
    folder: FolderFacts<'_>,
    reservations: &Reservations,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let name = vm.target_name.as_str();
    let remedy = "Give the copy another name, or choose another folder.";
    if folder.names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
        found.push(Finding::blocker(
            "name-taken",
            name,
            format!("A virtual machine named '{name}' is in the folder '{}' already.", folder.path),
            remedy,
        ));
    } else if let Some(held) = reservations.holder_of_name(vcenter, folder.id, name) {
        found.push(Finding::blocker(
            "name-reserved",
            name,
            format!(
                "The name '{name}' in the folder '{}' is reserved for migration {}.",
                folder.path, held.migration
            ),
            remedy,
        ));
    }
    found
}

fn hardware(vm: &SourceVm, target: &TargetFacts, found: &mut Vec<Finding>) {
    let name = vm.name.as_str();
    let cluster = target.cluster.as_str();
    // Only the hosts that could take it otherwise count: in a mixed cluster, and if one was asked for.
    let usable = || target.hosts.iter().filter(|h| h.usable());
    if let Some(has) = vm.hardware_version
        && let Some(max) = usable().filter_map(|h| h.max_hardware_version).max()
        && fit_hosts(&target.hosts, Some(has)).is_empty()
    {
        found.push(Finding::blocker(
            "hardware-version-unsupported",
            name,
            format!(
                "'{name}' has hardware version {has}; what can take it of '{cluster}' runs at most {max}."
            ),
            "Choose a newer host, or a cluster with newer hosts.",
        ));
    }
    // A VM that says nothing starts by BIOS, the API's default.
    if let Some(known) = &target.firmware
        && !vm.firmware.is_empty()
        && !known.contains(&vm.firmware)
    {
        found.push(Finding::blocker(
            "firmware-unsupported",
            name,
            format!("'{name}' starts by {}, which '{cluster}' does not offer.", vm.firmware),
            "Choose another cluster.",
        ));
    }
    for kind in vm.controllers.iter().filter(|k| !KNOWN_CONTROLLERS.contains(&k.as_str())) {
        found.push(Finding::blocker(
            "controller-unsupported",
            name,
            format!("'{name}' has a disk controller of the kind {kind}, which the target does not know."),
            "Attach its disks to a controller of another kind, such as VMware Paravirtual.",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::reservation::Reservation;
    use super::super::reservation::tests::reservation;
    use super::super::samples::{codes, target, vm};
    use super::*;

    fn only(spoil: impl FnOnce(&mut SourceVm, &mut TargetFacts)) -> String {
        with(&Reservations::default(), spoil)
    }

    fn with(held: &Reservations, spoil: impl FnOnce(&mut SourceVm, &mut TargetFacts)) -> String {
        let (mut vm, mut target) = (vm(), target());
        spoil(&mut vm, &mut target);
        let found = check(&vm, &target, held);
        assert!(found.iter().all(Finding::blocks));
        codes(&found).join(",")
    }

    #[test]
    fn a_place_that_fits_is_accepted() {
        assert_eq!(only(|_, _| ()), "");
    }

    #[test]
    fn pool_folder_and_datastore_must_belong_to_the_cluster() {
        assert_eq!(only(|_, t| t.pool_in_cluster = false), "pool-elsewhere");
        assert_eq!(only(|_, t| t.folder_holds_vms = false), "folder-wrong-kind");
        assert_eq!(only(|_, t| t.folder_in_datacenter = false), "folder-elsewhere");
        assert_eq!(only(|_, t| t.datastore.accessible = false), "datastore-inaccessible");
        assert_eq!(only(|_, t| t.datastore.maintenance = true), "datastore-maintenance");
        let unseen = |_: &mut SourceVm, t: &mut TargetFacts| {
            t.datastore.seen_by_cluster = false;
            t.hosts[0].sees_datastore = false;
        };
        assert_eq!(only(unseen), "datastore-not-seen");
    }

    #[test]
    fn a_host_must_be_able_to_take_the_vm() {
        assert_eq!(only(|_, t| t.hosts.clear()), "cluster-without-host");
        assert_eq!(only(|_, t| t.hosts[0].in_cluster = false), "host-not-in-cluster");
        assert_eq!(only(|_, t| t.hosts[0].connected = false), "host-disconnected");
        assert_eq!(only(|_, t| t.hosts[0].maintenance = true), "host-maintenance");
        assert_eq!(only(|_, t| t.hosts[0].sees_datastore = false), "host-sees-no-datastore");
        assert_eq!(only(|_, t| t.hosts[0].unseen_networks = vec!["LAN".into()]), "host-sees-no-network");
    }

    fn names<'a>(hosts: &[&'a HostFacts]) -> Vec<&'a str> {
        hosts.iter().map(|host| host.name.as_str()).collect()
    }

    #[test]
    fn usable_hosts_fit_in_the_order_of_their_names() {
        let usable = target().hosts.remove(0);
        let named = |name: &str, maintenance| HostFacts { name: name.into(), maintenance, ..usable.clone() };
        let hosts = [named("c", false), named("a", true), named("b", false)];
        assert_eq!(names(&fit_hosts(&hosts, None)), ["b", "c"]);
        assert!(fit_hosts(&hosts[1..2], None).is_empty());
        assert_eq!(only(|_, t| t.hosts = hosts.to_vec()), "", "one usable host is enough");
    }

    #[test]
    fn room_counts_what_is_promised_to_others() {
        assert_eq!(only(|_, t| t.datastore.free_bytes = 10 << 30), "", "just enough");
        assert_eq!(only(|_, t| t.datastore.free_bytes = (10 << 30) - 1), "space-short");
        let held = Reservations::of_others([Reservation { name: "x".into(), ..reservation() }], None);
        assert_eq!(with(&held, |_, t| t.datastore.free_bytes = 15 << 30), "");
        assert_eq!(with(&held, |_, t| t.datastore.free_bytes = (15 << 30) - 1), "space-short");
        assert_eq!(only(|v, _| v.disks[0].capacity_bytes = u64::MAX), "space-short");
    }

    #[test]
    fn the_name_must_be_free_and_unpromised() {
        assert_eq!(only(|_, t| t.names_in_folder = ["WEB-01".to_owned()].into()), "name-taken");
        let held = Reservations::of_others([reservation()], None);
        assert_eq!(with(&held, |_, _| ()), "name-reserved");
        assert_eq!(with(&held, |v, _| v.target_name = "web-02".into()), "");
        assert_eq!(with(&held, |_, t| t.folder_id = "group-v2".into()), "");
    }

    #[test]
    fn hardware_must_be_known_to_the_target() {
        assert_eq!(only(|v, _| v.hardware_version = Some(22)), "hardware-version-unsupported");
        assert_eq!(only(|v, _| v.hardware_version = Some(21)), "");
        assert_eq!(only(|v, t| (v.hardware_version, t.hosts[0].max_hardware_version) = (Some(22), None)), "");
        let efi: BTreeSet<String> = ["efi".to_owned()].into();
        assert_eq!(only(|_, t| t.firmware = Some(efi.clone())), "firmware-unsupported");
        assert_eq!(only(|v, t| (v.firmware, t.firmware) = ("efi".into(), Some(efi.clone()))), "");
        assert_eq!(only(|v, _| v.controllers.push("VirtualSdioController".into())), "controller-unsupported");
        for known in KNOWN_CONTROLLERS {
            assert_eq!(only(|v, _| v.controllers = vec![(*known).into()]), "", "{known}");
        }
    }

    #[test]
    fn in_a_mixed_cluster_a_host_that_runs_the_hardware_is_chosen() {
        let old = target().hosts.remove(0);
        let new = HostFacts { name: "esx-2".into(), max_hardware_version: Some(22), ..old.clone() };
        let both = [old.clone(), new.clone()];
        assert_eq!(names(&fit_hosts(&both, Some(21))), ["esx-1", "esx-2"]);
        assert_eq!(names(&fit_hosts(&both, Some(22))), ["esx-2"]);
        let mixed =
            |hosts: &[HostFacts]| only(|v, t| (v.hardware_version, t.hosts) = (Some(22), hosts.to_vec()));
        assert_eq!(mixed(&both), "");
        assert_eq!(mixed(&both[..1]), "hardware-version-unsupported", "the old one was asked for");
        let resting = HostFacts { maintenance: true, ..new };
        assert_eq!(mixed(&[old, resting]), "hardware-version-unsupported", "the new one cannot take it");
    }

    #[test]
    fn a_hosts_version_tells_what_hardware_it_runs() {
        for (esxi, hardware) in [
            ("6.7.0", Some(15)),
            ("7.0.3", Some(19)),
            ("8.0.2", Some(21)),
            ("8.0", Some(20)),
            ("12.1", None),
            ("", None),
        ] {
            assert_eq!(max_hardware_version(esxi), hardware, "{esxi}");
        }
    }

    #[test]
    fn sizes_read_well() {
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(3 << 19), "1.5 MiB");
        assert_eq!(size(10 << 30), "10.0 GiB");
    }
}
