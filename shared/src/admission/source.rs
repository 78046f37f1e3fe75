//! What the source VM is, and what about it stands in the way.

use crate::ids::ObjectId;
use crate::migration::{ColdOptions, ShutdownMode};
use crate::problem::Finding;

use super::network::SourceNic;

/// Whether a VM runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerState {
    /// Powered on.
    On,
    /// Powered off.
    #[default]
    Off,
    /// Suspended: its memory lies on disk.
    Suspended,
}

/// The devices that matter to a move, by what a move does with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A host's PCI device handed through to the guest.
    Passthrough,
    /// A share of a host's graphics processor.
    Vgpu,
    /// A network adapter that is a function of a host's card.
    SrIov,
    /// Persistent memory, whose content no export contains.
    Nvdimm,
    /// A virtual Trusted Platform Module; its secrets are bound to a key provider.
    Vtpm,
    /// A CD/DVD drive with an ISO image in it.
    Iso,
    /// Something else that an export leaves out: floppy, serial or parallel port, USB device, sound card.
    Other,
}

/// A device that is neither disk, controller nor ordinary network adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceDevice {
    /// What it is.
    pub kind: DeviceKind,
    /// Its label, such as `PCI device 0`.
    pub label: String,
}

/// A disk of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDisk {
    /// Its label, such as `Hard disk 1`.
    pub label: String,
    /// Its size.
    pub capacity_bytes: u64,
    /// vSphere's kind of backing without the affixes, such as `FlatVer2` or `RawDiskMappingVer1`.
    pub backing: String,
    /// Whether the disk is left out of snapshots.
    pub independent: bool,
    /// Whether several VMs may write to it at once.
    pub multi_writer: bool,
    /// Whether its controller shares its bus with other VMs.
    pub shared_bus: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
}

/// The source VM as admission sees it.
#[derive(Clone, Debug)]
pub struct SourceVm {
    /// Which VM.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// The name it shall have at the target.
    pub target_name: String,
    /// vSphere's connection state; all but `connected` means that nothing can be done with it.
    pub connection: String,
    /// Whether it runs.
    pub power: PowerState,
    /// Whether it is a template.
    pub template: bool,
    /// Whether it is the copy that an earlier move kept.
    pub moved_already: bool,
    /// Whether its home files are encrypted.
    pub encrypted: bool,
    /// Whether Fault Tolerance is on.
    pub fault_tolerance: bool,
    /// The extension that manages it, if one does.
    pub managed_by: Option<String>,
    /// The vApp it belongs to, by name or id.
    pub vapp: Option<String>,
    /// Whether a disk hangs on another VM's disk.
    pub linked_clone: bool,
    /// Whether vCenter says its disks need consolidation.
    pub consolidation_needed: bool,
    /// The text of the question it waits for an answer to.
    pub question: Option<String>,
    /// Those of its disabled methods that a move needs, such as `PowerOffVM_Task`.
    pub disabled_methods: Vec<String>,
    /// The tasks running on it, described.
    pub running_tasks: Vec<String>,
    /// Hardware version: 19 for `vmx-19`; absent if it could not be read.
    pub hardware_version: Option<u32>,
    /// `bios` or `efi`.
    pub firmware: String,
    /// vSphere's names of its disk controllers' kinds, such as `ParaVirtualSCSIController`.
    pub controllers: Vec<String>,
    /// Its disks.
    pub disks: Vec<SourceDisk>,
    /// Its network adapters.
    pub nics: Vec<SourceNic>,
    /// Its other devices.
    pub devices: Vec<SourceDevice>,
    /// Names of its snapshots.
    pub snapshots: Vec<String>,
    /// Names of the custom attributes that have a value.
    pub custom_attributes: Vec<String>,
    /// Its tags; absent if they were not asked for.
    pub tags: Option<Vec<String>>,
    /// Who has permissions of their own on it; absent if that was not asked for.
    pub permissions: Option<Vec<String>>,
    /// Its storage policies; absent if they were not asked for.
    pub storage_policies: Option<Vec<String>>,
    /// Its cluster, by name.
    pub cluster: String,
    /// Whether its cluster has DRS, without which there are no resource pools to move it to.
    pub cluster_has_drs: bool,
}

/// What about the VM itself stands in the way.
pub fn check(vm: &SourceVm) -> Vec<Finding> {
    let mut found = Vec::new();
    kind(vm, &mut found);
    membership(vm, &mut found);
    condition(vm, &mut found);
    for disk in &vm.disks {
        check_disk(vm, disk, &mut found);
    }
    found
}

/// Whether HDM offers VMs of this name at all (manual: names that contain "hdm" or ".." are not offered).
pub fn name_is_offered(name: &str) -> bool {
    !name.contains("..") && !name.to_ascii_lowercase().contains("hdm")
}

fn kind(vm: &SourceVm, found: &mut Vec<Finding>) {
    let name = vm.name.as_str();
    if !name_is_offered(name) {
        found.push(Finding::blocker(
            "name-not-offered",
            name,
            format!("'{name}' contains \"hdm\" or \"..\", which HDM keeps for its own objects."),
            "Rename the virtual machine in the source vCenter.",
        ));
    }
    if vm.connection != "connected" {
        found.push(Finding::blocker(
            "vm-inaccessible",
            name,
            format!("vCenter calls '{name}' {}: its host or its files are out of reach.", vm.connection),
            "Bring its host and datastore back, or remove the virtual machine from the inventory.",
        ));
    }
    if vm.template {
        found.push(Finding::blocker(
            "template",
            name,
            format!("'{name}' is a template."),
            "Convert it to a virtual machine first.",
        ));
    }
    if vm.moved_already {
        found.push(Finding::blocker(
            "moved-already",
            name,
            format!("'{name}' was moved already; this is the copy that was kept."),
            "Release it with `hdm source release` before it is moved again.",
        ));
    }
    if vm.encrypted {
        found.push(Finding::blocker(
            "encrypted",
            name,
            format!("'{name}' is encrypted, and an export of it cannot be read elsewhere."),
            "Decrypt it: give it a storage policy without encryption.",
        ));
    }
    if vm.fault_tolerance {
        found.push(Finding::blocker(
            "fault-tolerance",
            name,
            format!("Fault Tolerance is on for '{name}'."),
            "Turn off Fault Tolerance for it.",
        ));
    }
    for device in &vm.devices {
        if let Some(finding) = check_device(name, device) {
            found.push(finding);
        }
    }
}

fn check_device(vm: &str, device: &SourceDevice) -> Option<Finding> {
    let label = &device.label;
    let (code, message, remedy) = match device.kind {
        DeviceKind::Vtpm => (
            "vtpm",
            format!("'{vm}' has a virtual TPM ({label}), whose secrets cannot be moved by an export."),
            "Suspend what uses it in the guest (BitLocker, for one), then remove the virtual TPM.".to_owned(),
        ),
        DeviceKind::Nvdimm => (
            "nvdimm",
            format!("'{vm}' has persistent memory ({label}), whose content no export contains."),
            format!("Move its content to a disk in the guest, then remove '{label}'."),
        ),
        DeviceKind::Passthrough => (
            "passthrough",
            format!("'{label}' of '{vm}' is a device of its host handed through to the guest (passthrough)."),
            format!("Remove '{label}' from the virtual machine."),
        ),
        DeviceKind::Vgpu => (
            "vgpu",
            format!("'{label}' of '{vm}' is a share of its host's graphics processor (vGPU)."),
            format!("Remove '{label}' from the virtual machine."),
        ),
        DeviceKind::SrIov => (
            "sr-iov",
            format!("'{label}' of '{vm}' is a function of its host's network card (SR-IOV)."),
            format!("Replace '{label}' by an adapter of type VMXNET3."),
        ),
        DeviceKind::Iso | DeviceKind::Other => return None,
    };
    Some(Finding::blocker(code, vm, message, remedy))
}

fn membership(vm: &SourceVm, found: &mut Vec<Finding>) {
    let name = vm.name.as_str();
    if let Some(owner) = &vm.managed_by {
        found.push(Finding::blocker(
            "managed-by",
            name,
            format!("'{name}' is managed by the extension {owner}, which would lose it."),
            format!("Move it with {owner}, or release it from {owner}."),
        ));
    }
    if let Some(vapp) = &vm.vapp {
        found.push(Finding::blocker(
            "vapp-member",
            name,
            format!("'{name}' belongs to the vApp {vapp}."),
            "Move the virtual machine out of the vApp.",
        ));
    }
    if vm.linked_clone {
        found.push(Finding::blocker(
            "linked-clone",
            name,
            format!("'{name}' is a linked clone: its disks hang on another virtual machine's."),
            "Make it independent: clone it in full, or promote its disks.",
        ));
    }
}

fn condition(vm: &SourceVm, found: &mut Vec<Finding>) {
    let name = vm.name.as_str();
    if vm.consolidation_needed {
        found.push(Finding::blocker(
            "consolidation-needed",
            name,
            format!("The disks of '{name}' need consolidation."),
            "Choose Snapshots > Consolidate in the source vCenter and wait until it has ended.",
        ));
    }
    if let Some(question) = &vm.question {
        found.push(Finding::blocker(
            "question-pending",
            name,
            format!("'{name}' waits for an answer to: {}.", question.trim_end_matches(['.', ' '])),
            "Answer the question in the source vCenter.",
        ));
    }
    for method in &vm.disabled_methods {
        found.push(Finding::blocker(
            "method-disabled",
            name,
            format!("vCenter has disabled {method} for '{name}', which a move needs; a backup product often does so while it works."),
            "Wait until the product that disabled it has ended, or enable the method again.",
        ));
    }
    for task in &vm.running_tasks {
        found.push(Finding::blocker(
            "task-running",
            name,
            format!("A task is running on '{name}': {task}."),
            "Wait until it has ended, or cancel it.",
        ));
    }
}

fn check_disk(vm: &SourceVm, disk: &SourceDisk, found: &mut Vec<Finding>) {
    let (name, label) = (vm.name.as_str(), disk.label.as_str());
    if disk.backing.contains("RawDisk") {
        found.push(Finding::blocker(
            "disk-rdm",
            name,
            format!("'{label}' of '{name}' is a raw device mapping (RDM)."),
            format!("Convert '{label}' to a virtual disk, or detach it."),
        ));
    }
    if disk.independent {
        found.push(Finding::blocker(
            "disk-independent",
            name,
            format!("'{label}' of '{name}' is independent, so that a snapshot leaves it out."),
            format!("Set the mode of '{label}' to dependent."),
        ));
    }
    if disk.multi_writer {
        found.push(Finding::blocker(
            "disk-multi-writer",
            name,
            format!("'{label}' of '{name}' may be written to by several virtual machines at once."),
            format!("Set the sharing of '{label}' to none."),
        ));
    }
    if disk.shared_bus {
        found.push(Finding::blocker(
            "disk-shared-bus",
            name,
            format!("The controller of '{label}' of '{name}' shares its bus with other virtual machines."),
            format!("Set bus sharing of the controller of '{label}' to none."),
        ));
    }
    if disk.encrypted && !vm.encrypted {
        found.push(Finding::blocker(
            "disk-encrypted",
            name,
            format!("'{label}' of '{name}' is encrypted."),
            format!("Give '{label}' a storage policy without encryption."),
        ));
    }
    if disk.capacity_bytes == 0 {
        found.push(Finding::blocker(
            "disk-size-unknown",
            name,
            format!("vCenter tells no size for '{label}' of '{name}'."),
            format!("Check in the source vCenter whether the file of '{label}' is there."),
        ));
    }
}

/// Whether the VM's power state allows the move as asked for.
pub fn check_power(vm: &SourceVm, options: &ColdOptions) -> Vec<Finding> {
    let name = vm.name.as_str();
    match vm.power {
        PowerState::Suspended => vec![Finding::blocker(
            "suspended",
            name,
            format!("'{name}' is suspended; its memory cannot be moved by a cold migration."),
            "Resume it, or power it off and lose what was in its memory.",
        )],
        PowerState::On if options.shutdown == ShutdownMode::Refuse => vec![Finding::blocker(
            "powered-on",
            name,
            format!("'{name}' is powered on, and the request says that a running one is to be refused."),
            "Shut it down, or let HDM shut it down or power it off.",
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{codes, vm};
    use super::*;

    fn only(spoil: impl FnOnce(&mut SourceVm)) -> String {
        let mut vm = vm();
        spoil(&mut vm);
        let found = check(&vm);
        assert!(found.iter().all(Finding::blocks));
        codes(&found).join(",")
    }

    fn device(kind: DeviceKind) -> String {
        only(|v| v.devices.push(SourceDevice { kind, label: "Device 1".into() }))
    }

    fn disk(spoil: impl FnOnce(&mut SourceDisk)) -> String {
        only(|v| spoil(&mut v.disks[0]))
    }

    #[test]
    fn nothing_is_said_of_a_plain_vm() {
        assert_eq!(only(|_| ()), "");
    }

    #[test]
    fn each_kind_of_vm_that_cannot_move_has_its_code() {
        assert_eq!(only(|v| v.template = true), "template");
        assert_eq!(only(|v| v.moved_already = true), "moved-already");
        assert_eq!(only(|v| v.encrypted = true), "encrypted");
        assert_eq!(only(|v| v.fault_tolerance = true), "fault-tolerance");
        assert_eq!(only(|v| v.connection = "orphaned".into()), "vm-inaccessible");
        assert_eq!(only(|v| v.managed_by = Some("com.x".into())), "managed-by");
        assert_eq!(only(|v| v.vapp = Some("shop".into())), "vapp-member");
        assert_eq!(only(|v| v.linked_clone = true), "linked-clone");
    }

    #[test]
    fn each_condition_has_its_code() {
        assert_eq!(only(|v| v.consolidation_needed = true), "consolidation-needed");
        assert_eq!(only(|v| v.question = Some("Copied or moved?".into())), "question-pending");
        assert_eq!(only(|v| v.disabled_methods = vec!["PowerOnVM_Task".into()]), "method-disabled");
        assert_eq!(only(|v| v.running_tasks = vec!["Clone".into()]), "task-running");
    }

    #[test]
    fn each_device_that_binds_a_vm_to_its_host_has_its_code() {
        assert_eq!(device(DeviceKind::Vtpm), "vtpm");
        assert_eq!(device(DeviceKind::Passthrough), "passthrough");
        assert_eq!(device(DeviceKind::Vgpu), "vgpu");
        assert_eq!(device(DeviceKind::SrIov), "sr-iov");
        assert_eq!(device(DeviceKind::Nvdimm), "nvdimm");
        assert_eq!(device(DeviceKind::Iso), "");
        assert_eq!(device(DeviceKind::Other), "");
    }

    #[test]
    fn each_disk_that_cannot_be_exported_has_its_code() {
        assert_eq!(disk(|d| d.backing = "RawDiskMappingVer1".into()), "disk-rdm");
        assert_eq!(disk(|d| d.independent = true), "disk-independent");
        assert_eq!(disk(|d| d.multi_writer = true), "disk-multi-writer");
        assert_eq!(disk(|d| d.shared_bus = true), "disk-shared-bus");
        assert_eq!(disk(|d| d.encrypted = true), "disk-encrypted");
        assert_eq!(disk(|d| d.capacity_bytes = 0), "disk-size-unknown");
    }

    #[test]
    fn names_that_look_like_our_own_objects_are_not_offered() {
        for bad in ["HDM_OnPrem_Manager", "my-hdm", "xHdMx", "a..b"] {
            assert!(!name_is_offered(bad), "{bad}");
            assert_eq!(only(|v| v.name = bad.into()), "name-not-offered");
        }
        assert!(name_is_offered("h.d.m"));
    }

    #[test]
    fn power_is_judged_by_what_was_asked_for() {
        let ask = |power, shutdown| {
            let vm = SourceVm { power, ..vm() };
            codes(&check_power(&vm, &ColdOptions { shutdown, ..ColdOptions::default() })).join(",")
        };
        assert_eq!(ask(PowerState::On, ShutdownMode::Refuse), "powered-on");
        assert_eq!(ask(PowerState::On, ShutdownMode::Guest), "");
        assert_eq!(ask(PowerState::Off, ShutdownMode::Refuse), "");
        assert_eq!(ask(PowerState::Suspended, ShutdownMode::Hard), "suspended");
    }
}
