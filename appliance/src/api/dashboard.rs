//! `/api/v1/dashboard`.

use axum::Json;
use axum::extract::State;
use hdm_shared::dashboard::Dashboard;
use hdm_shared::problem::Problem;

use super::{ApiError, Shared};
use crate::cold;

/// The clusters of all vCenters, of the clouds those that are released, and what is not as it should be.
#[utoipa::path(get, path = "/api/v1/dashboard", operation_id = "dashboard", tag = "inventory", responses((status = 200, body = Dashboard), (status = 503, body = Problem)))]
pub async fn show(State(api): Shared) -> Result<Json<Dashboard>, ApiError> {
    Ok(Json(cold::dashboard(api.engine.workflow()).await?))
}
