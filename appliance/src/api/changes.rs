//! `/api/v1/changes`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::changes::{ApplianceState, ChangePage, DONE_SHOWN_SECONDS, MAX_CHANGES};
use hdm_shared::problem::Problem;
use jiff::SignedDuration;
use serde::Deserialize;
use utoipa::IntoParams;

use super::migrations::views;
use super::{ApiError, Shared};
use crate::cold;
use crate::store::Since;

/// Since when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangesQuery {
    /// The cursor of the page before; begins anew if it is 0, not given or not known.
    #[serde(default)]
    since: i64,
    /// How many migrations at most; 500 if not given, which is the most.
    limit: Option<u32>,
}

/// What has changed since a page before. A page that begins anew holds what is in progress: what has not ended,
/// has failed and was not dismissed, or has ended within the hour.
#[utoipa::path(get, path = "/api/v1/changes", operation_id = "changes", tag = "migrations", params(ChangesQuery),
    responses((status = 200, body = ChangePage), (status = 400, body = Problem)))]
pub async fn page(
    State(api): Shared,
    query: Result<Query<ChangesQuery>, QueryRejection>,
) -> Result<Json<ChangePage>, ApiError> {
    let Query(query) = query?;
    let most = u32::try_from(MAX_CHANGES).unwrap_or(u32::MAX);
    let now = api.clock.now();
    let hour = SignedDuration::from_secs(DONE_SHOWN_SECONDS);
    let since = Since {
        number: query.since,
        limit: query.limit.unwrap_or(most).clamp(1, most),
        ended_after: now.checked_sub(hour).unwrap_or(now),
        moving: &cold::moving(),
    };
    let followed = api.engine.since(since).await?;
    Ok(Json(ChangePage {
        cursor: followed.cursor,
        reset: followed.reset,
        more: followed.more,
        migrations: views(&api, &followed.records),
        appliance: ApplianceState::default(),
    }))
}
