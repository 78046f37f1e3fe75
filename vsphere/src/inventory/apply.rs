//! Applying updates. What is kept of an object is small; paths are put together when a view is made, and
//! only for what has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::view::{
    ClusterSummary, DatacenterSummary, DatastoreSummary, FolderSummary, HostSummary, InventoryView,
    NetworkSummary, PoolSummary, UnusualDevices, VmSummary,
};
use crate::MoRef;
use crate::property::{Device, PowerState, decode_name, morefs, read_device, read_nic};
use crate::wire::Node;

/// What an inventory watches: types and their properties. Names of base types cover derived ones.
pub const WATCHED: &[(&str, &[&str])] = &[
    ("Datacenter", &["name", "parent", "vmFolder"]),
    ("Folder", &["name", "parent", "childType"]),
    ("StoragePod", &["name", "parent", "childEntity"]),
    ("ComputeResource", &["name", "parent", "host", "datastore", "network", "resourcePool"]),
    ("ClusterComputeResource", &["configurationEx"]),
    (
        "HostSystem",
        &[
            "name",
            "parent",
            "runtime.connectionState",
            "runtime.inMaintenanceMode",
            "datastore",
            "network",
            "config.product.version",
            "summary.hardware",
        ],
    ),
    ("ResourcePool", &["name", "parent", "owner"]),
    (
        "Datastore",
        &[
            "name",
            "parent",
            "summary.type",
            "summary.capacity",
            "summary.freeSpace",
            "summary.accessible",
            "summary.maintenanceMode",
        ],
    ),
    ("Network", &["name", "parent", "host"]),
    ("DistributedVirtualPortgroup", &["key"]),
    (
        "VirtualMachine",
        &[
            "name",
            "parent",
            "parentVApp",
            "resourcePool",
            "runtime.powerState",
            "runtime.host",
            "runtime.question",
            "runtime.consolidationNeeded",
            "runtime.faultToleranceState",
            "config.template",
            "config.uuid",
            "config.instanceUuid",
            "config.version",
            "config.guestId",
            "config.annotation",
            "config.hardware",
            "config.extraConfig",
            "config.managedBy",
            "config.keyId",
            "guest.toolsRunningStatus",
            "rootSnapshot",
        ],
    ),
];

/// An object other than a VM, as far as it is watched.
#[derive(Debug, Default)]
struct Thing {
    name: String,
    parent: Option<MoRef>,
    properties: BTreeMap<&'static str, Node>,
}

impl Thing {
    fn text(&self, path: &str) -> &str {
        self.properties.get(path).map_or("", |node| &node.text)
    }

    /// A number within a property.
    fn number<T: std::str::FromStr>(&self, path: &str, field: &str) -> Option<T> {
        self.properties.get(path)?.parsed(field)
    }

    fn moref(&self, path: &str) -> Option<MoRef> {
        self.properties.get(path).and_then(Node::moref)
    }

    fn morefs(&self, path: &str) -> Vec<MoRef> {
        morefs(self.properties.get(path))
    }
}

/// Everything known.
#[derive(Debug, Default)]
pub(super) struct Store {
    things: HashMap<MoRef, Thing>,
    /// Shared with the views that show them: ten thousand are kept once.
    vms: BTreeMap<MoRef, Arc<VmSummary>>,
    /// The VMs whose path, cluster and datacenter are to be looked up before they are shown.
    incomplete: BTreeSet<MoRef>,
    things_changed: bool,
}

impl Store {
    /// Applies one `ObjectUpdate`.
    pub(super) fn apply(&mut self, update: &Node) {
        let Some(object) = update.moref_at("obj") else { return };
        let is_vm = object.kind == "VirtualMachine";
        if update.text_at("kind") == Some("leave") {
            if is_vm {
                self.vms.remove(&object);
                self.incomplete.remove(&object);
            } else {
                self.things.remove(&object);
                self.things_changed = true;
            }
            return;
        }
        if is_vm {
            let vm = self
                .vms
                .entry(object.clone())
                .or_insert_with(|| Arc::new(VmSummary { vm: object.clone(), ..Default::default() }));
            // A view that shows it keeps it as it was.
            let vm = Arc::make_mut(vm);
            for change in update.all("changeSet") {
                apply_to_vm(vm, &change.string("name"), change.child("val"));
            }
            self.incomplete.insert(object);
        } else {
            let thing = self.things.entry(object).or_default();
            for change in update.all("changeSet") {
                self.things_changed |= apply_to_thing(thing, &change.string("name"), change.child("val"));
            }
        }
    }

    /// Puts a view together.
    pub(super) fn view(&mut self) -> InventoryView {
        if std::mem::take(&mut self.things_changed) {
            // A path or a cluster may have changed for any VM.
            self.incomplete = self.vms.keys().cloned().collect();
        }
        for object in std::mem::take(&mut self.incomplete) {
            if let Some(vm) = self.vms.get(&object).map(|vm| self.complete(vm)) {
                self.vms.insert(object, Arc::new(vm));
            }
        }
        let mut view = InventoryView { vms: self.vms.clone(), ..InventoryView::default() };
        for (object, thing) in &self.things {
            self.show(object, thing, &mut view);
        }
        view
    }

    fn complete(&self, vm: &VmSummary) -> VmSummary {
        let mut vm = vm.clone();
        vm.path = self.path(vm.parent.as_ref(), &vm.name);
        vm.datacenter = self.datacenter(vm.parent.as_ref());
        vm.cluster = vm.host.as_ref().and_then(|host| self.things.get(host)?.parent.clone());
        if vm.cluster.is_none() {
            vm.cluster = vm.pool.as_ref().and_then(|pool| self.things.get(pool)?.moref("owner"));
        }
        vm
    }

    fn show(&self, object: &MoRef, thing: &Thing, view: &mut InventoryView) {
        let name = thing.name.clone();
        let path = || self.path(thing.parent.as_ref(), &thing.name);
        let datacenter = || self.datacenter(thing.parent.as_ref());
        match &*object.kind {
            "Datacenter" => {
                let vm_folder = thing.moref("vmFolder");
                let summary = DatacenterSummary { datacenter: object.clone(), name, path: path(), vm_folder };
                view.datacenters.insert(object.clone(), Arc::new(summary));
            }
            "StoragePod" => {
                view.datastore_clusters.insert(object.clone(), (name, thing.morefs("childEntity")));
            }
            "Folder" => {
                let types = thing.properties.get("childType");
                let holds_vms =
                    types.is_some_and(|types| types.all("string").any(|t| t.text == "VirtualMachine"));
                let (path, datacenter) = (path(), datacenter());
                let summary = FolderSummary { folder: object.clone(), name, path, holds_vms, datacenter };
                view.folders.insert(object.clone(), Arc::new(summary));
            }
            "ClusterComputeResource" | "ComputeResource" => {
                let drs =
                    thing.properties.get("configurationEx").is_some_and(|c| c.flag("drsConfig.enabled"));
                let summary = ClusterSummary {
                    cluster: object.clone(),
                    name,
                    path: path(),
                    datacenter: datacenter(),
                    drs,
                    standalone: object.kind == "ComputeResource",
                    hosts: thing.morefs("host"),
                    datastores: thing.morefs("datastore"),
                    networks: thing.morefs("network"),
                    root_pool: thing.moref("resourcePool"),
                };
                view.clusters.insert(object.clone(), Arc::new(summary));
            }
            "HostSystem" => {
                let summary = HostSummary {
                    host: object.clone(),
                    name,
                    cluster: thing.parent.clone(),
                    connected: thing.text("runtime.connectionState") == "connected",
                    maintenance: thing.text("runtime.inMaintenanceMode") == "true",
                    datastores: thing.morefs("datastore"),
                    networks: thing.morefs("network"),
                    version: thing.text("config.product.version").to_owned(),
                    logical_cpus: thing.number("summary.hardware", "numCpuThreads").unwrap_or_default(),
                    memory_bytes: thing.number("summary.hardware", "memorySize").unwrap_or_default(),
                };
                view.hosts.insert(object.clone(), Arc::new(summary));
            }
            "ResourcePool" | "VirtualApp" => {
                let (parent, owner) = (thing.parent.clone(), thing.moref("owner"));
                view.pools.insert(
                    object.clone(),
                    Arc::new(PoolSummary { pool: object.clone(), name, parent, owner }),
                );
            }
            "Datastore" => {
                let pod = thing.parent.clone().filter(|parent| parent.kind == "StoragePod");
                let summary = DatastoreSummary {
                    datastore: object.clone(),
                    name,
                    kind: thing.text("summary.type").to_owned(),
                    capacity_bytes: thing.text("summary.capacity").parse().unwrap_or_default(),
                    free_bytes: thing.text("summary.freeSpace").parse().unwrap_or_default(),
                    accessible: thing.text("summary.accessible") == "true",
                    maintenance: !matches!(thing.text("summary.maintenanceMode"), "" | "normal"),
                    pod,
                    datacenter: datacenter(),
                };
                view.datastores.insert(object.clone(), Arc::new(summary));
            }
            "Network" | "DistributedVirtualPortgroup" | "OpaqueNetwork" => {
                let portgroup_key = Some(thing.text("key").to_owned()).filter(|key| !key.is_empty());
                let (hosts, datacenter) = (thing.morefs("host"), datacenter());
                let summary =
                    NetworkSummary { network: object.clone(), name, hosts, portgroup_key, datacenter };
                view.networks.insert(object.clone(), Arc::new(summary));
            }
            _ => {}
        }
    }

    fn ancestors<'a>(&'a self, parent: Option<&'a MoRef>) -> impl Iterator<Item = (&'a MoRef, &'a Thing)> {
        /// No inventory is deeper; a loop would be the server's mistake.
        const MAX_DEPTH: usize = 64;
        let mut next = parent;
        std::iter::from_fn(move || {
            let object = next?;
            let thing = self.things.get(object)?;
            next = thing.parent.as_ref();
            Some((object, thing))
        })
        .take(MAX_DEPTH)
    }

    fn path(&self, parent: Option<&MoRef>, name: &str) -> String {
        // The root folder is not in the view, so it adds nothing.
        let mut names: Vec<&str> = self.ancestors(parent).map(|(_, thing)| thing.name.as_str()).collect();
        names.reverse();
        names.push(name);
        format!("/{}", names.join("/"))
    }

    fn datacenter(&self, parent: Option<&MoRef>) -> Option<MoRef> {
        self.ancestors(parent).map(|(object, _)| object).find(|object| object.kind == "Datacenter").cloned()
    }
}

/// Returns whether anything changed that a VM's path or cluster could depend on.
fn apply_to_thing(thing: &mut Thing, name: &str, value: Option<&Node>) -> bool {
    match name {
        "name" => {
            let new = decode_name(value.map_or("", |node| &node.text));
            let changed = thing.name != new;
            thing.name = new;
            changed
        }
        "parent" => {
            let new = value.and_then(Node::moref);
            let changed = thing.parent != new;
            thing.parent = new;
            changed
        }
        _ => {
            let known = WATCHED.iter().flat_map(|(_, paths)| paths.iter()).find(|path| **path == name);
            match (known, value) {
                (Some(path), Some(value)) => {
                    thing.properties.insert(path, trim(path, value));
                }
                (Some(path), None) => {
                    thing.properties.remove(path);
                }
                (None, _) => {}
            }
            name == "owner"
        }
    }
}

/// Keeps of a large property only what is used of it.
fn trim(path: &str, value: &Node) -> Node {
    if path == "summary.hardware" {
        let mut kept = Node { name: value.name.clone(), ..Node::default() };
        for field in ["numCpuThreads", "memorySize"] {
            kept.children.extend(value.text_at(field).map(|text| Node::leaf(field, text)));
        }
        return kept;
    }
    if path != "configurationEx" {
        return value.clone();
    }
    let mut kept = Node { name: value.name.clone(), ..Node::default() };
    if let Some(enabled) = value.text_at("drsConfig.enabled") {
        let mut drs = Node::leaf("drsConfig", "");
        drs.children.push(Node::leaf("enabled", enabled));
        kept.children.push(drs);
    }
    kept
}

fn apply_to_vm(vm: &mut VmSummary, name: &str, value: Option<&Node>) {
    let text = value.map_or("", |node| node.text.as_str());
    let flag = text == "true";
    let moref = || value.and_then(Node::moref);
    match name {
        "name" => vm.name = decode_name(text),
        "parent" => vm.parent = moref().or(vm.parent.take().filter(|_| vm.in_vapp)),
        "parentVApp" => {
            let vapp = moref();
            vm.in_vapp = vapp.is_some();
            if vapp.is_some() {
                vm.parent = vapp;
            }
        }
        "resourcePool" => vm.pool = moref(),
        "runtime.powerState" => vm.power = PowerState::read(text),
        "runtime.host" => vm.host = moref(),
        "runtime.question" => vm.question = value.is_some(),
        "runtime.consolidationNeeded" => vm.consolidation_needed = flag,
        "runtime.faultToleranceState" => vm.ft = !matches!(text, "" | "notConfigured"),
        "config.template" => vm.template = flag,
        "config.uuid" => text.clone_into(&mut vm.uuid),
        "config.instanceUuid" => text.clone_into(&mut vm.instance_uuid),
        "config.version" => text.clone_into(&mut vm.hw_version),
        "config.guestId" => text.clone_into(&mut vm.guest_id),
        "config.keyId" => vm.encrypted = value.is_some(),
        "config.managedBy" => {
            vm.managed_by =
                value.and_then(|v| v.text_at("extensionKey")).filter(|k| !k.is_empty()).map(str::to_owned);
        }
        "config.annotation" => {
            // Of notes, which may be long, only what HDM wrote is kept.
            let ours: Vec<&str> = text.lines().filter(|line| line.starts_with("[HDM ")).collect();
            vm.hdm_notes = ours.join("\n");
        }
        "config.extraConfig" => {
            vm.hdm_migration = value.and_then(|options| {
                let option =
                    options.all("OptionValue").find(|o| o.text_at("key") == Some("hdm.migration"))?;
                option.text_at("value").map(str::to_owned)
            });
        }
        "config.hardware" => apply_hardware(vm, value),
        "rootSnapshot" => vm.has_snapshots = !morefs(value).is_empty(),
        "guest.toolsRunningStatus" => vm.tools_running = text == "guestToolsRunning",
        _ => {}
    }
}

fn apply_hardware(vm: &mut VmSummary, value: Option<&Node>) {
    let Some(hardware) = value else { return };
    vm.cpus = hardware.parsed("numCPU").unwrap_or_default();
    vm.memory_mib = hardware.parsed("memoryMB").unwrap_or_default();
    vm.disks.clear();
    vm.nics.clear();
    for device in hardware.all("device") {
        if device.kind() == "VirtualDisk" {
            let bytes = device
                .parsed("capacityInBytes")
                .or_else(|| device.parsed::<u64>("capacityInKB").map(|kib| kib.saturating_mul(1024)));
            vm.disks.push((device.string("deviceInfo.label"), bytes.unwrap_or_default()));
        } else if let Some(nic) = read_nic(device) {
            vm.nics.push(nic);
        }
    }
    let unusual = unusual_devices(hardware);
    vm.unusual = (!unusual.is_empty()).then(|| Box::new(unusual));
}

/// Picks the devices that could stand in a move's way. The common ones are passed over by their type, unread.
fn unusual_devices(hardware: &Node) -> UnusualDevices {
    let mut unusual = UnusualDevices::default();
    let wanted = |device: &&Node| {
        let kind = device.kind();
        matches!(kind, "VirtualDisk" | "VirtualSriovEthernetCard" | "VirtualTPM" | "VirtualPCIPassthrough")
            || !matches!(device.text_at("sharedBus").unwrap_or_default(), "" | "noSharing")
    };
    let mut disks = Vec::new();
    for device in hardware.all("device").filter(wanted) {
        match read_device(device) {
            Device::Disk(disk) => disks.push(disk),
            Device::Controller(controller) => unusual.controllers.push(controller),
            Device::Nic(nic) => unusual.nics.push(nic),
            Device::Other(other) => unusual.others.push(other),
        }
    }
    let shared = |key: i32| unusual.controllers.iter().any(|controller| controller.key == key);
    disks.retain(|disk| {
        let backing = &disk.backing;
        let exclusive = matches!(backing.sharing.as_str(), "" | "sharingNone");
        let bound = backing.is_rdm() || backing.mode.starts_with("independent") || backing.encrypted;
        bound || !exclusive || backing.deltas > 0 || shared(disk.controller_key)
    });
    unusual.disks = disks;
    unusual
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::wire::{Limits, read_xml};

    fn apply(store: &mut Store, kind: &str, object: (&str, &str), changes: &[(&str, &str)]) {
        let changes: Vec<String> = changes
            .iter()
            .map(|(name, val)| format!("<changeSet><name>{name}</name><op>assign</op>{val}</changeSet>"))
            .collect();
        let changes = changes.concat();
        let (object_kind, id) = object;
        let xml = format!(
            "<objectSet xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'><kind>{kind}</kind>\
             <obj type='{object_kind}'>{id}</obj>{changes}</objectSet>"
        );
        store.apply(&read_xml(&xml, &Limits::default()).unwrap());
    }

    fn small() -> Store {
        let mut store = Store::default();
        let up = |kind: &str, id: &str| format!("<val type='{kind}'>{id}</val>");
        apply(
            &mut store,
            "enter",
            ("Datacenter", "dc-1"),
            &[("name", "<val>DC</val>"), ("parent", &up("Folder", "root"))],
        );
        apply(
            &mut store,
            "enter",
            ("Folder", "f-1"),
            &[("name", "<val>a%2fb</val>"), ("parent", &up("Datacenter", "dc-1"))],
        );
        apply(
            &mut store,
            "enter",
            ("HostSystem", "h-1"),
            &[("parent", &up("ClusterComputeResource", "c-1"))],
        );
        apply(
            &mut store,
            "enter",
            ("VirtualMachine", "vm-1"),
            &[
                ("name", "<val>web</val>"),
                ("parent", &up("Folder", "f-1")),
                ("runtime.host", &up("HostSystem", "h-1")),
                (
                    "config.hardware",
                    "<val><numCPU>2</numCPU><memoryMB>64</memoryMB>\
              <device xsi:type='VirtualDisk'><deviceInfo><label>Hard disk 1</label></deviceInfo>\
              <capacityInKB>4</capacityInKB></device>\
              <device xsi:type='VirtualVmxnet3'><macAddress>00:50:56:AA:00:01</macAddress></device></val>",
                ),
            ],
        );
        store
    }

    fn vm(store: &mut Store) -> Arc<VmSummary> {
        store.view().vms[&MoRef::new("VirtualMachine", "vm-1")].clone()
    }

    #[test]
    fn a_vm_has_its_path_datacenter_cluster_disks_and_adapters() {
        let vm = vm(&mut small());
        assert_eq!(vm.path, "/DC/a/b/web");
        assert_eq!(vm.datacenter.as_ref().unwrap().id, "dc-1");
        assert_eq!(vm.cluster.as_ref().unwrap().id, "c-1");
        assert_eq!(vm.disks, [("Hard disk 1".to_owned(), 4096)]);
        assert_eq!(vm.nics[0].mac, "00:50:56:aa:00:01");
    }

    #[test]
    fn only_devices_that_could_stand_in_the_way_are_kept() {
        let device = |kind: &str, key: u32, more: &str| {
            format!("<device xsi:type='{kind}'><key>{key}</key>{more}</device>")
        };
        let backing =
            |text: &str| format!("<backing xsi:type='VirtualDiskFlatVer2BackingInfo'>{text}</backing>");
        let hardware = |devices: &[String]| format!("<val>{}</val>", devices.concat());
        let plain = [
            device("ParaVirtualSCSIController", 1, "<sharedBus>noSharing</sharedBus>"),
            device(
                "VirtualDisk",
                2,
                &format!(
                    "<controllerKey>1</controllerKey>{}",
                    backing("<diskMode>persistent</diskMode><sharing>sharingNone</sharing>")
                ),
            ),
            device("VirtualVmxnet3", 3, ""),
        ];
        let unusual = [
            device("VirtualLsiLogicController", 4, "<sharedBus>virtualSharing</sharedBus>"),
            device("VirtualDisk", 5, "<controllerKey>4</controllerKey>"),
            device("VirtualDisk", 6, &backing("<diskMode>independent_persistent</diskMode>")),
            device("VirtualDisk", 7, &backing("<sharing>sharingMultiWriter</sharing>")),
            device("VirtualSriovEthernetCard", 8, ""),
            device("VirtualTPM", 9, ""),
        ];
        let mut store = small();
        let target = ("VirtualMachine", "vm-1");
        apply(&mut store, "modify", target, &[("config.hardware", &hardware(&plain))]);
        assert_eq!(vm(&mut store).unusual, None);
        let all = [&plain[..], &unusual[..]].concat();
        apply(&mut store, "modify", target, &[("config.hardware", &hardware(&all))]);
        let kept = vm(&mut store).unusual.clone().unwrap();
        assert_eq!(kept.disks.iter().map(|disk| disk.key).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(kept.controllers.iter().map(|controller| controller.key).collect::<Vec<_>>(), [4]);
        assert_eq!((kept.nics.len(), kept.others.len()), (1, 1));
        assert!(std::mem::size_of::<VmSummary>() < 1024, "a large inventory stays small");
    }

    #[test]
    fn one_change_touches_one_vm_and_a_renamed_folder_all_below() {
        let mut store = small();
        apply(&mut store, "enter", ("VirtualMachine", "vm-2"), &[("name", "<val>db</val>")]);
        let before = store.view();
        apply(
            &mut store,
            "modify",
            ("VirtualMachine", "vm-1"),
            &[("runtime.powerState", "<val>poweredOn</val>")],
        );
        let after = store.view();
        let other = MoRef::new("VirtualMachine", "vm-2");
        assert!(Arc::ptr_eq(&before.vms[&other], &after.vms[&other]), "the other VM is not made anew");
        assert_eq!(vm(&mut store).power, PowerState::On);
        apply(&mut store, "modify", ("Folder", "f-1"), &[("name", "<val>c</val>")]);
        assert_eq!(vm(&mut store).path, "/DC/c/web");
    }

    #[test]
    fn what_leaves_is_gone() {
        let mut store = small();
        apply(&mut store, "leave", ("VirtualMachine", "vm-1"), &[]);
        assert!(store.view().vms.is_empty());
    }
}
