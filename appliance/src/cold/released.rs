//! What an administrator released of a cloud. Of all else a request hears nothing.

use hdm_shared::cloud::ReleasedObjects;
use hdm_shared::problem::Finding;
use hdm_vsphere::InventoryView;

/// Whether an object may be chosen.
pub fn is_released(released: Option<&Vec<String>>, id: &str) -> bool {
    released.is_none_or(|ids| ids.iter().any(|known| known == id))
}

/// The part of a cloud's inventory that a place may be made of: names are looked up, and candidates listed, in
/// this part alone. It has no VMs.
pub fn part(whole: &InventoryView, released: &ReleasedObjects) -> InventoryView {
    let mut part = InventoryView { vms: [].into(), ..whole.clone() };
    part.clusters.retain(|cluster, _| is_released(released.clusters.as_ref(), &cluster.id));
    part.folders.retain(|folder, _| is_released(released.folders.as_ref(), &folder.id));
    part.datastores.retain(|datastore, _| is_released(released.datastores.as_ref(), &datastore.id));
    part.networks.retain(|network, _| is_released(released.networks.as_ref(), &network.id));
    if released.clusters.is_some() {
        let clusters = &part.clusters;
        let in_one = |owner: Option<&_>| owner.is_some_and(|owner| clusters.contains_key(owner));
        part.hosts.retain(|_, host| in_one(host.cluster.as_ref()));
        part.pools.retain(|_, pool| in_one(pool.owner.as_ref()));
    }
    let datastores = &part.datastores;
    part.datastore_clusters
        .retain(|_, (_, members)| members.iter().any(|member| datastores.contains_key(member)));
    part
}

/// Whoever asks by its id for what is there and not released is told why it cannot be chosen; by its name it is
/// unknown.
pub fn explain(whole: &InventoryView, cloud: &str, findings: &mut [Finding]) {
    for finding in findings {
        let asked = finding.object.strip_prefix(cloud).and_then(|rest| rest.strip_prefix(':'));
        let asked = asked.unwrap_or(&finding.object).to_owned();
        let (what, is_there) = match finding.code.as_str() {
            "cluster-unknown" => ("cluster", whole.clusters.keys().any(|known| known.id == asked)),
            "folder-unknown" => ("VM folder", whole.folders.keys().any(|known| known.id == asked)),
            "datastore-unknown" => ("datastore", whole.datastores.keys().any(|known| known.id == asked)),
            "network-unknown" => ("network", whole.networks.keys().any(|known| known.id == asked)),
            _ => continue,
        };
        if is_there {
            *finding = Finding::blocker(
                "target-not-released",
                &finding.object,
                format!("The {what} {asked} of {cloud} is not released for your migrations."),
                format!("Choose another {what}, or let an administrator release this one."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::migration::TargetChoice;

    use super::super::place::{Resolved, resolve};
    use super::super::testing::cloud;
    use super::*;

    fn released() -> ReleasedObjects {
        let only = |id: &str| Some(vec![id.to_owned()]);
        ReleasedObjects {
            clusters: only("domain-c1"),
            folders: only("group-v1"),
            datastores: only("datastore-1"),
            networks: only("network-1"),
        }
    }

    fn ask(choice: &TargetChoice) -> Resolved {
        let whole = cloud();
        let nics = [("Network adapter 1".to_owned(), "LAN".to_owned())];
        let mut resolved = resolve(&part(&whole, &released()), "cloud", choice, &nics);
        explain(&whole, "cloud", &mut resolved.findings);
        resolved
    }

    #[test]
    fn what_is_left_out_is_chosen_among_what_is_released() {
        let networks = [("LAN".to_owned(), "public".to_owned())].into();
        let found = ask(&TargetChoice { networks, ..TargetChoice::default() });
        assert_eq!(found.findings, [], "one is released of each");
        let place = found.place.unwrap();
        let ids = [&place.cluster, &place.folder, &place.datastore, &place.networks["LAN"]];
        assert_eq!(
            ids.map(|part| part.object.id.as_str()),
            ["domain-c1", "group-v1", "datastore-1", "network-1"]
        );
    }

    #[test]
    fn no_finding_lists_what_is_not_released() {
        let wrong = |text: &str| TargetChoice {
            cluster: Some("domain-c1".into()),
            host: Some(text.into()),
            pool: Some(text.into()),
            datastore: Some(text.into()),
            folder: Some(text.into()),
            networks: [("LAN".to_owned(), text.to_owned())].into(),
            adapters: [("Network adapter 1".to_owned(), text.to_owned())].into(),
        };
        let misspelt =
            |cluster: &str| TargetChoice { cluster: Some(cluster.into()), ..TargetChoice::default() };
        for choice in [wrong("nowhere"), wrong("SECRE"), misspelt("nowhere"), misspelt("Secret")] {
            let found = ask(&choice);
            assert!(found.place.is_none());
            for finding in found.findings {
                assert!(!finding.message.contains("secret"), "{finding:?}");
                assert!(!finding.code.ends_with("-released"), "{finding:?}");
            }
        }
    }

    #[test]
    fn a_request_may_be_limited_to_less_than_what_is_released() {
        let within = ReleasedObjects { datastores: Some(Vec::new()), ..ReleasedObjects::default() };
        let offered = part(&part(&cloud(), &released()), &within);
        assert_eq!((offered.clusters.len(), offered.datastores.len()), (1, 0));
        assert!(part(&cloud(), &ReleasedObjects::none()).pools.is_empty());
    }

    #[test]
    fn an_id_that_is_not_released_is_refused_without_its_name() {
        let codes = |choice: &TargetChoice| -> Vec<String> {
            let found = ask(choice).findings;
            assert!(found.iter().all(|finding| !finding.message.contains("secret")), "{found:?}");
            found.into_iter().map(|finding| finding.code).collect()
        };
        let cluster = TargetChoice { cluster: Some("cloud:domain-c2".into()), ..TargetChoice::default() };
        assert_eq!(codes(&cluster), ["target-not-released"]);
        let parts = TargetChoice {
            datastore: Some("datastore-2".into()),
            folder: Some("group-v2".into()),
            networks: [("LAN".to_owned(), "network-2".to_owned())].into(),
            ..TargetChoice::default()
        };
        assert_eq!(codes(&parts), ["target-not-released"; 3]);
    }
}
