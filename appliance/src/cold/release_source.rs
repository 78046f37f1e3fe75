//! `hdm source release`: the source of a migration may run again.
//!
//! The copy is seen off and disconnected first, so that never two copies could be started connected. Nothing
//! is deleted and nothing is powered on. Every part can be done again.

use std::collections::BTreeMap;

use hdm_vsphere::PowerState;

use super::vm::{self, Seen};
use super::{Cold, ColdCx, connect, park_source, snapshot_source};
use crate::engine::StepError;

/// Releases the source of the migration in `cx`; the answer says what was done.
pub async fn release(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<String, StepError> {
    let Seen::There(source) = vm::look_at_source(cold, cx).await? else {
        return Err(StepError::refused(format!(
            "'{}' is not in the inventory of {} any more, so there is nothing to release.",
            cx.input().vm_path,
            cx.input().source.vcenter
        )));
    };
    vm::no_copy_runs(cold, cx).await?;
    let copies = vm::copies(cold, cx).await?;
    for copy in &copies {
        let none: BTreeMap<i32, bool> = copy.nics.iter().map(|nic| (nic.key, false)).collect();
        connect::set_nics(&cold.cloud(cx)?.session, copy, &none, cold.settings.task).await?;
    }
    snapshot_source::remove(cold, cx, &source).await?;
    park_source::bring_back(cold, cx).await?;
    if let Some(recorded) = cx.memo().original.clone().map(|o| o.start_connected) {
        connect::set_source_nics(cold, cx, &recorded).await?;
    }
    park_source::set_notes(cold, cx, super::marker::without_note).await?;
    let power = if source.power == PowerState::Off {
        " It is powered off: power it on when you are ready."
    } else {
        ""
    };
    let kept: Vec<String> = copies.iter().map(|copy| format!("'{}'", copy.path)).collect();
    let copies = if kept.is_empty() {
        format!("There is no copy in {} any more.", cx.input().cloud)
    } else {
        format!("Its copy {} in {} is kept, off and disconnected.", kept.join(", "), cx.input().cloud)
    };
    let message = format!("'{}' is released.{power} {copies}", cx.input().vm_path);
    cx.log(message.clone()).await?;
    Ok(message)
}
