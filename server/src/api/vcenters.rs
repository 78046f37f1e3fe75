//! `api/vcenters`: the clouds, for those who administer HDM.
//!
//! Through the plugin only clouds are added, changed and removed: a vCenter that VMs are moved from is the
//! business of whoever runs the appliance, not of another vCenter's administrator. Nor is a cloud's
//! administrator one of HDM.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use hdm_shared::VcenterId;
use hdm_shared::plugin::Privilege;
use hdm_shared::vcenter::{AddVcenter, VcenterRole, VcenterView};

use super::{Caller, reply};
use crate::problem::Failure;
use crate::upstream::Call;

type Id = Result<Path<VcenterId>, PathRejection>;

/// The vCenters: all of them for administrators, for others those that VMs are moved to.
pub async fn list(caller: Caller, request: HeaderMap) -> Result<Response, Failure> {
    caller.must_everywhere(Privilege::View).await?;
    let mut views: Vec<VcenterView> = caller.app.upstream.ask(Call::get(&["vcenters"])).await?;
    if !caller.may_everywhere(Privilege::Administer).await? {
        let own = caller.session.vcenter.id.clone();
        views.retain(|view| view.role == VcenterRole::Cloud || view.id == own);
        for view in &mut views {
            view.user.clear();
        }
    }
    reply::json(&request, &views)
}

/// Adds a cloud: its certificate is shown first, its credentials are tried at once.
pub async fn add(
    caller: Caller,
    request: HeaderMap,
    body: Result<Json<AddVcenter>, JsonRejection>,
) -> Result<Response, Failure> {
    let Json(wanted) = body?;
    caller.must_everywhere(Privilege::Administer).await?;
    if wanted.role != VcenterRole::Cloud {
        return Err(Failure::bad_request(
            "Only clouds are added here. `hdm vcenter add` adds a vCenter that VMs are moved from.",
        ));
    }
    let call = Call::new(Method::POST, &["vcenters"]).by(caller.user()).long().json(&wanted)?;
    pass(&caller, &request, call).await
}

/// Changes a cloud's credentials or certificate.
pub async fn edit(
    caller: Caller,
    request: HeaderMap,
    id: Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let id = administered_cloud(&caller, id).await?;
    let call = Call::new(Method::PUT, &["vcenters", id.as_str()]).by(caller.user()).long().raw(body?);
    pass(&caller, &request, call).await
}

/// Forgets a cloud.
pub async fn remove(caller: Caller, request: HeaderMap, id: Id) -> Result<Response, Failure> {
    let id = administered_cloud(&caller, id).await?;
    let call = Call::new(Method::DELETE, &["vcenters", id.as_str()]).by(caller.user());
    pass(&caller, &request, call).await
}

/// Checks a cloud: login, privileges, registration, hosts.
pub async fn check(caller: Caller, request: HeaderMap, id: Id) -> Result<Response, Failure> {
    let id = administered_cloud(&caller, id).await?;
    let call = Call::new(Method::POST, &["vcenters", id.as_str(), "check"]).by(caller.user()).long();
    pass(&caller, &request, call).await
}

/// What of a cloud may be chosen.
pub async fn released(caller: Caller, request: HeaderMap, id: Id) -> Result<Response, Failure> {
    let id = administered_cloud(&caller, id).await?;
    pass(&caller, &request, Call::get(&["vcenters", id.as_str(), "released"])).await
}

/// Changes what of a cloud may be chosen.
pub async fn release(
    caller: Caller,
    request: HeaderMap,
    id: Id,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let id = administered_cloud(&caller, id).await?;
    let call = Call::new(Method::PUT, &["vcenters", id.as_str(), "released"]).by(caller.user()).raw(body?);
    pass(&caller, &request, call).await
}

async fn administered_cloud(caller: &Caller, id: Id) -> Result<VcenterId, Failure> {
    caller.must_everywhere(Privilege::Administer).await?;
    let unknown = || Failure::not_found("There is no such cloud.");
    let Path(id) = id.map_err(|_| unknown())?;
    // Asked anew: a cloud that was never reached is not in our table.
    let views: Vec<VcenterView> = caller.app.upstream.ask(Call::get(&["vcenters"])).await?;
    let known = views.iter().any(|view| view.id == id && view.role == VcenterRole::Cloud);
    if known { Ok(id) } else { Err(unknown()) }
}

async fn pass(caller: &Caller, request: &HeaderMap, call: Call) -> Result<Response, Failure> {
    let (status, body) = caller.app.upstream.send(call).await?;
    Ok(reply::bytes(request, status, body))
}
