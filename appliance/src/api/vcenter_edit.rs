//! Changing how a vCenter is reached: account, password, certificate.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use hdm_shared::VcenterId;
use hdm_shared::problem::Problem;
use hdm_shared::vcenter::{EditVcenter, VcenterView};
use hdm_vsphere::{Credentials, Endpoint, Secret};

use super::caller::User;
use super::vcenters::{log, prepare, trust, unknown, view};
use super::{ApiError, Shared};
use crate::events;

/// Changes account, password or certificate of a vCenter. They are tried at once, and kept only if the login is
/// taken and it is the same vCenter.
#[utoipa::path(put, path = "/api/v1/vcenters/{id}", operation_id = "edit_vcenter", tag = "vcenters", params(("id" = String, Path)),
    request_body = EditVcenter,
    responses((status = 200, body = VcenterView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "It is another vCenter", body = Problem),
        (status = 422, description = "Certificate or login refused", body = Problem), (status = 502, body = Problem)))]
pub async fn edit(
    State(api): Shared,
    User(user): User,
    Path(id): Path<VcenterId>,
    body: Result<Json<EditVcenter>, JsonRejection>,
) -> Result<Json<VcenterView>, ApiError> {
    let Json(asked) = body?;
    let known = api.store.vcenters().await?;
    let mut record = known.into_iter().find(|record| record.id == id).ok_or_else(|| unknown(&id))?;
    if asked.user.as_ref().is_some_and(|name| *name != record.user) && asked.password.is_none() {
        return Err(ApiError::bad_request("Another account needs its password, too."));
    }
    let url = Endpoint::parse_url(&record.url)?;
    let wanted = asked.thumbprint.as_deref().unwrap_or(&record.thumbprint);
    let trusted = trust(&url, Some(wanted)).await?;
    let password = match &asked.password {
        Some(password) => Secret::new(password.clone()),
        None => api.sites.unseal(&record)?,
    };
    record.user = asked.user.unwrap_or(record.user);
    let credentials = Credentials { user: record.user.clone(), password: password.clone() };
    let session = api.sites.session(id.as_str(), url.as_str(), trusted, credentials)?;
    let prepared = prepare(&session).await;
    if let Err(error) = session.logout().await {
        tracing::info!(%error, "the session of the try ends by itself");
    }
    let instance_uuid = prepared?;
    if instance_uuid != record.instance_uuid {
        return Err(ApiError::conflict(format!(
            "Another vCenter answers at {url} than the one that was added as '{id}'. Add it under a name of its own.",
        )));
    }
    record.thumbprint = trusted.to_string();
    record.sealed_password = api.sites.seal(&id, &password)?;
    if !api.store.update_vcenter(&record).await? {
        return Err(unknown(&id));
    }
    api.sites.refresh().await?;
    log(&api, events::VCENTER_CHANGED, &id, &user, "was given another login or certificate").await?;
    let site = api.sites.get(&id).ok_or_else(|| unknown(&id))?;
    Ok(Json(view(&record, &site).await))
}
