//! Looking at the source and the target: always at the inventory, always after what runs has ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdm_shared::VcenterId;
use hdm_vsphere::{Error, InventoryView, MoRef, PowerState, Session, VmDetails};
use jiff::Timestamp;

use super::{Cold, ColdCx, marker};
use crate::engine::{Clock, StepError};
use crate::sites::Site;

/// How often a condition is looked at again.
pub const POLL: Duration = Duration::from_millis(250);

/// How long something of vCenter's is waited for, by the injected clock.
#[derive(Clone, Debug)]
pub struct Patience {
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl Patience {
    /// Patience for `limit`.
    pub fn new(clock: &Arc<dyn Clock>, limit: Duration) -> Self {
        Self { clock: clock.clone(), limit }
    }

    /// When it is over, if it begins now, by the clock's mark.
    pub fn end(&self) -> Duration {
        self.clock.mark().saturating_add(self.limit)
    }

    /// Whether a mark has come.
    pub fn is_over(&self, end: Duration) -> bool {
        self.clock.mark() >= end
    }

    /// Waits a moment.
    pub async fn moment(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// Does something for as long as the patience lasts; absent if that was not enough.
    pub async fn bound<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            end = work => Some(end),
            () = self.clock.sleep(self.limit) => None,
        }
    }
}

/// A deadline for what is bounded by a [`Patience`] around it.
pub fn unbounded() -> Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    Instant::now() + DAY
}

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
        cx.clock().sleep(time).await;
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

/// How long a cache that has just been started may take to know its vCenter.
const READY: Duration = Duration::from_secs(60);

/// Waits for a vCenter's inventory, which is in such a state; one that does not get there is an outage.
pub async fn ready(cx: &ColdCx<'_>, site: &Site, state: impl Future<Output = ()>) -> Result<(), StepError> {
    let patience = Patience::new(cx.clock(), READY);
    let ready = or_cancel(cx, async { Ok(patience.bound(state).await) }).await?;
    ready.ok_or_else(|| StepError::Passing {
        what: site.id.to_string(),
        why: format!("The inventory of {} is not known: {}.", site.id, site.inventory.why_not_live()),
    })
}

/// What a vCenter's inventory shows, once it was read: an appliance that has just started knows nothing of it, and
/// what it does not know is not absent.
pub async fn inventory(cx: &ColdCx<'_>, site: &Site) -> Result<Arc<InventoryView>, StepError> {
    ready(cx, site, site.inventory.known()).await?;
    Ok(site.inventory.snapshot())
}

/// Reads a VM once no task runs on it any more, so that what is absent then did not happen.
///
/// HDM's own tasks, which last as long as the migration, do not count.
pub async fn settled(session: &Session, vm: &MoRef, patience: &Patience) -> Result<Seen, StepError> {
    let end = patience.end();
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
        if patience.is_over(end) {
            return Err(StepError::retry(format!(
                "A task on '{}' does not end: {}.",
                details.name,
                running.join(", ")
            )));
        }
        patience.moment(POLL).await;
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
    let seen = or_cancel(cx, settled(&session, &vm, &cold.patience(cx))).await?;
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
    or_cancel(cx, marked(&session, &id, &cold.patience(cx))).await
}

/// Every VM of a vCenter that carries a migration's mark.
pub async fn marked(session: &Session, id: &str, patience: &Patience) -> Result<Vec<VmDetails>, StepError> {
    let mut copies = Vec::new();
    for vm in session.find_vms_by_extra_config(marker::KEY, id).await?.having {
        if let Seen::There(details) = settled(session, &vm, patience).await? {
            copies.push(*details);
        }
    }
    Ok(copies)
}

/// The copy that the last transfer made, which must be there.
pub async fn target(cold: &Cold, cx: &ColdCx<'_>) -> Result<VmDetails, StepError> {
    find_target(cold, cx).await?.ok_or_else(|| {
        StepError::refused(format!(
            "The copy '{}' is not in the inventory of {} any more.",
            cx.input().target_name,
            cx.input().cloud
        ))
    })
}

/// The copy that the last transfer made: the VM its lease named, if that carries our marks. Absent only if
/// vCenter says so; an error says nothing of the copy.
pub async fn find_target(cold: &Cold, cx: &ColdCx<'_>) -> Result<Option<VmDetails>, StepError> {
    let Some((vm, number)) = cx.memo().target.clone().zip(cx.memo().transfer.as_ref().map(|t| t.number))
    else {
        return Ok(None);
    };
    let session = cold.cloud(cx)?.session;
    let seen = or_cancel(cx, settled(&session, &vm, &cold.patience(cx))).await;
    there(seen, &cx.id().to_string(), number)
}

/// What a look at the copy says of it.
fn there(seen: Result<Seen, StepError>, id: &str, number: u32) -> Result<Option<VmDetails>, StepError> {
    match seen? {
        Seen::There(copy) if is_unreadable(&copy) => Err(StepError::retry(format!(
            "vCenter cannot read the configuration of the copy {} now: its host or its files are out of reach.",
            copy.vm
        ))),
        Seen::There(copy) if is_marked(&copy, id, number) => Ok(Some(*copy)),
        _ => Ok(None),
    }
}

/// Whether vCenter knows the VM, but not its configuration, because its host or its files are out of reach.
pub fn is_unreadable(vm: &VmDetails) -> bool {
    vm.instance_uuid.is_empty() && vm.extra_config.is_empty()
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
pub async fn finish(
    session: &Session,
    task: Result<MoRef, Error>,
    patience: &Patience,
) -> Result<(), StepError> {
    let task = task?;
    match patience.bound(session.wait_task(&task, unbounded(), |_| ())).await {
        Some(Ok(_) | Err(Error::TaskVanished { .. })) => Ok(()),
        Some(Err(error)) => Err(error.into()),
        None => {
            session.cancel_task(&task).await?;
            let seconds = patience.limit.as_secs();
            Err(StepError::retry(format!(
                "Task {task} in {} did not end within {seconds} s; it was cancelled.",
                session.endpoint().name
            )))
        }
    }
}

/// A time in Unix seconds, as memos have them.
pub fn at_second(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Whole seconds of a duration.
pub fn as_seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn copy() -> VmDetails {
        let mark = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        VmDetails {
            instance_uuid: "u".into(),
            extra_config: [mark(marker::KEY, "id"), mark(marker::TRANSFER_KEY, "2")].into(),
            ..VmDetails::default()
        }
    }

    fn look(seen: Result<Seen, StepError>) -> Result<bool, StepError> {
        there(seen, "id", 2).map(|copy| copy.is_some())
    }

    #[test]
    fn a_copy_is_gone_only_if_vcenter_says_so() {
        let there = |vm: VmDetails| look(Ok(Seen::There(Box::new(vm))));
        assert_eq!(there(copy()), Ok(true));
        assert_eq!(look(Ok(Seen::Gone)), Ok(false));
        let other = VmDetails { extra_config: [("hdm.migration".into(), "x".into())].into(), ..copy() };
        assert_eq!(there(other), Ok(false), "the reference means somebody else's VM by now");
        let away = StepError::Passing { what: "cloud".into(), why: "It is away.".into() };
        assert_eq!(look(Err(away.clone())), Err(away), "a vCenter that is away says nothing of the copy");
        assert!(there(VmDetails::default()).is_err(), "nor does one that cannot read it");
    }
}
