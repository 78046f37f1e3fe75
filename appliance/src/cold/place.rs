//! From the target a request names to objects of the cloud's inventory.
//!
//! What is left out is chosen if there is exactly one choice; else the request is refused with the
//! candidates. Every part is looked at, so that all mistakes are told at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hdm_shared::admission::target::{HostFacts, fit_hosts, max_hardware_version};
use hdm_shared::migration::TargetChoice;
use hdm_shared::problem::Finding;
use hdm_vsphere::{ClusterSummary, HostSummary, InventoryView, MoRef};

use super::input::{Named, Place};
use super::resolve::{Candidate, Sought, only, pick};
use super::{Cold, ColdCx, adapters, vm};
use crate::engine::StepError;
use crate::nfc_streams::Placed;

/// What became of a request's target.
pub struct Resolved {
    /// All of it, if every part was found.
    pub place: Option<Place>,
    /// Its folder, if that was found.
    pub folder: Option<Named>,
    /// What was not found.
    pub findings: Vec<Finding>,
}

/// Looks up a request's target in `view`, which holds what is released of the cloud: nothing else is chosen,
/// and nothing else is named in a finding. `vcenter` is the cloud's name, for messages; `nics` are the label and the
/// source network's name of each adapter that needs a counterpart.
pub fn resolve(
    view: &InventoryView,
    vcenter: &str,
    choice: &TargetChoice,
    nics: &[(String, String)],
) -> Resolved {
    let mut findings = Vec::new();
    let mut keep = |result: Result<Named, Finding>| result.map_err(|f| findings.push(f)).ok();
    let cluster = keep(cluster(view, vcenter, choice.cluster.as_deref()));
    let Some(found) = cluster.as_ref().and_then(|c| view.clusters.get(&c.object)) else {
        return Resolved { place: None, folder: None, findings };
    };
    let host = choice.host.as_deref().map(|asked| keep(named_host(view, found, asked)));
    let pool = keep(pool(view, found, choice.pool.as_deref()));
    let datastore = keep(datastore(view, found, choice.datastore.as_deref()));
    let folder = keep(folder(view, vcenter, found, choice.folder.as_deref()));
    // A network whose adapters all have a choice of their own needs none.
    let used: BTreeSet<String> = nics
        .iter()
        .filter(|(label, _)| !choice.adapters.contains_key(label))
        .map(|(_, network)| network.clone())
        .collect();
    let mut mapped = |asked: &BTreeMap<String, String>, used: &BTreeSet<String>| {
        map_networks(view, vcenter, found, asked, used).map_err(|more| findings.extend(more)).ok()
    };
    let networks = mapped(&choice.networks, &used);
    let labels: BTreeSet<String> = nics.iter().map(|(label, _)| label.clone()).collect();
    let adapters = mapped(&choice.adapters, &labels);
    findings.extend(adapters::unknown(&choice.adapters, &labels));
    let datacenter = found.datacenter.as_ref().and_then(|dc| view.datacenters.get(dc));
    let complete = (|| {
        Some(Place {
            datacenter: Named { object: datacenter?.datacenter.clone(), name: datacenter?.name.clone() },
            cluster: cluster?,
            host: match host {
                None => None,
                Some(found) => Some(found?),
            },
            pool: pool?,
            datastore: datastore?,
            folder: folder.clone()?,
            networks: networks?,
            adapters: adapters?,
        })
    })();
    Resolved { place: complete, folder, findings }
}

fn cluster(view: &InventoryView, vcenter: &str, asked: Option<&str>) -> Result<Named, Finding> {
    let sought = Sought { code: "cluster", what: "cluster", place: vcenter };
    let all: Vec<Candidate<'_>> = view
        .clusters
        .values()
        .map(|c| Candidate { object: &c.cluster, name: &c.name, path: &c.path })
        .collect();
    choose(sought, asked, &all)
}

fn choose(sought: Sought<'_>, asked: Option<&str>, all: &[Candidate<'_>]) -> Result<Named, Finding> {
    let found = match asked {
        Some(asked) => pick(sought, asked, all)?,
        None => only(sought, all)?,
    };
    Ok(Named { object: found.object.clone(), name: found.path.to_owned() })
}

fn named_host(view: &InventoryView, cluster: &ClusterSummary, asked: &str) -> Result<Named, Finding> {
    let place = format!("cluster '{}'", cluster.name);
    let sought = Sought { code: "host", what: "host", place: &place };
    // A host of another cluster is told by admission, which can say more than that it is unknown.
    let all: Vec<Candidate<'_>> =
        view.hosts.values().map(|h| Candidate { object: &h.host, name: &h.name, path: &h.name }).collect();
    choose(sought, Some(asked), &all)
}

fn pool(view: &InventoryView, cluster: &ClusterSummary, asked: Option<&str>) -> Result<Named, Finding> {
    let place = format!("cluster '{}'", cluster.name);
    let sought = Sought { code: "pool", what: "resource pool", place: &place };
    let Some(asked) = asked else {
        let root = cluster.root_pool.as_ref().and_then(|root| view.pools.get(root));
        let root: Vec<Candidate<'_>> =
            root.iter().map(|p| Candidate { object: &p.pool, name: &p.name, path: &p.name }).collect();
        return choose(sought, None, &root);
    };
    let paths: Vec<(&MoRef, &str, String)> = view
        .pools
        .values()
        .filter(|p| p.pool.kind == "ResourcePool")
        .map(|p| (&p.pool, p.name.as_str(), pool_path(view, &p.pool)))
        .collect();
    let all: Vec<Candidate<'_>> =
        paths.iter().map(|(object, name, path)| Candidate { object, name, path }).collect();
    let (own, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|c| view.pools.get(c.object).and_then(|p| p.owner.as_ref()) == Some(&cluster.cluster));
    match pick(sought, asked, &own) {
        Ok(found) => Ok(Named { object: found.object.clone(), name: found.path.to_owned() }),
        // One of another cluster is told by admission; only what is nowhere is unknown.
        Err(unknown) => pick(sought, asked, &others)
            .map(|found| Named { object: found.object.clone(), name: found.path.to_owned() })
            .map_err(|_| unknown),
    }
}

/// The names from below the cluster's root pool, with `/` between them.
pub fn pool_path(view: &InventoryView, pool: &MoRef) -> String {
    let mut names = Vec::new();
    let mut next = view.pools.get(pool);
    while let Some(pool) = next {
        let parent = pool.parent.as_ref().and_then(|parent| view.pools.get(parent));
        if parent.is_some() || names.is_empty() {
            names.push(pool.name.as_str());
        }
        next = parent.filter(|_| names.len() < 64);
    }
    names.reverse();
    names.join("/")
}

fn datastore(view: &InventoryView, cluster: &ClusterSummary, asked: Option<&str>) -> Result<Named, Finding> {
    let place = format!("cluster '{}'", cluster.name);
    let sought = Sought { code: "datastore", what: "datastore", place: &place };
    let in_datacenter = |d: &&Arc<hdm_vsphere::DatastoreSummary>| {
        d.datacenter.is_none() || cluster.datacenter.is_none() || d.datacenter == cluster.datacenter
    };
    let Some(asked) = asked else {
        let usable: Vec<Candidate<'_>> = cluster
            .datastores
            .iter()
            .filter_map(|d| view.datastores.get(d))
            .filter(|d| d.accessible && !d.maintenance)
            .map(|d| Candidate { object: &d.datastore, name: &d.name, path: &d.name })
            .collect();
        return choose(sought, None, &usable);
    };
    let all: Vec<Candidate<'_>> = view
        .datastores
        .values()
        .filter(in_datacenter)
        .map(|d| Candidate { object: &d.datastore, name: &d.name, path: &d.name })
        .collect();
    // A name is first looked for among those the cluster sees.
    let seen: Vec<Candidate<'_>> =
        all.iter().filter(|c| cluster.datastores.contains(c.object)).copied().collect();
    match pick(sought, asked, &seen).or_else(|unknown| pick(sought, asked, &all).map_err(|_| unknown)) {
        Ok(found) => Ok(Named { object: found.object.clone(), name: found.path.to_owned() }),
        Err(unknown) => Err(datastore_cluster(view, asked).unwrap_or(unknown)),
    }
}

/// A datastore cluster places nothing by itself: the members are named instead.
fn datastore_cluster(view: &InventoryView, asked: &str) -> Option<Finding> {
    let members = view.datastore_cluster(asked).or_else(|| {
        let (name, _) = view.datastore_clusters.iter().find(|(pod, _)| pod.id == asked)?.1;
        view.datastore_cluster(name)
    })?;
    Some(Finding::blocker(
        "datastore-is-cluster",
        asked,
        format!(
            "'{asked}' is a datastore cluster; an import needs a datastore. Its members are '{}'.",
            members.join("', '")
        ),
        "Name one of its members.",
    ))
}

fn folder(
    view: &InventoryView,
    vcenter: &str,
    cluster: &ClusterSummary,
    asked: Option<&str>,
) -> Result<Named, Finding> {
    let sought = Sought { code: "folder", what: "VM folder", place: vcenter };
    let of = |wanted: &dyn Fn(&hdm_vsphere::FolderSummary) -> bool| -> Vec<Candidate<'_>> {
        view.folders
            .values()
            .filter(|f| wanted(f))
            .map(|f| Candidate { object: &f.folder, name: &f.name, path: &f.path })
            .collect()
    };
    let own = of(&|f| f.holds_vms && f.datacenter == cluster.datacenter);
    let Some(asked) = asked else {
        let datacenter = cluster.datacenter.as_ref().and_then(|dc| view.datacenters.get(dc));
        let root =
            datacenter.and_then(|dc| dc.vm_folder.as_ref()).filter(|root| view.folders.contains_key(root));
        return match root {
            Some(root) => choose(sought, None, &of(&|f| f.folder == *root)),
            None => choose(sought, None, &own),
        };
    };
    match pick(sought, asked, &own) {
        Ok(found) => Ok(Named { object: found.object.clone(), name: found.path.to_owned() }),
        // A folder elsewhere, or of another kind, is told by admission.
        Err(finding) if finding.code.ends_with("-unknown") => pick(sought, asked, &of(&|_| true))
            .map(|found| Named { object: found.object.clone(), name: found.path.to_owned() })
            .map_err(|_| finding),
        Err(finding) => Err(finding),
    }
}

fn map_networks(
    view: &InventoryView,
    vcenter: &str,
    cluster: &ClusterSummary,
    asked: &BTreeMap<String, String>,
    used: &BTreeSet<String>,
) -> Result<BTreeMap<String, Named>, Vec<Finding>> {
    let sought = Sought { code: "network", what: "network", place: vcenter };
    let all: Vec<Candidate<'_>> = view
        .networks
        .values()
        .map(|n| Candidate { object: &n.network, name: &n.name, path: &n.name })
        .collect();
    let seen: Vec<Candidate<'_>> =
        all.iter().filter(|c| cluster.networks.contains(c.object)).copied().collect();
    let mut mapped = BTreeMap::new();
    let mut findings = Vec::new();
    for (from, to) in asked.iter().filter(|(from, _)| used.contains(*from)) {
        match pick(sought, to, &seen).or_else(|unknown| pick(sought, to, &all).map_err(|_| unknown)) {
            Ok(found) => {
                mapped.insert(
                    from.clone(),
                    Named { object: found.object.clone(), name: found.name.to_owned() },
                );
            }
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(mapped) } else { Err(findings) }
}

/// What is known of the hosts that come into question.
pub fn hosts(view: &InventoryView, place: &Place) -> Vec<HostFacts> {
    let asked = place.host.as_ref().map(|h| &h.object);
    let Some(cluster) = view.clusters.get(&place.cluster.object) else { return Vec::new() };
    let all: Vec<&Arc<HostSummary>> = match asked {
        Some(host) => view.hosts.get(host).into_iter().collect(),
        None => cluster.hosts.iter().filter_map(|h| view.hosts.get(h)).collect(),
    };
    all.into_iter()
        .map(|host| HostFacts {
            name: host.name.clone(),
            in_cluster: cluster.hosts.contains(&host.host),
            connected: host.connected,
            maintenance: host.maintenance,
            sees_datastore: host.datastores.contains(&place.datastore.object),
            unseen_networks: place
                .networks
                .values()
                .chain(place.adapters.values())
                .filter(|n| !host.networks.contains(&n.object))
                .map(|n| n.name.clone())
                .collect(),
            max_hardware_version: max_hardware_version(&host.version),
        })
        .collect()
}

/// The host for the import of a VM with this hardware version: the one asked for, else of those that are fit the
/// one with the fewest imports of this appliance, the first by name among equals.
pub async fn host(
    cold: &Cold,
    cx: &ColdCx<'_>,
    hardware_version: Option<u32>,
) -> Result<(Named, Placed), StepError> {
    let view = vm::inventory(cx, &cold.cloud(cx)?).await?;
    let place = &cx.input().place;
    let facts = hosts(&view, place);
    let of_cluster = view.clusters.get(&place.cluster.object).map_or(&[][..], |cluster| &cluster.hosts);
    let fit = fit_hosts(&facts, hardware_version).into_iter().filter_map(|fit| {
        let host = of_cluster.iter().filter_map(|h| view.hosts.get(h)).find(|h| h.name == fit.name)?;
        Some((host.host.clone(), Named { object: host.host.clone(), name: host.name.clone() }))
    });
    cold.streams.place(&cx.input().cloud, fit).ok_or_else(|| {
        StepError::retry(format!(
            "No host of '{}' can take '{}' now: each is disconnected, in maintenance, too old for its hardware, or does not see '{}' and the networks.",
            place.cluster.name,
            cx.input().target_name,
            place.datastore.name
        ))
    })
}
