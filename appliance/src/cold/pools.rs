//! HDM's resource pools in the source's cluster, made when first needed.

use hdm_vsphere::{ClusterSummary, InventoryView, MoRef};

use super::vm::POLL;
use super::{Cold, ColdCx, vm};
use crate::engine::StepError;

/// Where a VM is while it is moved.
pub const MIGRATE: &str = "HDM_MIGRATE_POOL";
/// Where the source is kept once its copy lives elsewhere.
pub const SUCCESS: &str = "HDM_SUCCESS_POOL";

/// The source's cluster as the inventory shows it now.
pub fn source_cluster<'v>(view: &'v InventoryView, cx: &ColdCx<'_>) -> Option<&'v ClusterSummary> {
    let of_vm = view.vms.get(&cx.input().source_vm()).and_then(|vm| vm.cluster.clone());
    view.clusters.get(&of_vm.unwrap_or_else(|| cx.input().source_cluster.object.clone())).map(|c| &**c)
}

/// The pool of this name right below the cluster's root pool; made if it is not there.
///
/// Absent if the cluster has no DRS, because such a cluster has no child pools. Two migrations may want the
/// same pool at once, and an answer may be lost: `DuplicateName` means that it is there by now.
pub async fn ensure(cold: &Cold, cx: &mut ColdCx<'_>, name: &str) -> Result<Option<MoRef>, StepError> {
    let site = cold.source(cx)?;
    let (patience, end) = (cold.patience(cx), cold.patience(cx).end());
    let mut asked = false;
    loop {
        let view = vm::inventory(cx, &site).await?;
        let Some(cluster) = source_cluster(&view, cx) else {
            return Err(StepError::retry(format!(
                "The inventory of {} does not show the cluster of '{}'.",
                site.id,
                cx.input().vm_name
            )));
        };
        let Some(root) = cluster.root_pool.clone().filter(|_| cluster.drs) else {
            return Ok(None);
        };
        let found = view.pools.values().find(|p| p.name == name && p.parent.as_ref() == Some(&root));
        if let Some(pool) = found {
            return Ok(Some(pool.pool.clone()));
        }
        if !asked {
            let (root, cluster) = (root.clone(), cluster.name.clone());
            cx.log(format!("About to make the resource pool {name} in '{cluster}'.")).await?;
            match site.session.create_resource_pool(&root, name).await {
                Ok(pool) => return Ok(Some(pool)),
                Err(error) if error.fault_kind() == Some("DuplicateName") => asked = true,
                Err(error) => return Err(error.into()),
            }
        }
        if patience.is_over(end) {
            return Err(StepError::retry(format!(
                "vCenter says that '{}' has a resource pool {name}, but the inventory does not show it.",
                cluster.name
            )));
        }
        vm::pause(cx, POLL).await?;
    }
}
