//! Whether a step is complete. What only the appliance can know is checked in the summary.

use hdm_shared::cloud::CloudOffer;
use hdm_shared::problem::Finding;
use hdm_shared::vm::VmView;

use super::choices::{cluster, datastore};
use super::draft::{Draft, Settings};
use super::step::Step;

use crate::format::lower;
use crate::model::sorted::sorted;

/// What is missing or wrong in a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issue {
    /// No cloud is chosen.
    NoCloud,
    /// No virtual machine is chosen.
    NoVm,
    /// More than can be moved by one request.
    TooManyVms,
    /// Two chosen virtual machines would have one name in one folder.
    SameName(String),
    /// A virtual machine has no cluster or datastore.
    NoTarget(String),
    /// An adapter has no network: virtual machine, adapter.
    NoNetwork(String, String),
}

/// Whether a virtual machine can be chosen at all.
pub fn can_be_chosen(vm: &VmView) -> bool {
    !vm.findings.iter().any(Finding::blocks)
}

/// What is missing or wrong in a step.
pub fn issues(step: Step, draft: &Draft, vms: &[&VmView], offer: Option<&CloudOffer>) -> Vec<Issue> {
    match step {
        Step::Instructions | Step::Type | Step::Summary | Step::Status => Vec::new(),
        Step::Cloud => {
            if draft.cloud.is_some() {
                Vec::new()
            } else {
                vec![Issue::NoCloud]
            }
        }
        Step::Vms => of_vms(draft, vms),
        Step::Target => vms
            .iter()
            .filter(|vm| !has_target(draft, vm, offer))
            .map(|vm| Issue::NoTarget(vm.name.clone()))
            .collect(),
        Step::Network => vms.iter().flat_map(|vm| of_networks(draft, vm, offer)).collect(),
    }
}

fn of_vms(draft: &Draft, vms: &[&VmView]) -> Vec<Issue> {
    if vms.is_empty() {
        return vec![Issue::NoVm];
    }
    if vms.len() > hdm_shared::plugin::MAX_SELECTED {
        return vec![Issue::TooManyVms];
    }
    let names: Vec<(String, Option<&String>)> = vms
        .iter()
        .map(|vm| {
            let folder = draft.target_of(&vm.vm.moid).folder.as_ref();
            (lower(&draft.effective(vm).name), folder)
        })
        .collect();
    let names = sorted(&names, Ord::cmp);
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    twice.map(|pair| Issue::SameName(pair[0].0.clone())).into_iter().collect()
}

fn has_target(draft: &Draft, vm: &VmView, offer: Option<&CloudOffer>) -> bool {
    let target = draft.target_of(&vm.vm.moid);
    let found = offer.and_then(|offer| cluster(offer, target.cluster.as_ref()));
    found.is_some_and(|cluster| datastore(cluster, target.datastore.as_ref()).is_some())
}

fn of_networks(draft: &Draft, vm: &VmView, offer: Option<&CloudOffer>) -> Vec<Issue> {
    let target = draft.target_of(&vm.vm.moid);
    let seen = offer.and_then(|offer| cluster(offer, target.cluster.as_ref()));
    vm.adapters
        .iter()
        .filter(|adapter| {
            let chosen = draft.network_of(&vm.vm.moid, &adapter.label, &adapter.network);
            !chosen.is_some_and(|id| seen.is_some_and(|c| c.networks.iter().any(|n| n.id == *id)))
        })
        .map(|adapter| Issue::NoNetwork(vm.name.clone(), adapter.label.clone()))
        .collect()
}

/// Numbers and names as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Name in the cloud.
    Name,
    /// Virtual CPUs.
    Cpus,
    /// Memory.
    Memory,
    /// Deadline for the guest.
    Timeout,
}

/// The most memory a VM can have (vSphere 8 configuration maximums: 24 TB), in MiB.
const MAX_MEMORY_MIB: u64 = 24 << 20;
/// The longest name vCenter takes.
const MAX_NAME_CHARS: usize = 80;

/// Reads what was typed; empty fields say nothing. Answers with the fields that cannot be.
pub fn typed(name: &str, cpus: &str, memory_mib: &str, timeout: &str) -> Result<Settings, Vec<Field>> {
    let mut wrong = Vec::new();
    let mut read = |field: Field, text: &str, allowed: &dyn Fn(u64) -> bool| {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let value = text.parse().ok().filter(|value| allowed(*value));
        if value.is_none() {
            wrong.push(field);
        }
        value
    };
    let cpus = read(Field::Cpus, cpus, &|n| (1..=768).contains(&n));
    let memory_mib = read(Field::Memory, memory_mib, &|n| (4..=MAX_MEMORY_MIB).contains(&n) && n % 4 == 0);
    let timeout = read(Field::Timeout, timeout, &|n| (10..=3_600).contains(&n));
    let name = name.trim();
    if name.chars().count() > MAX_NAME_CHARS || name.contains(['/', '\\', '%']) || name.contains("..") {
        wrong.push(Field::Name);
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let small = |value: Option<u64>| value.and_then(|value| u32::try_from(value).ok());
    Ok(Settings {
        name: (!name.is_empty()).then(|| name.to_owned()),
        cpus: small(cpus),
        memory_mib,
        shutdown_timeout_seconds: small(timeout),
        ..Settings::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::choices::{choose_networks, choose_target};
    use super::super::samples::{offer, vm};
    use super::*;

    #[test]
    fn a_complete_draft_has_no_issue_in_any_step() {
        let (offer, vms) = (offer(), [vm(1), vm(2)]);
        let vms: Vec<&VmView> = vms.iter().collect();
        let mut draft = Draft::new(["vm-1".to_owned(), "vm-2".to_owned()]);
        draft.choose_cloud("cloud".parse().unwrap());
        choose_target(&mut draft, &offer);
        choose_networks(&mut draft, &offer, vms.iter().copied(), None);
        for step in Step::ALL {
            assert_eq!(issues(step, &draft, &vms, Some(&offer)), [], "{step:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let (offer, one) = (offer(), vm(1));
        let draft = Draft::default();
        assert_eq!(issues(Step::Cloud, &draft, &[], None), [Issue::NoCloud]);
        assert_eq!(issues(Step::Vms, &draft, &[], None), [Issue::NoVm]);
        assert_eq!(issues(Step::Target, &draft, &[&one], Some(&offer)), [Issue::NoTarget("web-1".into())]);
        let network = Issue::NoNetwork("web-1".into(), "Network adapter 1".into());
        assert_eq!(issues(Step::Network, &draft, &[&one], Some(&offer)), [network]);
    }

    #[test]
    fn two_virtual_machines_cannot_get_one_name() {
        let (one, two) = (vm(1), vm(2));
        let mut draft = Draft::default();
        draft.set_own(&["vm-2".into()], &Settings { name: Some("WEB-1".into()), ..Settings::default() });
        assert_eq!(issues(Step::Vms, &draft, &[&one, &two], None), [Issue::SameName("web-1".into())]);
    }

    #[test]
    fn numbers_are_read_within_their_limits_and_empty_says_nothing() {
        assert_eq!(typed("", " ", "", "").unwrap(), Settings::default());
        assert_eq!(typed("a", "4", "2048", "60").unwrap().memory_mib, Some(2_048));
        assert_eq!(
            typed("a/b", "0", "5", "5").unwrap_err(),
            [Field::Cpus, Field::Memory, Field::Timeout, Field::Name]
        );
        assert_eq!(typed("", "four", "", "").unwrap_err(), [Field::Cpus]);
    }
}
