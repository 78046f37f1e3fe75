//! Where a finding is mended.

use std::collections::BTreeMap;

use hdm_shared::migration::Plan;
use hdm_shared::problem::Finding;

use super::step::Step;

/// The step in which a finding can be mended.
pub fn step(finding: &Finding) -> Step {
    match finding.code.as_str() {
        "network-not-seen" | "network-unmapped" | "network-unknown" | "host-sees-no-network" => Step::Network,
        "cluster-without-host"
        | "datastore-inaccessible"
        | "datastore-maintenance"
        | "datastore-not-seen"
        | "folder-elsewhere"
        | "folder-wrong-kind"
        | "host-disconnected"
        | "host-maintenance"
        | "host-not-in-cluster"
        | "host-sees-no-datastore"
        | "pool-elsewhere"
        | "space-short"
        | "target-not-released" => Step::Target,
        // What was named and is not there, or is there several times.
        other
            if PLACES
                .iter()
                .any(|place| other.strip_prefix(place).is_some_and(|rest| rest.starts_with('-'))) =>
        {
            Step::Target
        }
        _ => Step::Vms,
    }
}

/// What a target consists of, as the codes name it.
const PLACES: [&str; 5] = ["cluster", "host", "pool", "datastore", "folder"];

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

    use super::*;

    #[test]
    fn every_finding_leads_to_a_step_where_something_can_be_chosen() {
        for code in CODES {
            let finding = Finding::blocker(code, "x", "m.", "r.");
            assert!(matches!(step(&finding), Step::Vms | Step::Target | Step::Network), "{code}");
        }
        let leads = |code: &str| step(&Finding::blocker(code, "x", "m.", "r."));
        for code in ["name-taken", "mac-in-use", "mac-reserved", "powered-on", "cpus-out-of-range"] {
            assert_eq!(leads(code), Step::Vms, "{code}");
        }
        for code in
            ["space-short", "target-not-released", "cluster-unknown", "folder-ambiguous", "datastore-needed"]
        {
            assert_eq!(leads(code), Step::Target, "{code}");
        }
        for code in ["network-unmapped", "network-unknown"] {
            assert_eq!(leads(code), Step::Network, "{code}");
        }
    }
}
