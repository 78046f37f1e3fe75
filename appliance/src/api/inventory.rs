//! `/api/v1/vms` and `/api/v1/clouds`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use hdm_shared::VcenterId;
use hdm_shared::problem::Problem;
use hdm_shared::vm::{CloudView, VmPage};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ApiError, Shared};
use crate::cold::{self, VmFilter};

/// Which VMs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VmQuery {
    /// Only of this vCenter.
    #[param(value_type = Option<String>)]
    vcenter: Option<VcenterId>,
    /// Only of this cluster.
    cluster: Option<String>,
    /// Only those whose name or path contains this.
    name: Option<String>,
    /// Only those that nothing blocks (true), or that something does (false).
    movable: Option<bool>,
    /// How many to leave out.
    offset: Option<u64>,
    /// How many to list; 100 if not given, 10,000 at most.
    limit: Option<u64>,
}

/// The VMs of the source vCenters, with what blocks each.
#[utoipa::path(get, path = "/api/v1/vms", tag = "inventory", params(VmQuery),
    responses((status = 200, body = VmPage), (status = 400, body = Problem)))]
pub async fn vms(
    State(api): Shared,
    query: Result<Query<VmQuery>, QueryRejection>,
) -> Result<Json<VmPage>, ApiError> {
    let Query(query) = query?;
    let filter = VmFilter {
        vcenter: query.vcenter,
        cluster: query.cluster,
        name: query.name,
        movable: query.movable,
        offset: query.offset.unwrap_or(0),
        limit: query.limit.unwrap_or(100),
    };
    Ok(Json(cold::vms(api.engine.workflow(), &filter).await?))
}

/// The target vCenters, with clusters, datastores and networks.
#[utoipa::path(get, path = "/api/v1/clouds", tag = "inventory", responses((status = 200, body = Vec<CloudView>)))]
pub async fn clouds(State(api): Shared) -> Result<Json<Vec<CloudView>>, ApiError> {
    Ok(Json(cold::clouds(api.engine.workflow()).await?))
}
