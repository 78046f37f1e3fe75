//! `GET api/vms`: the VMs that can be chosen.

use std::collections::HashMap;

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::plugin::{MAX_SELECTED, Privilege};
use hdm_shared::problem::Finding;
use hdm_shared::vm::VmPage;
use hdm_vsphere::MoRef;

use super::caller::usual;
use super::{Caller, cluster, no_parameter, parameters, reply, vm};
use crate::problem::Failure;
use crate::session::rights::Mask;
use crate::upstream::Call;

/// How many the appliance is asked for at once.
const PART: usize = 10_000;
/// How many times it is asked: a vCenter has at most 40,000 VMs (Configuration Maximums, vSphere 8.0).
const MAX_PARTS: usize = 5;

/// The way out for whoever may not migrate a VM.
pub const ASK_FOR_IT: &str = "Leave it out, or ask the vCenter's administrator for a role that has it.";

/// Those of a cluster, or those named. What the user may not see is left out, and what the user may not migrate says
/// so.
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
    let mut call = Call::get(&["vms"]).with("vcenter", &caller.session.vcenter.id);
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
    let (mut page, held) = seen(&caller, call).await?;
    for vm in &mut page.vms {
        let object = MoRef::new("VirtualMachine", &vm.vm.moid);
        if !held.get(&object).is_some_and(|mask| mask.has(Privilege::Migrate)) {
            let message = format!("You lack the privilege {} on this VM.", Privilege::Migrate.id());
            vm.findings.insert(0, Finding::blocker("not-permitted", &vm.name, message, ASK_FOR_IT));
        }
    }
    reply::json(&request, &page)
}

/// Those of a list that the user may see.
pub async fn visible(caller: &Caller, call: Call) -> Result<VmPage, Failure> {
    Ok(seen(caller, call).await?.0)
}

/// Those of a list that the user may see, part by part, and what the user holds on each.
async fn seen(caller: &Caller, call: Call) -> Result<(VmPage, HashMap<MoRef, Mask>), Failure> {
    let mut page = VmPage { vms: Vec::new(), total: 0 };
    for part in 0..MAX_PARTS {
        let call = call.clone().with("limit", PART).with("offset", part * PART).long();
        let VmPage { vms, .. } = caller.app.upstream.ask(call).await?;
        let is_last = vms.len() < PART;
        page.vms.extend(vms);
        if is_last {
            break;
        }
    }
    page.vms.retain(|vm| vm.vm.vcenter == caller.session.vcenter.id);
    let listed: Vec<MoRef> = page.vms.iter().map(|vm| MoRef::new("VirtualMachine", &vm.vm.moid)).collect();
    let held = caller.held(&listed, usual(Privilege::View)).await?;
    let mut seen = listed.iter().map(|vm| held.get(vm).is_some_and(|mask| mask.has(Privilege::View)));
    page.vms.retain(|_| seen.next().unwrap_or(false));
    page.total = page.vms.len() as u64;
    Ok((page, held))
}
