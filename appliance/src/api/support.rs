//! `/api/v1/about` and `/api/v1/log`: what somebody needs who looks for a fault. For the operator alone.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hdm_shared::about::About;
use hdm_shared::problem::Problem;

use super::caller::{Caller, forbidden};
use super::{ApiError, Shared};

/// What the appliance is, and its configuration.
#[utoipa::path(get, path = "/api/v1/about", operation_id = "about", tag = "support",
    responses((status = 200, body = About), (status = 403, body = Problem)))]
pub async fn about(State(api): Shared, caller: Caller) -> Result<Json<About>, ApiError> {
    operators_only(&caller)?;
    Ok(Json(About { now: api.clock.now(), ..api.about.clone() }))
}

/// What the appliance has logged last, since it was started: 4 MiB at most, the oldest first.
#[utoipa::path(get, path = "/api/v1/log", operation_id = "log", tag = "support",
    responses((status = 200, body = String, content_type = "text/plain"), (status = 403, body = Problem)))]
pub async fn log(State(api): Shared, caller: Caller) -> Result<impl IntoResponse, ApiError> {
    operators_only(&caller)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], api.log.text()))
}

/// The plugin server passes on what vCenter users may see; the log names what they may not.
fn operators_only(caller: &Caller) -> Result<(), ApiError> {
    match caller {
        Caller::Operator { .. } => Ok(()),
        Caller::Plugin { .. } => Err(forbidden("This is for the holder of the appliance's own token.")),
    }
}
