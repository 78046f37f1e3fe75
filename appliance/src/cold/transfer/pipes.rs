//! The bytes: every file from host to host, as many at once as the hosts may serve, while both leases are told of
//! progress.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hdm_shared::MigrationId;
use hdm_shared::migration::Verify;
use hdm_vsphere::{Export, Pipe, PipeProgress, RateLimit};

use super::super::held;
use super::super::{Cold, ColdCx};
use super::leases::Leases;
use super::manifest::Passed;
use super::plan::File;
use crate::engine::{Clock, Progress, StepError};

/// How often progress is shown.
const SHOWN: Duration = Duration::from_millis(500);

/// Sends all files and says what passed.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>, leases: &Leases) -> Result<Vec<Passed>, StepError> {
    let meters: Vec<Arc<PipeProgress>> = leases.files.iter().map(|_| Arc::default()).collect();
    let notes = Mutex::new(Vec::new());
    let rates = cold.throttle.limits(cx.id()).await?;
    // What will be read back is unpacked on its way, so that there is something to compare it with.
    let unpacks = cx.input().options.verify == Verify::Readback;
    let outcome = {
        let mut sendings = Vec::new();
        for (file, meter) in leases.files.iter().zip(&meters) {
            sendings.push(send((cold, cx.id()), leases, file, (meter, &rates), unpacks, &notes).boxed());
        }
        let mut under_way: FuturesUnordered<_> = sendings.into_iter().collect();
        let all = async {
            let mut passed = Vec::new();
            while let Some(sent) = under_way.next().await {
                passed.push(sent?);
            }
            Ok(passed)
        };
        let percent = || percent(&leases.files, &meters);
        tokio::select! {
            outcome = held::during(&leases.held, cx, percent, all) => outcome,
            () = show(cx.clock(), cx.progress(), &leases.files, &meters) => Err(StepError::Cancelled),
        }
    };
    for note in notes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        cx.log(note).await?;
    }
    outcome
}

/// Sends one file.
async fn send(
    (cold, id): (&Cold, MigrationId),
    leases: &Leases,
    file: &File,
    (meter, rates): (&Arc<PipeProgress>, &[Arc<RateLimit>]),
    unpacks: bool,
    notes: &Mutex<Vec<String>>,
) -> Result<Passed, StepError> {
    let pipe = Pipe {
        export: Export {
            label: file.label.clone(),
            from: file.from.clone(),
            capacity_bytes: file.disk.map(|_| file.capacity_bytes),
            unpacks,
            limits: cold.settings.pipe,
            rates: rates.to_vec(),
        },
        to: file.to.clone(),
    };
    let words = ("The transfer of", "is sent again");
    let run = || async {
        // Given back before the file is tried again: a host that is away must not hold places at the other.
        let _place = cold.streams.enter(id, file.from.host(), file.to.host()).await;
        pipe.run(meter).await
    };
    let piped = held::insist(&leases.held, &file.label, words, notes, run).await?;
    Ok(Passed {
        label: file.label.clone(),
        export_key: file.from.key.clone(),
        import_key: file.to.key.clone(),
        sha1: piped.sha1,
        sha256: piped.sha256,
        content_sha256: piped.content_sha256,
        wire_bytes: piped.wire_bytes,
    })
}

/// How much of all disks has passed.
fn percent(files: &[File], meters: &[Arc<PipeProgress>]) -> u8 {
    let total: u128 = files.iter().map(|f| u128::from(f.capacity_bytes)).sum();
    let passed: u128 = meters.iter().map(|m| u128::from(m.position_bytes())).sum();
    u8::try_from((passed * 100).checked_div(total).unwrap_or(0).min(99)).unwrap_or(99)
}

/// Shows the disks' progress for as long as it is polled.
async fn show(clock: &Arc<dyn Clock>, progress: &Progress, files: &[File], meters: &[Arc<PipeProgress>]) {
    let mut before: Vec<(Duration, u64)> = meters.iter().map(|_| (clock.mark(), 0)).collect();
    loop {
        clock.sleep(SHOWN).await;
        progress.update(|disks| {
            for ((file, meter), last) in files.iter().zip(meters).zip(&mut before) {
                let Some(disk) = disks.iter_mut().find(|d| file.disk.is_some() && d.label == file.label)
                else {
                    continue;
                };
                let (now, wire) = (clock.mark(), meter.wire_bytes());
                let millis = now.saturating_sub(last.0).as_millis().max(1);
                let since = u128::from(wire.saturating_sub(last.1));
                disk.position_bytes = meter.position_bytes();
                disk.wire_bytes = wire;
                disk.rate_bytes_per_second = u64::try_from(since * 1_000 / millis).unwrap_or(u64::MAX);
                *last = (now, wire);
            }
        });
        progress.observe(clock.mark());
    }
}
