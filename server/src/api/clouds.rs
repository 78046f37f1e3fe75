//! `GET api/clouds`: what a wizard offers of the clouds.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::cloud::CloudOffer;
use hdm_shared::plugin::Privilege;

use super::{Caller, cluster, no_parameter, parameters, reply, vm};
use crate::problem::Failure;
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
    let offers: Vec<CloudOffer> = caller.app.upstream.ask(Call::get(&["offers"])).await?;
    reply::json(&request, &offers)
}
