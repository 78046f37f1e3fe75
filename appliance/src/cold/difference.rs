//! What a copy lacks of what it was to be.

use hdm_vsphere::{BootDevice, MoRef, NicChange, NicDetails, VmConfigChange, VmDetails};

use super::target_spec::{Wanted, WantedBoot, WantedDisk, WantedNic};

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The change that mends what can be mended.
    pub change: VmConfigChange,
    /// What that change is about, in words.
    pub what: Vec<String>,
    /// What a copy must not lack, a sentence each; some of it the change may mend.
    pub essential: Vec<String>,
}

/// Compares a copy with what it was to be. Connect flags are not looked at: they have steps of their own.
pub fn compare(wanted: &Wanted, copy: &VmDetails) -> Difference {
    let mut found = Difference::default();
    identity(wanted, copy, &mut found);
    processors(wanted, copy, &mut found);
    start(wanted, copy, &mut found);
    settings(wanted, copy, &mut found);
    for disk in &wanted.disks {
        found.essential.extend(disk_fault(disk, copy));
        allocation(disk, copy, &mut found);
    }
    if wanted.disks.len() != copy.disks.len() {
        found.essential.push(format!("it has {} disks instead of {}", copy.disks.len(), wanted.disks.len()));
    }
    nics(wanted, copy, &mut found);
    found
}

fn identity(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    if !wanted.bios_uuid.eq_ignore_ascii_case(&copy.bios_uuid) {
        found.change.bios_uuid = Some(wanted.bios_uuid.clone());
        found.what.push("the BIOS UUID".to_owned());
        found.essential.push(format!("its BIOS UUID is {} instead of {}", copy.bios_uuid, wanted.bios_uuid));
    }
    if wanted.annotation != copy.annotation {
        found.change.annotation = Some(wanted.annotation.clone());
        found.what.push("the notes".to_owned());
    }
    if wanted.hw_version != copy.hw_version {
        found
            .essential
            .push(format!("its hardware version is {} instead of {}", copy.hw_version, wanted.hw_version));
    }
}

fn processors(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    if wanted.cpus != copy.cpus {
        found.change.cpus = Some(wanted.cpus);
        found.what.push("the number of CPUs".to_owned());
        found.essential.push(format!("it has {} CPUs instead of {}", copy.cpus, wanted.cpus));
    }
    if wanted.cores_per_socket != copy.cores_per_socket {
        found.change.cores_per_socket = Some(wanted.cores_per_socket);
        found.what.push("the cores per socket".to_owned());
    }
    if wanted.memory_mib != copy.memory_mib {
        found.change.memory_mib = Some(wanted.memory_mib);
        found.what.push("the memory".to_owned());
        found
            .essential
            .push(format!("it has {} MiB of memory instead of {}", copy.memory_mib, wanted.memory_mib));
    }
    for (wanted, copy, change, what) in [
        (wanted.cpu_hot_add, copy.cpu_hot_add, &mut found.change.cpu_hot_add, "CPU hot add"),
        (wanted.cpu_hot_remove, copy.cpu_hot_remove, &mut found.change.cpu_hot_remove, "CPU hot remove"),
        (wanted.memory_hot_add, copy.memory_hot_add, &mut found.change.memory_hot_add, "memory hot add"),
    ] {
        if wanted != copy {
            *change = Some(wanted);
            found.what.push(what.to_owned());
        }
    }
}

fn start(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    if wanted.firmware != copy.firmware {
        found.change.firmware = Some(wanted.firmware.clone());
        found.what.push("the firmware".to_owned());
        found.essential.push(format!("its firmware is {} instead of {}", copy.firmware, wanted.firmware));
    }
    if wanted.secure_boot != copy.secure_boot {
        found.change.secure_boot = Some(wanted.secure_boot);
        found.what.push("secure boot".to_owned());
        found.essential.push("secure boot is not as it was".to_owned());
    }
    if wanted.boot_delay_ms.unwrap_or(0) != copy.boot_delay_ms.unwrap_or(0) {
        found.change.boot_delay_ms = Some(wanted.boot_delay_ms.unwrap_or(0));
        found.what.push("the boot delay".to_owned());
    }
    let order = boot_order(wanted, copy);
    if order != copy.boot_order && !order.is_empty() {
        found.change.boot_order = order;
        found.what.push("the boot order".to_owned());
    }
}

/// The boot order in the copy's device keys; a device that the copy lacks is left out.
fn boot_order(wanted: &Wanted, copy: &VmDetails) -> Vec<BootDevice> {
    let nics = nics_in_order(copy);
    let device = |boot: &WantedBoot| match boot {
        WantedBoot::Kind(kind) => Some(BootDevice { kind: kind.clone(), device_key: None }),
        WantedBoot::Disk(n) => {
            let key = place_of(wanted.disks.get(*n)?, copy)?.key;
            let kind = "VirtualMachineBootOptionsBootableDiskDevice".to_owned();
            Some(BootDevice { kind, device_key: Some(key) })
        }
        WantedBoot::Nic(n) => {
            let kind = "VirtualMachineBootOptionsBootableEthernetDevice".to_owned();
            Some(BootDevice { kind, device_key: Some(nics.get(*n)?.key) })
        }
    };
    wanted.boot_order.iter().filter_map(device).collect()
}

fn settings(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    for (key, value) in &wanted.extra_config {
        if !value.is_empty() && copy.extra_config.get(key) != Some(value) {
            found.change.extra_config.insert(key.clone(), value.clone());
            found.what.push(format!("the setting {key}"));
        }
    }
}

fn place_of<'c>(disk: &WantedDisk, copy: &'c VmDetails) -> Option<&'c hdm_vsphere::DiskDetails> {
    let controller = copy.controllers.iter().find(|c| c.kind == disk.controller && c.bus == disk.bus)?;
    copy.disks.iter().find(|d| d.controller_key == controller.key && d.unit == disk.unit)
}

fn disk_fault(disk: &WantedDisk, copy: &VmDetails) -> Option<String> {
    let Some(there) = place_of(disk, copy) else {
        return Some(format!(
            "it has no disk at {} {}:{}, where {} was",
            disk.controller, disk.bus, disk.unit, disk.label
        ));
    };
    (there.capacity_bytes != disk.capacity_bytes).then(|| {
        format!("{} has {} bytes instead of {}", there.label, there.capacity_bytes, disk.capacity_bytes)
    })
}

/// Whether a disk is thin, thick or zeroed at once. It cannot be changed any more, and a datastore may allow
/// only one of them, so a difference is told and no fault.
fn allocation(disk: &WantedDisk, copy: &VmDetails, found: &mut Difference) {
    let Some(backing) = place_of(disk, copy).map(|there| &there.backing) else { return };
    let thin = backing.thin.unwrap_or(disk.thin);
    // What a datastore does not tell is not compared.
    let eager = !thin && backing.eager.unwrap_or(disk.eager);
    if (thin, eager) != (disk.thin, disk.eager) {
        let word = match (disk.thin, disk.eager) {
            (true, _) => "thin",
            (_, true) => "thick and zeroed at once",
            _ => "thick",
        };
        found.what.push(format!("that {} is {word}", disk.label));
    }
}

/// Each wanted adapter with the copy's: known by its MAC address if it keeps one, else by the order of the
/// device keys among those that are left.
fn pairs<'w, 'c>(wanted: &'w Wanted, copy: &'c VmDetails) -> Vec<(&'w WantedNic, &'c NicDetails)> {
    let mut left = nics_in_order(copy);
    let mut found: Vec<Option<&NicDetails>> = Vec::new();
    for nic in &wanted.nics {
        let same =
            |there: &&NicDetails| nic.mac.as_ref().is_some_and(|mac| there.mac.eq_ignore_ascii_case(mac));
        let at = left.iter().position(same);
        found.push(at.map(|at| left.remove(at)));
    }
    let mut rest = left.into_iter();
    let all = wanted.nics.iter().zip(found);
    all.filter_map(|(nic, there)| Some((nic, there.or_else(|| rest.next())?))).collect()
}

/// Whether an adapter is connected to a network; absent if its backing does not tell.
fn is_on(nic: &NicDetails, network: &MoRef) -> Option<bool> {
    if !nic.portgroup_key.is_empty() {
        // The key of a distributed port group is its managed object id.
        return Some(nic.portgroup_key == network.id);
    }
    nic.network.as_ref().map(|there| there == network)
}

fn nics_in_order(copy: &VmDetails) -> Vec<&NicDetails> {
    let mut nics: Vec<_> = copy.nics.iter().collect();
    nics.sort_by_key(|n| n.key);
    nics
}

fn nics(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    if wanted.nics.len() != copy.nics.len() {
        found.essential.push(format!(
            "it has {} network adapters instead of {}",
            copy.nics.len(),
            wanted.nics.len()
        ));
    }
    for (wanted, nic) in pairs(wanted, copy) {
        if let Some(network) = &wanted.network
            && is_on(nic, &network.object) == Some(false)
        {
            found.essential.push(format!("{} is not connected to '{}'", wanted.label, network.name));
        }
        let mut change = NicChange { key: nic.key, ..NicChange::default() };
        if let Some(mac) = &wanted.mac
            && !(nic.mac.eq_ignore_ascii_case(mac) && nic.address_type == "manual")
        {
            change.address_type = Some("manual".to_owned());
            change.mac = Some(mac.clone());
            found.what.push(format!("the MAC address of {}", wanted.label));
            found
                .essential
                .push(format!("the MAC address of {} is {} instead of {mac}", wanted.label, nic.mac));
        }
        if nic.wake_on_lan != wanted.wake_on_lan {
            change.wake_on_lan = Some(wanted.wake_on_lan);
            found.what.push(format!("Wake on LAN of {}", wanted.label));
        }
        if nic.kind != wanted.kind {
            found.essential.push(format!("{} is a {} instead of a {}", wanted.label, nic.kind, wanted.kind));
        }
        if change.mac.is_some() || change.wake_on_lan.is_some() {
            found.change.nics.push(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use hdm_vsphere::{ControllerDetails, DiskBacking, DiskDetails};

    use super::super::input::Named;
    use super::*;

    fn named(id: &str) -> Named {
        Named { object: MoRef::new("Network", id), name: id.to_owned() }
    }

    fn wanted() -> Wanted {
        let nic = |n: u32| WantedNic {
            label: format!("Network adapter {n}"),
            kind: "VirtualVmxnet3".into(),
            mac: Some(format!("00:50:56:00:00:0{n}")),
            network: Some(named(&format!("network-{n}"))),
            wake_on_lan: true,
        };
        Wanted {
            name: "web-01".into(),
            bios_uuid: "u".into(),
            firmware: "bios".into(),
            secure_boot: false,
            boot_order: Vec::new(),
            boot_delay_ms: None,
            cpus: 1,
            cores_per_socket: 1,
            memory_mib: 64,
            cpu_hot_add: false,
            cpu_hot_remove: false,
            memory_hot_add: false,
            annotation: String::new(),
            hw_version: "vmx-19".into(),
            extra_config: std::collections::BTreeMap::new(),
            disks: vec![WantedDisk {
                label: "Hard disk 1".into(),
                capacity_bytes: 1 << 20,
                controller: "ParaVirtualSCSIController".into(),
                bus: 0,
                unit: 0,
                thin: false,
                eager: true,
            }],
            nics: vec![nic(1), nic(2)],
        }
    }

    /// A copy that is as wanted, its adapters in the other order.
    fn copy() -> VmDetails {
        let nic = |n: i32| NicDetails {
            key: 4_010 - n,
            kind: "VirtualVmxnet3".into(),
            label: String::new(),
            mac: format!("00:50:56:00:00:0{n}"),
            address_type: "manual".into(),
            network: Some(MoRef::new("Network", format!("network-{n}"))),
            network_name: String::new(),
            portgroup_key: String::new(),
            start_connected: false,
            connected: false,
            wake_on_lan: true,
        };
        let backing = DiskBacking { thin: Some(false), eager: Some(true), ..DiskBacking::default() };
        VmDetails {
            bios_uuid: "U".into(),
            firmware: "bios".into(),
            cpus: 1,
            cores_per_socket: 1,
            memory_mib: 64,
            hw_version: "vmx-19".into(),
            controllers: vec![ControllerDetails {
                key: 1_000,
                kind: "ParaVirtualSCSIController".into(),
                bus: 0,
                sharing: String::new(),
            }],
            disks: vec![DiskDetails {
                key: 2_000,
                label: "Hard disk 1".into(),
                capacity_bytes: 1 << 20,
                controller_key: 1_000,
                unit: 0,
                backing,
            }],
            nics: vec![nic(1), nic(2)],
            ..VmDetails::default()
        }
    }

    #[test]
    fn adapters_are_known_by_their_addresses_and_must_be_on_their_networks() {
        assert_eq!(compare(&wanted(), &copy()), Difference::default());
        let mut crossed = copy();
        let (first, second) = (crossed.nics[0].network.clone(), crossed.nics[1].network.clone());
        (crossed.nics[0].network, crossed.nics[1].network) = (second, first);
        let found = compare(&wanted(), &crossed).essential;
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("Network adapter 1 is not connected to 'network-1'"), "{found:?}");
        let mut distributed = copy();
        distributed.nics[0].portgroup_key = "network-1".into();
        assert_eq!(compare(&wanted(), &distributed).essential, Vec::<String>::new());
        distributed.nics[0].portgroup_key = "dvportgroup-9".into();
        assert_eq!(compare(&wanted(), &distributed).essential.len(), 1);
    }

    #[test]
    fn a_disk_of_another_type_is_told() {
        let mut thin = copy();
        thin.disks[0].backing.thin = Some(true);
        let found = compare(&wanted(), &thin);
        assert_eq!(found.what, ["that Hard disk 1 is thick and zeroed at once"]);
        assert!(found.change.is_empty() && found.essential.is_empty());
    }
}
