//! `/api/v1/samples`.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::VcenterId;
use hdm_shared::problem::Problem;
use hdm_shared::sample::SampleSeries;
use serde::Deserialize;
use utoipa::IntoParams;

use super::vcenters::unknown;
use super::{ApiError, Shared};
use crate::sampling;
use crate::sites::Site;

/// How long the inventory of a cloud that has just been added or changed may take to be known.
const READY: Duration = Duration::from_secs(5);

/// Which samples.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SampleQuery {
    /// The cloud.
    #[param(value_type = String)]
    cloud: VcenterId,
    /// The cluster, by name, path or managed object id; the cloud as a whole if not given.
    cluster: Option<String>,
    /// Since when, in milliseconds since 1970 (UTC); an hour ago if not given.
    from_ms: Option<i64>,
}

/// The use of a cloud's cluster since a moment, as fine as it is kept for that long: every 20 s for an hour, every
/// 5 min for a day, every hour for a year.
#[utoipa::path(get, path = "/api/v1/samples", operation_id = "samples", tag = "inventory", params(SampleQuery),
    responses((status = 200, body = SampleSeries), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 502, body = Problem)))]
pub async fn series(
    State(api): Shared,
    query: Result<Query<SampleQuery>, QueryRejection>,
) -> Result<Json<SampleSeries>, ApiError> {
    let Query(query) = query?;
    let site = api.sites.get(&query.cloud).ok_or_else(|| unknown(&query.cloud))?;
    let cluster = match &query.cluster {
        None => String::new(),
        Some(asked) => cluster_id(&site, asked).await?,
    };
    let now = api.clock.now();
    let (tier, from_ms) = sampling::choose(query.from_ms, now);
    let limit = sampling::MAX_READ;
    let samples = api.store.samples(&query.cloud, &cluster, tier, from_ms, limit).await?;
    Ok(Json(sampling::series(tier, samples, api.usage_threshold_percent)))
}

/// The id of a cluster that is named. A cloud that cannot be asked now may still be looked back at by its
/// clusters' ids.
async fn cluster_id(site: &Site, asked: &str) -> Result<String, ApiError> {
    let ready = site.inventory.ready(Instant::now() + READY).await;
    let view = site.inventory.snapshot();
    let named = view.clusters.values().find(|c| c.cluster.id == asked || c.path == asked || c.name == asked);
    match (named, ready) {
        (Some(cluster), _) => Ok(cluster.cluster.id.clone()),
        (None, Ok(())) => Err(ApiError::not_found(format!("There is no cluster '{asked}' in {}.", site.id))),
        (None, Err(_)) if asked.starts_with("domain-") => Ok(asked.to_owned()),
        (None, Err(error)) => Err(ApiError::vcenter(format!("{}: {error}.", site.id))),
    }
}
