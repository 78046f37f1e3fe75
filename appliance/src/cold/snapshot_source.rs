//! Step `snapshot-source`: a snapshot for the export, and the seal that tells later whether anybody touched
//! the source.
//!
//! The seal is taken right after the snapshot. If that was interrupted, somebody may have been at the source
//! between the two, so the snapshot is made anew rather than trusted.

use hdm_vsphere::{PowerState, SnapshotDetails, VmDetails};

use super::memo::Seal;
use super::vm::{self, Seen};
use super::{Cold, ColdCx, marker};
use crate::engine::StepError;

/// Makes the snapshot `hdm_<n>` and seals the source.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let source = vm::source(cold, cx).await?;
    if cx.memo().seal.is_some() && cx.memo().snapshot.is_some() && ours(&source, cx).next().is_some() {
        return Ok(());
    }
    remove(cold, cx, &source).await?;
    let session = cold.source(cx)?.session;
    let source = vm::source(cold, cx).await?;
    if source.power != PowerState::Off {
        return Err(StepError::refused(format!(
            "'{}' was powered on again before its snapshot was taken{}.",
            source.name,
            super::seal::who(&session, &source.vm, None).await
        )));
    }
    let name = marker::next_snapshot_name(source.snapshots.iter().map(|s| s.name.as_str()));
    cx.save("about to take the snapshot", |m| {
        m.snapshot_name = Some(name.clone());
        m.snapshot = None;
        m.seal = None;
    })
    .await?;
    let since = session.current_time().await?;
    let task = session
        .create_snapshot_task(&source.vm, &name, &marker::snapshot_description(cx.id()), false, false)
        .await;
    vm::finish(&session, task, &cold.patience(cx)).await?;
    let source = vm::source(cold, cx).await?;
    let Some(snapshot) = ours(&source, cx).next().map(|s| s.snapshot.clone()) else {
        return Err(StepError::retry(format!(
            "vCenter made the snapshot {name} of '{}', but does not show it.",
            source.name
        )));
    };
    let seal = Seal { change_version: source.change_version.clone(), since };
    cx.save("the snapshot and the source's state", |m| {
        m.snapshot = Some(snapshot);
        m.seal = Some(seal);
    })
    .await
}

/// Removes what carries our mark.
pub async fn undo(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if cx.memo().snapshot_name.is_none() {
        return Ok(());
    }
    match vm::look_at_source(cold, cx).await? {
        Seen::There(source) => remove(cold, cx, &source).await,
        Seen::Gone => Ok(()),
    }
}

/// Removes the migration's snapshots from the source, with their disks merged.
pub async fn remove(cold: &Cold, cx: &ColdCx<'_>, source: &VmDetails) -> Result<(), StepError> {
    let session = cold.source(cx)?.session;
    for snapshot in ours(source, cx) {
        let task = session.remove_snapshot_task(&snapshot.snapshot, false, true).await;
        match task {
            Err(error) if error.is_gone() => {}
            task => vm::finish(&session, task, &cold.patience(cx)).await?,
        }
    }
    match vm::look_at_source(cold, cx).await? {
        Seen::There(now) if ours(&now, cx).next().is_some() => Err(StepError::retry(format!(
            "The snapshot of migration {} on '{}' was to be removed, but is still there.",
            cx.id(),
            now.name
        ))),
        _ => Ok(()),
    }
}

fn ours<'v>(vm: &'v VmDetails, cx: &ColdCx<'_>) -> impl Iterator<Item = &'v SnapshotDetails> {
    let id = cx.id();
    vm.snapshots.iter().filter(move |s| marker::is_ours(&s.description, id))
}
