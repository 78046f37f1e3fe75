//! Sensible choices where there is one, so that most steps need only a look.

use std::collections::{BTreeMap, BTreeSet};

use hdm_shared::cloud::{CloudOffer, OfferedCluster, OfferedDatastore};
use hdm_shared::vm::VmView;

use super::draft::{Draft, Target};

/// The cluster of an offer with an id.
pub fn cluster<'a>(offer: &'a CloudOffer, id: Option<&String>) -> Option<&'a OfferedCluster> {
    let id = id?;
    offer.clusters.iter().find(|cluster| cluster.object.id == *id)
}

/// The datastore of a cluster with an id.
pub fn datastore<'a>(cluster: &'a OfferedCluster, id: Option<&String>) -> Option<&'a OfferedDatastore> {
    let id = id?;
    cluster.datastores.iter().find(|datastore| datastore.object.id == *id)
}

/// A target in a cluster: its datastore with the most space. Pool and folder stay the root's.
pub fn target_in(cluster: &OfferedCluster, before: &Target) -> Target {
    let roomiest = cluster.datastores.iter().max_by_key(|datastore| datastore.available_bytes);
    Target {
        cluster: Some(cluster.object.id.clone()),
        datastore: roomiest.map(|datastore| datastore.object.id.clone()),
        pool: None,
        folder: before.folder.clone(),
        disk_format: before.disk_format,
    }
}

/// Chooses the cloud if there is exactly one that can be chosen.
pub fn choose_cloud(draft: &mut Draft, offers: &[CloudOffer]) {
    let mut available = offers.iter().filter(|offer| offer.unavailable.is_none());
    let known = draft.cloud.as_ref().is_some_and(|cloud| {
        offers.iter().any(|offer| offer.vcenter == *cloud && offer.unavailable.is_none())
    });
    if !known {
        draft.cloud = None;
        if let (Some(only), None) = (available.next(), available.next()) {
            draft.choose_cloud(only.vcenter.clone());
        }
    }
}

/// Chooses cluster and datastore if nothing that still exists is chosen, and drops what is no longer offered.
pub fn choose_target(draft: &mut Draft, offer: &CloudOffer) {
    let valid = |target: &Target| {
        cluster(offer, target.cluster.as_ref())
            .is_some_and(|cluster| datastore(cluster, target.datastore.as_ref()).is_some())
    };
    if !valid(&draft.target)
        && let Some(first) = cluster(offer, draft.target.cluster.as_ref()).or(offer.clusters.first())
    {
        draft.target = target_in(first, &draft.target);
    }
    draft.own_targets.retain(|_, target| valid(target));
}

/// The networks that the chosen virtual machines are on.
pub fn source_networks<'a>(vms: impl IntoIterator<Item = &'a VmView>) -> BTreeSet<&'a str> {
    vms.into_iter().flat_map(|vm| vm.adapters.iter().map(|adapter| adapter.network.as_str())).collect()
}

/// Chooses a network for each source network: what was chosen last time, else the one of the same name.
///
/// `remembered` maps source network to the id that was chosen in this cloud.
pub fn choose_networks<'a>(
    draft: &mut Draft,
    offer: &CloudOffer,
    vms: impl IntoIterator<Item = &'a VmView>,
    remembered: Option<&BTreeMap<String, String>>,
) {
    let Some(cluster) = cluster(offer, draft.target.cluster.as_ref()) else { return };
    let offered = |id: &String| cluster.networks.iter().any(|network| network.id == *id);
    draft.networks.retain(|_, id| offered(id));
    for source in source_networks(vms) {
        if draft.networks.contains_key(source) {
            continue;
        }
        let last = remembered.and_then(|last| last.get(source)).filter(|id| offered(id)).cloned();
        let same = || cluster.networks.iter().find(|network| network.name == source).map(|n| n.id.clone());
        if let Some(id) = last.or_else(same) {
            draft.networks.insert(source.to_owned(), id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::samples::{offer, vm};
    use super::*;

    #[test]
    fn the_only_cloud_is_chosen_and_of_two_none() {
        let mut draft = Draft::default();
        choose_cloud(&mut draft, &[offer()]);
        assert_eq!(draft.cloud.as_ref().unwrap().as_str(), "cloud");
        let mut other = offer();
        other.vcenter = "other".parse().unwrap();
        let mut draft = Draft::default();
        choose_cloud(&mut draft, &[offer(), other.clone()]);
        assert_eq!(draft.cloud, None);
        other.unavailable = Some("It is away.".into());
        choose_cloud(&mut draft, &[offer(), other]);
        assert!(draft.cloud.is_some());
    }

    #[test]
    fn the_datastore_with_the_most_space_is_chosen() {
        let mut draft = Draft::default();
        choose_target(&mut draft, &offer());
        assert_eq!(draft.target.datastore.as_deref(), Some("datastore-2"));
        draft.target.datastore = Some("datastore-1".into());
        choose_target(&mut draft, &offer());
        assert_eq!(draft.target.datastore.as_deref(), Some("datastore-1"), "a valid choice stays");
    }

    #[test]
    fn the_network_of_the_last_time_goes_before_the_one_of_the_same_name() {
        let (offer, vms) = (offer(), [vm(1)]);
        let mut draft = Draft::default();
        choose_target(&mut draft, &offer);
        choose_networks(&mut draft, &offer, &vms, None);
        assert_eq!(draft.networks["VM Network"], "network-1");
        draft.networks.clear();
        let remembered = [("VM Network".to_owned(), "network-2".to_owned())].into();
        choose_networks(&mut draft, &offer, &vms, Some(&remembered));
        assert_eq!(draft.networks["VM Network"], "network-2");
    }
}
