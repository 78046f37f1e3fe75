//! Step `read-back`: the copy's disks are read again from the target's host and compared with what was read from the
//! source, if that was asked for.
//!
//! ```text
//! end the lease of an earlier try ─► export the copy ─► read every disk, unpacked ─► compare ─► end the lease
//! ```
//!
//! The transfer's checksums say that what left the source arrived at the target's host. What the host's storage made
//! of it, only reading it again tells. A copy that holds something else is undone: the source has not been touched.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, Verify};
use hdm_vsphere::{Export, LeaseInfo, PipeProgress};

use super::held::{self, Held};
use super::meter::Meter;
use super::transfer::{self, cleanup, plan};
use super::{Cold, ColdCx, vm};
use crate::engine::StepError;

/// How many leases one attempt may open because a vCenter restarted: more than that is no accident.
const LEASES_PER_ATTEMPT: u32 = 5;

/// Reads the copy back.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if cx.input().options.verify != Verify::Readback {
        return Ok(());
    }
    end_lease(cold, cx).await?;
    let target = vm::target(cold, cx).await?;
    let source = vm::source(cold, cx).await?;
    let number = cx.memo().transfer.as_ref().map_or(1, |t| t.number);
    let disks = plan::disks(&transfer::wanted(cx, &source, number));

    let session = cold.cloud(cx)?.session;
    let lease = held::open(cold, cx, || session.export_vm(&target.vm)).await?;
    let moref = lease.moref().clone();
    cx.save("the lease to read the copy back", |m| {
        m.read_back = Some(moref);
        m.read_backs += 1;
    })
    .await?;
    let outcome = async {
        let info = held::ready(cold, cx, &lease).await?;
        let held = Held {
            leases: vec![("read-back", lease.clone())],
            timeout: info.timeout,
            tasks: held::tasks(cold, cx)?,
            forgiving: cx.memo().read_backs < LEASES_PER_ATTEMPT * cx.attempt(),
            clock: cx.clock().clone(),
        };
        let disks = offered(cold, cx, &info, &disks).await?;
        let found = read(cold, cx, &held, &disks).await?;
        // Nothing depends on how it ends; a lease that cannot be ended now is ended below, or ends by itself.
        if let Err(error) = lease.complete().await {
            cx.log(format!("The lease of the read-back could not be completed: {error}")).await?;
        }
        compare(cx, &found).await
    }
    .await;
    let ended = end_lease(cold, cx).await;
    outcome.and(ended)
}

/// Ends the lease, so that the copy can be removed.
pub async fn undo(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    end_lease(cold, cx).await
}

/// Ends the lease of this step, if one may still be open.
async fn end_lease(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let memo = cx.memo();
    let Some((lease, target)) = memo.read_back.clone().zip(memo.target.clone()) else { return Ok(()) };
    let session = cold.cloud(cx)?.session;
    cleanup::abort(&session, &lease, cleanup::Holds::Vm(&target)).await?;
    cx.save("the read-back's lease has ended", |m| m.read_back = None).await
}

/// The copy's disks as its export offers them; not its other files, which the target makes anew.
async fn offered(
    cold: &Cold,
    cx: &ColdCx<'_>,
    info: &LeaseInfo,
    disks: &[plan::Disk],
) -> Result<Vec<Export>, StepError> {
    let offered = plan::offer(&info.devices, disks).map_err(StepError::refused)?;
    let rates = cold.throttle.limits(cx.id()).await?;
    let mut found = Vec::new();
    for (offer, device) in offered.iter().zip(&info.devices) {
        let Some(disk) = offer.disk.and_then(|n| disks.get(n)) else { continue };
        found.push(Export {
            label: disk.label.clone(),
            from: device.clone(),
            capacity_bytes: Some(disk.capacity_bytes),
            unpacks: true,
            sha1: false,
            limits: cold.settings.pipe,
            rates: rates.clone(),
        });
    }
    if found.len() != disks.len() {
        return Err(StepError::retry(format!(
            "The copy has {} disks, but its export offers {}.",
            disks.len(),
            found.len()
        )));
    }
    Ok(found)
}

/// Reads every disk; of each, the checksum of what it holds.
async fn read(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    held: &Held,
    disks: &[Export],
) -> Result<Vec<(String, String)>, StepError> {
    let meter = |disk: &Export| Meter::new(&disk.label, disk.capacity_bytes.unwrap_or_default());
    let meters: Vec<_> = disks.iter().map(meter).collect();
    let notes = Mutex::default();
    let id = cx.id();
    let read =
        |(disk, meter): (_, &Meter)| read_one((cold, id), held, disk, meter.passed.clone(), &notes).boxed();
    let works = disks.iter().zip(&meters).map(read).collect();
    held::all(held, cx, (&meters, set), works, &notes).await
}

/// Shows what has been read. All of it is said only once it was compared.
fn set(disk: &mut DiskProgress, passed: &PipeProgress) {
    disk.read_back_bytes = Some(passed.position_bytes().min(disk.capacity_bytes.saturating_sub(1)));
}

async fn read_one(
    (cold, id): (&Cold, MigrationId),
    held: &Held,
    disk: &Export,
    passed: Arc<PipeProgress>,
    notes: &Mutex<Vec<String>>,
) -> Result<(String, String), StepError> {
    let words = ("Reading back", "is read back again");
    let run = || async {
        let host = disk.from.host();
        let _place = cold.streams.enter(id, host.clone(), host).await;
        disk.read(&passed).await
    };
    let piped = held::insist(held, &disk.label, words, notes, run).await?;
    Ok((disk.label.clone(), piped.content_sha256.map(hex::encode).unwrap_or_default()))
}

/// Compares what was read with what the source's disks hold.
async fn compare(cx: &mut ColdCx<'_>, found: &[(String, String)]) -> Result<(), StepError> {
    let held = cx.memo().transfer.as_ref().map(|t| t.contents.clone()).unwrap_or_default();
    let mut wrong = Vec::new();
    for (label, content) in found {
        match held.get(label) {
            Some(original) if original == content => {
                cx.log(format!("{label}: read back from the copy, it holds what the source's holds (SHA-256 of its data {content})."))
                    .await?;
                cx.progress().update(|disks| {
                    if let Some(disk) = disks.iter_mut().find(|disk| disk.label == *label) {
                        disk.read_back_bytes = Some(disk.capacity_bytes);
                        disk.rate_bytes_per_second = 0;
                    }
                });
            }
            Some(original) => {
                wrong.push(format!("{label} (SHA-256 of its data {content}, at the source {original})"));
            }
            None => wrong.push(format!("{label} (the transfer left nothing to compare it with)")),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(StepError::refused(format!(
        "Read back, the copy '{}' in {} does not hold what '{}' holds: {}. Its host had confirmed the data when it arrived; look at the datastore '{}' before you retry.",
        cx.input().target_name,
        cx.input().cloud,
        cx.input().vm_name,
        wrong.join("; "),
        cx.input().place.datastore.name
    )))
}
