//! `/api/v1/samples`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::VcenterId;
use hdm_shared::problem::Problem;
use hdm_shared::sample::SampleSeries;
use hdm_shared::vcenter::VcenterRole;
use serde::Deserialize;
use utoipa::IntoParams;

use super::vcenters::unknown;
use super::{ApiError, Shared};
use crate::{cold, sampling};

/// Which samples.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SampleQuery {
    /// The cloud.
    #[param(value_type = String)]
    cloud: VcenterId,
    /// The cluster, by managed object id, if it is released; the cloud as a whole if not given.
    cluster: Option<String>,
    /// Since when, in milliseconds since 1970 (UTC); an hour ago if not given.
    from_ms: Option<i64>,
}

/// The use of a cloud's cluster since a moment, as fine as it is kept for that long: every 20 s for an hour, every
/// 5 min for a day, every hour for a year.
#[utoipa::path(get, path = "/api/v1/samples", operation_id = "samples", tag = "inventory", params(SampleQuery),
    responses((status = 200, body = SampleSeries), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub async fn series(
    State(api): Shared,
    query: Result<Query<SampleQuery>, QueryRejection>,
) -> Result<Json<SampleSeries>, ApiError> {
    let Query(query) = query?;
    let cloud = query.cloud;
    let known = api.store.vcenters().await?;
    if !known.iter().any(|record| record.id == cloud && record.role == VcenterRole::Cloud) {
        return Err(unknown(&cloud));
    }
    if let Some(cluster) = &query.cluster
        && !cold::is_released(api.store.released(&cloud).await?.clusters.as_ref(), cluster)
    {
        return Err(ApiError::not_found(format!("There is no cluster '{cluster}' in {cloud}.")));
    }
    let cluster = query.cluster.unwrap_or_default();
    let now = api.clock.now();
    let (tier, from_ms) = sampling::choose(query.from_ms, now);
    let limit = sampling::MAX_READ;
    let samples = api.store.samples(&cloud, &cluster, tier, from_ms, limit).await?;
    Ok(Json(sampling::series(tier, samples, api.usage_threshold_percent)))
}
