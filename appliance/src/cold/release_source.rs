//! `hdm source release`: the source of a migration may run again, and the migration has ended.
//!
//! Every copy there is of the VM, from whichever migration, is seen off and disconnected first, so that never
//! two could be started connected. Nothing is deleted and nothing is powered on. Every part can be done again.

use std::collections::BTreeMap;

use hdm_shared::migration::MigrationState;
use hdm_vsphere::{PowerState, Session, VmDetails};

use super::moved::CopyOf;
use super::vm::{self, Seen};
use super::{Cold, ColdCx, connect, park_source, snapshot_source, tasks, tell};
use crate::engine::StepError;

/// Releases the source of the migration in `cx`, for `by`; `others` are the VM's other migrations that may have
/// left a copy. The answer says what was done.
pub async fn release(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    by: &str,
    others: &[CopyOf],
) -> Result<String, StepError> {
    let Seen::There(source) = vm::look_at_source(cold, cx).await? else {
        return Err(StepError::refused(format!(
            "'{}' is not in the inventory of {} any more, so there is nothing to release.",
            cx.input().vm_path,
            cx.input().source.vcenter
        )));
    };
    let copies = copies(cold, cx, others).await?;
    for (session, copy) in &copies {
        let none: BTreeMap<i32, bool> = copy.nics.iter().map(|nic| (nic.key, false)).collect();
        connect::set_nics(session, copy, &none, &cold.patience(cx)).await?;
    }
    snapshot_source::remove(cold, cx, &source).await?;
    park_source::bring_back(cold, cx).await?;
    if let Some(recorded) = cx.memo().original.clone().map(|o| o.start_connected) {
        connect::set_source_nics(cold, cx, &recorded).await?;
    }
    for migration in others.iter().map(|o| o.migration).chain([cx.id()]) {
        park_source::set_notes(cold, cx, |notes, _| super::marker::without_note(notes, migration)).await?;
    }
    let power = if source.power == PowerState::Off {
        " It is powered off: power it on when you are ready."
    } else {
        ""
    };
    let kept: Vec<String> = copies
        .iter()
        .map(|(session, copy)| format!("'{}' in {}", copy.path, session.endpoint().name))
        .collect();
    let kept = match kept.as_slice() {
        [] => format!("There is no copy in {} any more.", cx.input().cloud),
        [one] => format!("Its copy {one} is kept, off and disconnected."),
        many => format!("Its copies {} are kept, off and disconnected.", many.join(", ")),
    };
    let message = format!("'{}' is released.{power} {kept}", cx.input().vm_path);
    // One that waited for a person is answered by this: the VM stays at the source.
    let end = (!cx.state().await.is_final()).then_some(MigrationState::Cancelled);
    if end.is_some() {
        tasks::close_released(cold, cx, &format!("The source was released by {by}.")).await?;
    }
    let event = tell::released(cx.input(), by, &message);
    cx.tell("released", message.clone(), Some(event), end).await?;
    Ok(message)
}

/// All copies, each with the session of its vCenter; refuses while one of them is not off.
async fn copies(
    cold: &Cold,
    cx: &ColdCx<'_>,
    others: &[CopyOf],
) -> Result<Vec<(Session, VmDetails)>, StepError> {
    let own = CopyOf { migration: cx.id(), cloud: cx.input().cloud.clone() };
    let mut found = Vec::new();
    for one in std::iter::once(&own).chain(others) {
        let session = cold.site(&one.cloud)?.session;
        for copy in vm::marked(&session, &one.migration.to_string(), &cold.patience(cx)).await? {
            if copy.power != PowerState::Off {
                return Err(vm::runs(&copy, &one.cloud, &cx.input().vm_name));
            }
            found.push((session.clone(), copy));
        }
    }
    Ok(found)
}
