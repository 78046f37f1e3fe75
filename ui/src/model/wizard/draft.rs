//! What has been chosen. A draft survives closing the wizard, for as long as the browser's tab is open.

use std::collections::{BTreeMap, BTreeSet};

use hdm_shared::VcenterId;
use hdm_shared::migration::{DiskFormat, MacPolicy, ShutdownMode, Verify};
use hdm_shared::vm::VmView;
use serde::{Deserialize, Serialize};

use super::step::Step;

use crate::model::sorted::gathered;

/// A virtual machine by its managed object id: all are in one vCenter.
pub type Moid = String;

/// What has been chosen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The step shown.
    pub step: Step,
    /// The furthest step reached: from there back every step can be gone to.
    pub furthest: Step,
    /// The cloud.
    pub cloud: Option<VcenterId>,
    /// The virtual machines that take part.
    pub chosen: BTreeSet<Moid>,
    /// What all become, where nothing else is said.
    pub settings: Settings,
    /// What single ones become.
    pub own_settings: BTreeMap<Moid, Settings>,
    /// Where all go, where nothing else is said.
    pub target: Target,
    /// Where single ones go.
    pub own_targets: BTreeMap<Moid, Target>,
    /// Source network, by name, to network in the cloud, by id.
    pub networks: BTreeMap<String, String>,
    /// Adapters that go elsewhere: virtual machine, adapter's label, network's id.
    pub adapters: BTreeMap<Moid, BTreeMap<String, String>>,
}

/// What a virtual machine becomes, as far as it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Name in the cloud.
    pub name: Option<String>,
    /// Virtual CPUs.
    pub cpus: Option<u32>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// How it is shut down.
    pub shutdown: Option<ShutdownMode>,
    /// How long its guest may take, in seconds.
    pub shutdown_timeout_seconds: Option<u32>,
    /// Whether it is powered on afterwards; as it was, if nothing is said.
    pub power_on: Option<bool>,
    /// MAC addresses.
    pub mac: Option<MacPolicy>,
    /// How the copy is checked.
    pub verify: Option<Verify>,
}

impl Settings {
    /// These, and where they say nothing, others.
    pub fn or(&self, others: &Self) -> Self {
        Self {
            name: self.name.clone().or_else(|| others.name.clone()),
            cpus: self.cpus.or(others.cpus),
            memory_mib: self.memory_mib.or(others.memory_mib),
            shutdown: self.shutdown.or(others.shutdown),
            shutdown_timeout_seconds: self.shutdown_timeout_seconds.or(others.shutdown_timeout_seconds),
            power_on: self.power_on.or(others.power_on),
            mac: self.mac.or(others.mac),
            verify: self.verify.or(others.verify),
        }
    }
}

/// Where a virtual machine goes, as far as it is said; everything by managed object id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// Cluster.
    pub cluster: Option<String>,
    /// Datastore.
    pub datastore: Option<String>,
    /// Resource pool; the cluster's root if nothing is said.
    pub pool: Option<String>,
    /// VM folder; the datacenter's root if nothing is said.
    pub folder: Option<String>,
    /// Allocation of the disks.
    pub disk_format: Option<DiskFormat>,
}

/// What one virtual machine becomes, with nothing left open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Name in the cloud.
    pub name: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// How it is shut down.
    pub shutdown: ShutdownMode,
    /// How long its guest may take, in seconds.
    pub shutdown_timeout_seconds: u32,
    /// Whether it is powered on afterwards.
    pub power_on: bool,
    /// MAC addresses.
    pub mac: MacPolicy,
    /// How the copy is checked.
    pub verify: Verify,
}

impl Effective {
    /// What a virtual machine becomes: what is said of it alone goes before what is said of all.
    pub fn of(vm: &VmView, own: Option<&Settings>, all: &Settings) -> Self {
        // A name is of one virtual machine, never of all.
        let all = Settings { name: None, ..all.clone() };
        let said = own.map_or_else(|| all.clone(), |own| own.or(&all));
        Self {
            name: said.name.unwrap_or_else(|| vm.name.clone()),
            cpus: said.cpus.unwrap_or(vm.cpus),
            memory_mib: said.memory_mib.unwrap_or(vm.memory_mib),
            shutdown: said.shutdown.unwrap_or_default(),
            shutdown_timeout_seconds: said.shutdown_timeout_seconds.unwrap_or(SHUTDOWN_SECONDS),
            power_on: said.power_on.unwrap_or(vm.powered_on),
            mac: said.mac.unwrap_or_default(),
            verify: said.verify.unwrap_or_default(),
        }
    }
}

/// How long a guest may take to shut down if nothing is said, in seconds.
pub const SHUTDOWN_SECONDS: u32 = 300;

impl Draft {
    /// Begins with a selection.
    pub fn new(chosen: impl IntoIterator<Item = Moid>) -> Self {
        Self { chosen: gathered(chosen), ..Self::default() }
    }

    /// Goes to a step.
    pub fn go(&mut self, step: Step) {
        self.step = step;
        self.furthest = self.furthest.max(step);
    }

    /// What a virtual machine becomes.
    pub fn effective(&self, vm: &VmView) -> Effective {
        Effective::of(vm, self.own_settings.get(&vm.vm.moid), &self.settings)
    }

    /// Where a virtual machine goes.
    pub fn target_of(&self, moid: &str) -> &Target {
        self.own_targets.get(moid).unwrap_or(&self.target)
    }

    /// The network in the cloud that an adapter goes to, by id.
    pub fn network_of(&self, moid: &str, label: &str, source: &str) -> Option<&String> {
        let own = self.adapters.get(moid).and_then(|adapters| adapters.get(label));
        own.or_else(|| self.networks.get(source))
    }

    /// Says something of several virtual machines; what is not said stays as it was.
    pub fn set_own(&mut self, moids: &[Moid], said: &Settings) {
        for moid in moids {
            let before = self.own_settings.remove(moid).unwrap_or_default();
            let after = said.or(&before);
            if after != Settings::default() {
                self.own_settings.insert(moid.clone(), after);
            }
        }
    }

    /// Leaves virtual machines out.
    pub fn leave_out<'a>(&mut self, moids: impl IntoIterator<Item = &'a Moid>) {
        for moid in moids {
            self.chosen.remove(moid);
        }
    }

    /// Chooses another cloud: what was chosen inside the former is forgotten.
    pub fn choose_cloud(&mut self, cloud: VcenterId) {
        if self.cloud.as_ref() != Some(&cloud) {
            self.cloud = Some(cloud);
            self.target = Target::default();
            self.own_targets.clear();
            self.networks.clear();
            self.adapters.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::samples::vm;
    use super::*;

    #[test]
    fn what_is_said_of_one_goes_before_what_is_said_of_all() {
        let mut draft = Draft::new(["vm-1".to_owned()]);
        draft.settings = Settings { cpus: Some(8), power_on: Some(false), ..Settings::default() };
        draft.set_own(
            &["vm-1".into()],
            &Settings { cpus: Some(4), name: Some("new".into()), ..Settings::default() },
        );
        let one = draft.effective(&vm(1));
        assert_eq!((one.cpus, one.power_on, one.name.as_str()), (4, false, "new"));
        let other = draft.effective(&vm(2));
        assert_eq!((other.cpus, other.name.as_str()), (8, "web-2"));
    }

    #[test]
    fn it_is_powered_on_as_it_was_unless_something_is_said() {
        let draft = Draft::default();
        let mut off = vm(1);
        off.powered_on = false;
        assert!(draft.effective(&vm(1)).power_on);
        assert!(!draft.effective(&off).power_on);
    }

    #[test]
    fn another_cloud_forgets_what_was_chosen_inside_the_former() {
        let mut draft = Draft::default();
        draft.choose_cloud("cloud".parse().unwrap());
        draft.target.cluster = Some("domain-c1".into());
        draft.choose_cloud("cloud".parse().unwrap());
        assert!(draft.target.cluster.is_some(), "the same again changes nothing");
        draft.choose_cloud("other".parse().unwrap());
        assert_eq!(draft.target, Target::default());
    }

    #[test]
    fn a_draft_survives_as_text() {
        let mut draft = Draft::new(["vm-1".to_owned()]);
        draft.go(Step::Network);
        draft
            .adapters
            .entry("vm-1".into())
            .or_default()
            .insert("Network adapter 1".into(), "network-2".into());
        let text = serde_json::to_string(&draft).unwrap();
        assert_eq!(serde_json::from_str::<Draft>(&text).unwrap(), draft);
    }
}
