//! The bytes: every file from host to host, as many at once as the hosts may serve, while both leases are told of
//! progress.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hdm_shared::MigrationId;
use hdm_vsphere::{Error, Pipe, PipeProgress, RateLimit};
use jiff::Timestamp;

use super::super::{Cold, ColdCx, vm};
use super::leases::{self, Leases};
use super::manifest::Passed;
use super::plan::File;
use crate::engine::{Clock, Progress, StepError};

/// How often a file is sent under one pair of leases.
const SENDINGS: u32 = 3;
/// How long a host may be out of reach before that costs an attempt.
const OUTAGE: Duration = Duration::from_secs(300);
/// The pause before a host out of reach is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often progress is shown.
const SHOWN: Duration = Duration::from_millis(500);

/// Sends all files and says what passed.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>, leases: &Leases) -> Result<Vec<Passed>, StepError> {
    let meters: Vec<Arc<PipeProgress>> = leases.files.iter().map(|_| Arc::default()).collect();
    let notes = Mutex::new(Vec::new());
    let rates = cold.throttle.limits(cx.id()).await?;
    let outcome = {
        let mut sendings = Vec::new();
        for (file, meter) in leases.files.iter().zip(&meters) {
            sendings.push(send((cold, cx.id()), leases, file, (meter, &rates), &notes).boxed());
        }
        let mut under_way: FuturesUnordered<_> = sendings.into_iter().collect();
        let all = async {
            let mut passed = Vec::new();
            while let Some(sent) = under_way.next().await {
                passed.push(sent?);
            }
            Ok(passed)
        };
        let cancel = cx.cancel().clone();
        let percent = || percent(&leases.files, &meters);
        tokio::select! {
            outcome = all => outcome,
            error = leases::keep_alive(leases, percent) => Err(error),
            () = show(&leases.clock, cx.progress(), &leases.files, &meters) => Err(StepError::Cancelled),
            () = cancel.cancelled() => Err(StepError::Cancelled),
        }
    };
    for note in notes.into_inner().unwrap_or_else(PoisonError::into_inner) {
        cx.log(note).await?;
    }
    outcome
}

/// Sends one file, and again while both leases live: what has arrived of the others is kept.
async fn send(
    (cold, id): (&Cold, MigrationId),
    leases: &Leases,
    file: &File,
    (meter, rates): (&Arc<PipeProgress>, &[Arc<RateLimit>]),
    notes: &Mutex<Vec<String>>,
) -> Result<Passed, StepError> {
    let pipe = Pipe {
        label: file.label.clone(),
        from: file.from.clone(),
        to: file.to.clone(),
        capacity_bytes: file.disk.map(|_| file.capacity_bytes),
        limits: cold.settings.pipe,
        rates: rates.to_vec(),
    };
    let mut sending = 1;
    let mut away: Option<Timestamp> = None;
    loop {
        // Given back before the file is tried again: a host that is away must not hold places at the other.
        let place = cold.streams.enter(id, pipe.from.host(), pipe.to.host()).await;
        let sent = pipe.run(meter).await;
        drop(place);
        let error = match sent {
            Ok(piped) => {
                return Ok(Passed {
                    label: file.label.clone(),
                    export_key: file.from.key.clone(),
                    import_key: file.to.key.clone(),
                    sha1: piped.sha1,
                    sha256: piped.sha256,
                    wire_bytes: piped.wire_bytes,
                });
            }
            Err(error) => error,
        };
        if matches!(error, Error::Damaged { .. } | Error::Certificate { .. }) {
            return Err(StepError::retry(format!("The transfer of {} broke: {error}.", file.label)));
        }
        // Why it broke matters: a vCenter that is away is waited for, a lease that ended is not.
        if let Some(ended) = leases::ended(leases).await? {
            return Err(ended.error(leases, &format!("The transfer of {} broke: {error}. ", file.label)));
        }
        // A host that cannot be reached has not been sent anything. It is waited for while the leases live.
        if let Error::Nfc { reached: false, .. } = &error {
            let since = *away.get_or_insert_with(|| leases.clock.now());
            if leases.clock.now() < vm::later(since, OUTAGE) {
                tracing::info!(file = %file.label, %error, "waiting for a host");
                leases.clock.sleep(TRY_AGAIN).await;
                continue;
            }
            return Err(StepError::retry(format!(
                "The transfer of {} broke {} s ago and cannot go on: {error}.",
                file.label,
                OUTAGE.as_secs()
            )));
        }
        away = None;
        if sending >= SENDINGS {
            return Err(StepError::retry(format!("The transfer of {} broke: {error}.", file.label)));
        }
        let note = format!("{} is sent again, because its transfer broke: {error}", file.label);
        tracing::info!("{note}");
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        sending += 1;
    }
}

/// How much of all disks has passed.
fn percent(files: &[File], meters: &[Arc<PipeProgress>]) -> u8 {
    let total: u128 = files.iter().map(|f| u128::from(f.capacity_bytes)).sum();
    let passed: u128 = meters.iter().map(|m| u128::from(m.position_bytes())).sum();
    u8::try_from((passed * 100).checked_div(total).unwrap_or(0).min(99)).unwrap_or(99)
}

/// Shows the disks' progress for as long as it is polled.
async fn show(clock: &Arc<dyn Clock>, progress: &Progress, files: &[File], meters: &[Arc<PipeProgress>]) {
    let mut before: Vec<(Timestamp, u64)> = meters.iter().map(|_| (clock.now(), 0)).collect();
    loop {
        clock.sleep(SHOWN).await;
        progress.update(|disks| {
            for ((file, meter), last) in files.iter().zip(meters).zip(&mut before) {
                let Some(disk) = disks.iter_mut().find(|d| file.disk.is_some() && d.label == file.label)
                else {
                    continue;
                };
                let (now, wire) = (clock.now(), meter.wire_bytes());
                let millis = now.duration_since(last.0).as_millis().max(1).unsigned_abs();
                let since = u128::from(wire.saturating_sub(last.1));
                disk.position_bytes = meter.position_bytes();
                disk.wire_bytes = wire;
                disk.rate_bytes_per_second = u64::try_from(since * 1_000 / millis).unwrap_or(u64::MAX);
                *last = (now, wire);
            }
        });
        progress.observe(clock.now());
    }
}
