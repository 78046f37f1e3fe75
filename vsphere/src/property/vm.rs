//! A virtual machine, whole.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::device::{ControllerDetails, Device, DeviceDetails, DiskDetails, NicDetails, read_device};
use super::{Bag, decode_name, morefs, strings};
use crate::MoRef;
use crate::error::Error;
use crate::session::Session;
use crate::wire::Node;

/// Power state of a VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PowerState {
    /// Off.
    #[default]
    Off,
    /// On.
    On,
    /// Suspended to disk.
    Suspended,
}

impl PowerState {
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "poweredOn" => Self::On,
            "suspended" => Self::Suspended,
            _ => Self::Off,
        }
    }
}

/// What VMware Tools' heartbeat says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// Never heard of.
    #[default]
    Gray,
    /// Well.
    Green,
    /// Intermittent.
    Yellow,
    /// Lost.
    Red,
}

/// VMware Tools in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolsState {
    /// Whether they run.
    pub running: bool,
    /// `guest.toolsVersionStatus2`, such as `guestToolsCurrent`.
    pub version_status: String,
    /// `guest.toolsRunningStatus`.
    pub status: String,
}

/// A question vCenter asks before the VM goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Identifies it for the answer.
    pub id: String,
    /// The question.
    pub text: String,
    /// Key and text of each choice.
    pub choices: Vec<(String, String)>,
    /// Key of the default choice.
    pub default: Option<String>,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDetails {
    /// The snapshot.
    pub snapshot: MoRef,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Names from the root of the tree, with `/` between them.
    pub path: String,
    /// How many snapshots there are from the root of the tree down to it, itself counted.
    pub depth: u32,
    /// Whether it is the current one.
    pub current: bool,
}

/// A device the firmware may boot from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootDevice {
    /// The entry's type, such as `VirtualMachineBootOptionsBootableDiskDevice`.
    pub kind: String,
    /// The device's key, if the entry names one.
    pub device_key: Option<i32>,
}

/// A virtual machine as one RetrievePropertiesEx shows it. The names follow the vSphere API.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is the API property of that name; units are in the names")]
pub struct VmDetails {
    pub vm: MoRef,
    pub name: String,
    /// Inventory path such as `/DC0/vm/Prod/web-01`, names decoded.
    pub path: String,
    pub parent_folder: Option<MoRef>,
    pub host: Option<MoRef>,
    pub pool: Option<MoRef>,
    pub power: PowerState,
    pub connection_state: String,
    pub boot_time: Option<Timestamp>,
    pub template: bool,
    pub bios_uuid: String,
    pub instance_uuid: String,
    pub change_version: String,
    pub annotation: String,
    pub guest_id: String,
    pub hw_version: String,
    /// `bios` or `efi`.
    pub firmware: String,
    pub secure_boot: bool,
    pub boot_delay_ms: Option<u64>,
    pub boot_order: Vec<BootDevice>,
    /// The `nvram` file, if there is one.
    pub nvram: Option<String>,
    pub cpus: u32,
    pub cores_per_socket: u32,
    pub memory_mib: u64,
    pub cpu_hot_add: bool,
    pub cpu_hot_remove: bool,
    pub memory_hot_add: bool,
    pub extra_config: BTreeMap<String, String>,
    pub disks: Vec<DiskDetails>,
    pub controllers: Vec<ControllerDetails>,
    pub nics: Vec<NicDetails>,
    pub other_devices: Vec<DeviceDetails>,
    /// Key of the extension that manages it.
    pub managed_by: Option<String>,
    pub vapp: Option<MoRef>,
    /// Whether Fault Tolerance is on.
    pub ft: bool,
    pub encrypted: bool,
    pub consolidation_needed: bool,
    pub question: Option<Question>,
    pub disabled_methods: Vec<String>,
    /// Recent tasks that have not ended.
    pub running_tasks: Vec<MoRef>,
    pub snapshots: Vec<SnapshotDetails>,
    /// Whether a disk is a delta that no snapshot explains.
    pub linked_clone: bool,
    pub tools: ToolsState,
    pub guest_hostname: String,
    pub guest_ips: Vec<String>,
    pub heartbeat: Heartbeat,
    pub storage_committed_bytes: u64,
    pub datastores: Vec<MoRef>,
    /// Custom attributes: name (or key, if it has none) and value.
    pub custom_values: Vec<(String, String)>,
}

impl Default for MoRef {
    fn default() -> Self {
        Self::new("VirtualMachine", "")
    }
}

const PATHS: &[&str] = &[
    "name",
    "parent",
    "resourcePool",
    "parentVApp",
    "config",
    "runtime",
    "snapshot",
    "guest",
    "guestHeartbeatStatus",
    "recentTask",
    "disabledMethod",
    "datastore",
    "customValue",
    "availableField",
    "summary.storage.committed",
];

/// No inventory is deeper.
const MAX_FOLDER_DEPTH: usize = 64;

impl Session {
    /// Reads a VM whole. [`Error::is_gone`] if it does not exist.
    pub async fn vm(&self, vm: &MoRef) -> Result<VmDetails, Error> {
        let bag = self.read_properties(vm, PATHS).await?;
        let mut details = read_vm(vm.clone(), &bag);
        details.running_tasks = self.still_running(morefs(bag.get("recentTask"))).await?;
        details.path =
            self.path_of(details.parent_folder.clone().or(details.vapp.clone()), &details.name).await?;
        Ok(details)
    }

    /// Only what changes from second to second: cheap enough to poll.
    pub async fn vm_power(&self, vm: &MoRef) -> Result<PowerState, Error> {
        let bag = self.read_properties(vm, &["runtime.powerState"]).await?;
        Ok(bag.get("runtime.powerState").map(|node| PowerState::read(&node.text)).unwrap_or_default())
    }

    /// What a VM's files take on its datastores now, in bytes; absent if vCenter does not tell.
    pub async fn vm_committed_bytes(&self, vm: &MoRef) -> Result<Option<u64>, Error> {
        let bag = self.read_properties(vm, &["summary.storage.committed"]).await?;
        Ok(bag.get("summary.storage.committed").and_then(|node| node.text.parse().ok()))
    }

    /// The VMs whose `extraConfig` has this key with this value. Asks the whole inventory, at vCenter itself.
    pub async fn find_vms_by_extra_config(&self, key: &str, value: &str) -> Result<FoundVms, Error> {
        Ok(found_vms(self.read_all("VirtualMachine", MARK_PATHS).await?, key, value))
    }

    /// The same, but only of the VMs that are directly in a folder.
    pub async fn find_vms_in_folder_by_extra_config(
        &self,
        folder: &MoRef,
        key: &str,
        value: &str,
    ) -> Result<FoundVms, Error> {
        let Some(bag) = Self::unless_gone(self.read_properties(folder, &["childEntity"]).await)? else {
            return Ok(FoundVms::default());
        };
        let mut vms = morefs(bag.get("childEntity"));
        vms.retain(|child| child.kind == "VirtualMachine");
        let mut all = Vec::new();
        // One that goes meanwhile fails the reading of the others; then each is asked for itself.
        match self.read_many("VirtualMachine", &vms, MARK_PATHS).await {
            Err(error) if error.is_gone() => {
                for vm in vms {
                    let read = Self::unless_gone(self.read_properties(&vm, MARK_PATHS).await)?;
                    all.extend(read.map(|bag| (vm, bag)));
                }
            }
            read => all = read?,
        }
        Ok(found_vms(all, key, value))
    }

    /// An inventory path, by walking up.
    async fn path_of(&self, mut parent: Option<MoRef>, name: &str) -> Result<String, Error> {
        let mut path = vec![name.to_owned()];
        while let Some(object) = parent.take() {
            if path.len() > MAX_FOLDER_DEPTH {
                return Err(Error::Limit {
                    what: format!("the path of '{name}'"),
                    limit: MAX_FOLDER_DEPTH.to_string(),
                });
            }
            let Some(bag) = Self::unless_gone(self.read_properties(&object, &["name", "parent"]).await)?
            else {
                break;
            };
            parent = bag.get("parent").and_then(Node::moref);
            // The root folder has a name, but no place in a path.
            if parent.is_some() || object.kind != "Folder" {
                path.push(decode_name(bag.get("name").map_or("", |name| &name.text)));
            }
        }
        path.reverse();
        Ok(format!("/{}", path.join("/")))
    }

    /// Which of these tasks have not ended. A task that is gone has.
    pub(crate) async fn still_running(&self, tasks: Vec<MoRef>) -> Result<Vec<MoRef>, Error> {
        let mut running = Vec::new();
        for task in tasks {
            let Some(bag) = Self::unless_gone(self.read_properties(&task, &["info.state"]).await)? else {
                continue;
            };
            if bag.get("info.state").is_some_and(|state| state.text == "running" || state.text == "queued") {
                running.push(task);
            }
        }
        Ok(running)
    }
}

/// What [`Session::find_vms_by_extra_config`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundVms {
    /// Those that have it.
    pub having: Vec<MoRef>,
    /// Those whose configuration vCenter cannot read now, because a host or a datastore is out of reach.
    pub unreadable: Vec<UnreadableVm>,
}

/// A VM whose configuration cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableVm {
    /// The VM.
    pub vm: MoRef,
    /// Its name, as vCenter remembers it.
    pub name: String,
    /// The folder it is in.
    pub parent: Option<MoRef>,
}

const MARK_PATHS: &[&str] = &["name", "parent", "config.extraConfig"];

fn found_vms(all: Vec<(MoRef, Bag)>, key: &str, value: &str) -> FoundVms {
    let mut found = FoundVms::default();
    for (vm, bag) in all {
        match bag.get("config.extraConfig") {
            Some(options) => {
                let mut options = options.all("OptionValue");
                if options.any(|o| o.text_at("key") == Some(key) && o.text_at("value") == Some(value)) {
                    found.having.push(vm);
                }
            }
            None => found.unreadable.push(UnreadableVm {
                vm,
                name: decode_name(bag.get("name").map_or("", |node| &node.text)),
                parent: bag.get("parent").and_then(Node::moref),
            }),
        }
    }
    found
}

pub(super) fn read_vm(vm: MoRef, bag: &Bag) -> VmDetails {
    let empty = Node::default();
    let config = bag.get("config").unwrap_or(&empty);
    let runtime = bag.get("runtime").unwrap_or(&empty);
    let guest = bag.get("guest").unwrap_or(&empty);
    let mut details = VmDetails {
        vm,
        name: decode_name(bag.get("name").map_or("", |node| &node.text)),
        parent_folder: bag.get("parent").and_then(Node::moref),
        host: runtime.moref_at("host"),
        pool: bag.get("resourcePool").and_then(Node::moref),
        power: PowerState::read(runtime.text_at("powerState").unwrap_or_default()),
        connection_state: runtime.string("connectionState"),
        boot_time: runtime.parsed("bootTime"),
        template: config.flag("template"),
        bios_uuid: config.string("uuid"),
        instance_uuid: config.string("instanceUuid"),
        change_version: config.string("changeVersion"),
        annotation: config.string("annotation"),
        guest_id: config.string("guestId"),
        hw_version: config.string("version"),
        firmware: config.string("firmware"),
        secure_boot: config.flag("bootOptions.efiSecureBootEnabled"),
        boot_delay_ms: config.parsed("bootOptions.bootDelay"),
        boot_order: config
            .at("bootOptions")
            .map_or_else(Vec::new, |o| o.all("bootOrder").map(boot_device).collect()),
        cpus: config.parsed("hardware.numCPU").unwrap_or_default(),
        cores_per_socket: config.parsed("hardware.numCoresPerSocket").unwrap_or(1),
        memory_mib: config.parsed("hardware.memoryMB").unwrap_or_default(),
        cpu_hot_add: config.flag("cpuHotAddEnabled"),
        cpu_hot_remove: config.flag("cpuHotRemoveEnabled"),
        memory_hot_add: config.flag("memoryHotAddEnabled"),
        extra_config: extra_config(config),
        managed_by: config.text_at("managedBy.extensionKey").filter(|key| !key.is_empty()).map(str::to_owned),
        vapp: bag.get("parentVApp").and_then(Node::moref),
        ft: config.child("ftInfo").is_some()
            || !matches!(runtime.text_at("faultToleranceState"), None | Some("notConfigured")),
        encrypted: config.child("keyId").is_some(),
        consolidation_needed: runtime.flag("consolidationNeeded"),
        question: runtime.child("question").map(question),
        disabled_methods: strings(bag.get("disabledMethod")),
        snapshots: snapshots(bag.get("snapshot")),
        tools: ToolsState {
            running: guest.text_at("toolsRunningStatus") == Some("guestToolsRunning"),
            version_status: guest.string("toolsVersionStatus2"),
            status: guest.string("toolsRunningStatus"),
        },
        guest_hostname: guest.string("hostName"),
        guest_ips: guest_ips(guest),
        heartbeat: match bag.get("guestHeartbeatStatus").map_or("", |node| &node.text) {
            "green" => Heartbeat::Green,
            "yellow" => Heartbeat::Yellow,
            "red" => Heartbeat::Red,
            _ => Heartbeat::Gray,
        },
        storage_committed_bytes: bag
            .get("summary.storage.committed")
            .and_then(|node| node.text.parse().ok())
            .unwrap_or_default(),
        datastores: morefs(bag.get("datastore")),
        custom_values: custom_values(bag),
        ..VmDetails::default()
    };
    details.nvram = details.extra_config.get("nvram").cloned();
    for device in config.at("hardware").into_iter().flat_map(|hardware| hardware.all("device")) {
        match read_device(device) {
            Device::Disk(disk) => details.disks.push(disk),
            Device::Controller(controller) => details.controllers.push(controller),
            Device::Nic(nic) => details.nics.push(nic),
            Device::Other(other) => details.other_devices.push(other),
        }
    }
    details.encrypted |= details.disks.iter().any(|disk| disk.backing.encrypted);
    // Each snapshot above which the VM runs explains one delta of a disk.
    let explained = details.snapshots.iter().find(|s| s.current).map_or(0, |s| s.depth);
    details.linked_clone = details.disks.iter().any(|disk| disk.backing.deltas > explained);
    details
}

fn extra_config(config: &Node) -> BTreeMap<String, String> {
    config.all("extraConfig").map(|option| (option.string("key"), option.string("value"))).collect()
}

fn boot_device(node: &Node) -> BootDevice {
    BootDevice { kind: node.kind().to_owned(), device_key: node.parsed("deviceKey") }
}

fn question(node: &Node) -> Question {
    let choices: Vec<(String, String)> = node.at("choice").map_or_else(Vec::new, |c| {
        c.all("choiceInfo").map(|i| (i.string("key"), i.string("label"))).collect()
    });
    let default =
        node.parsed::<usize>("choice.defaultIndex").and_then(|n| choices.get(n)).map(|(key, _)| key.clone());
    Question { id: node.string("id"), text: node.string("text"), choices, default }
}

fn snapshots(node: Option<&Node>) -> Vec<SnapshotDetails> {
    let mut found = Vec::new();
    if let Some(info) = node {
        let current = info.moref_at("currentSnapshot");
        // Iterative: a chain of snapshots nests as deep as it is long.
        let mut open: Vec<(&Node, String, u32)> =
            info.all("rootSnapshotList").map(|root| (root, String::new(), 1)).collect();
        while let Some((tree, above, depth)) = open.pop() {
            let name = decode_name(&tree.string("name"));
            let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
            open.extend(tree.all("childSnapshotList").map(|child| (child, path.clone(), depth + 1)));
            if let Some(snapshot) = tree.moref_at("snapshot") {
                let current = current.as_ref() == Some(&snapshot);
                found.push(SnapshotDetails {
                    snapshot,
                    name,
                    description: tree.string("description"),
                    path,
                    depth,
                    current,
                });
            }
        }
    }
    found
}

fn guest_ips(guest: &Node) -> Vec<String> {
    let mut ips: Vec<String> =
        guest.all("net").flat_map(|net| net.all("ipAddress")).map(|ip| ip.text.clone()).collect();
    let primary = guest.string("ipAddress");
    if !primary.is_empty() && !ips.contains(&primary) {
        ips.insert(0, primary);
    }
    ips
}

fn custom_values(bag: &Bag) -> Vec<(String, String)> {
    let names: BTreeMap<String, String> = bag.get("availableField").map_or_else(BTreeMap::new, |fields| {
        fields.all("CustomFieldDef").map(|field| (field.string("key"), field.string("name"))).collect()
    });
    bag.get("customValue").map_or_else(Vec::new, |values| {
        values
            .all("CustomFieldValue")
            .map(|value| {
                let key = value.string("key");
                (names.get(&key).cloned().unwrap_or(key), value.string("value"))
            })
            .filter(|(_, value)| !value.is_empty())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::wire::{Limits, read_xml};

    /// A VM with a disk of so many deltas, above so many snapshots in a row; a third root beside them is another
    /// branch of the tree.
    fn linked(deltas: usize, snapshots: usize) -> bool {
        let node = |xml: String| {
            let xml = xml.replacen('>', r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#, 1);
            read_xml(&xml, &Limits::default()).unwrap()
        };
        let backing = (0..deltas).fold(String::new(), |inner, _| format!("<parent>{inner}</parent>"));
        let disk =
            format!("<device xsi:type=\"VirtualDisk\"><key>1</key><backing>{backing}</backing></device>");
        let config = node(format!("<val><hardware>{disk}</hardware></val>"));
        let reference = |n: usize| format!("<snapshot type=\"VirtualMachineSnapshot\">s-{n}</snapshot>");
        let chain = (1..=snapshots).rev().fold(String::new(), |inner, n| {
            let name = if n == 1 { "rootSnapshotList" } else { "childSnapshotList" };
            format!("<{name}><name>{n}</name>{}{inner}</{name}>", reference(n))
        });
        let aside = format!("<rootSnapshotList><name>aside</name>{}</rootSnapshotList>", reference(99));
        let current =
            format!("<currentSnapshot type=\"VirtualMachineSnapshot\">s-{snapshots}</currentSnapshot>");
        let tree = node(format!("<val>{current}{chain}{aside}</val>"));
        let mut bag: Bag = [("config".to_owned(), config)].into();
        if snapshots > 0 {
            bag.insert("snapshot".into(), tree);
        }
        read_vm(MoRef::new("VirtualMachine", "vm-1"), &bag).linked_clone
    }

    #[test]
    fn a_linked_clone_has_more_deltas_than_snapshots_explain() {
        assert!(!linked(0, 0) && linked(1, 0));
        assert!(!linked(1, 1) && !linked(2, 2), "one for each snapshot");
        assert!(!linked(1, 2), "a disk that was added later has fewer");
        assert!(linked(2, 1) && linked(3, 2), "a snapshot does not hide a linked clone");
    }
}
