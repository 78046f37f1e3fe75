//! How far the files of a migration have come, shown while they pass.

use std::sync::Arc;
use std::time::Duration;

use hdm_shared::migration::DiskProgress;
use hdm_vsphere::PipeProgress;

use crate::engine::{Clock, Progress};

/// How often progress is shown.
const SHOWN: Duration = Duration::from_millis(500);

/// A file on its way.
pub struct Meter {
    /// Its label; of a disk, the disk's.
    label: String,
    /// The disk's size; 0 for other files.
    capacity_bytes: u64,
    /// What has passed.
    pub passed: Arc<PipeProgress>,
}

impl Meter {
    /// Of a file of which nothing has passed.
    pub fn new(label: &str, capacity_bytes: u64) -> Self {
        Self { label: label.to_owned(), capacity_bytes, passed: Arc::default() }
    }
}

/// How much of all disks has passed; 100 is for whoever knows that everything is well.
pub fn percent(meters: &[Meter]) -> u8 {
    let total: u128 = meters.iter().map(|meter| u128::from(meter.capacity_bytes)).sum();
    let passed: u128 = meters.iter().map(|meter| u128::from(meter.passed.position_bytes())).sum();
    u8::try_from((passed * 100).checked_div(total).unwrap_or(0).min(99)).unwrap_or(99)
}

/// Shows the disks' progress for as long as it is polled: `set` writes what has passed, the rate is written here.
pub async fn show(
    clock: &Arc<dyn Clock>,
    progress: &Progress,
    meters: &[Meter],
    set: fn(&mut DiskProgress, &PipeProgress),
) {
    let mut before: Vec<(Duration, u64)> = meters.iter().map(|_| (clock.mark(), 0)).collect();
    loop {
        clock.sleep(SHOWN).await;
        progress.update(|disks| {
            for (meter, last) in meters.iter().zip(&mut before) {
                // What is no disk has no line.
                let Some(disk) = disks.iter_mut().find(|disk| disk.label == meter.label) else { continue };
                let (now, wire) = (clock.mark(), meter.passed.wire_bytes());
                let millis = now.saturating_sub(last.0).as_millis().max(1);
                let since = u128::from(wire.saturating_sub(last.1));
                set(disk, &meter.passed);
                disk.rate_bytes_per_second = u64::try_from(since * 1_000 / millis).unwrap_or(u64::MAX);
                *last = (now, wire);
            }
        });
        progress.observe(clock.mark());
    }
}
