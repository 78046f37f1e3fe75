//! Completing an import spec: what a descriptor cannot say, or an import drops.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::session::Session;
use crate::verb::{DEVICE_ORDER, connectable};
use crate::wire::Node;

/// What the VM shall be; what is `None` stays as the import has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportEdit {
    /// Name.
    pub name: Option<String>,
    /// BIOS UUID.
    pub bios_uuid: Option<String>,
    /// `bios` or `efi`.
    pub firmware: Option<String>,
    /// Secure boot; needs `efi`.
    pub secure_boot: Option<bool>,
    /// Delay before the boot, in milliseconds.
    pub boot_delay_ms: Option<u64>,
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Cores per socket.
    pub cores_per_socket: Option<u32>,
    /// Memory.
    pub memory_mib: Option<u64>,
    /// Memory hot add.
    pub memory_hot_add: Option<bool>,
    /// CPU hot add.
    pub cpu_hot_add: Option<bool>,
    /// CPU hot remove.
    pub cpu_hot_remove: Option<bool>,
    /// Notes.
    pub annotation: Option<String>,
    /// Virtual hardware, such as `vmx-19`.
    pub hw_version: Option<String>,
    /// Advanced settings to set.
    pub extra_config: BTreeMap<String, String>,
    /// The network adapters, in the order of the spec's.
    pub nics: Vec<NicEdit>,
    /// The disks, in the order of the spec's.
    pub disks: Vec<DiskEdit>,
}

/// What a network adapter shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NicEdit {
    /// A manual address; without one vCenter generates it.
    pub mac: Option<String>,
    /// Whether it connects at power-on.
    pub start_connected: bool,
    /// Whether a magic packet wakes the VM.
    pub wake_on_lan: bool,
}

/// How a disk shall be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskEdit {
    /// Thin.
    pub thin: bool,
    /// Zeroed at once.
    pub eager: bool,
}

/// The order of those fields of a `VirtualMachineConfigSpec` that matter here (API reference).
const CONFIG_ORDER: &[&str] = &[
    "changeVersion",
    "name",
    "version",
    "createDate",
    "uuid",
    "instanceUuid",
    "npivNodeWorldWideName",
    "npivPortWorldWideName",
    "npivWorldWideNameType",
    "npivDesiredNodeWwns",
    "npivDesiredPortWwns",
    "npivTemporaryDisabled",
    "npivOnNonRdmDisks",
    "npivWorldWideNameOp",
    "locationId",
    "guestId",
    "alternateGuestName",
    "annotation",
    "files",
    "tools",
    "flags",
    "consolePreferences",
    "powerOpInfo",
    "rebootPowerOff",
    "numCPUs",
    "vcpuConfig",
    "numCoresPerSocket",
    "memoryMB",
    "memoryHotAddEnabled",
    "cpuHotAddEnabled",
    "cpuHotRemoveEnabled",
    "virtualICH7MPresent",
    "virtualSMCPresent",
    "deviceChange",
    "cpuAllocation",
    "memoryAllocation",
    "latencySensitivity",
    "cpuAffinity",
    "memoryAffinity",
    "networkShaper",
    "cpuFeatureMask",
    "extraConfig",
    "swapPlacement",
    "bootOptions",
    "vAppConfig",
    "ftInfo",
    "repConfig",
    "vAppConfigRemoved",
    "vAssertsEnabled",
    "changeTrackingEnabled",
    "firmware",
];
const BOOT_ORDER: &[&str] = &["bootDelay", "enterBIOSSetup", "efiSecureBootEnabled"];
const BACKING_ORDER: &[&str] = &[
    "fileName",
    "datastore",
    "backingObjectId",
    "diskMode",
    "split",
    "writeThrough",
    "thinProvisioned",
    "eagerlyScrub",
];

impl ImportEdit {
    /// Changes a `VirtualMachineConfigSpec`.
    pub(super) fn apply(&self, config: &mut Node) -> Result<(), Error> {
        let mut set = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                config.set_in_order(name, Node::leaf(name, value), CONFIG_ORDER);
            }
        };
        set("name", self.name.clone());
        set("version", self.hw_version.clone());
        set("uuid", self.bios_uuid.clone());
        set("annotation", self.annotation.clone());
        set("numCPUs", self.cpus.map(|n| n.to_string()));
        set("numCoresPerSocket", self.cores_per_socket.map(|n| n.to_string()));
        set("memoryMB", self.memory_mib.map(|n| n.to_string()));
        set("memoryHotAddEnabled", self.memory_hot_add.map(|b| b.to_string()));
        set("cpuHotAddEnabled", self.cpu_hot_add.map(|b| b.to_string()));
        set("cpuHotRemoveEnabled", self.cpu_hot_remove.map(|b| b.to_string()));
        set("firmware", self.firmware.clone());
        self.set_boot_options(config);
        for (key, value) in &self.extra_config {
            set_option(config, key, value);
        }
        each_device(config, is_nic, &self.nics, "network adapters", |nic, edit| edit.apply(nic))?;
        each_device(config, |kind| kind == "VirtualDisk", &self.disks, "disks", |disk, edit| edit.apply(disk))
    }

    fn set_boot_options(&self, config: &mut Node) {
        if self.secure_boot.is_none() && self.boot_delay_ms.is_none() {
            return;
        }
        if config.child("bootOptions").is_none() {
            config.set_in_order("bootOptions", Node::leaf("bootOptions", ""), CONFIG_ORDER);
        }
        let Some(boot) = config.child_mut("bootOptions") else { return };
        if let Some(delay) = self.boot_delay_ms {
            boot.set_in_order("bootDelay", Node::leaf("bootDelay", delay.to_string()), BOOT_ORDER);
        }
        if let Some(secure) = self.secure_boot {
            let name = "efiSecureBootEnabled";
            boot.set_in_order(name, Node::leaf(name, secure.to_string()), BOOT_ORDER);
        }
    }
}

/// Whether a device's type is a network adapter's.
fn is_nic(kind: &str) -> bool {
    ["VirtualE1000", "VirtualPCNet32", "VirtualVmxnet", "VirtualSriovEthernetCard"]
        .iter()
        .any(|family| kind.starts_with(family))
}

/// Gives each added device of a kind, in order, its edit. Their number must be the same.
fn each_device<E>(
    config: &mut Node,
    of_kind: impl Fn(&str) -> bool,
    edits: &[E],
    what: &str,
    mut apply: impl FnMut(&mut Node, &E),
) -> Result<(), Error> {
    let mut devices: Vec<&mut Node> = config
        .children
        .iter_mut()
        .filter(|child| child.name == "deviceChange")
        .filter_map(|change| change.child_mut("device"))
        .filter(|device| of_kind(device.kind()))
        .collect();
    if devices.len() != edits.len() {
        let detail = format!("the import would have {} {what} instead of {}", devices.len(), edits.len());
        return Err(Session::protocol("CreateImportSpec", detail));
    }
    for (device, edit) in devices.iter_mut().zip(edits) {
        apply(device, edit);
    }
    Ok(())
}

/// Sets one entry of `extraConfig`.
fn set_option(config: &mut Node, key: &str, value: &str) {
    let text = Node { xsi_type: Some("string".into()), xsd: true, ..Node::leaf("value", value) };
    let known = config
        .children
        .iter_mut()
        .find(|child| child.name == "extraConfig" && child.text_at("key") == Some(key));
    if let Some(option) = known {
        option.set_in_order("value", text, &["key", "value"]);
        return;
    }
    let option =
        Node { name: "extraConfig".into(), children: vec![Node::leaf("key", key), text], ..Node::default() };
    let last = config.children.iter().rposition(|child| child.name == "extraConfig");
    match last {
        Some(last) => config.children.insert(last + 1, option),
        None => config.set_in_order("extraConfig", option, CONFIG_ORDER),
    }
}

/// Gives a network adapter of a `VirtualMachineConfigSpec` the backing that the adapter of the same index has in
/// another: what network it is on.
pub(super) fn take_nic_backing(config: &mut Node, index: usize, from: &Node) -> Result<(), Error> {
    let lacks = || {
        let detail = format!("there is no network adapter {} with a network in the spec", index + 1);
        Session::protocol("CreateImportSpec", detail)
    };
    let backing = from
        .all("deviceChange")
        .filter_map(|change| change.child("device"))
        .filter(|device| is_nic(device.kind()))
        .nth(index)
        .and_then(|device| device.child("backing"))
        .cloned()
        .ok_or_else(lacks)?;
    let device = config
        .children
        .iter_mut()
        .filter(|child| child.name == "deviceChange")
        .filter_map(|change| change.child_mut("device"))
        .filter(|device| is_nic(device.kind()))
        .nth(index)
        .ok_or_else(lacks)?;
    device.set_in_order("backing", backing, DEVICE_ORDER);
    Ok(())
}

impl NicEdit {
    fn apply(&self, nic: &mut Node) {
        nic.set_in_order("connectable", connectable(self.start_connected), DEVICE_ORDER);
        let kind = if self.mac.is_some() { "manual" } else { "generated" };
        nic.set_in_order("addressType", Node::leaf("addressType", kind), DEVICE_ORDER);
        match &self.mac {
            Some(mac) => nic.set_in_order("macAddress", Node::leaf("macAddress", mac), DEVICE_ORDER),
            None => nic.children.retain(|child| child.name != "macAddress"),
        }
        let wake = Node::leaf("wakeOnLanEnabled", self.wake_on_lan.to_string());
        nic.set_in_order("wakeOnLanEnabled", wake, DEVICE_ORDER);
    }
}

impl DiskEdit {
    fn apply(self, disk: &mut Node) {
        let Some(backing) = disk.child_mut("backing") else { return };
        for (name, flag) in [("thinProvisioned", self.thin), ("eagerlyScrub", self.eager)] {
            backing.set_in_order(name, Node::leaf(name, flag.to_string()), BACKING_ORDER);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::wire::{Limits, XmlWriter, read_xml};

    const SPEC: &str = r#"<configSpec xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xmlns:xsd="http://www.w3.org/2001/XMLSchema"><name>old</name><guestId>other</guestId>
        <deviceChange><operation>add</operation><device xsi:type="ParaVirtualSCSIController"><key>-1</key></device></deviceChange>
        <deviceChange><operation>add</operation><device xsi:type="VirtualVmxnet3"><key>-2</key><addressType>generated</addressType></device></deviceChange>
        <deviceChange><operation>add</operation><device xsi:type="VirtualDisk"><key>-3</key>
          <backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName></fileName><diskMode>persistent</diskMode></backing></device></deviceChange>
        <extraConfig><key>a</key><value xsi:type="xsd:string">1</value></extraConfig></configSpec>"#;

    #[test]
    fn an_adapter_takes_its_network_from_the_same_adapter_of_another_spec() {
        let nic = |key: i32, backing: &str| {
            format!(
                "<deviceChange><device xsi:type='VirtualVmxnet3'><key>{key}</key>{backing}<addressType>manual</addressType></device></deviceChange>"
            )
        };
        let on = |name: &str| format!("<backing><deviceName>{name}</deviceName></backing>");
        let spec = |first: &str, second: &str| {
            let xml = format!(
                "<configSpec xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>{}{}</configSpec>",
                nic(-1, first),
                nic(-2, second)
            );
            read_xml(&xml, &Limits::default()).unwrap()
        };
        let networks = |spec: &Node| -> Vec<String> {
            spec.all("deviceChange").map(|change| change.string("device.backing.deviceName")).collect()
        };
        let mut config = spec("", &on("LAN"));
        let pattern = spec(&on("DMZ"), &on("DMZ"));
        take_nic_backing(&mut config, 0, &pattern).unwrap();
        assert_eq!(networks(&config), ["DMZ", "LAN"]);
        let device = config.children[0].child("device").unwrap();
        let order: Vec<&str> = device.children.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(order, ["key", "backing", "addressType"], "in the schema's order");
        assert!(take_nic_backing(&mut config, 2, &pattern).is_err(), "there is no third");
        assert!(take_nic_backing(&mut config, 0, &spec("", "")).is_err(), "a network must be named");
    }

    fn edit() -> ImportEdit {
        ImportEdit {
            name: Some("new".into()),
            bios_uuid: Some("u".into()),
            secure_boot: Some(true),
            firmware: Some("efi".into()),
            extra_config: [("a".to_owned(), "2".to_owned()), ("b".to_owned(), "<&>".to_owned())].into(),
            nics: vec![NicEdit {
                mac: Some("00:50:56:00:00:01".into()),
                start_connected: false,
                wake_on_lan: true,
            }],
            disks: vec![DiskEdit { thin: true, eager: false }],
            ..ImportEdit::default()
        }
    }

    #[test]
    fn a_spec_is_completed_in_the_schemas_order_and_the_rest_is_kept() {
        let mut spec = read_xml(SPEC, &Limits::default()).unwrap();
        edit().apply(&mut spec).unwrap();
        let names: Vec<&str> = spec.children.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "name",
                "uuid",
                "guestId",
                "deviceChange",
                "deviceChange",
                "deviceChange",
                "extraConfig",
                "extraConfig",
                "bootOptions",
                "firmware"
            ]
        );
        let mut w = XmlWriter::default();
        w.node(&spec);
        let text = w.finish();
        assert!(text.contains(r#"xsi:type="xsd:string">2<"#), "{text}");
        assert!(text.contains("&lt;&amp;&gt;"), "{text}");
        assert!(text.contains("<addressType>manual</addressType><macAddress>00:50:56:00:00:01"), "{text}");
        assert!(
            text.contains("<diskMode>persistent</diskMode><thinProvisioned>true</thinProvisioned>"),
            "{text}"
        );
        assert!(text.contains("<startConnected>false</startConnected>"), "{text}");
    }

    #[test]
    fn another_number_of_devices_is_refused() {
        let mut spec = read_xml(SPEC, &Limits::default()).unwrap();
        let error = ImportEdit { disks: Vec::new(), ..edit() }.apply(&mut spec).unwrap_err();
        assert!(error.to_string().contains("1 disks instead of 0"), "{error}");
    }
}
