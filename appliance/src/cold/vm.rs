//! Looking at the source and the target: always at the inventory, always after what runs has ended.

use std::time::{Duration, Instant};

use hdm_shared::VcenterId;
use hdm_vsphere::{Error, MoRef, PowerState, Session, VmDetails};

use super::{Cold, ColdCx, marker};
use crate::engine::StepError;

/// How often a condition is looked at again.
pub const POLL: Duration = Duration::from_millis(250);

/// What the inventory says of a VM.
#[derive(Debug)]
pub enum Seen {
    /// It is there, and nothing runs on it.
    There(Box<VmDetails>),
    /// It is not in the inventory.
    Gone,
}

/// Waits a moment; a cancel ends the wait.
pub async fn pause(cx: &ColdCx<'_>, time: Duration) -> Result<(), StepError> {
    or_cancel(cx, async {
        tokio::time::sleep(time).await;
        Ok(())
    })
    .await
}

/// Does something that a cancel may interrupt: waiting and reading, never writing.
pub async fn or_cancel<T>(
    cx: &ColdCx<'_>,
    work: impl Future<Output = Result<T, StepError>>,
) -> Result<T, StepError> {
    let cancel = cx.cancel().clone();
    tokio::select! {
        () = cancel.cancelled() => Err(StepError::Cancelled),
        end = work => end,
    }
}

/// Reads a VM once no task runs on it any more, so that what is absent then did not happen.
///
/// HDM's own tasks, which last as long as the migration, do not count.
pub async fn settled(session: &Session, vm: &MoRef, limit: Duration) -> Result<Seen, StepError> {
    let deadline = Instant::now() + limit;
    loop {
        let details = match session.vm(vm).await {
            Ok(details) => details,
            Err(error) if error.is_gone() => return Ok(Seen::Gone),
            Err(error) => return Err(error.into()),
        };
        let running = foreign_tasks(session, &details.running_tasks).await?;
        if running.is_empty() {
            return Ok(Seen::There(Box::new(details)));
        }
        if Instant::now() >= deadline {
            return Err(StepError::retry(format!(
                "A task on '{}' does not end: {}.",
                details.name,
                running.join(", ")
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Those of the tasks that still run and are not HDM's own, described.
pub async fn foreign_tasks(session: &Session, tasks: &[MoRef]) -> Result<Vec<String>, Error> {
    let mut running = Vec::new();
    for task in tasks {
        match session.task_info(task).await {
            Ok(info) if info.state.is_final() || info.description_id.starts_with("com.hdm.") => {}
            Ok(info) => running.push(format!("{} ({})", info.description_id, task.id)),
            // A task object that has vanished has ended.
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(running)
}

/// The source as it is now; a reference that names another VM by now is as good as gone.
pub async fn look_at_source(cold: &Cold, cx: &ColdCx<'_>) -> Result<Seen, StepError> {
    let session = cold.source(cx)?.session;
    let vm = cx.input().source_vm();
    let seen = or_cancel(cx, settled(&session, &vm, cold.settings.task)).await?;
    Ok(match seen {
        Seen::There(vm) if vm.instance_uuid == cx.input().instance_uuid => Seen::There(vm),
        _ => Seen::Gone,
    })
}

/// The source, which must be there.
pub async fn source(cold: &Cold, cx: &ColdCx<'_>) -> Result<VmDetails, StepError> {
    match look_at_source(cold, cx).await? {
        Seen::There(vm) => Ok(*vm),
        Seen::Gone => Err(StepError::refused(format!(
            "'{}' ({}) is not in the inventory any more.",
            cx.input().vm_path,
            cx.input().source
        ))),
    }
}

/// The source, which must now be as it was to become.
pub async fn expect_source(
    cold: &Cold,
    cx: &ColdCx<'_>,
    what: &str,
    is: impl Fn(&VmDetails) -> bool,
) -> Result<VmDetails, StepError> {
    let vm = source(cold, cx).await?;
    if is(&vm) {
        return Ok(vm);
    }
    Err(StepError::retry(format!("'{}' was to {what}, but vCenter shows that it did not happen.", vm.name)))
}

/// Every VM in the cloud that carries the migration's mark, whatever its name.
///
/// Asks for the whole inventory's marks: for undoing and tidying, where it must be certain.
pub async fn copies(cold: &Cold, cx: &ColdCx<'_>) -> Result<Vec<VmDetails>, StepError> {
    let session = cold.cloud(cx)?.session;
    let id = cx.id().to_string();
    or_cancel(cx, marked(&session, &id, cold.settings.task)).await
}

/// Every VM of a vCenter that carries a migration's mark.
pub async fn marked(session: &Session, id: &str, limit: Duration) -> Result<Vec<VmDetails>, StepError> {
    let mut copies = Vec::new();
    for vm in session.find_vms_by_extra_config(marker::KEY, id).await? {
        if let Seen::There(details) = settled(session, &vm, limit).await? {
            copies.push(*details);
        }
    }
    Ok(copies)
}

/// The copy that the last transfer made: the VM its lease named, if that carries our marks.
pub async fn target(cold: &Cold, cx: &ColdCx<'_>) -> Result<VmDetails, StepError> {
    let gone = || {
        StepError::refused(format!(
            "The copy '{}' is not in the inventory of {} any more.",
            cx.input().target_name,
            cx.input().cloud
        ))
    };
    let Some((vm, number)) = cx.memo().target.clone().zip(cx.memo().transfer.as_ref().map(|t| t.number))
    else {
        return Err(gone());
    };
    let session = cold.cloud(cx)?.session;
    match or_cancel(cx, settled(&session, &vm, cold.settings.task)).await? {
        Seen::There(copy) if is_marked(&copy, &cx.id().to_string(), number) => Ok(*copy),
        _ => Err(gone()),
    }
}

/// Whether a VM carries the marks of this transfer.
pub fn is_marked(copy: &VmDetails, id: &str, number: u32) -> bool {
    let has = |key: &str, value: &str| copy.extra_config.get(key).is_some_and(|v| v == value);
    has(marker::KEY, id) && has(marker::TRANSFER_KEY, &number.to_string())
}

/// The migration's copies, all of them off; refuses while one is not: the source must not run beside it.
pub async fn stopped_copies(cold: &Cold, cx: &ColdCx<'_>) -> Result<Vec<VmDetails>, StepError> {
    let copies = copies(cold, cx).await?;
    match copies.iter().find(|c| c.power != PowerState::Off) {
        None => Ok(copies),
        Some(copy) => Err(runs(copy, &cx.input().cloud, &cx.input().vm_name)),
    }
}

/// What is said of a copy that is not off.
pub fn runs(copy: &VmDetails, cloud: &VcenterId, source: &str) -> StepError {
    StepError::operator(format!(
        "The copy '{}' in {cloud} is not powered off, so '{source}' stays off: two copies must not run. Power off the copy, then retry.",
        copy.path
    ))
}

/// Refuses unless the source is off and would not connect: its copy must not be started beside it.
pub async fn source_is_away(cold: &Cold, cx: &ColdCx<'_>) -> Result<(), StepError> {
    let Seen::There(source) = look_at_source(cold, cx).await? else { return Ok(()) };
    let why = if source.power != PowerState::Off {
        "is not powered off"
    } else if source.nics.iter().any(|n| n.start_connected) {
        "would connect at power-on"
    } else {
        return Ok(());
    };
    Err(StepError::operator(format!(
        "'{}' in {} {why}, so its copy is not started: two copies must not run. Power it off and let its adapters not connect, then retry; or release it with hdm source release {}.",
        source.path,
        cx.input().source.vcenter,
        cx.input().source
    )))
}

/// Waits for a task to end. One that has vanished ended some way: the caller looks at the inventory next.
///
/// One that does not end in time is cancelled, so that it cannot take effect behind our back.
pub async fn finish(session: &Session, task: Result<MoRef, Error>, limit: Duration) -> Result<(), StepError> {
    let task = task?;
    let deadline = Instant::now() + limit;
    match session.wait_task(&task, deadline, |_| ()).await {
        Ok(_) | Err(Error::TaskVanished { .. }) => Ok(()),
        Err(error) if Instant::now() >= deadline => {
            session.cancel_task(&task).await?;
            Err(StepError::retry(format!("{error}; it was cancelled")))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whole seconds of a duration, for deadlines by the injected clock.
pub fn as_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4)
}
