//! The clouds as the wizard offers them, and the clusters of all vCenters as the dashboard shows them.

use std::collections::BTreeMap;

use hdm_shared::VcenterId;
use hdm_shared::admission::Reservations;
use hdm_shared::cloud::{CloudOffer, OfferedCluster, OfferedDatastore, OfferedObject, ReleasedObjects};
use hdm_shared::dashboard::{ClusterCard, Dashboard};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{CacheState, ClusterSummary, InventoryView, MoRef, PowerState, VmSummary};

use super::released::is_released;
use super::{Cold, admit, place};
use crate::sites::Site;
use crate::store::{Record, StoreError};

const MIB: u64 = 1 << 20;

/// CPUs and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    cpus: u32,
    memory_mib: u64,
}

impl Load {
    fn add(&mut self, cpus: u32, memory_mib: u64) {
        self.cpus = self.cpus.saturating_add(cpus);
        self.memory_mib = self.memory_mib.saturating_add(memory_mib);
    }
}

/// All clouds, limited to what is released of each, by name.
pub async fn offers(cold: &Cold) -> Result<Vec<CloudOffer>, StoreError> {
    let open = cold.store.open_workflows().await?;
    let taken = admit::taken(cold, &open).await;
    let reservations = admit::of_records(&open, None, &taken);
    let promised = promised(cold, &open);
    let mut released = cold.store.all_released().await?;
    let mut offers = Vec::new();
    for (record, site) in cold.sites.all() {
        if site.role != VcenterRole::Cloud {
            continue;
        }
        let view = site.inventory.snapshot();
        let released = released.remove(&site.id).unwrap_or_default();
        let mut clusters: Vec<OfferedCluster> = view
            .clusters
            .values()
            .filter(|c| is_released(released.clusters.as_ref(), &c.cluster.id))
            .map(|c| {
                let promised = promised.get(&(site.id.clone(), c.cluster.clone())).copied();
                cluster(&site.id, &view, c, promised.unwrap_or_default(), &released, &reservations)
            })
            .collect();
        clusters.sort_by(|a, b| a.object.path.cmp(&b.object.path));
        let mut folders: Vec<OfferedObject> = view
            .folders
            .values()
            .filter(|f| f.holds_vms && is_released(released.folders.as_ref(), &f.folder.id))
            .map(|f| object(&view, &f.folder, &f.name, f.path.clone(), f.datacenter.as_ref()))
            .collect();
        folders.sort_by(|a, b| a.path.cmp(&b.path));
        let unavailable = trouble(&site);
        offers.push(CloudOffer { vcenter: site.id, address: record.url, unavailable, clusters, folders });
    }
    Ok(offers)
}

/// What open migrations will add to the running VMs of each cluster. A copy that runs is counted by the
/// inventory, and one that is not to be powered on uses nothing.
fn promised(cold: &Cold, open: &[Record]) -> BTreeMap<(VcenterId, MoRef), Load> {
    let mut promised: BTreeMap<_, Load> = BTreeMap::new();
    for record in open {
        // One that cannot be understood does not go on, so that it adds nothing.
        let Ok((input, memo)) = admit::parts(record) else { continue };
        if !input.options.power_on {
            continue;
        }
        let cloud = cold.sites.get(&input.cloud).map(|site| site.inventory.snapshot());
        let copy = memo.target.as_ref().zip(cloud.as_ref()).and_then(|(vm, view)| view.vms.get(vm));
        if copy.is_some_and(|vm| vm.power == PowerState::On) {
            continue;
        }
        let source = cold.sites.get(&input.source.vcenter).map(|site| site.inventory.snapshot());
        let source = source.and_then(|view| view.vms.get(&input.source_vm()).cloned());
        let cpus = input.options.cpus.or(source.as_ref().map(|vm| vm.cpus)).unwrap_or_default();
        let memory = input.options.memory_mib.or(source.as_ref().map(|vm| vm.memory_mib));
        let place = (input.cloud.clone(), input.place.cluster.object.clone());
        promised.entry(place).or_default().add(cpus, memory.unwrap_or_default());
    }
    promised
}

fn cluster(
    cloud: &VcenterId,
    view: &InventoryView,
    cluster: &ClusterSummary,
    promised: Load,
    released: &ReleasedObjects,
    reservations: &Reservations,
) -> OfferedCluster {
    let dc = cluster.datacenter.as_ref();
    let connected = || cluster.hosts.iter().filter_map(|h| view.hosts.get(h)).filter(|h| h.connected);
    let mut used = promised;
    for vm in view.vms.values().filter(|vm| runs_in(vm, cluster)) {
        used.add(vm.cpus, vm.memory_mib);
    }
    let mut hosts: Vec<OfferedObject> = connected()
        .filter(|h| !h.maintenance)
        .map(|h| object(view, &h.host, &h.name, format!("{}/{}", cluster.path, h.name), dc))
        .collect();
    let mut pools: Vec<OfferedObject> = view
        .pools
        .values()
        .filter(|p| p.owner.as_ref() == Some(&cluster.cluster) && p.pool.kind == "ResourcePool")
        .filter(|p| Some(&p.pool) != cluster.root_pool.as_ref())
        .map(|p| {
            let path = format!("{}/{}", cluster.path, place::pool_path(view, &p.pool));
            object(view, &p.pool, &p.name, path, dc)
        })
        .collect();
    let mut datastores: Vec<OfferedDatastore> = cluster
        .datastores
        .iter()
        .filter_map(|d| view.datastores.get(d))
        .filter(|d| d.accessible && !d.maintenance)
        .filter(|d| is_released(released.datastores.as_ref(), &d.datastore.id))
        .map(|d| OfferedDatastore {
            object: object(view, &d.datastore, &d.name, d.name.clone(), d.datacenter.as_ref()),
            capacity_bytes: d.capacity_bytes,
            available_bytes: d.free_bytes.saturating_sub(reservations.bytes_on(cloud, &d.datastore.id)),
        })
        .collect();
    let mut networks: Vec<OfferedObject> = cluster
        .networks
        .iter()
        .filter_map(|n| view.networks.get(n))
        .filter(|n| is_released(released.networks.as_ref(), &n.network.id))
        .map(|n| object(view, &n.network, &n.name, n.name.clone(), n.datacenter.as_ref()))
        .collect();
    for list in [&mut hosts, &mut pools, &mut networks] {
        list.sort_by(|a, b| a.path.cmp(&b.path));
    }
    datastores.sort_by(|a, b| a.object.path.cmp(&b.object.path));
    OfferedCluster {
        object: object(view, &cluster.cluster, &cluster.name, cluster.path.clone(), dc),
        drs: cluster.drs,
        cpus_total: connected().fold(0, |sum, h| sum.saturating_add(h.logical_cpus)),
        cpus_used: used.cpus,
        memory_total_mib: connected().fold(0_u64, |sum, h| sum.saturating_add(h.memory_bytes)) / MIB,
        memory_used_mib: used.memory_mib,
        hosts,
        pools,
        datastores,
        networks,
    }
}

fn runs_in(vm: &VmSummary, cluster: &ClusterSummary) -> bool {
    vm.power == PowerState::On && vm.cluster.as_ref() == Some(&cluster.cluster)
}

fn object(
    view: &InventoryView,
    object: &MoRef,
    name: &str,
    path: String,
    datacenter: Option<&MoRef>,
) -> OfferedObject {
    let datacenter = datacenter.and_then(|dc| view.datacenters.get(dc));
    OfferedObject {
        id: object.id.clone(),
        name: name.to_owned(),
        path,
        datacenter: datacenter.map(|dc| dc.name.clone()).unwrap_or_default(),
    }
}

/// Why a vCenter cannot be worked with now, as a sentence.
fn trouble(site: &Site) -> Option<String> {
    let id = &site.id;
    match site.inventory.state() {
        CacheState::Live { .. } => None,
        CacheState::Connecting => Some(format!("The inventory of {id} is still being read.")),
        CacheState::Stale { since, why } => {
            Some(format!("{id} cannot be asked since {since:.0}: {}.", why.trim_end_matches('.')))
        }
    }
}

/// The clusters of all vCenters, of the clouds those that are released, and what is not as it should be.
pub async fn dashboard(cold: &Cold) -> Result<Dashboard, StoreError> {
    let released = cold.store.all_released().await?;
    let mut shown = Dashboard::default();
    for (_, site) in cold.sites.all() {
        let view = site.inventory.snapshot();
        let trouble = trouble(&site);
        match site.role {
            VcenterRole::Source => shown.on_premise.extend(cards(&site.id, &view, trouble.as_deref(), None)),
            VcenterRole::Cloud => {
                let ids = released.get(&site.id).and_then(|released| released.clusters.as_ref());
                shown.off_premise.extend(cards(&site.id, &view, trouble.as_deref(), ids));
            }
        }
        shown.troubles.extend(trouble);
    }
    for cards in [&mut shown.on_premise, &mut shown.off_premise] {
        cards.sort_by(|a, b| (&a.path, &a.vcenter).cmp(&(&b.path, &b.vcenter)));
    }
    Ok(shown)
}

/// The clusters of a vCenter, of those that are `released`.
fn cards(
    vcenter: &VcenterId,
    view: &InventoryView,
    trouble: Option<&str>,
    released: Option<&Vec<String>>,
) -> Vec<ClusterCard> {
    let mut vms: BTreeMap<&MoRef, u32> = BTreeMap::new();
    for cluster in view.vms.values().filter(|vm| !vm.template).filter_map(|vm| vm.cluster.as_ref()) {
        *vms.entry(cluster).or_default() += 1;
    }
    let clusters = view.clusters.values().filter(|c| is_released(released, &c.cluster.id));
    clusters
        .map(|c| ClusterCard {
            vcenter: vcenter.clone(),
            id: c.cluster.id.clone(),
            name: c.name.clone(),
            path: c.path.clone(),
            vms: vms.get(&c.cluster).copied().unwrap_or_default(),
            trouble: trouble.map(str::to_owned).or_else(|| no_host(view, c)),
        })
        .collect()
}

fn no_host(view: &InventoryView, cluster: &ClusterSummary) -> Option<String> {
    let mut hosts = cluster.hosts.iter().filter_map(|h| view.hosts.get(h));
    let usable = hosts.any(|h| h.connected && !h.maintenance);
    (!usable).then(|| format!("No host of '{}' is connected and out of maintenance.", cluster.name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use hdm_shared::admission::Reservation;
    use hdm_shared::{MigrationId, ObjectId};
    use hdm_vsphere::{DatastoreSummary, HostSummary, NetworkSummary};
    use uuid::Uuid;

    use super::*;

    fn view() -> (InventoryView, ClusterSummary) {
        let cluster = ClusterSummary {
            cluster: MoRef::new("ClusterComputeResource", "domain-c1"),
            name: "C0".into(),
            path: "/DC0/host/C0".into(),
            datacenter: None,
            drs: true,
            standalone: false,
            hosts: vec![MoRef::new("HostSystem", "host-1"), MoRef::new("HostSystem", "host-2")],
            datastores: ["datastore-1", "datastore-2"].map(|id| MoRef::new("Datastore", id)).into(),
            networks: vec![MoRef::new("Network", "network-1")],
            root_pool: None,
        };
        let mut view = InventoryView::default();
        for (host, connected) in cluster.hosts.iter().zip([true, false]) {
            let summary = HostSummary {
                host: host.clone(),
                name: host.id.clone(),
                cluster: Some(cluster.cluster.clone()),
                connected,
                maintenance: false,
                datastores: Vec::new(),
                networks: Vec::new(),
                version: String::new(),
                logical_cpus: 16,
                memory_bytes: 64 << 30,
            };
            view.hosts.insert(host.clone(), Arc::new(summary));
        }
        for datastore in &cluster.datastores {
            let summary = DatastoreSummary {
                datastore: datastore.clone(),
                name: datastore.id.clone(),
                kind: "VMFS".into(),
                capacity_bytes: 100,
                free_bytes: 60,
                accessible: true,
                maintenance: false,
                pod: None,
                datacenter: None,
            };
            view.datastores.insert(datastore.clone(), Arc::new(summary));
        }
        let network = cluster.networks[0].clone();
        let summary = NetworkSummary {
            network: network.clone(),
            name: "LAN".into(),
            hosts: Vec::new(),
            portgroup_key: None,
            datacenter: None,
        };
        view.networks.insert(network, Arc::new(summary));
        for (id, power) in [("vm-1", PowerState::On), ("vm-2", PowerState::Off)] {
            let vm = MoRef::new("VirtualMachine", id);
            let summary = VmSummary {
                vm: vm.clone(),
                power,
                cluster: Some(cluster.cluster.clone()),
                cpus: 2,
                memory_mib: 1_024,
                ..VmSummary::default()
            };
            view.vms.insert(vm, Arc::new(summary));
        }
        (view, cluster)
    }

    #[test]
    fn the_dashboard_shows_of_a_cloud_the_clusters_that_are_released() {
        let (mut view, c0) = view();
        view.clusters.insert(c0.cluster.clone(), Arc::new(c0));
        let cloud: VcenterId = "cloud".parse().unwrap();
        let shown = |released: Option<&Vec<String>>| cards(&cloud, &view, None, released);
        assert_eq!(shown(None).iter().map(|card| card.vms).collect::<Vec<_>>(), [2]);
        assert_eq!(shown(Some(&vec!["domain-c1".into()])).len(), 1);
        assert_eq!(shown(Some(&vec!["domain-c9".into()])), []);
    }

    #[test]
    fn a_cluster_is_offered_with_what_its_connected_hosts_have_and_what_is_taken_or_promised() {
        let (view, c0) = view();
        let cloud: VcenterId = "cloud".parse().unwrap();
        let held = Reservation {
            migration: MigrationId(Uuid::nil()),
            vm: ObjectId { vcenter: "onprem".parse().unwrap(), moid: "vm-9".into() },
            cloud: cloud.clone(),
            datastore: "datastore-1".into(),
            bytes: 50,
            folder: "group-v1".into(),
            name: "web".into(),
            macs: [].into(),
        };
        let reservations = Reservations::of_others([held], None);
        let promised = Load { cpus: 4, memory_mib: 512 };
        let released = ReleasedObjects {
            datastores: Some(vec!["datastore-1".into()]),
            networks: Some(Vec::new()),
            ..ReleasedObjects::default()
        };
        let shown = cluster(&cloud, &view, &c0, promised, &released, &reservations);
        assert_eq!((shown.cpus_total, shown.memory_total_mib), (16, 64 << 10), "a lost host has nothing");
        assert_eq!((shown.cpus_used, shown.memory_used_mib), (6, 1_536), "what is off takes nothing");
        assert_eq!(shown.hosts.len(), 1);
        assert!(shown.networks.is_empty(), "none is released");
        let datastores: Vec<_> =
            shown.datastores.iter().map(|d| (d.object.id.as_str(), d.available_bytes)).collect();
        assert_eq!(datastores, [("datastore-1", 10)]);
    }
}
