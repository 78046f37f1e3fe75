//! `POST api/migrations/actions`: pause, resume, cancel, retry, dismiss.

use std::collections::HashMap;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use hdm_shared::MigrationId;
use hdm_shared::changes::{ActionOutcome, ActionReport, ActionRequest, MAX_ACTED_ON};
use hdm_shared::plugin::Privilege;
use hdm_vsphere::MoRef;

use super::Caller;
use super::batch::key;
use super::scrub::Scrub;
use crate::problem::Failure;
use crate::upstream::Call;

/// Acts on each migration that the user may act on; each of the others is refused by itself.
pub async fn act(
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<ActionRequest>, JsonRejection>,
) -> Result<Json<ActionReport>, Failure> {
    let Json(request) = body?;
    let key = key(&caller, &headers)?;
    if request.migrations.len() > MAX_ACTED_ON {
        let detail = format!("One request acts on at most {MAX_ACTED_ON} migrations. Select fewer.");
        return Err(Failure::bad_request(detail));
    }
    let refused = refused(&caller, &request.migrations).await?;
    let permitted: Vec<MigrationId> =
        request.migrations.iter().copied().filter(|id| !refused.contains_key(id)).collect();
    let mut done = HashMap::new();
    if !permitted.is_empty() {
        let asked = ActionRequest { action: request.action, migrations: permitted };
        let call = Call::new(axum::http::Method::POST, &["migrations", "actions"])
            .by(caller.user())
            .once(key)
            .long()
            .json(&asked)?;
        let report: ActionReport = caller.app.upstream.ask(call).await?;
        for mut outcome in report.outcomes {
            // Retrying asks admission anew, and a finding may name what is like the VM.
            outcome.problem.iter_mut().for_each(|problem| Scrub::default().problem(problem));
            done.insert(outcome.migration, outcome.problem);
        }
        caller.app.feed.hurry();
    }
    let outcome = |migration: MigrationId| {
        let problem = match refused.get(&migration) {
            Some(failure) => Some((*failure.problem).clone()),
            None => done.get(&migration).cloned().unwrap_or_else(|| {
                Some(*Failure::internal("The appliance does not say what became of it.").problem)
            }),
        };
        ActionOutcome { migration, problem }
    };
    Ok(Json(ActionReport { outcomes: request.migrations.into_iter().map(outcome).collect() }))
}

/// Which of the migrations the user may not act on, and why.
async fn refused(
    caller: &Caller,
    migrations: &[MigrationId],
) -> Result<HashMap<MigrationId, Failure>, Failure> {
    let subjects = caller.app.subjects.of(caller, migrations.iter().copied()).await?;
    let ours = |id: &MigrationId| {
        let subject = subjects.get(id).filter(|vm| vm.vcenter == caller.session.vcenter.id)?;
        Some(MoRef::new("VirtualMachine", &subject.moid))
    };
    let vms: Vec<MoRef> = migrations.iter().filter_map(ours).collect();
    let seen = caller.holding(&vms, Privilege::View).await?;
    let movable = caller.holding(&vms, Privilege::Migrate).await?;
    let mut refused = HashMap::new();
    for id in migrations {
        match ours(id).filter(|vm| seen.contains(vm)) {
            None => refused.insert(*id, Failure::not_found(format!("There is no migration {id}."))),
            Some(vm) if !movable.contains(&vm) => {
                refused.insert(*id, Failure::forbidden(Privilege::Migrate, &caller.named(&vm)))
            }
            Some(_) => None,
        };
    }
    Ok(refused)
}
