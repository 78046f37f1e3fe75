//! `GET api/migrations` and `GET api/migrations/ID`: what has ended, and one with its log.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::MigrationId;
use hdm_shared::changes::MigrationDetail;
use hdm_shared::migration::{LogLine, MigrationView};
use hdm_shared::plugin::Privilege;
use hdm_vsphere::MoRef;

use super::{Caller, cluster, no_parameter, number, parameters, reply, vm};
use crate::problem::Failure;
use crate::upstream::Call;

/// How many are listed at most.
const MAX_LISTED: u32 = 5_000;

/// What has ended since a time, newest first. Conditional: a page that has the answer already gets 304.
pub async fn history(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let (mut since_ms, mut of_cluster, mut of_vm) = (0_i64, None, None);
    for (name, value) in parameters(query.as_deref()) {
        match name.as_str() {
            "since_ms" => since_ms = number(&name, &value)?,
            "cluster" => of_cluster = Some(cluster(&value)?),
            "vm" => of_vm = Some(vm(&value)?),
            _ => return Err(no_parameter(&name)),
        }
    }
    let vcenter = &caller.session.vcenter.id;
    let call = Call::get(&["migrations"])
        .with("since_ms", since_ms)
        .with("vcenter", vcenter)
        .with("limit", MAX_LISTED);
    let mut views: Vec<MigrationView> = caller.app.upstream.ask(call).await?;
    views.retain(|view| {
        view.state.is_final()
            && view.vm.vcenter == *vcenter
            && of_cluster.as_ref().is_none_or(|cluster| cluster.id == view.source_cluster_id)
            && of_vm.as_ref().is_none_or(|vm| vm.id == view.vm.moid)
    });
    caller.app.subjects.learn(&views);
    let vms: Vec<MoRef> = views.iter().map(|view| MoRef::new("VirtualMachine", &view.vm.moid)).collect();
    let seen = caller.holding(&vms, Privilege::View).await?;
    let mut seen = vms.iter().map(|vm| seen.contains(vm));
    views.retain(|_| seen.next().unwrap_or(false));
    reply::conditional(&request, &views)
}

/// One migration with its log.
pub async fn detail(
    caller: Caller,
    request: HeaderMap,
    id: Result<Path<MigrationId>, PathRejection>,
) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("There is no such migration.");
    let Path(id) = id.map_err(|_| unknown())?;
    let text = id.to_string();
    let upstream = &caller.app.upstream;
    let (migration, log) = tokio::join!(
        upstream.ask::<MigrationView>(Call::get(&["migrations", &text])),
        upstream.ask::<Vec<LogLine>>(Call::get(&["migrations", &text, "log"])),
    );
    let migration =
        migration.map_err(|failure| if failure.problem.status == 404 { unknown() } else { failure })?;
    let vm = MoRef::new("VirtualMachine", &migration.vm.moid);
    if migration.vm.vcenter != caller.session.vcenter.id || !caller.may(Privilege::View, &vm).await? {
        return Err(unknown());
    }
    caller.app.subjects.learn([&migration]);
    reply::json(&request, &MigrationDetail { migration, log: log? })
}
