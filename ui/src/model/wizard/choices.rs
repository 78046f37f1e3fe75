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

/// A target in a cluster: its datastore with the most space, its root pool, and the folder as before, if the cluster's
/// datacenter has it.
pub fn target_in(offer: &CloudOffer, cluster: &OfferedCluster, before: &Target) -> Target {
    let roomiest = cluster.datastores.iter().max_by_key(|datastore| datastore.available_bytes);
    Target {
        cluster: Some(cluster.object.id.clone()),
        datastore: roomiest.map(|datastore| datastore.object.id.clone()),
        pool: None,
        folder: before.folder.clone().filter(|id| has_folder(offer, cluster, id)),
        disk_format: before.disk_format,
    }
}

fn has_folder(offer: &CloudOffer, cluster: &OfferedCluster, id: &str) -> bool {
    offer.folders.iter().any(|folder| folder.id == id && folder.datacenter == cluster.object.datacenter)
}

/// Leaves out a pool and a folder that the target's cluster does not have.
fn fit(offer: &CloudOffer, target: &mut Target) {
    let Some(cluster) = cluster(offer, target.cluster.as_ref()) else { return };
    target.pool = target.pool.take().filter(|id| cluster.pools.iter().any(|pool| pool.id == *id));
    target.folder = target.folder.take().filter(|id| has_folder(offer, cluster, id));
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
        draft.target = target_in(offer, first, &draft.target);
    }
    draft.own_targets.retain(|_, target| valid(target));
    for target in std::iter::once(&mut draft.target).chain(draft.own_targets.values_mut()) {
        fit(offer, target);
    }
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
    let Some(first) = cluster(offer, draft.target.cluster.as_ref()) else { return };
    // A choice stays as long as any cluster that something goes to has it: a single VM may go elsewhere than the rest.
    let targets = || std::iter::once(&draft.target).chain(draft.own_targets.values());
    let kept: BTreeSet<String> = targets()
        .filter_map(|target| cluster(offer, target.cluster.as_ref()))
        .flat_map(|cluster| cluster.networks.iter().map(|network| network.id.clone()))
        .collect();
    draft.networks.retain(|_, id| kept.contains(id));
    let offered = |id: &String| first.networks.iter().any(|network| network.id == *id);
    for source in source_networks(vms) {
        if draft.networks.contains_key(source) {
            continue;
        }
        let last = remembered.and_then(|last| last.get(source)).filter(|id| offered(id)).cloned();
        let same = || first.networks.iter().find(|network| network.name == source).map(|n| n.id.clone());
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
    fn what_the_new_cluster_does_not_have_is_not_kept() {
        let mut offer = offer();
        let mut second = offer.clusters[0].clone();
        (second.object.id, second.object.datacenter) = ("domain-c2".into(), "DC2".into());
        second.networks.truncate(1);
        second.pools.clear();
        offer.clusters.push(second.clone());
        let before = Target { folder: Some("group-v1".into()), ..Target::default() };
        assert_eq!(target_in(&offer, &offer.clusters[0], &before).folder.as_deref(), Some("group-v1"));
        assert_eq!(target_in(&offer, &second, &before).folder, None, "it is in the other datacenter");

        let mut draft = Draft::default();
        choose_target(&mut draft, &offer);
        draft.target.pool = Some("resgroup-1".into());
        let own = Target { cluster: Some("domain-c2".into()), ..draft.target.clone() };
        draft.own_targets.insert("vm-1".into(), own);
        choose_target(&mut draft, &offer);
        assert_eq!(draft.target.pool.as_deref(), Some("resgroup-1"));
        assert_eq!(draft.own_targets["vm-1"].pool, None);
    }

    #[test]
    fn a_network_of_a_single_vms_cluster_stays_chosen() {
        let mut offer = offer();
        let mut second = offer.clusters[0].clone();
        second.object.id = "domain-c2".into();
        second.networks[1].id = "network-9".into();
        offer.clusters.push(second);
        let mut draft = Draft::default();
        choose_target(&mut draft, &offer);
        let own = Target { cluster: Some("domain-c2".into()), ..draft.target.clone() };
        draft.own_targets.insert("vm-1".into(), own);
        draft.networks.insert("VM Network".into(), "network-9".into());
        choose_networks(&mut draft, &offer, &[vm(1)], None);
        assert_eq!(draft.networks["VM Network"], "network-9");
        draft.own_targets.clear();
        choose_networks(&mut draft, &offer, &[vm(1)], None);
        assert_eq!(draft.networks["VM Network"], "network-1", "nothing goes there any more");
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
