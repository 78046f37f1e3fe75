//! Networks per adapter: an import maps networks, so an adapter that goes elsewhere than the others of its
//! network is given its backing afterwards.
//!
//! How a network is written into a device depends on its kind and on the switch behind it. So the vCenter is
//! asked: a second import spec, with everything mapped to that network, has the backing as vCenter writes it.

use std::collections::{BTreeMap, BTreeSet};

use hdm_shared::problem::Finding;
use hdm_vsphere::{Descriptor, ImportSpec, ImportSpecParams, MoRef, Session, VmDetails};

use super::ColdCx;
use super::input::{ColdInput, Place};
use crate::engine::StepError;

/// An adapter as the import spec counts them: its label and its source network's name.
type Nic = (String, String);

/// Labels that a request names and the VM does not have.
pub fn unknown(asked: &BTreeMap<String, String>, labels: &BTreeSet<String>) -> Vec<Finding> {
    let missing = asked.keys().filter(|label| !labels.contains(*label));
    let there = if labels.is_empty() {
        "It has none.".to_owned()
    } else {
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        format!("It has '{}'.", labels.join("', '"))
    };
    missing
        .map(|label| {
            Finding::blocker(
                "adapter-unknown",
                label,
                format!("The virtual machine has no network adapter '{label}'. {there}"),
                "Name the adapter as vCenter labels it, or leave its network out.",
            )
        })
        .collect()
}

/// The source's adapters in the order of their device keys, which is the import spec's.
pub fn in_order(cx: &ColdCx<'_>, source: &VmDetails) -> Vec<Nic> {
    let original = cx.memo().original.clone().unwrap_or_default();
    let mut nics: Vec<_> = source.nics.iter().collect();
    nics.sort_by_key(|nic| nic.key);
    let network = |key: i32| original.networks.get(&key).cloned().unwrap_or_default();
    nics.into_iter().map(|nic| (nic.label.clone(), network(nic.key))).collect()
}

/// What each source network becomes. One whose adapters all have their own choice becomes the first of these.
pub fn mapping(place: &Place, nics: &[Nic]) -> BTreeMap<String, MoRef> {
    let asked = place.networks.iter().map(|(network, target)| (network.clone(), target.object.clone()));
    let mut mapping: BTreeMap<String, MoRef> = asked.collect();
    for (label, network) in nics {
        if let Some(own) = place.adapters.get(label) {
            mapping.entry(network.clone()).or_insert_with(|| own.object.clone());
        }
    }
    mapping
}

/// The adapters, by their index, whose network is another than the mapping's.
fn exceptions(place: &Place, nics: &[Nic]) -> Vec<(usize, MoRef)> {
    let mapping = mapping(place, nics);
    let elsewhere = nics.iter().enumerate().filter_map(|(index, (label, network))| {
        let own = &place.adapters.get(label)?.object;
        (mapping.get(network) != Some(own)).then(|| (index, own.clone()))
    });
    elsewhere.collect()
}

/// Gives those adapters of a spec their networks.
pub async fn place_in_spec(
    session: &Session,
    spec: &mut ImportSpec,
    descriptor: &Descriptor,
    params: &ImportSpecParams,
    input: &ColdInput,
    nics: &[Nic],
) -> Result<(), StepError> {
    let place = &input.place;
    let mut pattern: Option<(MoRef, ImportSpec)> = None;
    let mut exceptions = exceptions(place, nics);
    exceptions.sort_by(|a, b| a.1.cmp(&b.1));
    for (index, network) in exceptions {
        if pattern.as_ref().is_none_or(|(of, _)| *of != network) {
            let all = params.networks.iter().map(|(from, _)| (from.clone(), network.clone())).collect();
            let params = ImportSpecParams { networks: all, ..params.clone() };
            let (pool, datastore) = (&place.pool.object, &place.datastore.object);
            let made = session.create_import_spec(&descriptor.ovf, pool, datastore, &params).await?;
            if !made.errors().is_empty() {
                return Err(StepError::refused(format!(
                    "{} cannot connect '{}' as asked: {}",
                    input.cloud,
                    input.vm_name,
                    made.errors().join(" ")
                )));
            }
            pattern = Some((network, made));
        }
        if let Some((_, pattern)) = &pattern {
            spec.take_nic_backing(index, pattern)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::input::Named;
    use super::*;

    fn named(id: &str) -> Named {
        Named { object: MoRef::new("Network", id), name: id.to_owned() }
    }

    fn place(networks: &[(&str, &str)], adapters: &[(&str, &str)]) -> Place {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(from, to)| ((*from).to_owned(), named(to))).collect::<BTreeMap<_, _>>()
        };
        Place {
            datacenter: named("dc"),
            cluster: named("c"),
            host: None,
            pool: named("p"),
            datastore: named("d"),
            folder: named("f"),
            networks: map(networks),
            adapters: map(adapters),
        }
    }

    fn nics(list: &[(&str, &str)]) -> Vec<Nic> {
        list.iter().map(|(label, network)| ((*label).to_owned(), (*network).to_owned())).collect()
    }

    #[test]
    fn only_adapters_that_go_elsewhere_than_their_network_are_exceptions() {
        let nics = nics(&[("one", "LAN"), ("two", "LAN"), ("three", "DMZ")]);
        let place = place(&[("LAN", "net-1")], &[("two", "net-2"), ("three", "net-3")]);
        let mapping = mapping(&place, &nics);
        assert_eq!(mapping["LAN"].id, "net-1");
        assert_eq!(mapping["DMZ"].id, "net-3", "a network with no choice of its own follows its adapter");
        let found: Vec<_> = exceptions(&place, &nics).into_iter().map(|(n, to)| (n, to.id)).collect();
        assert_eq!(found, [(1, "net-2".to_owned())]);
        assert_eq!(place.network_of("two", "LAN").unwrap().name, "net-2");
        assert_eq!(place.network_of("one", "LAN").unwrap().name, "net-1");
    }

    #[test]
    fn an_adapter_that_is_not_there_is_named() {
        let asked = BTreeMap::from([("Network adapter 9".to_owned(), "LAN".to_owned())]);
        let found = unknown(&asked, &BTreeSet::from(["Network adapter 1".to_owned()]));
        assert_eq!(found[0].code, "adapter-unknown");
        assert!(found[0].message.contains("'Network adapter 1'"), "{found:?}");
    }
}
