//! What there is to move, and where to.

use std::collections::BTreeSet;

use hdm_shared::admission;
use hdm_shared::problem::Finding;
use hdm_shared::vcenter::VcenterRole;
use hdm_shared::vm::{AdapterView, CloudCluster, CloudDatastore, CloudView, VmPage, VmView};
use hdm_shared::{ObjectId, VcenterId};
use hdm_vsphere::{ClusterSummary, InventoryView, MoRef, PowerState, VmSummary};

use super::{Cold, admit, facts};
use crate::sites::Site;
use crate::store::StoreError;

/// How many VMs a page holds at most.
pub const MAX_PAGE: u64 = 10_000;

/// Which VMs to list; what is absent does not filter.
#[derive(Clone, Debug, Default)]
pub struct VmFilter {
    /// Only of this vCenter.
    pub vcenter: Option<VcenterId>,
    /// Only of this cluster, by name.
    pub cluster: Option<String>,
    /// Only of this cluster, by managed object id.
    pub cluster_id: Option<String>,
    /// Only these, by managed object id; all if empty.
    pub vms: BTreeSet<String>,
    /// Only those whose name or path contains this, whatever its case.
    pub name: Option<String>,
    /// Only those that nothing blocks, or only those that something does.
    pub movable: Option<bool>,
    /// How many to leave out.
    pub offset: u64,
    /// How many to list.
    pub limit: u64,
}

/// The VMs of the sources, by path.
pub async fn vms(cold: &Cold, filter: &VmFilter) -> Result<VmPage, StoreError> {
    let reservations = admit::reservations(cold, None).await?;
    let wanted = filter.name.as_deref().map(str::to_lowercase);
    let mut all = Vec::new();
    for site in cold.sites.of_role(VcenterRole::Source) {
        if filter.vcenter.as_ref().is_some_and(|id| *id != site.id) {
            continue;
        }
        let view = site.inventory.snapshot();
        for vm in view.vms.values() {
            let matches = wanted.as_ref().is_none_or(|part| {
                vm.name.to_lowercase().contains(part) || vm.path.to_lowercase().contains(part)
            });
            let named = filter.vms.is_empty() || filter.vms.contains(&vm.vm.id);
            let in_cluster = filter
                .cluster_id
                .as_ref()
                .is_none_or(|id| vm.cluster.as_ref().is_some_and(|cluster| cluster.id == *id));
            if !(matches && named && in_cluster) {
                continue;
            }
            let shown = show(&site, &view, vm, &reservations);
            let in_cluster = filter.cluster.as_ref().is_none_or(|name| *name == shown.cluster);
            let movable = !shown.findings.iter().any(Finding::blocks);
            if in_cluster && filter.movable.is_none_or(|wanted| wanted == movable) {
                all.push(shown);
            }
        }
    }
    all.sort_by(|a, b| (&a.vm.vcenter, &a.path).cmp(&(&b.vm.vcenter, &b.path)));
    let total = all.len() as u64;
    let skip = usize::try_from(filter.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(filter.limit.min(MAX_PAGE)).unwrap_or(usize::MAX);
    Ok(VmPage { vms: all.into_iter().skip(skip).take(take).collect(), total })
}

fn show(site: &Site, view: &InventoryView, vm: &VmSummary, reservations: &admission::Reservations) -> VmView {
    let source = facts::listed(&site.id, vm, view);
    let mut findings = admission::source::check(&source);
    findings.extend(reservations.check_moving(&source));
    if facts::in_success_pool(view, vm) {
        findings.push(Finding::blocker(
            "moved-already",
            &vm.name,
            format!("'{}' was moved already; this is the copy that was kept.", vm.name),
            "Release it with `hdm source release` before it is moved again.",
        ));
    }
    VmView {
        vm: ObjectId { vcenter: site.id.clone(), moid: vm.vm.id.clone() },
        name: vm.name.clone(),
        path: vm.path.clone(),
        cluster: source.cluster,
        cluster_id: vm.cluster.as_ref().map(|c| c.id.clone()).unwrap_or_default(),
        adapters: vm
            .nics
            .iter()
            .map(|nic| AdapterView {
                label: nic.label.clone(),
                network: facts::network_name(view, nic),
                mac: nic.mac.clone(),
            })
            .collect(),
        powered_on: vm.power == PowerState::On,
        cpus: vm.cpus,
        memory_mib: vm.memory_mib,
        disks: u32::try_from(vm.disks.len()).unwrap_or(u32::MAX),
        capacity_bytes: vm.disks.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes)),
        findings,
    }
}

/// The clouds with what can receive VMs.
pub async fn clouds(cold: &Cold) -> Result<Vec<CloudView>, StoreError> {
    let reservations = admit::reservations(cold, None).await?;
    let mut all = Vec::new();
    for site in cold.sites.of_role(VcenterRole::Cloud) {
        let view = site.inventory.snapshot();
        let mut clusters: Vec<_> = view
            .clusters
            .values()
            .map(|cluster| show_cluster(&site, &view, cluster, &reservations))
            .collect();
        clusters.sort_by(|a, b| a.path.cmp(&b.path));
        let mut folders: Vec<String> =
            view.folders.values().filter(|f| f.holds_vms).map(|f| f.path.clone()).collect();
        folders.sort();
        all.push(CloudView { vcenter: site.id.clone(), clusters, folders });
    }
    Ok(all)
}

fn show_cluster(
    site: &Site,
    view: &InventoryView,
    cluster: &ClusterSummary,
    reservations: &admission::Reservations,
) -> CloudCluster {
    let hosts = cluster.hosts.iter().filter_map(|h| view.hosts.get(h));
    let mut hosts: Vec<String> =
        hosts.filter(|h| h.connected && !h.maintenance).map(|h| h.name.clone()).collect();
    hosts.sort();
    let is_below = |pool: &MoRef| Some(pool) != cluster.root_pool.as_ref();
    let mut pools: Vec<String> = view
        .pools
        .values()
        .filter(|p| p.owner.as_ref() == Some(&cluster.cluster) && is_below(&p.pool))
        .map(|p| p.name.clone())
        .collect();
    pools.sort();
    let mut datastores: Vec<CloudDatastore> = cluster
        .datastores
        .iter()
        .filter_map(|d| view.datastores.get(d))
        .map(|d| CloudDatastore {
            name: d.name.clone(),
            capacity_bytes: d.capacity_bytes,
            free_bytes: d.free_bytes,
            reserved_bytes: reservations.bytes_on(&site.id, &d.datastore.id),
        })
        .collect();
    datastores.sort_by(|a, b| a.name.cmp(&b.name));
    let mut networks: Vec<String> =
        cluster.networks.iter().filter_map(|n| view.networks.get(n)).map(|n| n.name.clone()).collect();
    networks.sort();
    CloudCluster {
        name: cluster.name.clone(),
        path: cluster.path.clone(),
        drs: cluster.drs,
        hosts,
        pools,
        datastores,
        networks,
    }
}
