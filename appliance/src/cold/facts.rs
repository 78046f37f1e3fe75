//! The facts that admission judges, gathered from a VM's details and both inventories.

use std::collections::BTreeSet;

use hdm_shared::admission::{
    DatastoreFacts, DeviceKind, NetworkChoice, PowerState, Reservation, SourceDevice, SourceDisk, SourceNic,
    SourceVm, TargetFacts,
};
use hdm_shared::{MigrationId, ObjectId, VcenterId};
use hdm_vsphere::{DeviceDetails, InventoryView, MoRef, NicDetails, VmDetails, VmSummary};

use super::input::{ColdInput, Named, Place};
use super::{marker, place, pools};

/// Operations a move needs, by the power state in which vCenter should allow them. vCenter also lists as
/// disabled what the present state rules out, so only these mean that somebody disabled them.
const NEEDED_WHEN_ON: &[&str] = &["PowerOffVM_Task", "CreateSnapshot_Task", "ReconfigVM_Task"];
const NEEDED_WHEN_OFF: &[&str] = &["PowerOnVM_Task", "CreateSnapshot_Task", "ReconfigVM_Task"];
/// Operations whose disabling shows that a backup is at work.
const SIGNS_OF_BACKUP: &[&str] = &["RelocateVM_Task"];

/// The source as admission sees it. `tasks` describes what runs on it.
pub fn source(
    vcenter: &VcenterId,
    vm: &VmDetails,
    view: &InventoryView,
    target_name: &str,
    tasks: Vec<String>,
) -> SourceVm {
    let summary = view.vms.get(&vm.vm);
    let cluster = summary.and_then(|s| s.cluster.as_ref()).and_then(|c| view.clusters.get(c));
    let power = match vm.power {
        hdm_vsphere::PowerState::On => PowerState::On,
        hdm_vsphere::PowerState::Off => PowerState::Off,
        hdm_vsphere::PowerState::Suspended => PowerState::Suspended,
    };
    SourceVm {
        id: ObjectId { vcenter: vcenter.clone(), moid: vm.vm.id.clone() },
        name: vm.name.clone(),
        target_name: target_name.to_owned(),
        connection: vm.connection_state.clone(),
        power,
        template: vm.template,
        moved_already: marker::was_moved(&vm.annotation) || in_success_pool(view, vm.pool.as_ref()),
        encrypted: vm.encrypted,
        fault_tolerance: vm.ft,
        managed_by: vm.managed_by.clone(),
        vapp: vm.vapp.as_ref().map(|vapp| vapp_name(view, vapp)),
        linked_clone: vm.linked_clone,
        consolidation_needed: vm.consolidation_needed,
        question: vm.question.as_ref().map(|q| q.text.clone()),
        disabled_methods: disabled(vm, power),
        running_tasks: tasks,
        hardware_version: hardware_version(&vm.hw_version),
        firmware: vm.firmware.clone(),
        controllers: used_controllers(vm),
        disks: vm.disks.iter().map(|disk| source_disk(vm, disk)).collect(),
        nics: vm
            .nics
            .iter()
            .map(|nic| SourceNic {
                label: nic.label.clone(),
                mac: nic.mac.clone(),
                network: network_name(view, nic),
            })
            .collect(),
        devices: devices(vm),
        snapshots: vm.snapshots.iter().map(|s| s.path.clone()).collect(),
        custom_attributes: vm.custom_values.iter().map(|(name, _)| name.clone()).collect(),
        tags: None,
        permissions: None,
        storage_policies: None,
        cluster: cluster.map(|c| c.name.clone()).unwrap_or_default(),
        cluster_has_drs: cluster.is_some_and(|c| c.drs),
    }
}

/// What the inventory alone tells of a VM, for lists of thousands. Disabled methods and running tasks change
/// by the minute and are not in it; nor are the devices that only lead to warnings.
pub fn listed(vcenter: &VcenterId, vm: &VmSummary, view: &InventoryView) -> SourceVm {
    let unusual = vm.unusual.as_deref().cloned().unwrap_or_default();
    let linked_clone = !vm.has_snapshots && unusual.disks.iter().any(|disk| disk.backing.deltas > 0);
    let details = VmDetails {
        vm: vm.vm.clone(),
        name: vm.name.clone(),
        connection_state: "connected".into(),
        power: vm.power,
        template: vm.template,
        encrypted: vm.encrypted,
        ft: vm.ft,
        managed_by: vm.managed_by.clone(),
        vapp: vm.in_vapp.then(|| vm.parent.clone().or_else(|| vm.pool.clone())).flatten(),
        consolidation_needed: vm.consolidation_needed,
        hw_version: vm.hw_version.clone(),
        disks: unusual.disks,
        controllers: unusual.controllers,
        nics: unusual.nics,
        other_devices: unusual.others,
        linked_clone,
        annotation: vm.hdm_notes.clone(),
        pool: vm.pool.clone(),
        ..VmDetails::default()
    };
    let mut facts = source(vcenter, &details, view, &vm.name, Vec::new());
    facts.question = vm.question.then(|| "a question of vCenter".to_owned());
    facts
}

/// The name of the network an adapter is connected to; a distributed port group is known by its key.
pub fn network_name(view: &InventoryView, nic: &NicDetails) -> String {
    let by_key = || {
        let key = Some(&nic.portgroup_key).filter(|k| !k.is_empty())?;
        view.networks.values().find(|n| n.portgroup_key.as_ref() == Some(key)).map(|n| n.name.clone())
    };
    let by_object = || view.networks.get(nic.network.as_ref()?).map(|n| n.name.clone());
    by_key().or_else(by_object).unwrap_or_else(|| nic.network_name.clone())
}

/// 19 for `vmx-19`.
pub fn hardware_version(text: &str) -> Option<u32> {
    text.strip_prefix("vmx-")?.parse().ok()
}

fn vapp_name(view: &InventoryView, vapp: &MoRef) -> String {
    view.pools.get(vapp).map_or_else(|| vapp.id.clone(), |p| format!("'{}'", p.name))
}

fn disabled(vm: &VmDetails, power: PowerState) -> Vec<String> {
    if vm.template {
        return Vec::new();
    }
    let needed = if power == PowerState::On { NEEDED_WHEN_ON } else { NEEDED_WHEN_OFF };
    vm.disabled_methods
        .iter()
        .filter(|m| needed.contains(&m.as_str()) || SIGNS_OF_BACKUP.contains(&m.as_str()))
        .cloned()
        .collect()
}

/// The kinds of those controllers that have a disk.
fn used_controllers(vm: &VmDetails) -> Vec<String> {
    let used: BTreeSet<&str> = vm
        .controllers
        .iter()
        .filter(|c| vm.disks.iter().any(|d| d.controller_key == c.key))
        .map(|c| c.kind.as_str())
        .collect();
    used.into_iter().map(str::to_owned).collect()
}

fn source_disk(vm: &VmDetails, disk: &hdm_vsphere::DiskDetails) -> SourceDisk {
    let controller = vm.controllers.iter().find(|c| c.key == disk.controller_key);
    let backing = &disk.backing;
    SourceDisk {
        label: disk.label.clone(),
        capacity_bytes: disk.capacity_bytes,
        backing: backing.kind.trim_start_matches("VirtualDisk").trim_end_matches("BackingInfo").to_owned(),
        independent: backing.mode.starts_with("independent"),
        multi_writer: backing.sharing == "sharingMultiWriter",
        shared_bus: controller.is_some_and(|c| !matches!(c.sharing.as_str(), "" | "noSharing")),
        encrypted: backing.encrypted,
    }
}

fn devices(vm: &VmDetails) -> Vec<SourceDevice> {
    let others = vm.other_devices.iter().filter_map(|device| {
        let kind = device_kind(device)?;
        Some(SourceDevice { kind, label: device.label.clone() })
    });
    let sriov = vm
        .nics
        .iter()
        .filter(|nic| nic.kind == "VirtualSriovEthernetCard")
        .map(|nic| SourceDevice { kind: DeviceKind::SrIov, label: nic.label.clone() });
    others.chain(sriov).collect()
}

/// What a device means to a move; absent if it means nothing: every VM has a keyboard.
fn device_kind(device: &DeviceDetails) -> Option<DeviceKind> {
    Some(match device.kind.as_str() {
        "VirtualTPM" => DeviceKind::Vtpm,
        "VirtualNVDIMM" => DeviceKind::Nvdimm,
        "VirtualSriovEthernetCard" => DeviceKind::SrIov,
        "VirtualPCIPassthrough" if device.backing_kind.contains("Vmiop") => DeviceKind::Vgpu,
        "VirtualPCIPassthrough" => DeviceKind::Passthrough,
        "VirtualCdrom" if device.backing_kind.contains("Iso") => DeviceKind::Iso,
        "VirtualFloppy"
        | "VirtualSerialPort"
        | "VirtualParallelPort"
        | "VirtualUSB"
        | "VirtualSCSIPassthrough"
        | "VirtualSoundCard"
        | "VirtualHdAudioCard"
        | "VirtualEnsoniq1371"
        | "VirtualSoundBlaster16"
        | "VirtualPrecisionClock"
        | "VirtualWDT" => DeviceKind::Other,
        _ => return None,
    })
}

/// The target as admission sees it, as far as it matters for a VM with these MAC addresses.
pub fn target(cloud: &VcenterId, place: &Place, view: &InventoryView, macs: &[SourceNic]) -> TargetFacts {
    let cluster = view.clusters.get(&place.cluster.object);
    let pool = view.pools.get(&place.pool.object);
    let folder = view.folders.get(&place.folder.object);
    let datastore = view.datastores.get(&place.datastore.object);
    let choice = |(from, to): (&String, &Named)| {
        let seen = cluster.is_some_and(|c| c.networks.contains(&to.object));
        (from.clone(), NetworkChoice { name: to.name.clone(), seen })
    };
    TargetFacts {
        vcenter: cloud.clone(),
        cluster: cluster.map_or_else(|| place.cluster.name.clone(), |c| c.name.clone()),
        datacenter: place.datacenter.name.clone(),
        hosts: place::hosts(view, place),
        pool: place.pool.name.clone(),
        pool_in_cluster: pool.is_some_and(|p| p.owner.as_ref() == Some(&place.cluster.object)),
        datastore: DatastoreFacts {
            id: place.datastore.object.id.clone(),
            name: place.datastore.name.clone(),
            accessible: datastore.is_some_and(|d| d.accessible),
            maintenance: datastore.is_some_and(|d| d.maintenance),
            seen_by_cluster: cluster.is_some_and(|c| c.datastores.contains(&place.datastore.object)),
            free_bytes: datastore.map_or(0, |d| d.free_bytes),
        },
        folder_id: place.folder.object.id.clone(),
        folder: place.folder.name.clone(),
        folder_holds_vms: folder.is_some_and(|f| f.holds_vms),
        folder_in_datacenter: folder.is_some_and(|f| f.datacenter.as_ref() == Some(&place.datacenter.object)),
        names_in_folder: view.vms_in(&place.folder.object).map(|vm| vm.name.clone()).collect(),
        networks: place.networks.iter().map(choice).collect(),
        adapters: place.adapters.iter().map(choice).collect(),
        macs_in_use: macs_in_use(cloud, view, macs),
        // What ESXi hosts offer (API reference: GuestOsDescriptorFirmwareType).
        firmware: Some(["bios", "efi"].map(str::to_owned).into()),
    }
}

/// Those of these MAC addresses that a cloud's VMs use. By whom is told to the log alone: findings are shown to
/// people who may not see those VMs.
pub fn macs_in_use(cloud: &VcenterId, view: &InventoryView, macs: &[SourceNic]) -> Vec<String> {
    let used = view.vms.values().flat_map(|vm| vm.nics.iter().map(move |nic| (&nic.mac, vm)));
    used.filter(|(mac, _)| macs.iter().any(|nic| nic.mac.eq_ignore_ascii_case(mac)))
        .map(|(mac, vm)| {
            tracing::info!(%cloud, mac, vm = vm.path, "a MAC address that is to be moved is used");
            mac.clone()
        })
        .collect()
}

/// What an accepted migration holds. What its copy takes already, the datastore's free space shows; once the
/// copy has arrived that is all of it.
pub fn reservation(id: MigrationId, input: &ColdInput, arrived: bool, taken_bytes: u64) -> Reservation {
    Reservation {
        migration: id,
        vm: input.source.clone(),
        cloud: input.cloud.clone(),
        datastore: input.place.datastore.object.id.clone(),
        bytes: if arrived { 0 } else { input.capacity_bytes().saturating_sub(taken_bytes) },
        folder: input.place.folder.object.id.clone(),
        name: input.target_name.clone(),
        macs: input.kept_macs().map(str::to_owned).collect(),
    }
}

/// Whether it is one of HDM's pools for sources that were moved.
fn in_success_pool(view: &InventoryView, pool: Option<&MoRef>) -> bool {
    pool.and_then(|p| view.pools.get(p)).is_some_and(|p| p.name == pools::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::admission::Reservations;
    use uuid::Uuid;

    use super::super::testing::input;
    use super::*;

    #[test]
    fn what_a_copy_has_taken_is_not_promised_a_second_time() {
        let input = input();
        let held = |arrived, taken| {
            let held = reservation(MigrationId(Uuid::from_u128(1)), &input, arrived, taken);
            Reservations::of_others([held], None).bytes_on(&input.cloud, "ds0")
        };
        let whole = input.capacity_bytes();
        assert_eq!(held(false, 0), whole);
        assert_eq!(held(false, whole / 4), whole - whole / 4);
        assert_eq!(held(false, whole * 2), 0, "a copy's other files take room too");
        assert_eq!(held(true, 0), 0);
    }

    #[test]
    fn of_a_mac_address_that_is_used_admission_hears_no_more_than_the_address() {
        let mut view = InventoryView::default();
        let vm = MoRef::new("VirtualMachine", "vm-7");
        let nic = NicDetails { mac: "00:50:56:01:02:03".into(), ..NicDetails::default() };
        let other = VmSummary { path: "/DC0/vm/secret".into(), nics: vec![nic], ..VmSummary::default() };
        view.vms.insert(vm, std::sync::Arc::new(other));
        let nic = |mac: &str| SourceNic { label: "n".into(), mac: mac.into(), network: "LAN".into() };
        let asked = [nic("00:50:56:01:02:03"), nic("00:50:56:01:02:04")];
        assert_eq!(macs_in_use(&input().cloud, &view, &asked), ["00:50:56:01:02:03"]);
    }

    #[test]
    fn a_source_that_was_moved_is_known_by_its_note_as_by_its_pool() {
        let vcenter: VcenterId = "onprem".to_owned().try_into().unwrap();
        let moved = |notes: &str| {
            let vm = VmDetails { annotation: notes.into(), ..VmDetails::default() };
            source(&vcenter, &vm, &InventoryView::default(), "x", Vec::new()).moved_already
        };
        assert!(moved("Owner: Ann\n[HDM 1] Moved by HDM to cloud as 'web-01'."));
        assert!(!moved("[HDM 1] Being moved by HDM to cloud as 'web-01'."));
        assert!(!moved("Moved by HDM, says Ann."));
    }
}
