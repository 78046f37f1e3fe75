//! `/api/v1/vms` and `/api/v1/clouds`.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use hdm_shared::VcenterId;
use hdm_shared::migration::MAX_VMS_PER_REQUEST;
use hdm_shared::problem::Problem;
use hdm_shared::vm::{CloudView, VmPage};
use serde::Deserialize;
use utoipa::IntoParams;

use super::query::repeated;
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
    /// Only of this cluster, by name.
    cluster: Option<String>,
    /// Only of this cluster, by managed object id.
    cluster_id: Option<String>,
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
#[utoipa::path(get, path = "/api/v1/vms", tag = "inventory", params(VmQuery,
        ("vm" = Option<Vec<String>>, Query, description = "Only these, by managed object id; may be repeated, at most 1,000 times")),
    responses((status = 200, body = VmPage), (status = 400, body = Problem)))]
pub async fn vms(State(api): Shared, uri: Uri) -> Result<Json<VmPage>, ApiError> {
    let (vms, query) = repeated::<VmQuery>(&uri, "vm", MAX_VMS_PER_REQUEST)?;
    let filter = VmFilter {
        vcenter: query.vcenter,
        cluster: query.cluster,
        cluster_id: query.cluster_id,
        vms: vms.into_iter().collect(),
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
