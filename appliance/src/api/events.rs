//! `/api/v1/events`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::event::EventPage;
use hdm_shared::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ApiError, Shared};

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Those after this number; the newest if not given.
    pub after: Option<i64>,
    /// How many; 100 if not given, 1,000 at most.
    pub limit: Option<u32>,
}

/// HDM's own event log, oldest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventQuery),
    responses((status = 200, body = EventPage), (status = 400, body = Problem)))]
pub async fn list(
    State(api): Shared,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Json<EventPage>, ApiError> {
    let Query(query) = query?;
    let events = api.store.events(query.after, query.limit.unwrap_or(100)).await?;
    Ok(Json(EventPage { events }))
}
