//! `/api/v1/limit` and `/api/v1/migrations/{id}/limit`: how much may be sent.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use hdm_shared::limit::{BandwidthLimit, bytes_per_second, mbit_per_second};
use hdm_shared::migration::MigrationView;
use hdm_shared::problem::Problem;

use super::migrations::{id, look};
use super::{ApiError, Shared};

/// How much this appliance may send.
#[utoipa::path(get, path = "/api/v1/limit", operation_id = "appliance_limit", tag = "migrations",
    responses((status = 200, body = BandwidthLimit)))]
pub async fn show(State(api): Shared) -> Result<Json<BandwidthLimit>, ApiError> {
    let limit = api.engine.workflow().throttle.appliance().await?;
    Ok(Json(BandwidthLimit { mbit_per_second: limit.map(mbit_per_second) }))
}

/// Limits what this appliance sends, all transfers together; they go by it at once.
#[utoipa::path(put, path = "/api/v1/limit", operation_id = "limit_appliance", tag = "migrations", request_body = BandwidthLimit,
    responses((status = 200, body = BandwidthLimit), (status = 400, body = Problem)))]
pub async fn set(
    State(api): Shared,
    body: Result<Json<BandwidthLimit>, JsonRejection>,
) -> Result<Json<BandwidthLimit>, ApiError> {
    let Json(asked) = body?;
    api.engine.workflow().throttle.limit_appliance(read(&asked)?).await?;
    show(State(api)).await
}

/// Limits what one migration sends, on whichever appliance it runs; it goes by it within seconds.
#[utoipa::path(put, path = "/api/v1/migrations/{id}/limit", operation_id = "limit_migration", tag = "migrations",
    params(("id" = String, Path)), request_body = BandwidthLimit,
    responses((status = 200, body = MigrationView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, description = "It has ended", body = Problem)))]
pub async fn set_for(
    State(api): Shared,
    text: Result<Path<String>, PathRejection>,
    body: Result<Json<BandwidthLimit>, JsonRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    let id = id(text)?;
    let Json(asked) = body?;
    let limit = read(&asked)?;
    look(&api, id).await?;
    if !api.engine.workflow().throttle.limit_migration(id, limit).await? {
        return Err(ApiError::conflict(format!("Migration {id} has ended, so there is nothing to limit.")));
    }
    Ok(Json(look(&api, id).await?))
}

fn read(asked: &BandwidthLimit) -> Result<Option<u64>, ApiError> {
    asked
        .mbit_per_second
        .map(bytes_per_second)
        .transpose()
        .map_err(|error| ApiError::bad_request(error.to_string()))
}
