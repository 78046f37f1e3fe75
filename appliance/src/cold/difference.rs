//! What a copy lacks of what it was to be.

use hdm_vsphere::{BootDevice, NicChange, NicDetails, VmConfigChange, VmDetails};

use super::target_spec::{Wanted, WantedBoot, WantedDisk};

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

fn nics_in_order(copy: &VmDetails) -> Vec<&NicDetails> {
    let mut nics: Vec<_> = copy.nics.iter().collect();
    nics.sort_by_key(|n| n.key);
    nics
}

fn nics(wanted: &Wanted, copy: &VmDetails, found: &mut Difference) {
    let there = nics_in_order(copy);
    if wanted.nics.len() != there.len() {
        found.essential.push(format!(
            "it has {} network adapters instead of {}",
            there.len(),
            wanted.nics.len()
        ));
    }
    for (wanted, nic) in wanted.nics.iter().zip(there) {
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
