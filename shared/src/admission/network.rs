//! Whether each adapter has a network at the target, and whether its MAC address is free there.

use crate::ids::VcenterId;
use crate::migration::{ColdOptions, MacPolicy};
use crate::problem::Finding;

use super::reservation::Reservations;
use super::source::SourceVm;
use super::target::TargetFacts;

/// A network adapter of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceNic {
    /// Its label, such as `Network adapter 1`.
    pub label: String,
    /// Its MAC address; empty if it has none yet.
    pub mac: String,
    /// The name of the network it is connected to.
    pub network: String,
}

/// The target network chosen for a source network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkChoice {
    /// Its name.
    pub name: String,
    /// Whether a host of the target cluster sees it.
    pub seen: bool,
}

/// Checks networks and, if the addresses are to be kept, MAC addresses.
pub fn check(
    vm: &SourceVm,
    target: &TargetFacts,
    options: &ColdOptions,
    reservations: &Reservations,
) -> Vec<Finding> {
    let mut found = networks(vm, target);
    if options.mac == MacPolicy::Keep {
        found.extend(check_macs(vm, &target.vcenter, &target.macs_in_use, reservations));
    }
    found
}

fn networks(vm: &SourceVm, target: &TargetFacts) -> Vec<Finding> {
    let name = vm.name.as_str();
    let mut told = std::collections::BTreeSet::new();
    let mut found = Vec::new();
    for nic in &vm.nics {
        let network = nic.network.as_str();
        let own = target.adapters.get(&nic.label);
        // Adapters of one network share its choice: what is wrong with that is told once.
        let subject = if own.is_some() { nic.label.as_str() } else { network };
        if !told.insert((own.is_some(), subject)) {
            continue;
        }
        match own.or_else(|| target.networks.get(network)) {
            None => found.push(
                Finding::blocker(
                    "network-unmapped",
                    name,
                    format!(
                        "No target network was named for '{network}', which '{}' of '{name}' uses.",
                        nic.label
                    ),
                    "Say which network of the target takes its place.",
                )
                .of_part(&nic.label),
            ),
            Some(choice) if !choice.seen => found.push(
                Finding::blocker(
                    "network-not-seen",
                    name,
                    format!("No host of '{}' is connected to the network '{}'.", target.cluster, choice.name),
                    format!("Choose a network of '{}' for '{subject}', or another cluster.", target.cluster),
                )
                .of_part(&nic.label),
            ),
            Some(_) => {}
        }
    }
    found
}

/// Checks that the MAC addresses, which are to be kept, are free in a vCenter. Whose one is that is not is not
/// said: the text is shown to whoever sees this VM, who may not see the other.
pub fn check_macs(
    vm: &SourceVm,
    vcenter: &VcenterId,
    in_use: &[String],
    reservations: &Reservations,
) -> Vec<Finding> {
    let name = vm.name.as_str();
    let remedy = "Let the target generate new addresses, or change the other one.";
    let who =
        "Let the target generate new addresses, or change the other one, which the appliance's log names.";
    let mut found = Vec::new();
    for nic in vm.nics.iter().filter(|n| !n.mac.is_empty()) {
        let mac = nic.mac.as_str();
        if in_use.iter().any(|used| used.eq_ignore_ascii_case(mac)) {
            found.push(Finding::blocker(
                "mac-in-use",
                name,
                format!(
                    "The MAC address {mac} of '{}' of '{name}' is used by another virtual machine at the target.",
                    nic.label
                ),
                who,
            ));
        } else if let Some(held) = reservations.holder_of_mac(vcenter, mac) {
            found.push(Finding::blocker(
                "mac-reserved",
                name,
                format!(
                    "The MAC address {mac} of '{}' of '{name}' is reserved for migration {}.",
                    nic.label, held.migration
                ),
                remedy,
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::reservation::tests::reservation;
    use super::super::samples::{codes, target, vm};
    use super::*;

    fn ask(vm: &SourceVm, target: &TargetFacts, mac: MacPolicy, held: &Reservations) -> String {
        codes(&check(vm, target, &ColdOptions { mac, ..ColdOptions::default() }, held)).join(",")
    }

    #[test]
    fn every_network_needs_a_target_that_the_cluster_sees_and_is_told_once() {
        let none = Reservations::default();
        assert_eq!(ask(&vm(), &target(), MacPolicy::Keep, &none), "");
        let mut vm = vm();
        let mut second = vm.nics[0].clone();
        second.mac = "00:50:56:01:02:04".into();
        vm.nics.push(second);
        let mut t = target();
        t.networks.clear();
        assert_eq!(ask(&vm, &t, MacPolicy::Keep, &none), "network-unmapped");
        let mut t = target();
        for choice in t.networks.values_mut() {
            choice.seen = false;
        }
        assert_eq!(ask(&vm, &t, MacPolicy::Keep, &none), "network-not-seen");
        vm.nics.clear();
        assert_eq!(ask(&vm, &TargetFacts { networks: [].into(), ..t }, MacPolicy::Keep, &none), "");
    }

    #[test]
    fn an_adapters_own_choice_goes_before_that_of_its_network() {
        let none = Reservations::default();
        let label = vm().nics[0].label.clone();
        let choice = |seen| NetworkChoice { name: "Other LAN".into(), seen };
        let mut t = target();
        t.networks.clear();
        t.adapters = [(label.clone(), choice(true))].into();
        assert_eq!(ask(&vm(), &t, MacPolicy::Keep, &none), "", "its network needs no choice");
        let mut t = target();
        t.adapters = [(label, choice(false))].into();
        assert_eq!(ask(&vm(), &t, MacPolicy::Keep, &none), "network-not-seen");
    }

    #[test]
    fn a_mac_address_must_be_free_and_unpromised_if_it_is_kept() {
        let none = Reservations::default();
        let mut t = target();
        t.macs_in_use.push("00:50:56:01:02:03".to_uppercase());
        assert_eq!(ask(&vm(), &t, MacPolicy::Keep, &none), "mac-in-use");
        assert_eq!(ask(&vm(), &t, MacPolicy::New, &none), "");
        let held = Reservations::of_others([reservation()], None);
        assert_eq!(ask(&vm(), &target(), MacPolicy::Keep, &held), "mac-reserved");
        assert_eq!(ask(&vm(), &target(), MacPolicy::New, &held), "");
    }
}
