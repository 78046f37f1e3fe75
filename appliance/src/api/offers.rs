//! `/api/v1/offers`, and what of each cloud is released.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use hdm_shared::VcenterId;
use hdm_shared::cloud::{CloudOffer, ReleasedObjects};
use hdm_shared::problem::Problem;
use hdm_shared::vcenter::VcenterRole;

use super::caller::User;
use super::vcenters::{log, unknown};
use super::{Api, ApiError, Shared};
use crate::{cold, events};

/// How many objects of each kind can be named.
const MAX_OBJECTS: usize = 5_000;

/// The clouds as the wizard offers them, limited to what is released.
#[utoipa::path(get, path = "/api/v1/offers", operation_id = "offers", tag = "inventory", responses((status = 200, body = Vec<CloudOffer>)))]
pub async fn list(State(api): Shared) -> Result<Json<Vec<CloudOffer>>, ApiError> {
    Ok(Json(cold::offers(api.engine.workflow()).await?))
}

/// A cloud with everything that can be released of it, whatever is.
#[utoipa::path(get, path = "/api/v1/vcenters/{id}/offer", operation_id = "whole_offer", tag = "vcenters", params(("id" = String, Path)),
    responses((status = 200, body = CloudOffer), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 502, body = Problem)))]
pub async fn whole(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<Json<CloudOffer>, ApiError> {
    let Path(id) = id?;
    is_cloud(&api, &id).await?;
    let offer = cold::whole_offer(api.engine.workflow(), &id).await?;
    let offer =
        offer.ok_or_else(|| ApiError::vcenter(format!("{id} cannot be spoken to. Check its login.")))?;
    Ok(Json(offer))
}

/// What of a cloud is released for migrations.
#[utoipa::path(get, path = "/api/v1/vcenters/{id}/released", operation_id = "released_objects", tag = "vcenters", params(("id" = String, Path)),
    responses((status = 200, body = ReleasedObjects), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn released(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<Json<ReleasedObjects>, ApiError> {
    let Path(id) = id?;
    is_cloud(&api, &id).await?;
    Ok(Json(api.store.released(&id).await?))
}

/// Releases clusters, folders, datastores and networks of a cloud, by managed object id; a kind that is absent
/// is released whole. Migrations that were accepted before are not affected.
#[utoipa::path(put, path = "/api/v1/vcenters/{id}/released", operation_id = "release_objects", tag = "vcenters", params(("id" = String, Path)),
    request_body = ReleasedObjects,
    responses((status = 200, body = ReleasedObjects), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub async fn release(
    State(api): Shared,
    User(user): User,
    id: Result<Path<VcenterId>, PathRejection>,
    body: Result<Json<ReleasedObjects>, JsonRejection>,
) -> Result<Json<ReleasedObjects>, ApiError> {
    let Path(id) = id?;
    let Json(objects) = body?;
    is_cloud(&api, &id).await?;
    let kinds = [&objects.clusters, &objects.folders, &objects.datastores, &objects.networks];
    for ids in kinds.into_iter().flatten() {
        let plain = |id: &String| !id.is_empty() && id.len() <= 128 && !id.chars().any(char::is_control);
        if ids.len() > MAX_OBJECTS || !ids.iter().all(plain) {
            return Err(ApiError::bad_request(format!(
                "At most {MAX_OBJECTS} objects of each kind can be named, each by a managed object id."
            )));
        }
    }
    api.store.release_objects(&id, &objects).await?;
    log(&api, events::VCENTER_CHANGED, &id, &user, "has other objects released").await?;
    Ok(Json(objects))
}

async fn is_cloud(api: &Api, id: &VcenterId) -> Result<(), ApiError> {
    let known = api.store.vcenters().await?;
    let record = known.iter().find(|record| record.id == *id).ok_or_else(|| unknown(id))?;
    if record.role == VcenterRole::Cloud {
        return Ok(());
    }
    Err(ApiError::conflict(format!("'{id}' is no cloud: virtual machines are moved from it, not to it.")))
}
