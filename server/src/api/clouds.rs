//! `GET api/clouds`: what a wizard offers of the clouds.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::cloud::{CloudOffer, OfferedObject};
use hdm_shared::plugin::{Privilege, SESSION_UNKNOWN};
use hdm_vsphere::MoRef;

use super::{Caller, cluster, no_parameter, parameters, reply, vm};
use crate::problem::Failure;
use crate::session::{InUse, Link};
use crate::upstream::Call;

/// What an administrator released of each cloud, for a user who may migrate the VM or from the cluster named;
/// without one, the object that the page is about.
pub async fn list(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let mut objects = Vec::new();
    for (name, value) in parameters(query.as_deref()) {
        match name.as_str() {
            "cluster" => objects.push(cluster(&value)?),
            "vm" => objects.push(vm(&value)?),
            _ => return Err(no_parameter(&name)),
        }
    }
    if objects.is_empty() {
        objects.push(caller.object().await?);
    }
    caller.must_be_source()?;
    if caller.holding(&objects, Privilege::Migrate).await?.is_empty() {
        return Err(Failure::forbidden(Privilege::Migrate, &caller.named(&objects[0])));
    }
    let mut offers: Vec<CloudOffer> = caller.app.upstream.ask(Call::get(&["offers"])).await?;
    for offer in &mut offers {
        let cloud = caller.app.vcenters.named(&offer.vcenter);
        let link = cloud.map_or(Link::Unknown, |cloud| caller.app.table.link_of(&caller.session, &cloud));
        match link {
            Link::Linked(session) => {
                if let Err(failure) = narrow(&caller, &session, offer).await {
                    if failure.is(SESSION_UNKNOWN) {
                        return Err(failure);
                    }
                    // Nobody knows what the user sees, so nothing is shown.
                    withhold(offer, failure.problem.detail.clone());
                }
            }
            Link::Unlinked => {}
            Link::Unknown => withhold(offer, UNKNOWN.to_owned()),
        }
    }
    reply::json(&request, &offers)
}

const UNKNOWN: &str =
    "HDM could not find out what you may see there. Close this window and open it again in a moment.";

/// Leaves nothing of a cloud.
fn withhold(offer: &mut CloudOffer, reason: String) {
    offer.clusters.clear();
    offer.folders.clear();
    offer.unavailable.get_or_insert(reason);
}

/// Leaves of a cloud that is linked what the user sees there.
pub async fn narrow(caller: &Caller, session: &InUse, offer: &mut CloudOffer) -> Result<(), Failure> {
    let mut objects: Vec<MoRef> = offer.folders.iter().map(of_cloud).collect();
    for cluster in &offer.clusters {
        let datastores = cluster.datastores.iter().map(|datastore| &datastore.object);
        let parts = cluster.hosts.iter().chain(&cluster.pools).chain(&cluster.networks);
        objects.extend(std::iter::once(&cluster.object).chain(parts).chain(datastores).map(of_cloud));
    }
    objects.sort();
    objects.dedup();
    let seen = caller.seen(session, &objects).await?;
    let sees = |object: &OfferedObject| seen.contains(&of_cloud(object));
    offer.folders.retain(sees);
    offer.clusters.retain(|cluster| sees(&cluster.object));
    for cluster in &mut offer.clusters {
        cluster.hosts.retain(sees);
        cluster.pools.retain(sees);
        cluster.networks.retain(sees);
        cluster.datastores.retain(|datastore| sees(&datastore.object));
    }
    Ok(())
}

/// An offered object as vCenter knows it; its id tells its type.
fn of_cloud(object: &OfferedObject) -> MoRef {
    let kinds = [
        ("domain-s", "ComputeResource"),
        ("domain-", "ClusterComputeResource"),
        ("host-", "HostSystem"),
        ("resgroup-", "ResourcePool"),
        ("datastore-", "Datastore"),
        ("dvportgroup-", "DistributedVirtualPortgroup"),
        ("network-o", "OpaqueNetwork"),
        ("network-", "Network"),
    ];
    let kind =
        kinds.iter().find(|(start, _)| object.id.starts_with(start)).map_or("Folder", |(_, kind)| kind);
    MoRef::new(kind, &object.id)
}
