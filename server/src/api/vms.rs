//! `GET api/vms`: the VMs that can be chosen.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::plugin::{MAX_SELECTED, Privilege};
use hdm_shared::vm::VmPage;
use hdm_vsphere::MoRef;

use super::{Caller, cluster, no_parameter, parameters, reply, vm};
use crate::problem::Failure;
use crate::upstream::Call;

/// How many are listed at most.
const MAX_LISTED: u32 = 10_000;

/// Those of a cluster, or those named. What the user may not see is left out.
pub async fn list(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let (mut of_cluster, mut vms) = (None, Vec::new());
    for (name, value) in parameters(query.as_deref()) {
        match name.as_str() {
            "cluster" => of_cluster = Some(cluster(&value)?),
            "vm" => vms.push(vm(&value)?),
            _ => return Err(no_parameter(&name)),
        }
    }
    if vms.len() > MAX_SELECTED {
        return Err(Failure::bad_request(format!(
            "At most {MAX_SELECTED} VMs are moved at once. Select fewer."
        )));
    }
    let mut call =
        Call::get(&["vms"]).with("vcenter", &caller.session.vcenter.id).with("limit", MAX_LISTED).long();
    match &of_cluster {
        Some(cluster) => {
            // Whether the user may look at the cluster does not matter: each VM is asked about.
            call = call.with("cluster_id", &cluster.id);
        }
        None if vms.is_empty() => {
            return Err(Failure::bad_request("Name a cluster, or one VM or more."));
        }
        None => {}
    }
    for vm in &vms {
        call = call.with("vm", &vm.id);
    }
    let page: VmPage = caller.app.upstream.ask(call).await?;
    reply::json(&request, &visible(&caller, page).await?)
}

/// The part of a page that the user may see.
pub async fn visible(caller: &Caller, mut page: VmPage) -> Result<VmPage, Failure> {
    page.vms.retain(|vm| vm.vm.vcenter == caller.session.vcenter.id);
    let listed: Vec<MoRef> = page.vms.iter().map(|vm| MoRef::new("VirtualMachine", &vm.vm.moid)).collect();
    let seen = caller.holding(&listed, Privilege::View).await?;
    let mut seen = listed.iter().map(|vm| seen.contains(vm));
    page.vms.retain(|_| seen.next().unwrap_or(false));
    page.total = page.vms.len() as u64;
    Ok(page)
}
