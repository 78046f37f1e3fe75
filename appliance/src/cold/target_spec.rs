//! What the target shall be, from the source's own configuration and the request; and whether it is.
//!
//! An export's descriptor is a poor copy of a VM: an import from it drops the BIOS UUID, MAC addresses,
//! firmware settings, boot order, `extraConfig` and more. So the import spec is completed from the source,
//! the result is read back, and what is still missing is set by a reconfiguration.

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use hdm_shared::migration::{ColdOptions, DiskFormat, MacPolicy};
use hdm_vsphere::{BootDevice, DiskDetails, DiskEdit, ImportEdit, NicDetails, NicEdit, VmDetails};

use super::input::Named;
use super::marker;

/// Everything about the target that is ours to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The BIOS UUID: guests and licences know the machine by it.
    pub bios_uuid: String,
    /// `bios` or `efi`.
    pub firmware: String,
    /// Whether only signed boot loaders start.
    pub secure_boot: bool,
    /// Which devices it starts from, in order.
    pub boot_order: Vec<WantedBoot>,
    /// Pause before it starts, in milliseconds.
    pub boot_delay_ms: Option<u64>,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Cores in each socket; divides `cpus`.
    pub cores_per_socket: u32,
    /// Memory.
    pub memory_mib: u64,
    /// Whether CPUs can be added while it runs.
    pub cpu_hot_add: bool,
    /// Whether CPUs can be removed while it runs.
    pub cpu_hot_remove: bool,
    /// Whether memory can be added while it runs.
    pub memory_hot_add: bool,
    /// Notes.
    pub annotation: String,
    /// Hardware version, such as `vmx-19`.
    pub hw_version: String,
    /// Advanced settings, ours included.
    pub extra_config: BTreeMap<String, String>,
    /// Disks in the order of their device keys.
    pub disks: Vec<WantedDisk>,
    /// Network adapters in the order of their device keys.
    pub nics: Vec<WantedNic>,
}

/// A device to start from. Device keys differ between source and target, so disks and adapters are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedBoot {
    /// The disk of this index in [`Wanted::disks`].
    Disk(usize),
    /// The adapter of this index in [`Wanted::nics`].
    Nic(usize),
    /// Any device of this type of entry, such as a CD drive.
    Kind(String),
}

/// A disk of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedDisk {
    /// Its label in the source.
    pub label: String,
    /// Its size.
    pub capacity_bytes: u64,
    /// Kind of its controller.
    pub controller: String,
    /// The controller's bus number.
    pub bus: i32,
    /// Its unit number there.
    pub unit: i32,
    /// Whether it is thin.
    pub thin: bool,
    /// Whether it is zeroed at once.
    pub eager: bool,
}

/// A network adapter of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedNic {
    /// Its label in the source.
    pub label: String,
    /// Kind, such as `VirtualVmxnet3`.
    pub kind: String,
    /// The address to keep; absent if the target generates one.
    pub mac: Option<String>,
    /// The target network.
    pub network: Option<Named>,
    /// Whether a magic packet wakes the VM.
    pub wake_on_lan: bool,
}

/// What only the source knew before it was changed: see [`super::memo::Original`].
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// Notes.
    pub notes: &'a str,
    /// Disk key to whether it was thin and whether zeroed at once: a snapshot's delta says nothing of that.
    pub allocation: &'a BTreeMap<i32, (bool, bool)>,
}

/// What the target shall be. `network` gives the target network for the key of a source adapter.
pub fn wanted(
    source: &VmDetails,
    options: &ColdOptions,
    target_name: &str,
    before: Before<'_>,
    network: impl Fn(i32) -> Option<Named>,
    marks: (MigrationId, u32),
) -> Wanted {
    let cpus = options.cpus.unwrap_or(source.cpus);
    let mut extra_config: BTreeMap<String, String> = source
        .extra_config
        .iter()
        .filter(|(key, _)| is_carried(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    extra_config.insert(marker::KEY.into(), marks.0.to_string());
    extra_config.insert(marker::TRANSFER_KEY.into(), marks.1.to_string());
    let mut disks: Vec<_> = source.disks.iter().collect();
    disks.sort_by_key(|d| d.key);
    let mut nics: Vec<_> = source.nics.iter().collect();
    nics.sort_by_key(|n| n.key);
    Wanted {
        name: target_name.to_owned(),
        bios_uuid: source.bios_uuid.clone(),
        firmware: source.firmware.clone(),
        secure_boot: source.secure_boot,
        boot_order: boot_order(source, &disks, &nics),
        boot_delay_ms: source.boot_delay_ms,
        cpus,
        cores_per_socket: cores_per_socket(source.cores_per_socket, cpus),
        memory_mib: options.memory_mib.unwrap_or(source.memory_mib),
        cpu_hot_add: source.cpu_hot_add,
        cpu_hot_remove: source.cpu_hot_remove,
        memory_hot_add: source.memory_hot_add,
        annotation: marker::without_note(before.notes, marks.0),
        hw_version: source.hw_version.clone(),
        extra_config,
        disks: disks
            .into_iter()
            .map(|disk| {
                let controller = source.controllers.iter().find(|c| c.key == disk.controller_key);
                let known = before.allocation.get(&disk.key).copied();
                let (thin, eager) = allocation(options.disk_format, known.unwrap_or_default());
                WantedDisk {
                    label: disk.label.clone(),
                    capacity_bytes: disk.capacity_bytes,
                    controller: controller.map(|c| c.kind.clone()).unwrap_or_default(),
                    bus: controller.map_or(0, |c| c.bus),
                    unit: disk.unit,
                    thin,
                    eager,
                }
            })
            .collect(),
        nics: nics
            .into_iter()
            .map(|nic| WantedNic {
                label: nic.label.clone(),
                kind: nic.kind.clone(),
                mac: (options.mac == MacPolicy::Keep && !nic.mac.is_empty()).then(|| nic.mac.clone()),
                network: network(nic.key),
                wake_on_lan: nic.wake_on_lan,
            })
            .collect(),
    }
}

/// Cores per socket that still divide a changed number of CPUs; else one.
fn cores_per_socket(source: u32, cpus: u32) -> u32 {
    if source > 0 && cpus.is_multiple_of(source) { source } else { 1 }
}

fn allocation(format: DiskFormat, source: (bool, bool)) -> (bool, bool) {
    match format {
        DiskFormat::Same => source,
        DiskFormat::Thin => (true, false),
        DiskFormat::Thick => (false, false),
        DiskFormat::Eager => (false, true),
    }
}

fn boot_order(source: &VmDetails, disks: &[&DiskDetails], nics: &[&NicDetails]) -> Vec<WantedBoot> {
    let wanted = |device: &BootDevice| match device.device_key {
        None => Some(WantedBoot::Kind(device.kind.clone())),
        Some(key) => {
            let disk = disks.iter().position(|d| d.key == key).map(WantedBoot::Disk);
            disk.or_else(|| nics.iter().position(|n| n.key == key).map(WantedBoot::Nic))
        }
    };
    source.boot_order.iter().filter_map(wanted).collect()
}

impl Wanted {
    /// What the import spec is changed to. Its adapters connect only later, by a step of their own.
    pub fn import_edit(&self) -> ImportEdit {
        ImportEdit {
            name: Some(self.name.clone()),
            bios_uuid: Some(self.bios_uuid.clone()),
            firmware: Some(self.firmware.clone()),
            secure_boot: Some(self.secure_boot),
            boot_delay_ms: self.boot_delay_ms,
            cpus: Some(self.cpus),
            cores_per_socket: Some(self.cores_per_socket),
            memory_mib: Some(self.memory_mib),
            memory_hot_add: Some(self.memory_hot_add),
            cpu_hot_add: Some(self.cpu_hot_add),
            cpu_hot_remove: Some(self.cpu_hot_remove),
            annotation: Some(self.annotation.clone()),
            hw_version: Some(self.hw_version.clone()),
            extra_config: self.extra_config.clone(),
            nics: self
                .nics
                .iter()
                .map(|nic| NicEdit {
                    mac: nic.mac.clone(),
                    start_connected: false,
                    wake_on_lan: nic.wake_on_lan,
                })
                .collect(),
            disks: self.disks.iter().map(|disk| DiskEdit { thin: disk.thin, eager: disk.eager }).collect(),
        }
    }

    /// The word by which an import spec asks for the disks' allocation (`OvfCreateImportSpecParams`).
    pub fn provisioning(&self) -> &'static str {
        match self.disks.first() {
            Some(disk) if disk.eager => "eagerZeroedThick",
            Some(disk) if !disk.thin => "thick",
            _ => "thin",
        }
    }
}

/// Whether an advanced setting means the same at the target. What vCenter, the host or VMware Tools wrote
/// about the source's own files, processors, addresses and history does not.
pub fn is_carried(key: &str) -> bool {
    const EXCLUDED_PREFIXES: &[&str] = &[
        "checkpoint.",
        "cpuid.corespersocket",
        "evc",
        "featmask.",
        "featurecompat.",
        "guestcpuid.",
        "guestinfo.appinfo",
        "guestinfo.ovfenv",
        "guestinfo.vmtools.",
        "hdm.",
        "hostcpuid.",
        "migrate.",
        "monitor.phys_bits_used",
        "numa.autosize.",
        "nvram",
        "remotedisplay.vnc.",
        "replay.",
        "sched.",
        "softpoweroff",
        "toolsinstallmanager.",
        "usercpuid.",
        "uuid.",
        "vc.",
        "viv.",
        "vm.genid",
        "vmotion.",
        "vmware.tools.",
        "vmxstats.",
    ];
    const EXCLUDED_SUFFIXES: &[&str] = &[".redo", "ctkenabled", "filename"];
    let key = key.to_ascii_lowercase();
    !EXCLUDED_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
        && !EXCLUDED_SUFFIXES.iter().any(|suffix| key.ends_with(suffix))
}
