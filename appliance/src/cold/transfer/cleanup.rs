//! Leaving nothing of a transfer behind, whatever became of it.
//!
//! ```text
//! import asked for? ─no──► nothing can be there
//!   │yes
//!   lease known? ─yes─► abort it, if what it holds carries our mark ──┐
//!   │no: its answer was lost                                          │
//!   └► give the call time to take effect, and the lease to expire ────┤
//!                                                                     ▼
//!                                   destroy by mark what is still there
//! ```
//!
//! The inventory is asked by mark, never by name. A VM that carries the mark but is not the one whose lease
//! we held is somebody's clone of it and is left alone.

use std::time::Duration;

use hdm_vsphere::{LeaseState, MoRef, PowerState, Session, VmDetails};

use super::super::memo::Transfer;
use super::super::vm::{self, Seen};
use super::super::{Cold, ColdCx, marker};
use crate::engine::StepError;

const POLL: Duration = Duration::from_millis(500);

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
        abort(&cold.cloud(cx)?.session, lease, |entity| Some(entity) == transfer.entity.as_ref()).await?;
    }
    if let Some(lease) = &transfer.export {
        let source = cx.input().source_vm();
        abort(&cold.source(cx)?.session, lease, |entity| *entity == source).await?;
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

/// Aborts a lease that lives and holds what is ours; a lease that has ended or is unknown needs nothing.
pub async fn abort(session: &Session, lease: &MoRef, ours: impl Fn(&MoRef) -> bool) -> Result<(), StepError> {
    let lease = session.attach_lease(lease);
    match lease.state().await {
        Ok(LeaseState::Initializing | LeaseState::Ready) => {}
        Ok(LeaseState::Done | LeaseState::Error(_)) => return Ok(()),
        Err(error) if error.is_gone() => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    // Ids are given anew after a restart of vCenter: this may be somebody else's lease by now.
    if let Some(entity) = lease.entity().await?
        && !ours(&entity)
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
    let now = || cx.clock().now().as_second();
    let lease_seconds = match transfer.lease_seconds {
        0 => vm::as_seconds(cold.settings.lease_expiry),
        known => i64::try_from(known).unwrap_or(i64::MAX / 4),
    };
    let give_up = now() + lease_seconds + vm::as_seconds(cold.settings.task);
    // While the outcome of the import is unknown, absence proves nothing for a moment.
    let unknown_until = match (&transfer.import, transfer.import_asked) {
        (None, Some(asked)) => asked.as_second() + vm::as_seconds(cold.settings.import_grace),
        _ => i64::MIN,
    };
    loop {
        let mut left = Vec::new();
        for copy in vm::copies(cold, cx).await? {
            if !is_clone(&copy, transfer) {
                left.push(copy);
            }
        }
        if left.is_empty() && now() >= unknown_until {
            return Ok(());
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
        if let Some(error) = refused.filter(|_| now() >= give_up) {
            return Err(error);
        }
        if !left.is_empty() || now() < unknown_until {
            tokio::time::sleep(POLL).await;
        }
    }
}

fn is_clone(copy: &VmDetails, transfer: &Transfer) -> bool {
    let same_number = copy.extra_config.get(marker::TRANSFER_KEY) == Some(&transfer.number.to_string());
    same_number && transfer.entity.as_ref().is_some_and(|entity| *entity != copy.vm)
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
        task => match vm::finish(&session, task, cold.settings.task).await {
            Ok(()) => Ok(()),
            Err(error) => match vm::settled(&session, &copy.vm, cold.settings.task).await? {
                Seen::Gone => Ok(()),
                Seen::There(_) => Err(error),
            },
        },
    }
}
