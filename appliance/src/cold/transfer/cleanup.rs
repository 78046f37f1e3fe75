//! Leaving nothing of a transfer behind, whatever became of it.
//!
//! ```text
//! import asked for? ─no──► nothing can be there
//!   │yes
//!   lease known? ─yes─► abort it, if what it holds carries our mark ──┐
//!   │no: its answer was lost                                          │
//!   └► give the call its own time, and some to take effect ───────────┤
//!                                                                     ▼
//!                                   destroy by mark what is still there
//! ```
//!
//! The inventory is asked by mark, never by name. A VM that carries the mark but is not the one whose lease
//! we held is somebody's clone of it and is left alone. A VM that vCenter cannot read now is not gone. The whole
//! inventory is asked at the beginning and at the end; between, only the folder the copy was imported into.

use std::time::Duration;

use hdm_vsphere::{LeaseState, MoRef, PowerState, Session, VmDetails};

use super::super::memo::Transfer;
use super::super::vm::{self, Seen};
use super::super::{Cold, ColdCx, marker};
use crate::engine::{StepError, over};

/// How often what must go is looked for.
const POLL: Duration = Duration::from_secs(1);

/// Removes everything of the current transfer: leases, then the copy.
pub async fn everything(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let Some(transfer) = cx.memo().transfer.clone() else { return Ok(()) };
    abort_leases(cold, cx).await?;
    if transfer.import_asked.is_some() {
        remove_copies(cold, cx, &transfer).await?;
    }
    cx.save("the transfer's remains are removed", |m| {
        m.transfer = None;
        m.target = None;
        m.completed = false;
    })
    .await
}

/// Aborts the leases of the current transfer that are known.
pub async fn abort_leases(cold: &Cold, cx: &ColdCx<'_>) -> Result<(), StepError> {
    let Some(transfer) = cx.memo().transfer.clone() else { return Ok(()) };
    // The import first: while it lives, its host holds the copy's files.
    if let Some(lease) = &transfer.import {
        let (session, id) = (cold.cloud(cx)?.session, cx.id().to_string());
        let ours = match &transfer.entity {
            Some(known) => Holds::Vm(known),
            // We died before we knew; the VM itself tells.
            None => Holds::Marked(&id, transfer.number),
        };
        abort(&session, lease, ours).await?;
    }
    if let Some(lease) = &transfer.export {
        let source = cx.input().source_vm();
        abort(&cold.source(cx)?.session, lease, Holds::Vm(&source)).await?;
    }
    Ok(())
}

/// Removes half-made copies of earlier transfers whose import took effect late.
pub async fn strays(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let Some(transfer) = cx.memo().transfer.clone().filter(|t| t.number > 1) else { return Ok(()) };
    let current = transfer.number.to_string();
    let of_earlier = |copy: &VmDetails| copy.extra_config.get(marker::TRANSFER_KEY) != Some(&current);
    for copy in vm::copies(cold, cx).await?.iter().filter(|c| of_earlier(c)) {
        cx.log(format!("Removing '{}', the remains of an earlier transfer.", copy.path)).await?;
        destroy(cold, cx, copy).await?;
    }
    Ok(())
}

/// By what a lease of ours is known: by the VM it holds.
#[derive(Clone, Copy, Debug)]
pub enum Holds<'a> {
    /// This one.
    Vm(&'a MoRef),
    /// One with the marks of this migration and this transfer of it.
    Marked(&'a str, u32),
}

impl Holds<'_> {
    async fn is(self, session: &Session, entity: &MoRef) -> Result<bool, StepError> {
        match self {
            Self::Vm(vm) => Ok(vm == entity),
            Self::Marked(id, number) => match session.vm(entity).await {
                Ok(vm) => Ok(vm::is_marked(&vm, id, number)),
                Err(error) if error.is_gone() => Ok(false),
                Err(error) => Err(error.into()),
            },
        }
    }
}

/// Aborts a lease that lives and holds what is ours; a lease that has ended or is unknown needs nothing.
pub async fn abort(session: &Session, lease: &MoRef, ours: Holds<'_>) -> Result<(), StepError> {
    let lease = session.attach_lease(lease);
    match lease.state().await {
        Ok(LeaseState::Initializing | LeaseState::Ready) => {}
        Ok(LeaseState::Done | LeaseState::Error(_)) => return Ok(()),
        Err(error) if error.is_gone() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    // Ids are given anew after a restart of vCenter: this may be somebody else's lease by now.
    if let Some(entity) = lease.entity().await?
        && !ours.is(session, &entity).await?
    {
        return Ok(());
    }
    match lease.abort(Some("HDM ends this transfer")).await {
        Ok(()) => Ok(()),
        Err(error) if error.fault_kind().is_some() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until the copies are gone, destroying what does not go by itself.
async fn remove_copies(cold: &Cold, cx: &ColdCx<'_>, transfer: &Transfer) -> Result<(), StepError> {
    let lease = match transfer.lease_seconds {
        0 => cold.settings.lease_expiry,
        known => Duration::from_secs(known),
    };
    // A lease that nobody tells of progress ends by itself, and a task that destroys may take its time.
    let patience = vm::Patience::new(cx.clock(), lease + cold.settings.task);
    let give_up = patience.end();
    // While the outcome of the import is unknown, absence proves nothing: the call may still be at work.
    let unknown_until = match (&transfer.import, transfer.import_asked) {
        (None, Some(asked)) => over(&**cx.clock(), asked, cold.settings.import_unknown),
        _ => Duration::ZERO,
    };
    let (mut everywhere, mut shown) = (true, false);
    loop {
        let (left, unreadable) = look(cold, cx, transfer, everywhere).await?;
        // One call makes one VM at most: once it was seen there is nothing more to wait for.
        shown |= left.iter().any(|copy| is_of(copy, transfer));
        let certain = shown || patience.is_over(unknown_until);
        if left.is_empty() && unreadable.is_empty() && certain {
            if everywhere {
                return Ok(());
            }
            everywhere = true;
            continue;
        }
        let mut refused = None;
        for copy in &left {
            if let Err(error) = destroy(cold, cx, copy).await {
                if !matches!(error, StepError::Retry { .. }) {
                    return Err(error);
                }
                // A lease holds it still; it ends soon, because nobody tells it of progress.
                refused = Some(error);
            }
        }
        if let Some(vm) = unreadable.first() {
            refused = Some(StepError::retry(format!(
                "vCenter cannot read the configuration of {vm} in {}, which may be the half-made copy '{}'. Bring its host and datastore back, or remove it from the inventory.",
                cx.input().cloud,
                cx.input().target_name
            )));
        }
        if let Some(error) = refused.filter(|_| patience.is_over(give_up)) {
            return Err(error);
        }
        everywhere = false;
        patience.moment(POLL).await;
    }
}

/// What is there of the current transfer: the copies, and those VMs that may be one but cannot be read.
async fn look(
    cold: &Cold,
    cx: &ColdCx<'_>,
    transfer: &Transfer,
    everywhere: bool,
) -> Result<(Vec<VmDetails>, Vec<MoRef>), StepError> {
    let (session, id, patience) = (cold.cloud(cx)?.session, cx.id().to_string(), cold.patience(cx));
    let folder = &cx.input().place.folder.object;
    let found = if everywhere {
        session.find_vms_by_extra_config(marker::KEY, &id).await?
    } else {
        session.find_vms_in_folder_by_extra_config(folder, marker::KEY, &id).await?
    };
    let mut vms = found.having;
    // The one we know, wherever it is by now.
    vms.extend(transfer.entity.clone().filter(|known| !vms.contains(known)));
    let mut copies = Vec::new();
    let mut unreadable: Vec<MoRef> = found
        .unreadable
        .into_iter()
        .filter(|vm| vm.name == cx.input().target_name && vm.parent.as_ref() == Some(folder))
        .map(|vm| vm.vm)
        .collect();
    for vm in vms {
        let Seen::There(copy) = vm::settled(&session, &vm, &patience).await? else { continue };
        if vm::is_unreadable(&copy) {
            if !unreadable.contains(&vm) {
                unreadable.push(vm);
            }
        } else if copy.extra_config.get(marker::KEY) == Some(&id) && !is_clone(&copy, transfer) {
            copies.push(*copy);
        }
    }
    Ok((copies, unreadable))
}

fn is_of(copy: &VmDetails, transfer: &Transfer) -> bool {
    copy.extra_config.get(marker::TRANSFER_KEY) == Some(&transfer.number.to_string())
}

fn is_clone(copy: &VmDetails, transfer: &Transfer) -> bool {
    is_of(copy, transfer) && transfer.entity.as_ref().is_some_and(|entity| *entity != copy.vm)
}

/// Destroys a copy that is off.
async fn destroy(cold: &Cold, cx: &ColdCx<'_>, copy: &VmDetails) -> Result<(), StepError> {
    if copy.power != PowerState::Off {
        return Err(StepError::operator(format!(
            "The copy '{}' in {} was powered on by somebody, so it is not deleted. Power it off, then retry.",
            copy.path,
            cx.input().cloud
        )));
    }
    let session = cold.cloud(cx)?.session;
    match session.destroy_task(&copy.vm).await {
        Err(error) if error.is_gone() => Ok(()),
        task => match vm::finish(&session, task, &cold.patience(cx)).await {
            Ok(()) => Ok(()),
            Err(error) => match vm::settled(&session, &copy.vm, &cold.patience(cx)).await? {
                Seen::Gone => Ok(()),
                Seen::There(_) => Err(error),
            },
        },
    }
}
