//! `GET api/dashboard`: the first page of the global view.

use std::collections::HashMap;

use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::dashboard::Dashboard;
use hdm_shared::plugin::Privilege;
use hdm_shared::vm::VmPage;
use hdm_vsphere::MoRef;

use super::{Caller, cluster, reply, vms};
use crate::problem::Failure;
use crate::upstream::Call;

/// How many VMs are counted at most.
const MAX_COUNTED: u32 = 10_000;

/// What there is, as far as the user may see it. The clouds are for those who may see anything on-premises;
/// what is wrong with the system, for those who may see the vCenter as a whole.
pub async fn show(caller: Caller, request: HeaderMap) -> Result<Response, Failure> {
    let mut board: Dashboard = caller.app.upstream.ask(Call::get(&["dashboard"])).await?;
    let vcenter = caller.session.vcenter.id.clone();
    board.on_premise.retain(|card| card.vcenter == vcenter);
    let clusters: Vec<MoRef> =
        board.on_premise.iter().map(|card| cluster(&card.id)).collect::<Result<_, _>>()?;
    let root = caller.root().await?;
    let seen = caller.holding(clusters.iter().chain([&root]), Privilege::View).await?;
    let mut visible = clusters.iter().map(|cluster| seen.contains(cluster));
    board.on_premise.retain(|_| visible.next().unwrap_or(false));

    let call = Call::get(&["vms"]).with("vcenter", &vcenter).with("limit", MAX_COUNTED).long();
    let page = vms::visible(&caller, caller.app.upstream.ask::<VmPage>(call).await?).await?;
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for vm in &page.vms {
        *counts.entry(&vm.cluster_id).or_default() += 1;
    }
    for card in &mut board.on_premise {
        card.vms = counts.get(card.id.as_str()).copied().unwrap_or(0);
    }
    let at_source = caller.must_be_source().is_ok();
    if !at_source || !seen.contains(&root) {
        board.troubles.clear();
    }
    if !at_source || page.vms.is_empty() && board.on_premise.is_empty() && !seen.contains(&root) {
        board.off_premise.clear();
    }
    reply::json(&request, &board)
}
