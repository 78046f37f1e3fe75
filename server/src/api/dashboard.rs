//! `GET api/dashboard`: the first page of the global view.

use std::collections::{BTreeSet, HashMap};

use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::VcenterId;
use hdm_shared::dashboard::{ClusterCard, Dashboard};
use hdm_shared::plugin::{Privilege, SESSION_UNKNOWN};
use hdm_vsphere::MoRef;

use super::{Caller, cluster, reply, vms};
use crate::problem::Failure;
use crate::upstream::Call;

/// What there is, as far as the user may see it. Of the clouds, what is released is for those who may see anything
/// on-premises, and of a cloud that is linked what the user sees there;
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

    let page = vms::visible(&caller, Call::get(&["vms"]).with("vcenter", &vcenter)).await?;
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
    seen_off_premise(&caller, &mut board.off_premise).await?;
    reply::json(&request, &board)
}

/// Leaves of the clouds that are linked what the user sees there.
async fn seen_off_premise(caller: &Caller, cards: &mut Vec<ClusterCard>) -> Result<(), Failure> {
    let clouds: BTreeSet<VcenterId> = cards.iter().map(|card| card.vcenter.clone()).collect();
    for cloud in clouds {
        let session = match caller.linked(&cloud) {
            Ok(Some(session)) => session,
            Ok(None) => continue,
            // Nobody knows what the user sees there, so nothing is shown.
            Err(_) => {
                cards.retain(|card| card.vcenter != cloud);
                continue;
            }
        };
        let there = cards.iter().filter(|card| card.vcenter == cloud);
        let there: Vec<MoRef> = there.map(|card| cluster(&card.id)).collect::<Result<_, _>>()?;
        let seen = match caller.seen(&session, &there).await {
            Err(failure) if failure.is(SESSION_UNKNOWN) => return Err(failure),
            // Nobody knows what the user sees there, so nothing is shown.
            seen => seen.unwrap_or_default(),
        };
        cards.retain(|card| card.vcenter != cloud || seen.iter().any(|cluster| cluster.id == card.id));
    }
    Ok(())
}
