//! Step `read-back`: the copy's disks are read again from the target's host and compared with what was read from the
//! source, if that was asked for.
//!
//! ```text
//! end the lease of an earlier try ─► export the copy ─► read every disk, unpacked ─► compare ─► end the lease
//! ```
//!
//! The transfer's checksums say that what left the source arrived at the target's host. What the host's storage made
//! of it, only reading it again tells. A copy that holds something else is undone: the source has not been touched.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hdm_shared::MigrationId;
use hdm_shared::migration::Verify;
use hdm_vsphere::{Export, LeaseInfo, PipeProgress};

use super::transfer::{self, cleanup, plan};
use super::{Cold, ColdCx, held, vm};
use crate::engine::{Clock, Progress, StepError};
use held::Held;

/// How often progress is shown.
const SHOWN: Duration = Duration::from_millis(500);
/// How many leases one attempt may open because a vCenter restarted: more than that is no accident.
const LEASES_PER_ATTEMPT: u32 = 5;

/// A disk to be read.
struct Disk {
    label: String,
    export: Export,
    meter: Arc<PipeProgress>,
}

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
) -> Result<Vec<Disk>, StepError> {
    let offered = plan::offer(&info.devices, disks).map_err(StepError::refused)?;
    let rates = cold.throttle.limits(cx.id()).await?;
    let mut found = Vec::new();
    for (offer, device) in offered.iter().zip(&info.devices) {
        let Some(disk) = offer.disk.and_then(|n| disks.get(n)) else { continue };
        found.push(Disk {
            label: disk.label.clone(),
            export: Export {
                label: disk.label.clone(),
                from: device.clone(),
                capacity_bytes: Some(disk.capacity_bytes),
                unpacks: true,
                limits: cold.settings.pipe,
                rates: rates.clone(),
            },
            meter: Arc::default(),
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
    disks: &[Disk],
) -> Result<BTreeMap<String, String>, StepError> {
    let notes = Mutex::new(Vec::new());
    let outcome = {
        let mut readings = Vec::new();
        for disk in disks {
            readings.push(read_one((cold, cx.id()), held, disk, &notes).boxed());
        }
        let mut under_way: FuturesUnordered<_> = readings.into_iter().collect();
        let all = async {
            let mut found = BTreeMap::new();
            while let Some(read) = under_way.next().await {
                let (label, content) = read?;
                found.insert(label, content);
            }
            Ok(found)
        };
        tokio::select! {
            outcome = held::during(held, cx, || percent(disks), all) => outcome,
            () = show(cx.clock(), cx.progress(), disks) => Err(StepError::Cancelled),
        }
    };
    for note in notes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        cx.log(note).await?;
    }
    outcome
}

async fn read_one(
    (cold, id): (&Cold, MigrationId),
    held: &Held,
    disk: &Disk,
    notes: &Mutex<Vec<String>>,
) -> Result<(String, String), StepError> {
    let words = ("Reading back", "is read back again");
    let run = || async {
        let host = disk.export.from.host();
        let _place = cold.streams.enter(id, host.clone(), host).await;
        disk.export.read(&disk.meter).await
    };
    let piped = held::insist(held, &disk.label, words, notes, run).await?;
    Ok((disk.label.clone(), piped.content_sha256.map(hex::encode).unwrap_or_default()))
}

/// Compares what was read with what the source's disks hold.
async fn compare(cx: &mut ColdCx<'_>, found: &BTreeMap<String, String>) -> Result<(), StepError> {
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

/// How much of all disks has been read.
fn percent(disks: &[Disk]) -> u8 {
    let total: u128 = disks.iter().filter_map(|d| d.export.capacity_bytes).map(u128::from).sum();
    let read: u128 = disks.iter().map(|d| u128::from(d.meter.position_bytes())).sum();
    u8::try_from((read * 100).checked_div(total).unwrap_or(0).min(99)).unwrap_or(99)
}

/// Shows the progress for as long as it is polled.
async fn show(clock: &Arc<dyn Clock>, progress: &Progress, disks: &[Disk]) {
    let mut before: Vec<_> = disks.iter().map(|_| (clock.mark(), 0)).collect();
    loop {
        clock.sleep(SHOWN).await;
        progress.update(|shown| {
            for (disk, last) in disks.iter().zip(&mut before) {
                let Some(line) = shown.iter_mut().find(|line| line.label == disk.label) else { continue };
                let (now, wire) = (clock.mark(), disk.meter.wire_bytes());
                let millis = now.saturating_sub(last.0).as_millis().max(1);
                let since = u128::from(wire.saturating_sub(last.1));
                line.read_back_bytes = Some(disk.meter.position_bytes());
                line.rate_bytes_per_second = u64::try_from(since * 1_000 / millis).unwrap_or(u64::MAX);
                *last = (now, wire);
            }
        });
        progress.observe(clock.mark());
    }
}
