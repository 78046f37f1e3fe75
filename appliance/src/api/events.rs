//! `/api/v1/events`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::event::{EventPage, EventSeverity};
use hdm_shared::problem::Problem;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ApiError, Shared};
use crate::store::EventFilter;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// The first after this number; the newest if not given.
    pub after: Option<i64>,
    /// Those before this number.
    pub before: Option<i64>,
    /// Only those of this severity: `info`, `warning` or `error`.
    #[param(value_type = Option<String>)]
    pub severity: Option<EventSeverity>,
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
    let filter = EventFilter {
        after: query.after,
        before: query.before,
        severity: query.severity,
        limit: query.limit.unwrap_or(100),
    };
    let events = api.store.find_events(filter).await?;
    Ok(Json(EventPage { events, older_before: None }))
}
