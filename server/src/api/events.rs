//! `GET api/events`: HDM's event log, as far as the user may read it.
//!
//! An event of a migration is for those who may see its VM. All others, such as that a vCenter was added,
//! are for those who may see HDM's pages for a vCenter that VMs are moved from as a whole: their texts may name anything.

use axum::extract::RawQuery;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::event::{EventPage, EventView};
use hdm_shared::plugin::Privilege;
use hdm_vsphere::MoRef;

use super::{Caller, no_parameter, number, parameters, reply};
use crate::problem::Failure;
use crate::upstream::Call;

/// How many events an answer holds; 100 if the page does not say.
const MAX_EVENTS: usize = 1_000;
/// How many the appliance is asked for at once.
const PART: usize = 500;
/// How many times it is asked for one answer: a user who may see little does not read the whole log.
const MAX_PARTS: usize = 20;

/// The newest events before a number, oldest first.
pub async fn list(
    caller: Caller,
    request: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let (mut before, mut limit, mut severity) = (None::<i64>, 100_usize, None);
    for (name, value) in parameters(query.as_deref()) {
        match name.as_str() {
            "before" => before = Some(number(&name, &value)?),
            "limit" => limit = number(&name, &value)?,
            "severity" => severity = Some(value),
            _ => return Err(no_parameter(&name)),
        }
    }
    let limit = limit.clamp(1, MAX_EVENTS);
    let everything = caller.may_everywhere(Privilege::View).await?;
    // Newest first while they are gathered.
    let mut found: Vec<EventView> = Vec::new();
    for _ in 0..MAX_PARTS {
        let mut call = Call::get(&["events"]).with("limit", PART);
        if let Some(before) = before {
            call = call.with("before", before);
        }
        if let Some(severity) = &severity {
            call = call.with("severity", severity);
        }
        let page: EventPage = caller.app.upstream.ask(call).await?;
        let (Some(oldest), asked) = (page.events.iter().map(|event| event.seq).min(), page.events.len())
        else {
            break;
        };
        before = Some(oldest);
        let mut readable = readable(&caller, page.events, everything).await?;
        readable.sort_by_key(|event| std::cmp::Reverse(event.seq));
        found.extend(readable);
        if found.len() >= limit || asked < PART {
            break;
        }
    }
    found.truncate(limit);
    found.reverse();
    reply::json(&request, &EventPage { events: found })
}

async fn readable(
    caller: &Caller,
    events: Vec<EventView>,
    everything: bool,
) -> Result<Vec<EventView>, Failure> {
    let ids = events.iter().filter_map(|event| event.migration);
    let subjects = caller.app.subjects.of(caller, ids).await?;
    let vm_of = |event: &EventView| {
        let subject = subjects.get(&event.migration?)?;
        let ours = subject.vcenter == caller.session.vcenter.id;
        ours.then(|| MoRef::new("VirtualMachine", &subject.moid))
    };
    let vms: Vec<MoRef> = events.iter().filter_map(vm_of).collect();
    let seen = caller.holding(&vms, Privilege::View).await?;
    let may_read = |event: &EventView| match event.migration {
        None => everything,
        Some(_) => vm_of(event).is_some_and(|vm| seen.contains(&vm)),
    };
    Ok(events.into_iter().filter(may_read).collect())
}
