//! Virtual devices.

use crate::MoRef;
use crate::wire::Node;

/// A virtual disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskDetails {
    /// Device key.
    pub key: i32,
    /// Such as `Hard disk 1`.
    pub label: String,
    /// Size in bytes.
    pub capacity_bytes: u64,
    /// Key of the controller it hangs on.
    pub controller_key: i32,
    /// Unit number there.
    pub unit: i32,
    /// What it is stored as.
    pub backing: DiskBacking,
}

/// What a virtual disk is stored as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskBacking {
    /// The backing's type, such as `VirtualDiskFlatVer2BackingInfo`.
    pub kind: String,
    /// Datastore path of the file.
    pub file: String,
    /// The datastore.
    pub datastore: Option<MoRef>,
    /// Whether it is thin provisioned, if the backing says so. Of a delta the file at the bottom tells: a delta
    /// is always thin.
    pub thin: Option<bool>,
    /// Whether a thick disk was zeroed at once, if the backing says so; likewise.
    pub eager: Option<bool>,
    /// Disk mode, such as `persistent` or `independent_persistent`.
    pub mode: String,
    /// Sharing mode, such as `sharingNone` or `sharingMultiWriter`.
    pub sharing: String,
    /// How many files it is a delta above; 0 for a disk without snapshots that is no linked clone.
    pub deltas: u32,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// UUID of the disk.
    pub uuid: String,
}

impl DiskBacking {
    /// Whether it is a raw device mapping.
    pub fn is_rdm(&self) -> bool {
        self.kind.starts_with("VirtualDiskRawDisk") || self.kind.starts_with("VirtualDiskPartitionedRawDisk")
    }
}

/// A controller of disks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerDetails {
    /// Device key.
    pub key: i32,
    /// Its type, such as `ParaVirtualSCSIController`.
    pub kind: String,
    /// Bus number.
    pub bus: i32,
    /// SCSI bus sharing, such as `noSharing`; empty for other controllers.
    pub sharing: String,
}

/// A network adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NicDetails {
    /// Device key.
    pub key: i32,
    /// Its type, such as `VirtualVmxnet3`.
    pub kind: String,
    /// Such as `Network adapter 1`.
    pub label: String,
    /// MAC address, lower case with colons.
    pub mac: String,
    /// `manual`, `generated` or `assigned`.
    pub address_type: String,
    /// The network, for a standard port group or an opaque network.
    pub network: Option<MoRef>,
    /// Name of the network or what else the backing is called; empty for a distributed port group.
    pub network_name: String,
    /// Key of the distributed port group; empty for others.
    pub portgroup_key: String,
    /// Whether it connects at power-on.
    pub start_connected: bool,
    /// Whether it is connected now.
    pub connected: bool,
    /// Whether it wakes the VM.
    pub wake_on_lan: bool,
}

/// Any other device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDetails {
    /// Device key.
    pub key: i32,
    /// Its type, such as `VirtualCdrom`, `VirtualPCIPassthrough`, `VirtualTPM`.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// The type of its backing, such as `VirtualCdromIsoBackingInfo`.
    pub backing_kind: String,
    /// File or device name of its backing.
    pub backing: String,
}

/// A device sorted by what it is.
pub(crate) enum Device {
    Disk(DiskDetails),
    Controller(ControllerDetails),
    Nic(NicDetails),
    Other(DeviceDetails),
}

/// Whether a device type is a controller that disks hang on.
pub(crate) fn is_controller(kind: &str) -> bool {
    matches!(
        kind,
        "ParaVirtualSCSIController"
            | "VirtualLsiLogicController"
            | "VirtualLsiLogicSASController"
            | "VirtualBusLogicController"
            | "VirtualIDEController"
            | "VirtualAHCIController"
            | "VirtualSATAController"
            | "VirtualNVMEController"
    )
}

fn is_nic(kind: &str) -> bool {
    matches!(
        kind,
        "VirtualVmxnet3"
            | "VirtualVmxnet3Vrdma"
            | "VirtualVmxnet2"
            | "VirtualVmxnet"
            | "VirtualE1000"
            | "VirtualE1000e"
            | "VirtualPCNet32"
            | "VirtualSriovEthernetCard"
    )
}

pub(crate) fn read_device(node: &Node) -> Device {
    let key = node.parsed("key").unwrap_or_default();
    let label = node.string("deviceInfo.label");
    let kind = node.kind();
    if kind == "VirtualDisk" {
        return Device::Disk(DiskDetails {
            key,
            label,
            capacity_bytes: node
                .parsed("capacityInBytes")
                .or_else(|| node.parsed::<u64>("capacityInKB").map(|kib| kib.saturating_mul(1024)))
                .unwrap_or_default(),
            controller_key: node.parsed("controllerKey").unwrap_or_default(),
            unit: node.parsed("unitNumber").unwrap_or_default(),
            backing: node.child("backing").map(read_backing).unwrap_or_default(),
        });
    }
    // One of a kind unknown to us is known by its bus, so that its disks can be told to hang on it.
    if is_controller(kind) || (kind.ends_with("Controller") && node.child("busNumber").is_some()) {
        return Device::Controller(ControllerDetails {
            key,
            kind: kind.to_owned(),
            bus: node.parsed("busNumber").unwrap_or_default(),
            sharing: node.string("sharedBus"),
        });
    }
    if let Some(nic) = read_nic(node) {
        return Device::Nic(nic);
    }
    let backing = node.child("backing");
    let file = backing.map_or_else(String::new, |b| b.string("fileName"));
    Device::Other(DeviceDetails {
        key,
        kind: kind.to_owned(),
        label,
        backing_kind: backing.map_or_else(String::new, |b| b.kind().to_owned()),
        backing: if file.is_empty() {
            backing.map_or_else(String::new, |b| b.string("deviceName"))
        } else {
            file
        },
    })
}

/// A network adapter; absent if the device is something else.
pub(crate) fn read_nic(node: &Node) -> Option<NicDetails> {
    let kind = node.kind();
    if !is_nic(kind) {
        return None;
    }
    let backing = node.child("backing");
    let text = |path: &str| backing.map_or_else(String::new, |b| b.string(path));
    Some(NicDetails {
        key: node.parsed("key").unwrap_or_default(),
        kind: kind.to_owned(),
        label: node.string("deviceInfo.label"),
        mac: node.string("macAddress").to_lowercase(),
        address_type: node.string("addressType").to_lowercase(),
        network: backing.and_then(|b| b.moref_at("network")),
        network_name: text("deviceName"),
        portgroup_key: text("port.portgroupKey"),
        start_connected: node.flag("connectable.startConnected"),
        connected: node.flag("connectable.connected"),
        wake_on_lan: node.flag("wakeOnLanEnabled"),
    })
}

fn read_backing(node: &Node) -> DiskBacking {
    let (mut base, mut deltas) = (node, 0);
    while let Some(parent) = base.child("parent") {
        base = parent;
        deltas += 1;
    }
    DiskBacking {
        kind: node.kind().to_owned(),
        file: node.string("fileName"),
        datastore: node.moref_at("datastore"),
        thin: base.maybe_flag("thinProvisioned"),
        eager: base.maybe_flag("eagerlyScrub"),
        mode: node.string("diskMode"),
        sharing: node.string("sharing"),
        deltas,
        encrypted: node.child("keyId").is_some(),
        uuid: node.string("uuid"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::wire::{Limits, read_xml};

    fn device(xml: &str) -> Device {
        let xml = format!(r#"<device xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" {xml}</device>"#);
        read_device(&read_xml(&xml, &Limits::default()).unwrap())
    }

    #[test]
    fn a_disk_with_snapshots_is_allocated_as_its_base() {
        let kind = r#"xsi:type="VirtualDiskFlatVer2BackingInfo""#;
        let disk = device(&format!(
            r#"xsi:type="VirtualDisk"><key>2000</key><backing {kind}><thinProvisioned>true</thinProvisioned>
            <parent {kind}><thinProvisioned>true</thinProvisioned><parent {kind}>
            <thinProvisioned>false</thinProvisioned><eagerlyScrub>true</eagerlyScrub></parent></parent></backing>"#
        ));
        let Device::Disk(disk) = disk else { panic!("not a disk") };
        assert_eq!(
            (disk.backing.deltas, disk.backing.thin, disk.backing.eager),
            (2, Some(false), Some(true))
        );
    }

    #[test]
    fn a_controller_of_an_unknown_kind_is_one() {
        let new = device(r#"xsi:type="VirtualNewController"><key>9000</key><busNumber>1</busNumber>"#);
        assert!(matches!(new, Device::Controller(c) if c.kind == "VirtualNewController" && c.bus == 1));
        let other = device(r#"xsi:type="VirtualCdrom"><key>3000</key>"#);
        assert!(matches!(other, Device::Other(_)));
    }
}
