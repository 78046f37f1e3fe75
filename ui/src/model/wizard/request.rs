//! The request that a draft makes.

use std::collections::BTreeMap;

use hdm_shared::VcenterId;
use hdm_shared::batch::{BatchItem, BatchRequest};
use hdm_shared::migration::{ColdOptions, TargetChoice};
use hdm_shared::vm::VmView;

use super::draft::Draft;

/// The request; `None` without a cloud. Everything is named by managed object id.
pub fn request(draft: &Draft, vms: &[&VmView]) -> Option<BatchRequest> {
    let source: Option<VcenterId> = vms.first().map(|vm| vm.vm.vcenter.clone());
    let items = vms.iter().map(|vm| item(draft, vm)).collect();
    Some(BatchRequest { source, cloud: draft.cloud.clone()?, within: None, schedule: None, items })
}

fn item(draft: &Draft, vm: &VmView) -> BatchItem {
    let moid = &vm.vm.moid;
    let target = draft.target_of(moid);
    let become_ = draft.effective(vm);
    let mut adapters = BTreeMap::new();
    for adapter in &vm.adapters {
        if let Some(network) = draft.network_of(moid, &adapter.label, &adapter.network) {
            adapters.insert(adapter.label.clone(), network.clone());
        }
    }
    BatchItem {
        vm: moid.clone(),
        target: TargetChoice {
            cluster: target.cluster.clone(),
            host: None,
            pool: target.pool.clone(),
            datastore: target.datastore.clone(),
            folder: target.folder.clone(),
            networks: BTreeMap::new(),
            adapters,
        },
        options: ColdOptions {
            disk_format: target.disk_format.unwrap_or_default(),
            cpus: (become_.cpus != vm.cpus).then_some(become_.cpus),
            memory_mib: (become_.memory_mib != vm.memory_mib).then_some(become_.memory_mib),
            mac: become_.mac,
            verify: become_.verify,
            rename: (become_.name != vm.name).then(|| become_.name.clone()),
            power_on: become_.power_on,
            shutdown: become_.shutdown,
            shutdown_timeout_seconds: become_.shutdown_timeout_seconds,
            ..ColdOptions::default()
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::choices::{choose_networks, choose_target};
    use super::super::draft::Settings;
    use super::super::samples::{offer, vm};
    use super::*;

    #[test]
    fn the_request_names_everything_by_id_and_says_only_what_changes() {
        let (offer, vms) = (offer(), [vm(1), vm(2)]);
        let vms: Vec<&VmView> = vms.iter().collect();
        let mut draft = Draft::default();
        assert!(request(&draft, &vms).is_none());
        draft.choose_cloud("cloud".parse().unwrap());
        choose_target(&mut draft, &offer);
        choose_networks(&mut draft, &offer, vms.iter().copied(), None);
        draft.set_own(
            &["vm-2".into()],
            &Settings { name: Some("new".into()), cpus: Some(4), ..Settings::default() },
        );
        draft
            .adapters
            .entry("vm-2".into())
            .or_default()
            .insert("Network adapter 1".into(), "network-2".into());
        let request = request(&draft, &vms).unwrap();
        assert_eq!(request.source.unwrap().as_str(), "onprem");
        let [first, second] = request.items.as_slice() else { unreachable!("two were asked for") };
        assert_eq!((first.vm.as_str(), &first.options.rename, first.options.cpus), ("vm-1", &None, None));
        assert_eq!(first.target.adapters["Network adapter 1"], "network-1");
        assert_eq!(first.target.datastore.as_deref(), Some("datastore-2"));
        assert!(first.options.power_on);
        assert_eq!((second.options.rename.as_deref(), second.options.cpus), (Some("new"), Some(4)));
        assert_eq!(second.target.adapters["Network adapter 1"], "network-2");
    }
}
