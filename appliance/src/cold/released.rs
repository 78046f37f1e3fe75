//! What an administrator released of a cloud, and whether a place lies within it.

use hdm_shared::cloud::ReleasedObjects;
use hdm_shared::problem::Finding;

use super::input::{Named, Place};

/// Whether an object may be chosen.
pub fn is_released(released: Option<&Vec<String>>, id: &str) -> bool {
    released.is_none_or(|ids| ids.iter().any(|known| known == id))
}

/// What of a place may not be chosen.
pub fn check(released: &ReleasedObjects, cloud: &str, place: &Place) -> Vec<Finding> {
    let mut parts: Vec<(&str, Option<&Vec<String>>, &Named)> = vec![
        ("cluster", released.clusters.as_ref(), &place.cluster),
        ("VM folder", released.folders.as_ref(), &place.folder),
        ("datastore", released.datastores.as_ref(), &place.datastore),
    ];
    let mut networks: Vec<&Named> = place.networks.values().chain(place.adapters.values()).collect();
    networks.sort_by(|a, b| a.object.cmp(&b.object));
    networks.dedup_by(|a, b| a.object == b.object);
    parts.extend(networks.into_iter().map(|network| ("network", released.networks.as_ref(), network)));
    parts
        .into_iter()
        .filter(|(_, ids, named)| !is_released(*ids, &named.object.id))
        .map(|(what, _, named)| {
            Finding::blocker(
                "target-not-released",
                &named.name,
                format!("The {what} '{}' of {cloud} is not released for migrations.", named.name),
                format!("Choose another {what}, or let an administrator release this one."),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use hdm_vsphere::MoRef;

    use super::*;

    #[test]
    fn each_part_of_a_place_must_be_released_and_a_network_is_told_once() {
        let named = |kind: &str, id: &str| Named { object: MoRef::new(kind, id), name: id.to_owned() };
        let place = Place {
            datacenter: named("Datacenter", "dc"),
            cluster: named("ClusterComputeResource", "domain-c1"),
            host: None,
            pool: named("ResourcePool", "resgroup-1"),
            datastore: named("Datastore", "datastore-1"),
            folder: named("Folder", "group-v1"),
            networks: [("a".to_owned(), named("Network", "network-1"))].into(),
            adapters: [("b".to_owned(), named("Network", "network-1"))].into(),
        };
        let only = |id: &str| Some(vec![id.to_owned()]);
        let told = |released: &ReleasedObjects| -> Vec<String> {
            check(released, "cloud", &place).into_iter().map(|finding| finding.object).collect()
        };
        assert!(told(&ReleasedObjects::default()).is_empty(), "everything is released unless somebody says");
        let released = ReleasedObjects {
            clusters: only("domain-c1"),
            folders: only("group-v2"),
            datastores: Some(Vec::new()),
            networks: only("network-2"),
        };
        assert_eq!(told(&released), ["group-v1", "datastore-1", "network-1"]);
    }
}
