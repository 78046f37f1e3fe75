//! Whether anybody touched the source since our own last change to it, and who.
//!
//! Three signs, because each has its gap: the power state (now), `config.changeVersion` (any change of the
//! configuration, power or snapshots) and the power-on events since the snapshot (for the moments between a
//! change of ours and reading the version).

use hdm_vsphere::{MoRef, PowerState, Session, VmDetails};
use jiff::Timestamp;

use super::memo::Seal;
use super::{Cold, ColdCx, vm};
use crate::engine::StepError;

/// Events that say that a VM was started.
const STARTED: &[&str] = &["VmPoweredOnEvent", "DrsVmPoweredOnEvent", "VmStartingEvent"];
/// Events that say who changed a VM.
const CHANGED: &[&str] = &[
    "VmPoweredOnEvent",
    "DrsVmPoweredOnEvent",
    "VmStartingEvent",
    "VmPoweredOffEvent",
    "VmReconfiguredEvent",
    "VmSuspendedEvent",
    "VmRenamedEvent",
    "TaskEvent",
];

/// Refuses if the source is not off and as it was sealed.
pub async fn check(cold: &Cold, cx: &ColdCx<'_>) -> Result<VmDetails, StepError> {
    let source = vm::source(cold, cx).await?;
    let seal = seal(cx)?;
    let session = cold.source(cx)?.session;
    if source.power != PowerState::Off {
        let who = who(&session, &source.vm, Some(seal.since)).await;
        return Err(refusal(&source, &format!("it is {}", word(source.power)), &who));
    }
    if source.change_version != seal.change_version {
        let who = who(&session, &source.vm, Some(seal.since)).await;
        return Err(refusal(&source, "its configuration was changed", &who));
    }
    not_started(&session, &source, &seal).await?;
    Ok(source)
}

/// Refuses if an event says that the source was started since the snapshot.
pub async fn not_started(session: &Session, source: &VmDetails, seal: &Seal) -> Result<(), StepError> {
    let events = session.query_events(Some(&source.vm), STARTED, Some(seal.since), 10).await?;
    match events.iter().find(|e| e.time > Some(seal.since)) {
        None => Ok(()),
        Some(event) => {
            Err(refusal(source, "it was powered on", &by(&event.user, event.time, &event.message)))
        }
    }
}

/// The seal, which `snapshot-source` made.
pub fn seal(cx: &ColdCx<'_>) -> Result<Seal, StepError> {
    cx.memo().seal.clone().ok_or_else(|| StepError::refused("The source was never sealed.".to_owned()))
}

/// Seals the source again after a change of our own.
pub async fn renew(cx: &mut ColdCx<'_>, source: &VmDetails) -> Result<(), StepError> {
    let old = seal(cx)?;
    if old.change_version == source.change_version {
        return Ok(());
    }
    let change_version = source.change_version.clone();
    cx.save("the source's state after our change", |m| {
        m.seal = Some(Seal { change_version, ..old });
    })
    .await
}

/// Who changed the VM last, as the end of a sentence; empty if vCenter does not tell.
pub async fn who(session: &Session, vm: &MoRef, since: Option<Timestamp>) -> String {
    // Only a help for the reader: whatever goes wrong here must not hide what the sentence is about.
    let Ok(events) = session.query_events(Some(vm), CHANGED, since, 20).await else {
        return String::new();
    };
    match events.iter().max_by_key(|e| (e.time, e.key)) {
        Some(event) => by(&event.user, event.time, &event.message),
        None => String::new(),
    }
}

fn by(user: &str, at: Option<Timestamp>, message: &str) -> String {
    let user = if user.is_empty() { "an unknown user" } else { user };
    let at = at.map(|at| format!(" at {at:.0}")).unwrap_or_default();
    format!(", by {user}{at} (\"{}\")", message.trim_end_matches('.'))
}

fn refusal(source: &VmDetails, what: &str, who: &str) -> StepError {
    StepError::refused(format!(
        "'{}' was changed while it was being moved: {what}{who}. The copy is out of date; leave the source alone and migrate it again.",
        source.name
    ))
}

fn word(power: PowerState) -> &'static str {
    match power {
        PowerState::On => "powered on",
        PowerState::Off => "powered off",
        PowerState::Suspended => "suspended",
    }
}
