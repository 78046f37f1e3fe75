//! Changing a VM's configuration.

use std::collections::BTreeMap;

use crate::MoRef;
use crate::error::Error;
use crate::property::BootDevice;
use crate::session::Session;
use crate::wire::{Node, XmlWriter};

/// What is to change; what is `None` or empty stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmConfigChange {
    /// BIOS UUID.
    pub bios_uuid: Option<String>,
    /// Notes.
    pub annotation: Option<String>,
    /// `bios` or `efi`.
    pub firmware: Option<String>,
    /// Secure boot; needs `efi`.
    pub secure_boot: Option<bool>,
    /// Delay before the boot, in milliseconds.
    pub boot_delay_ms: Option<u64>,
    /// What to boot from, in order; empty stays.
    pub boot_order: Vec<BootDevice>,
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Cores per socket.
    pub cores_per_socket: Option<u32>,
    /// Memory.
    pub memory_mib: Option<u64>,
    /// CPU hot add.
    pub cpu_hot_add: Option<bool>,
    /// CPU hot remove.
    pub cpu_hot_remove: Option<bool>,
    /// Memory hot add.
    pub memory_hot_add: Option<bool>,
    /// Options to set; an empty value removes one.
    pub extra_config: BTreeMap<String, String>,
    /// Adapters to change.
    pub nics: Vec<NicChange>,
}

/// A change of one network adapter, which must be there. The rest of the adapter stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NicChange {
    /// The adapter's device key.
    pub key: i32,
    /// Whether it connects at power-on.
    pub start_connected: Option<bool>,
    /// Address type: `manual` or `generated`.
    pub address_type: Option<String>,
    /// MAC address, with `manual`.
    pub mac: Option<String>,
    /// Whether a magic packet wakes the VM.
    pub wake_on_lan: Option<bool>,
}

impl VmConfigChange {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes a `VirtualMachineConfigSpec`'s content, in the order of its schema.
    fn write(&self, w: &mut XmlWriter, change_version: Option<&str>, nics: &[Node]) {
        w.maybe("changeVersion", change_version);
        w.maybe("uuid", self.bios_uuid.as_deref());
        w.maybe("annotation", self.annotation.as_deref());
        w.maybe("numCPUs", self.cpus);
        w.maybe("numCoresPerSocket", self.cores_per_socket);
        w.maybe("memoryMB", self.memory_mib);
        w.maybe("memoryHotAddEnabled", self.memory_hot_add);
        w.maybe("cpuHotAddEnabled", self.cpu_hot_add);
        w.maybe("cpuHotRemoveEnabled", self.cpu_hot_remove);
        for nic in nics {
            w.element("deviceChange", |w| {
                w.value("operation", "edit");
                w.node_as("device", nic);
            });
        }
        for (key, value) in &self.extra_config {
            w.element("extraConfig", |w| {
                w.value("key", key);
                w.xsd("value", "xsd:string", value);
            });
        }
        if self.boot_delay_ms.is_some() || self.secure_boot.is_some() || !self.boot_order.is_empty() {
            w.element("bootOptions", |w| {
                w.maybe("bootDelay", self.boot_delay_ms);
                w.maybe("efiSecureBootEnabled", self.secure_boot);
                for device in &self.boot_order {
                    w.typed("bootOrder", &device.kind, |w| w.maybe("deviceKey", device.device_key));
                }
            });
        }
        w.maybe("firmware", self.firmware.as_deref());
    }
}

impl NicChange {
    /// Changes an adapter as it was read.
    fn apply(&self, nic: &mut Node) {
        if let Some(flag) = self.start_connected {
            match nic.child_mut("connectable") {
                Some(connectable) => connectable.set("startConnected", flag.to_string()),
                None => nic.set_in_order("connectable", connectable(flag), DEVICE_ORDER),
            }
        }
        if let Some(kind) = &self.address_type {
            nic.set_in_order("addressType", Node::leaf("addressType", kind), DEVICE_ORDER);
        }
        match (&self.mac, self.address_type.as_deref()) {
            (Some(mac), _) => nic.set_in_order("macAddress", Node::leaf("macAddress", mac), DEVICE_ORDER),
            // A generated address is the server's to choose.
            (None, Some("generated")) => nic.children.retain(|child| child.name != "macAddress"),
            (None, _) => {}
        }
        if let Some(flag) = self.wake_on_lan {
            let wake = Node::leaf("wakeOnLanEnabled", flag.to_string());
            nic.set_in_order("wakeOnLanEnabled", wake, DEVICE_ORDER);
        }
    }
}

/// A `VirtualDeviceConnectInfo`.
pub(crate) fn connectable(start_connected: bool) -> Node {
    Node {
        name: "connectable".into(),
        children: vec![
            Node::leaf("startConnected", start_connected.to_string()),
            Node::leaf("allowGuestControl", "true"),
            Node::leaf("connected", "false"),
        ],
        ..Node::default()
    }
}

/// The order of a `VirtualEthernetCard`'s fields (API reference: `VirtualDevice`, `VirtualEthernetCard`).
pub(crate) const DEVICE_ORDER: &[&str] = &[
    "key",
    "deviceInfo",
    "backing",
    "connectable",
    "slotInfo",
    "controllerKey",
    "unitNumber",
    "numaNode",
    "deviceGroupInfo",
    "dynamicProperty",
    "addressType",
    "macAddress",
    "wakeOnLanEnabled",
    "resourceAllocation",
    "externalId",
    "uptCompatibilityEnabled",
];

impl Session {
    /// Starts a reconfiguration (`ReconfigVM_Task`). With `expected_change_version` vCenter refuses it
    /// (`ConcurrentAccess`) if somebody else changed the VM since.
    pub async fn reconfigure_task(
        &self,
        vm: &MoRef,
        change: &VmConfigChange,
        expected_change_version: Option<&str>,
    ) -> Result<MoRef, Error> {
        let nics = self.changed_nics(vm, &change.nics).await?;
        self.call_for_moref("ReconfigVM_Task", vm, |w| {
            w.element("spec", |w| change.write(w, expected_change_version, &nics));
        })
        .await
    }

    /// The adapters as they are, with the changes applied: an edit replaces the whole device.
    async fn changed_nics(&self, vm: &MoRef, changes: &[NicChange]) -> Result<Vec<Node>, Error> {
        const PATH: &str = "config.hardware.device";
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        let bag = self.read_properties(vm, &[PATH]).await?;
        let mut nics = Vec::new();
        for change in changes {
            let key = change.key.to_string();
            let found =
                bag.get(PATH).and_then(|all| all.children.iter().find(|d| d.text_at("key") == Some(&key)));
            let mut nic = found
                .cloned()
                .ok_or_else(|| Error::NotFound { what: format!("network adapter {key} of {vm}") })?;
            change.apply(&mut nic);
            nics.push(nic);
        }
        Ok(nics)
    }
}
