//! `POST api/plan` and `POST api/migrations`: what a wizard asks for.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use hdm_shared::batch::BatchRequest;
use hdm_shared::cloud::{CloudOffer, OfferedCluster, OfferedObject, ReleasedObjects};
use hdm_shared::migration::{MigrationView, Plan};
use hdm_shared::plugin::{MAX_SELECTED, Privilege};
use hdm_shared::problem::Finding;
use hdm_vsphere::MoRef;

use super::scrub::Scrub;
use super::{Caller, clouds, reply, vm, vms};
use crate::problem::Failure;
use crate::upstream::Call;

/// What stands in the way, without doing anything.
pub async fn plan(
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<BatchRequest>, JsonRejection>,
) -> Result<Response, Failure> {
    let (request, scrub) = permitted(&caller, body?.0).await?;
    let call = Call::new(Method::POST, &["batches", "plan"]).by(caller.user()).long().json(&request)?;
    let mut plan: Plan = caller.app.upstream.ask(call).await.map_err(|failure| scrub.failure(failure))?;
    scrub.plan(&mut plan);
    reply::json(&headers, &plan)
}

/// Starts the migrations, all or none.
pub async fn start(
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<BatchRequest>, JsonRejection>,
) -> Result<Response, Failure> {
    let key = key(&caller, &headers)?;
    let (request, scrub) = permitted(&caller, body?.0).await?;
    let call = Call::new(Method::POST, &["batches"]).by(caller.user()).once(key).long().json(&request)?;
    let started = caller.app.upstream.ask::<Vec<MigrationView>>(call).await;
    let mut views = started.map_err(|failure| scrub.failure(failure))?;
    for view in &mut views {
        scrub.findings(&mut view.warnings);
    }
    caller.app.subjects.learn(&views);
    caller.app.feed.hurry();
    let body = serde_json::to_vec(&views).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(reply::bytes(&headers, StatusCode::CREATED, body.into()))
}

/// The key of a request that may be sent twice. Each user has keys of his own: nobody gets to see another's
/// answer by guessing.
pub fn key(caller: &Caller, headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=128).contains(&key.len()));
    let key = key.ok_or_else(|| Failure::bad_request("An Idempotency-Key has 1 to 128 plain characters."))?;
    let whole = format!("{}\n{}\n{key}", caller.session.vcenter.guid, caller.user());
    Ok(Some(hex::encode(digest(&SHA256, whole.as_bytes()).as_ref())))
}

/// The request as it may be made: every VM is one of this vCenter that the user may migrate, and is named so
/// that it cannot be taken for another.
async fn permitted(caller: &Caller, mut request: BatchRequest) -> Result<(BatchRequest, Scrub), Failure> {
    caller.must_be_source()?;
    let source = caller.session.vcenter.id.clone();
    // The appliance would name all that there are.
    if !caller.knows_cloud(&request.cloud).await? {
        return Err(Failure::bad_request(format!(
            "There is no cloud '{}' that HDM has reached.",
            request.cloud
        )));
    }
    if request.source.as_ref().is_some_and(|named| *named != source) {
        let detail = format!(
            "The page's session is one of the vCenter '{source}'; VMs of others are moved from there."
        );
        return Err(Failure::bad_request(detail));
    }
    if request.items.is_empty() || request.items.len() > MAX_SELECTED {
        let detail = format!("Between 1 and {MAX_SELECTED} VMs are moved at once. Select fewer, or more.");
        return Err(Failure::bad_request(detail));
    }
    let prefix = format!("{source}:");
    let mut asked = BTreeMap::new();
    for item in &mut request.items {
        let id = item.vm.strip_prefix(&prefix).unwrap_or(&item.vm).to_owned();
        let object = vm(&id)?;
        let exact = format!("{prefix}{id}");
        asked.insert(exact.clone(), (object, std::mem::replace(&mut item.vm, exact)));
    }
    request.source = Some(source);
    let vms: Vec<MoRef> = asked.values().map(|(object, _)| object.clone()).collect();
    let seen = caller.holding(&vms, Privilege::View).await?;
    let movable = caller.holding(&vms, Privilege::Migrate).await?;
    let mut findings = Vec::new();
    for (object, text) in asked.values() {
        if !seen.contains(object) {
            let message = format!("There is no virtual machine {} that you may see.", object.id);
            findings.push(Finding::blocker("vm-unknown", text, message, "Leave it out."));
        } else if !movable.contains(object) {
            let message = format!("You lack the privilege {} on {}.", Privilege::Migrate.id(), object.id);
            findings.push(Finding::blocker("not-permitted", text, message, vms::ASK_FOR_IT));
        }
    }
    if !findings.is_empty() {
        let some = format!("{} of the {} VMs selected", findings.len(), request.items.len());
        return Err(Failure::forbidden(Privilege::Migrate, &some).with(findings));
    }
    request.within = visible(caller, &request).await?;
    let names = asked.into_iter().map(|(exact, (_, text))| (exact, text)).collect();
    Ok((request, Scrub::new(names)))
}

/// What the user sees of the cloud, if it is linked: the appliance then chooses and names nothing else. Hosts and
/// resource pools it does not limit, so those that are named must be seen.
async fn visible(caller: &Caller, request: &BatchRequest) -> Result<Option<ReleasedObjects>, Failure> {
    let Some(session) = caller.linked(&request.cloud)? else { return Ok(None) };
    let offers: Vec<CloudOffer> = caller.app.upstream.ask(Call::get(&["offers"])).await?;
    let Some(mut offer) = offers.into_iter().find(|offer| offer.vcenter == request.cloud) else {
        return Ok(Some(ReleasedObjects::none()));
    };
    clouds::narrow(caller, &session, &mut offer).await?;
    let within = |list: &dyn Fn(&OfferedCluster) -> &[OfferedObject]| -> BTreeSet<String> {
        offer.clusters.iter().flat_map(list).map(|object| object.id.clone()).collect()
    };
    let (hosts, pools) = (within(&|cluster| &cluster.hosts), within(&|cluster| &cluster.pools));
    let mut findings = Vec::new();
    for item in &request.items {
        for (what, asked, seen) in [("host", &item.target.host, &hosts), ("pool", &item.target.pool, &pools)]
        {
            if let Some(asked) = asked.as_ref().filter(|asked| !seen.contains(*asked)) {
                let message = format!("There is no {what} '{asked}' in {} that you may see.", request.cloud);
                findings.push(Finding::blocker(
                    &format!("{what}-unknown"),
                    asked,
                    message,
                    "Choose one by its id, or none.",
                ));
            }
        }
    }
    if !findings.is_empty() {
        let detail = "Something that was chosen at the cloud is not there, or you may not see it.";
        return Err(Failure::bad_request(detail).with(findings));
    }
    let datastores: BTreeSet<String> = offer
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.datastores)
        .map(|datastore| datastore.object.id.clone())
        .collect();
    Ok(Some(ReleasedObjects {
        clusters: Some(offer.clusters.iter().map(|cluster| cluster.object.id.clone()).collect()),
        folders: Some(offer.folders.iter().map(|folder| folder.id.clone()).collect()),
        datastores: Some(datastores.into_iter().collect()),
        networks: Some(within(&|cluster| &cluster.networks).into_iter().collect()),
    }))
}
