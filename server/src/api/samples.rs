//! `GET api/samples`: the use of a cloud, or of one of its clusters, over time.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::VcenterId;
use hdm_shared::plugin::Privilege;
use hdm_shared::sample::SampleSeries;
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::MoRef;

use super::{Caller, no_parameter, number, parameters, reply};
use crate::problem::Failure;
use crate::upstream::Call;

/// For whoever may see HDM's pages for the object that the page is about. A cluster must be released, and of a
/// cloud that is linked one that the user sees there.
pub async fn series(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let (mut cloud, mut cluster, mut from_ms) = (None, None::<MoRef>, None::<i64>);
    for (name, value) in parameters(query.as_deref()) {
        match name.as_str() {
            "cloud" => {
                let id: VcenterId = value.parse().map_err(|error: hdm_shared::ids::BadVcenterId| {
                    Failure::bad_request(format!("{error}."))
                })?;
                cloud = Some(id);
            }
            "cluster" => cluster = Some(super::cluster(&value)?),
            "from_ms" => from_ms = Some(number(&name, &value)?),
            _ => return Err(no_parameter(&name)),
        }
    }
    let cloud = cloud.ok_or_else(|| Failure::bad_request("Name a cloud."))?;
    if cluster.as_ref().is_some_and(|cluster| !cluster.id.starts_with("domain-")) {
        return Err(Failure::bad_request("Name a cluster by its managed object id, such as domain-c8."));
    }
    caller.must_be_source()?;
    let object = caller.object().await?;
    caller.must(Privilege::View, &object).await?;
    // Of a cloud that was never reached nobody knows a cluster.
    let is_none = match caller.app.vcenters.named(&cloud) {
        Some(known) => known.role != VcenterRole::Cloud,
        None => cluster.is_some() && !caller.knows_cloud(&cloud).await?,
    };
    if is_none {
        return Err(Failure::not_found(format!("There is no cloud '{cloud}'.")));
    }
    if let (Some(cluster), Some(session)) = (&cluster, caller.linked(&cloud)?)
        && !caller.seen(&session, std::slice::from_ref(cluster)).await?.contains(cluster)
    {
        return Err(Failure::not_found(format!("There is no cluster '{}' in {cloud}.", cluster.id)));
    }
    let mut call = Call::get(&["samples"]).with("cloud", &cloud);
    if let Some(from_ms) = from_ms {
        call = call.with("from_ms", from_ms);
    }
    if let Some(cluster) = cluster {
        call = call.with("cluster", cluster.id);
    }
    let series: SampleSeries = caller.app.upstream.ask(call).await?;
    reply::json(&request, &series)
}
