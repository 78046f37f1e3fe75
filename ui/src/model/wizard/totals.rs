//! Sums: what the chosen virtual machines take of a cluster and of each datastore.

use hdm_shared::cloud::{CloudOffer, OfferedCluster};
use hdm_shared::vm::VmView;

use super::choices::cluster;
use super::draft::Draft;

use crate::model::sorted::sorted;

/// What the chosen virtual machines need together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// How many there are.
    pub vms: u64,
    /// Virtual CPUs of all.
    pub all_cpus: u64,
    /// Memory of all, in MiB.
    pub all_memory_mib: u64,
    /// Virtual CPUs of those that will run.
    pub cpus: u64,
    /// Memory of those that will run, in MiB.
    pub memory_mib: u64,
    /// Sum of their disks.
    pub capacity_bytes: u64,
    /// How many run now, and will be shut down.
    pub running: u64,
}

/// What the chosen virtual machines need together; a cluster's share, if one is named.
pub fn needs(draft: &Draft, vms: &[&VmView], in_cluster: Option<&str>) -> Needs {
    let mut sum = Needs::default();
    for vm in vms {
        if in_cluster.is_some_and(|id| draft.target_of(&vm.vm.moid).cluster.as_deref() != Some(id)) {
            continue;
        }
        let become_ = draft.effective(vm);
        sum.vms += 1;
        sum.capacity_bytes += vm.capacity_bytes;
        sum.running += u64::from(vm.powered_on);
        sum.all_cpus += u64::from(become_.cpus);
        sum.all_memory_mib += become_.memory_mib;
        if become_.power_on {
            sum.cpus += u64::from(become_.cpus);
            sum.memory_mib += become_.memory_mib;
        }
    }
    sum
}

/// Free and total of a cloud, over its clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Logical processors.
    pub cpus_total: u64,
    /// Less what is used; below zero where more is promised than there is.
    pub cpus_free: i64,
    /// Memory in MiB.
    pub memory_total_mib: u64,
    /// Less what is used.
    pub memory_free_mib: i64,
}

/// Free and total of a cloud.
pub fn capacity<'a>(clusters: impl IntoIterator<Item = &'a OfferedCluster>) -> Capacity {
    let mut sum = Capacity::default();
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    for cluster in clusters {
        sum.cpus_total += u64::from(cluster.cpus_total);
        sum.cpus_free += i64::from(cluster.cpus_total) - i64::from(cluster.cpus_used);
        sum.memory_total_mib += cluster.memory_total_mib;
        sum.memory_free_mib += signed(cluster.memory_total_mib) - signed(cluster.memory_used_mib);
    }
    sum
}

/// What is put on one datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDatastore {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How many virtual machines.
    pub vms: u64,
    /// Sum of their disks.
    pub needed_bytes: u64,
    /// What is free.
    pub available_bytes: u64,
    /// Its size.
    pub capacity_bytes: u64,
}

impl OnDatastore {
    /// Whether the disks at full size would not fit. Thin disks may still: the appliance decides.
    pub fn is_short(&self) -> bool {
        self.needed_bytes > self.available_bytes
    }
}

/// What is put on each datastore, by name.
pub fn datastores(draft: &Draft, vms: &[&VmView], offer: &CloudOffer) -> Vec<OnDatastore> {
    let mut all: Vec<OnDatastore> = Vec::new();
    for vm in vms {
        let target = draft.target_of(&vm.vm.moid);
        let found = cluster(offer, target.cluster.as_ref())
            .and_then(|cluster| super::choices::datastore(cluster, target.datastore.as_ref()));
        let Some(datastore) = found else { continue };
        if !all.iter().any(|on| on.id == datastore.object.id) {
            all.push(OnDatastore {
                id: datastore.object.id.clone(),
                name: datastore.object.name.clone(),
                vms: 0,
                needed_bytes: 0,
                available_bytes: datastore.available_bytes,
                capacity_bytes: datastore.capacity_bytes,
            });
        }
        if let Some(on) = all.iter_mut().find(|on| on.id == datastore.object.id) {
            on.vms += 1;
            on.needed_bytes += vm.capacity_bytes;
        }
    }
    sorted(&all, |a, b| a.name.cmp(&b.name))
}

#[cfg(test)]
mod tests {
    use super::super::choices::choose_target;
    use super::super::draft::Settings;
    use super::super::samples::{offer, vm};
    use super::*;

    #[test]
    fn only_what_will_run_needs_processors_and_memory() {
        let mut draft = Draft::default();
        draft.set_own(&["vm-2".into()], &Settings { power_on: Some(false), ..Settings::default() });
        let needs = needs(&draft, &[&vm(1), &vm(2)], None);
        assert_eq!((needs.vms, needs.cpus, needs.memory_mib, needs.running), (2, 2, 2_048, 2));
        assert_eq!(needs.capacity_bytes, 20 << 30);
        assert_eq!(capacity(&offer().clusters).cpus_free, 54);
    }

    #[test]
    fn a_datastore_that_is_too_small_is_told() {
        let offer = offer();
        let mut draft = Draft::default();
        choose_target(&mut draft, &offer);
        draft.target.datastore = Some("datastore-1".into());
        let vms: Vec<VmView> = (1..=6).map(vm).collect();
        let vms: Vec<&VmView> = vms.iter().collect();
        let all = datastores(&draft, &vms, &offer);
        assert_eq!((all.len(), all[0].vms, all[0].needed_bytes), (1, 6, 60 << 30));
        assert!(all[0].is_short());
    }
}
