//! `/api/v1/dashboard`.

use axum::Json;
use axum::extract::State;
use hdm_shared::dashboard::Dashboard;

use super::Shared;
use crate::cold;

/// The clusters of all vCenters, and what is not as it should be.
#[utoipa::path(get, path = "/api/v1/dashboard", operation_id = "dashboard", tag = "inventory", responses((status = 200, body = Dashboard)))]
pub async fn show(State(api): Shared) -> Json<Dashboard> {
    Json(cold::dashboard(api.engine.workflow()))
}
