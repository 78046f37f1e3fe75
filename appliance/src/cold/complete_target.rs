//! Step `complete-target`: the copy is read back, and what the import dropped is set.

use hdm_vsphere::VmDetails;

use super::difference::{self, Difference};
use super::{Cold, ColdCx, tasks, transfer, vm};
use crate::engine::StepError;

/// Reads the copy back, mends what can be mended and refuses what cannot.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let target = vm::target(cold, cx).await?;
    tasks::follow_target(cold, cx, &target.vm).await?;
    let source = vm::source(cold, cx).await?;
    let found = compare(cx, &source, &target);
    if !found.change.is_empty() {
        cx.save("about to complete the copy", |m| m.completed = true).await?;
        cx.log(format!("The import left out {}; setting it.", found.what.join(", "))).await?;
        let session = cold.cloud(cx)?.session;
        let task = session.reconfigure_task(&target.vm, &found.change, None).await;
        vm::finish(&session, task, &cold.patience(cx)).await?;
    }
    let target = vm::target(cold, cx).await?;
    let left = compare(cx, &source, &target);
    if !left.essential.is_empty() {
        return Err(StepError::retry(format!(
            "The copy '{}' is not what it was to be: {}.",
            target.path,
            left.essential.join("; ")
        )));
    }
    if !left.what.is_empty() {
        let note = format!("{} could not take over {}.", cx.input().cloud, left.what.join(", "));
        cx.log(note.clone()).await?;
        if !cx.memo().notes.contains(&note) {
            cx.save("what the copy lacks", |m| m.notes.push(note)).await?;
        }
    }
    Ok(())
}

fn compare(cx: &ColdCx<'_>, source: &VmDetails, target: &VmDetails) -> Difference {
    let number = cx.memo().transfer.as_ref().map_or(1, |t| t.number);
    difference::compare(&transfer::wanted(cx, source, number), target)
}
