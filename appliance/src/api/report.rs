//! `/api/v1/report`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::problem::Problem;
use hdm_shared::report::{MAX_PAGE, ReportPage};
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::moment;
use super::{ApiError, Shared};
use crate::cold;
use crate::store::HistoryFilter;

/// Which migrations to report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Those that have ended since, in milliseconds since 1970 (UTC); without it, from the beginning.
    since_ms: Option<i64>,
    /// Those that had ended before this time, in milliseconds since 1970 (UTC). Those that have not ended are told only
    /// without it.
    until_ms: Option<i64>,
    /// The next page: what the page before says.
    before: Option<u64>,
}

/// What became of the migrations that have ended since a time, and of those that have not ended: how long each phase
/// took, how long the VM was down, what went over the wire. The newest first, at most 1,000 a page.
#[utoipa::path(get, path = "/api/v1/report", operation_id = "report", tag = "migrations", params(ReportQuery),
    responses((status = 200, body = ReportPage), (status = 400, body = Problem), (status = 503, body = Problem)))]
pub async fn show(
    State(api): Shared,
    query: Result<Query<ReportQuery>, QueryRejection>,
) -> Result<Json<ReportPage>, ApiError> {
    let Query(query) = query?;
    let filter = HistoryFilter {
        ended_since: Some(moment(query.since_ms.unwrap_or(0))?),
        ended_before: query.until_ms.map(moment).transpose()?,
        or_open: query.until_ms.is_none(),
        before: query.before.map(|before| i64::try_from(before).unwrap_or(i64::MAX)),
        limit: MAX_PAGE,
        ..HistoryFilter::default()
    };
    let records: Vec<_> = api.engine.history(&filter).await?.into_iter().map(|(record, _)| record).collect();
    let last = records.last().and_then(|record| u64::try_from(record.queue_number).ok());
    let next = last.filter(|_| records.len() >= MAX_PAGE as usize);
    let ids: Vec<_> = records.iter().map(|record| record.id).collect();
    let mut logs = api.store.turning_points(&ids).await?;
    let now = api.clock.now();
    let mut migrations = Vec::with_capacity(records.len());
    for record in &records {
        match cold::report(record, &logs.remove(&record.id).unwrap_or_default(), now) {
            Ok(entry) => migrations.push(entry),
            Err(error) => tracing::error!(migration = %record.id, %error, "a migration is not reported"),
        }
    }
    Ok(Json(ReportPage { migrations, next }))
}
