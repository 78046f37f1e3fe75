//! The migration's tasks in both vCenters.
//!
//! ```text
//! source: HDM cold migration (on the VM)         cloud: HDM cold migration (on the cluster, then on the copy)
//!         └ attempt 1, attempt 2 …                       └ attempt 1, attempt 2 …
//! ```
//!
//! Cancelling the migration's task cancels the migration; cancelling an attempt's ends that attempt. Both
//! are found again by their activation ids. A task that a vCenter has forgotten (it forgets all when it
//! restarts) is not made anew: the next attempt has a task again, and events tell the rest.

use hdm_vsphere::{Error, MoRef, NewTask, Session, TaskInfo, TaskState};

use super::input::ColdInput;
use super::memo::ColdMemo;
use super::{Cold, ColdCx, marker};
use crate::engine::{AttemptOutcome, Interrupt, StepError, Verdict};
use crate::extension::{TASK_ATTEMPT, TASK_MIGRATE};

/// Step `open-tasks`.
pub async fn open(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let activation = marker::task(cx.id());
    if cx.memo().source_task.is_none() {
        let session = cold.source(cx)?.session;
        let vm = cx.input().source_vm();
        let task = ensure(cx, &session, &vm, TASK_MIGRATE, &activation, None).await?;
        cx.save("the task at the source", |m| m.source_task = Some(task.task)).await?;
    }
    if cx.memo().cloud_task.is_none() {
        let session = cold.cloud(cx)?.session;
        let cluster = cx.input().place.cluster.object.clone();
        let task = ensure(cx, &session, &cluster, TASK_MIGRATE, &activation, None).await?;
        cx.save("the task in the cloud", |m| m.cloud_task = Some(task.task)).await?;
    }
    open_attempt(cold, cx, cx.attempt()).await
}

/// Closes the tasks as failed, with the reason.
pub async fn undo_open(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let reason = undone(cx);
    find_lost(cold, cx).await?;
    close_all(cold, cx, Some(&reason)).await
}

/// Closes the task at the copy before the copy goes: an account that does not see everything sees no task of what is
/// gone, which would run for ever.
pub async fn undo_follow(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let reason = undone(cx);
    let session = cold.cloud(cx)?.session;
    for info in session.find_tasks_by_activation_id(&[marker::target_task(cx.id())]).await? {
        end(&session, &info.task, Some(&reason)).await?;
    }
    Ok(())
}

fn undone(cx: &ColdCx<'_>) -> String {
    match cx.verdict() {
        Some(Verdict::Cancelled { by }) => format!("Cancelled by {by}; everything was undone."),
        Some(Verdict::Failed { reason, .. }) => format!("{reason} Everything was undone."),
        None => "Everything was undone.".to_owned(),
    }
}

/// Step `close-tasks`.
pub async fn close(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    close_all(cold, cx, None).await
}

/// Closes the tasks of a migration that ends because its source was released.
pub async fn close_released(cold: &Cold, cx: &mut ColdCx<'_>, reason: &str) -> Result<(), StepError> {
    close_attempt(cold, cx, &AttemptOutcome::Failed { reason: reason.to_owned() }).await?;
    find_lost(cold, cx).await?;
    close_all(cold, cx, Some(reason)).await
}

/// Opens the tasks of an attempt, once the migration's own are open. Those of an earlier attempt that could
/// not be closed at its end are closed first.
pub async fn open_attempt(cold: &Cold, cx: &mut ColdCx<'_>, attempt: u32) -> Result<(), StepError> {
    let activation = marker::attempt_task(cx.id(), attempt);
    let parents = [cx.memo().source_task.clone(), cx.memo().cloud_task.clone()];
    let of = cx.memo().attempt_tasks_of;
    if of != attempt && !cx.memo().attempt_tasks.is_empty() {
        let reason = format!("Attempt {of} failed.");
        close_attempt(cold, cx, &AttemptOutcome::Failed { reason }).await?;
    }
    if parents.iter().any(Option::is_none) || cx.memo().attempt_tasks.len() == parents.len() {
        return Ok(());
    }
    for (n, parent) in parents.into_iter().enumerate().skip(cx.memo().attempt_tasks.len()) {
        let (session, entity) = if n == 0 {
            (cold.source(cx)?.session, cx.input().source_vm())
        } else {
            (cold.cloud(cx)?.session, cx.input().place.cluster.object.clone())
        };
        let key = match parent {
            Some(parent) => known(session.task_info(&parent).await)?.map(|info| info.key),
            None => None,
        };
        let task = ensure(cx, &session, &entity, TASK_ATTEMPT, &activation, key.as_deref()).await?;
        cx.save("the task of the attempt", |m| {
            m.attempt_tasks.push(task.task);
            m.attempt_tasks_of = attempt;
        })
        .await?;
    }
    Ok(())
}

/// Closes the tasks of an attempt.
pub async fn close_attempt(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    outcome: &AttemptOutcome,
) -> Result<(), StepError> {
    let fault = match outcome {
        AttemptOutcome::Succeeded => None,
        AttemptOutcome::Failed { reason } => Some(reason.as_str()),
    };
    let tasks = cx.memo().attempt_tasks.clone();
    for (n, task) in tasks.iter().enumerate() {
        let session = if n == 0 { cold.source(cx)?.session } else { cold.cloud(cx)?.session };
        end(&session, task, fault).await?;
    }
    if !tasks.is_empty() {
        cx.save("the attempt's tasks are closed", |m| m.attempt_tasks.clear()).await?;
    }
    Ok(())
}

/// Lets the cloud's task go on at the copy, now that it exists.
pub async fn follow_target(cold: &Cold, cx: &mut ColdCx<'_>, target: &MoRef) -> Result<(), StepError> {
    let session = cold.cloud(cx)?.session;
    if cx.memo().cluster_task.is_none() {
        let activation = marker::target_task(cx.id());
        let task = ensure(cx, &session, target, TASK_MIGRATE, &activation, None).await?;
        cx.save("the task at the copy", |m| {
            m.cluster_task = m.cloud_task.take();
            m.cloud_task = Some(task.task);
        })
        .await?;
    }
    if let Some(task) = cx.memo().cluster_task.clone() {
        end(&session, &task, None).await?;
    }
    Ok(())
}

/// Tasks whose creation's answer was lost and that the memo does not know.
async fn find_lost(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let activation = [marker::task(cx.id())];
    if cx.memo().source_task.is_none() {
        let session = cold.source(cx)?.session;
        let found = session.find_tasks_by_activation_id(&activation).await?;
        let task = found.into_iter().next().map(|t| t.task);
        cx.save("the task at the source", |m| m.source_task = task).await?;
    }
    if cx.memo().cloud_task.is_none() {
        let session = cold.cloud(cx)?.session;
        let found = session.find_tasks_by_activation_id(&activation).await?;
        let task = found.into_iter().next().map(|t| t.task);
        cx.save("the task in the cloud", |m| m.cloud_task = task).await?;
    }
    Ok(())
}

async fn close_all(cold: &Cold, cx: &mut ColdCx<'_>, fault: Option<&str>) -> Result<(), StepError> {
    let memo = cx.memo().clone();
    if let Some(task) = &memo.source_task {
        end(&cold.source(cx)?.session, task, fault).await?;
    }
    for task in memo.cloud_task.iter().chain(&memo.cluster_task) {
        end(&cold.cloud(cx)?.session, task, fault).await?;
    }
    // What a lost answer may have left open under another key.
    let mut ours = vec![marker::task(cx.id()), marker::target_task(cx.id())];
    ours.extend((1..=cx.attempt()).map(|n| marker::attempt_task(cx.id(), n)));
    let open_attempt = marker::attempt_task(cx.id(), memo.attempt_tasks_of);
    for session in [cold.source(cx)?.session, cold.cloud(cx)?.session] {
        for info in session.find_tasks_by_activation_id(&ours).await? {
            // An attempt's own are ended as its outcome says.
            let kept = info.activation_id == open_attempt && memo.attempt_tasks.contains(&info.task);
            if !kept && !info.state.is_final() {
                end(&session, &info.task, fault).await?;
            }
        }
    }
    Ok(())
}

/// The task with this activation id, running; made if there is none. That it is about to be made is logged.
async fn ensure(
    cx: &mut ColdCx<'_>,
    session: &Session,
    entity: &MoRef,
    kind: &str,
    activation: &str,
    parent: Option<&str>,
) -> Result<TaskInfo, StepError> {
    let found = session.find_tasks_by_activation_id(&[activation.to_owned()]).await?;
    let open = found.into_iter().find(|t| !t.state.is_final());
    let info = if let Some(info) = open {
        info
    } else {
        cx.log(format!("About to open the task {activation} in {}.", session.endpoint().name)).await?;
        let new = NewTask {
            entity,
            type_id: kind,
            initiated_by: Some(&cx.input().requested_by),
            cancelable: true,
            parent_key: parent,
            activation_id: activation,
        };
        session.create_task(&new).await?
    };
    // Also one whose creation's answer was lost: it waits in the queue for ever otherwise.
    if info.state == TaskState::Queued {
        session.set_task_state(&info.task, TaskState::Running, None).await?;
    }
    Ok(info)
}

/// Ends a task; one that has ended or is forgotten needs no end.
async fn end(session: &Session, task: &MoRef, fault: Option<&str>) -> Result<(), StepError> {
    let Some(info) = known(session.task_info(task).await)? else { return Ok(()) };
    if info.state.is_final() {
        return Ok(());
    }
    let state = if fault.is_some() { TaskState::Error } else { TaskState::Success };
    match session.set_task_state(task, state, fault).await {
        // Of a VM that is gone only an administrator may close a task. It is shown, and nothing waits for it.
        Err(error) if error.fault_kind() == Some("NoPermission") => {
            tracing::warn!(vcenter = session.endpoint().name, task = task.id, %error, "a task stays open");
            Ok(())
        }
        other => known(other).map(drop),
    }
}

/// Absent if the vCenter has forgotten the task.
fn known<T>(answer: Result<T, Error>) -> Result<Option<T>, StepError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Looks whether somebody cancelled one of the tasks. What cannot be asked now is no interrupt.
pub async fn interrupt(cold: &Cold, input: &ColdInput, memo: &ColdMemo) -> Option<Interrupt> {
    let sides = [(&input.source.vcenter, &memo.source_task, 0), (&input.cloud, &memo.cloud_task, 1)];
    for (vcenter, task, side) in sides {
        let session = cold.sites.get(vcenter)?.session;
        let by = format!("a user of {vcenter}");
        if let Some(task) = task
            && !memo.answered_cancels.contains(task)
            && is_cancelled(&session, task).await
        {
            return Some(Interrupt::Cancel { by });
        }
        if let Some(task) = memo.attempt_tasks.get(side)
            && is_cancelled(&session, task).await
        {
            return Some(Interrupt::EndAttempt { by });
        }
    }
    None
}

/// Remembers whose cancel was answered. What cannot be asked now is answered again when it is heard again.
pub async fn cancel_answered(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let memo = cx.memo().clone();
    let mut answered = memo.answered_cancels;
    for (site, task) in [(cold.source(cx)?, memo.source_task), (cold.cloud(cx)?, memo.cloud_task)] {
        if let Some(task) = task.filter(|task| !answered.contains(task))
            && is_cancelled(&site.session, &task).await
        {
            answered.push(task);
        }
    }
    if answered == cx.memo().answered_cancels {
        return Ok(());
    }
    cx.save("the cancel was answered", |m| m.answered_cancels = answered).await
}

async fn is_cancelled(session: &Session, task: &MoRef) -> bool {
    session.task_info(task).await.is_ok_and(|info| info.cancelled && !info.state.is_final())
}
