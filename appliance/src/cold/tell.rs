//! The migration's events: in HDM's log, and in both vCenters beside the VM.

use std::collections::BTreeMap;

use hdm_shared::event::{EventSeverity, EventView};
use hdm_vsphere::{EventEx, MoRef, Session};

use super::Cold;
use super::input::ColdInput;
use super::memo::ColdMemo;
use crate::engine::{Milestone, StepError, Verdict};
use crate::events;
use crate::store::NewEvent;

/// What the operation is called.
pub const OPERATION: &str = "Cold migration";

/// The event of a milestone.
pub fn event(input: &ColdInput, milestone: &Milestone) -> NewEvent {
    let (vm, cloud) = (&input.vm_name, &input.cloud);
    let (type_id, severity, message) = match milestone {
        Milestone::Accepted => {
            let message = format!("The migration of '{vm}' to {cloud} was accepted.");
            (events::ACCEPTED, EventSeverity::Info, message)
        }
        Milestone::Started => {
            (events::STARTED, EventSeverity::Info, format!("The migration of '{vm}' to {cloud} has begun."))
        }
        Milestone::AttemptFailed { reason, attempt } => (
            events::ATTEMPT_FAILED,
            EventSeverity::Warning,
            format!("Attempt {attempt} to migrate '{vm}' to {cloud} failed: {reason}"),
        ),
        Milestone::Waiting { why } => (
            events::WAITING,
            EventSeverity::Warning,
            format!("The migration of '{vm}' to {cloud} waits: {why}"),
        ),
        Milestone::Committed => (
            events::COMMITTED,
            EventSeverity::Info,
            format!(
                "The copy of '{vm}' in {cloud} takes its place; from here on nothing is undone automatically."
            ),
        ),
        Milestone::Paused { by } => (
            events::PAUSED,
            EventSeverity::Info,
            format!("{by} has taken the migration of '{vm}' to {cloud} out of the queue."),
        ),
        Milestone::NeedsOperator { reason } => (
            events::NEEDS_OPERATOR,
            EventSeverity::Error,
            format!("The migration of '{vm}' to {cloud} needs an operator: {reason}"),
        ),
        Milestone::Resumed { by } => (
            events::RESUMED,
            EventSeverity::Info,
            format!("{by} lets the migration of '{vm}' to {cloud} go on."),
        ),
        Milestone::Unwinding { verdict } => (
            events::UNWINDING,
            EventSeverity::Warning,
            format!("The migration of '{vm}' to {cloud} is being undone: {}", reason(verdict)),
        ),
        Milestone::Done => (
            events::DONE,
            EventSeverity::Info,
            format!("'{vm}' was migrated to {cloud} as '{}'.", input.target_name),
        ),
        Milestone::Undone { verdict: verdict @ Verdict::Cancelled { .. } } => (
            events::CANCELLED,
            EventSeverity::Info,
            format!("The migration of '{vm}' to {cloud} was cancelled and undone. {}", reason(verdict)),
        ),
        Milestone::Undone { verdict } => (
            events::FAILED,
            EventSeverity::Error,
            format!("The migration of '{vm}' to {cloud} failed and was undone: {}", reason(verdict)),
        ),
    };
    NewEvent {
        type_id: type_id.to_owned(),
        severity,
        object: vm.clone(),
        operation: OPERATION.to_owned(),
        user: actor(milestone).unwrap_or(&input.requested_by).to_owned(),
        message,
    }
}

/// Who brought a milestone about, if that was somebody in particular.
fn actor(milestone: &Milestone) -> Option<&str> {
    match milestone {
        Milestone::Resumed { by }
        | Milestone::Unwinding { verdict: Verdict::Cancelled { by } }
        | Milestone::Undone { verdict: Verdict::Cancelled { by } } => Some(by),
        _ => None,
    }
}

/// The event of a source that stays where it is.
pub fn stays(input: &ColdInput) -> NewEvent {
    NewEvent {
        type_id: events::SOURCE_STAYS.to_owned(),
        severity: EventSeverity::Info,
        object: input.vm_name.clone(),
        operation: OPERATION.to_owned(),
        user: input.requested_by.clone(),
        message: format!(
            "'{}' stays in its resource pool while it is moved to {}: its cluster '{}' has no DRS.",
            input.vm_name, input.cloud, input.source_cluster.name
        ),
    }
}

/// The event of a source that was released.
pub fn released(input: &ColdInput, by: &str, message: &str) -> NewEvent {
    NewEvent {
        type_id: events::RELEASED.to_owned(),
        severity: EventSeverity::Info,
        object: input.vm_name.clone(),
        operation: "Release".to_owned(),
        user: by.to_owned(),
        message: message.to_owned(),
    }
}

fn reason(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Cancelled { by } => format!("Cancelled by {by}."),
        Verdict::Failed { reason, .. } => reason.clone(),
    }
}

/// Posts an event to both vCenters, unless they show it; to one also if the other cannot be told.
pub async fn post(
    cold: &Cold,
    input: &ColdInput,
    memo: &ColdMemo,
    event: &EventView,
) -> Result<(), StepError> {
    let at_target = memo.target.clone().unwrap_or_else(|| input.place.cluster.object.clone());
    let mut outcome = Ok(());
    for (id, entity) in [(&input.source.vcenter, input.source_vm()), (&input.cloud, at_target)] {
        let posted = match cold.site(id) {
            Ok(site) => post_once(&site.session, &entity, input, event).await,
            Err(removed) => Err(removed),
        };
        // What passes or may be mended counts for more than a vCenter that was removed: it is tried again.
        if let Err(error) = posted
            && !matches!((&outcome, &error), (Err(_), StepError::Operator { .. }))
        {
            outcome = Err(error);
        }
    }
    outcome
}

/// The reason within a message: what stands behind its first colon; all of it, if it has none.
fn why(message: &str) -> &str {
    message.split_once(": ").map_or(message, |(_, reason)| reason)
}

async fn post_once(
    session: &Session,
    entity: &MoRef,
    input: &ColdInput,
    event: &EventView,
) -> Result<(), StepError> {
    let Some((id, number)) = event.migration.zip(event.migration_seq) else { return Ok(()) };
    let key = format!("{id}#{number}");
    // A day earlier: the vCenter's clock is another one.
    let since = event.at.checked_sub(jiff::SignedDuration::from_hours(24)).unwrap_or(event.at);
    let known = session.query_events(None, &[&event.type_id], Some(since), 1_000).await?;
    if known.iter().any(|e| e.message.contains(&key) || e.arguments.get("id").is_some_and(|v| *v == key)) {
        return Ok(());
    }
    let arguments = BTreeMap::from([
        ("id".to_owned(), key.clone()),
        ("migration".to_owned(), id.to_string()),
        ("sequence".to_owned(), number.to_string()),
        ("object".to_owned(), event.object.clone()),
        ("operation".to_owned(), event.operation.clone()),
        ("user".to_owned(), event.user.clone()),
        ("reason".to_owned(), why(&event.message).to_owned()),
        ("target".to_owned(), format!("{}: {}", input.cloud, input.target_name)),
    ]);
    let severity = match event.severity {
        EventSeverity::Info => hdm_vsphere::EventSeverity::Info,
        EventSeverity::Warning => hdm_vsphere::EventSeverity::Warning,
        EventSeverity::Error => hdm_vsphere::EventSeverity::Error,
    };
    let posted = EventEx {
        type_id: event.type_id.clone(),
        severity,
        message: format!("{} [{key}]", event.message),
        arguments,
        user: event.user.clone(),
    };
    match session.post_event(entity, &posted).await {
        // The object is gone: there is nowhere left to show it.
        Err(error) if error.is_gone() => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::input;
    use super::*;

    #[test]
    fn an_event_names_who_did_it_and_why() {
        let cancelled = Verdict::Cancelled { by: "bob".into() };
        let by = |milestone: Milestone| event(&input(), &milestone).user;
        assert_eq!(by(Milestone::Started), "ann");
        assert_eq!(by(Milestone::Resumed { by: "bob".into() }), "bob");
        assert_eq!(by(Milestone::Undone { verdict: cancelled.clone() }), "bob");
        assert_eq!(
            by(Milestone::Undone { verdict: Verdict::Failed { reason: "It broke.".into(), step: None } }),
            "ann"
        );
        let unwinding = event(&input(), &Milestone::Unwinding { verdict: cancelled });
        assert_eq!(why(&unwinding.message), "Cancelled by bob.");
        assert_eq!(why(&stays(&input()).message), "its cluster 'C0' has no DRS.");
    }
}
