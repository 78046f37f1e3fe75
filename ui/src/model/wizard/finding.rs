//! Where a finding is mended.

use std::collections::BTreeMap;

use hdm_shared::migration::Plan;
use hdm_shared::problem::Finding;
use hdm_shared::vm::{AdapterView, VmView};

use super::draft::Draft;
use super::step::Step;

/// Where a finding is mended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The step.
    pub step: Step,
    /// The field, as the end of its id on the page; empty if no field is to blame.
    pub field: &'static str,
    /// Which of several: of networks the source's name, of adapters the label.
    pub part: String,
}

/// Where a finding about a virtual machine is mended.
pub fn spot(finding: &Finding, vm: &VmView, draft: &Draft) -> Spot {
    let code = finding.code.as_str();
    let vms = |field| Spot { step: Step::Vms, field, part: String::new() };
    let target = |field| Spot { step: Step::Target, field, part: String::new() };
    match code {
        "name-taken" | "name-reserved" | "name-unusable" | "name-not-offered" => vms("name"),
        "cpus-out-of-range" => vms("cpus"),
        "memory-out-of-range" => vms("memory"),
        "timeout-out-of-range" => vms("timeout"),
        "powered-on" => vms("shutdown"),
        "mac-in-use" | "mac-reserved" => vms("mac"),
        "space-short" | "host-sees-no-datastore" => target("datastore"),
        "hardware-version-unsupported" | "firmware-unsupported" => target("cluster"),
        "target-not-released" => not_released(finding, vm, draft),
        "host-sees-no-network" => network(finding, vm, draft),
        // What was named and is not there, or is there several times, or cannot be.
        _ => match code.split_once('-').map_or("", |(what, _)| what) {
            "network" => network(finding, vm, draft),
            "cluster" | "host" => target("cluster"),
            "datastore" => target("datastore"),
            "pool" => target("pool"),
            "folder" => target("folder"),
            _ => vms(""),
        },
    }
}

/// The field in which something was chosen that is not released.
fn not_released(finding: &Finding, vm: &VmView, draft: &Draft) -> Spot {
    let chosen = draft.target_of(&vm.vm.moid);
    let is = |id: &Option<String>| id.as_deref().is_some_and(|id| named(finding, id));
    let field = match () {
        () if is(&chosen.datastore) => "datastore",
        () if is(&chosen.folder) => "folder",
        () if is(&chosen.cluster) => "cluster",
        () => return network(finding, vm, draft),
    };
    Spot { step: Step::Target, field, part: String::new() }
}

/// Whether a finding is about an object with this id, with the vCenter's name before it or without.
fn named(finding: &Finding, id: &str) -> bool {
    finding.object == id || finding.object.rsplit_once(':').is_some_and(|(_, rest)| rest == id)
}

/// The field of the network that a finding is about: the source network's, or the adapter's if it goes elsewhere.
fn network(finding: &Finding, vm: &VmView, draft: &Draft) -> Spot {
    let moid = &vm.vm.moid;
    let is = |adapter: &&AdapterView| {
        finding.part.as_ref() == Some(&adapter.label)
            || draft.network_of(moid, &adapter.label, &adapter.network).is_some_and(|id| named(finding, id))
    };
    let Some(adapter) = vm.adapters.iter().find(is).or(vm.adapters.first()) else {
        return Spot { step: Step::Network, ..Spot::default() };
    };
    let own = draft.adapters.get(moid).is_some_and(|own| own.contains_key(&adapter.label));
    let (field, part) = if own { ("selected", &adapter.label) } else { ("network", &adapter.network) };
    Spot { step: Step::Network, field, part: part.clone() }
}

/// The virtual machines of a plan that something stands in the way of, by the id they were asked by, each
/// with what blocks it.
pub fn blocked(plan: &Plan) -> BTreeMap<String, Vec<Finding>> {
    plan.vms
        .iter()
        .filter(|vm| !vm.admitted())
        .map(|vm| (vm.asked.clone(), vm.findings.iter().filter(|f| f.blocks()).cloned().collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use hdm_shared::admission::CODES;

    use super::super::samples::vm;
    use super::*;

    fn at(finding: &Finding, draft: &Draft) -> (usize, &'static str, String) {
        let Spot { step, field, part } = spot(finding, &vm(1), draft);
        (step.number(), field, part)
    }

    #[test]
    fn every_finding_leads_to_a_step_where_something_can_be_chosen() {
        for code in CODES {
            let (step, ..) = at(&Finding::blocker(code, "x", "m.", "r."), &Draft::default());
            assert!((4..=6).contains(&step), "{code}");
        }
        for (code, step, field) in [
            ("name-taken", 4, "name"),
            ("mac-in-use", 4, "mac"),
            ("mac-reserved", 4, "mac"),
            ("powered-on", 4, "shutdown"),
            ("cpus-out-of-range", 4, "cpus"),
            ("template", 4, ""),
            ("space-short", 5, "datastore"),
            ("cluster-unknown", 5, "cluster"),
            ("folder-ambiguous", 5, "folder"),
            ("datastore-needed", 5, "datastore"),
            ("pool-elsewhere", 5, "pool"),
            ("host-maintenance", 5, "cluster"),
            ("network-unmapped", 6, "network"),
        ] {
            let (led, to, _) = at(&Finding::blocker(code, "x", "m.", "r."), &Draft::default());
            assert_eq!((led, to), (step, field), "{code}");
        }
    }

    #[test]
    fn what_is_not_released_is_found_by_its_id() {
        let mut draft = Draft::default();
        draft.target.cluster = Some("domain-c1".into());
        draft.target.datastore = Some("datastore-1".into());
        draft.networks.insert("VM Network".into(), "network-1".into());
        let not_released = |id: &str| Finding::blocker("target-not-released", id, "m.", "r.");
        assert_eq!(at(&not_released("cloud:datastore-1"), &draft), (5, "datastore", String::new()));
        assert_eq!(at(&not_released("domain-c1"), &draft), (5, "cluster", String::new()));
        assert_eq!(at(&not_released("network-1"), &draft), (6, "network", "VM Network".into()));
    }

    #[test]
    fn an_adapter_that_goes_elsewhere_is_told_apart_from_its_network() {
        let mut draft = Draft::default();
        let finding = Finding::blocker("network-not-seen", "web-1", "m.", "r.").of_part("Network adapter 1");
        assert_eq!(at(&finding, &draft), (6, "network", "VM Network".into()));
        draft.adapters.insert("vm-1".into(), [("Network adapter 1".into(), "network-2".into())].into());
        assert_eq!(at(&finding, &draft), (6, "selected", "Network adapter 1".into()));
    }
}
