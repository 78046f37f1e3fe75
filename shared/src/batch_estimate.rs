//! How long a batch will take: a range from what was measured, and said to be assumed where nothing was.

use crate::migration::{Estimate, MAX_RUNNING, MigrationState, MigrationView};

/// Rates assumed while nothing was measured, in bytes per second: a 1 Gbit/s link, shared or alone.
const ASSUMED: (f64, f64) = (25e6, 100e6);
/// What a migration takes besides its bytes: shutting down, snapshot, verifying, powering on. In seconds.
const AROUND: (f64, f64) = (60.0, 360.0);
/// So many finished migrations tell enough.
const ENOUGH: usize = 3;

/// The estimate of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEstimate {
    /// The range.
    pub range: Estimate,
    /// From how many finished migrations it was taken; none means that it is assumed.
    pub measured: usize,
}

/// The slow and the fast quarter of what finished migrations reached, in bytes per second for each.
fn rates<'a>(finished: impl IntoIterator<Item = &'a MigrationView>) -> (Vec<f64>, usize) {
    let mut rates: Vec<f64> = finished
        .into_iter()
        .filter(|migration| migration.state == MigrationState::Done)
        .filter_map(|migration| {
            let millis = migration.ended_at?.as_millisecond() - migration.started_at?.as_millisecond();
            let bytes: u64 = migration.disks.iter().map(|disk| disk.capacity_bytes).sum();
            #[allow(clippy::cast_precision_loss, reason = "an estimate")]
            (millis > 0 && bytes > 0).then(|| bytes as f64 * 1_000.0 / millis as f64)
        })
        .collect();
    rates.sort_unstable_by(f64::total_cmp);
    let count = rates.len();
    (rates, count)
}

/// Estimates a batch of virtual machines, given the sums of their disks.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate"
)]
pub fn estimate<'a>(
    capacities_bytes: &[u64],
    finished: impl IntoIterator<Item = &'a MigrationView>,
) -> BatchEstimate {
    let (rates, measured) = rates(finished);
    let enough = measured >= ENOUGH;
    let (slow, fast) =
        if enough { (rates[measured / 4], rates[measured - 1 - measured / 4]) } else { ASSUMED };
    let total: f64 = capacities_bytes.iter().map(|bytes| *bytes as f64).sum();
    let largest = capacities_bytes.iter().copied().max().unwrap_or(0) as f64;
    let at_once = capacities_bytes.len().clamp(1, MAX_RUNNING) as f64;
    let rounds = (capacities_bytes.len() as f64 / at_once).ceil();
    // At best all that run at once reach the good rate each; the largest one still needs its own time. At
    // worst they share one link.
    let low = (total / (fast * at_once)).max(largest / fast) + AROUND.0 * rounds;
    let high = total / slow + AROUND.1 * rounds;
    // What was measured has everything around the bytes in it already.
    let (low, high) = if enough { (low - AROUND.0 * rounds, high - AROUND.1 * rounds) } else { (low, high) };
    BatchEstimate {
        range: Estimate { low_seconds: low.max(1.0) as u64, high_seconds: high.max(low).max(1.0) as u64 },
        measured: if enough { measured } else { 0 },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::ids::MigrationId;
    use crate::migration::DiskProgress;
    use crate::testing::migration;

    fn finished(seconds: i64) -> MigrationView {
        let mut done = migration(MigrationId(Uuid::nil()), "vm-1", "web");
        done.state = MigrationState::Done;
        done.started_at = Some(Timestamp::UNIX_EPOCH);
        done.ended_at = Some(Timestamp::from_second(seconds).unwrap());
        done.disks = vec![DiskProgress { capacity_bytes: 10_000_000_000, ..DiskProgress::default() }];
        done
    }

    #[test]
    fn without_measurements_the_range_is_wide_and_says_so() {
        let guess = estimate(&[36_000_000_000], &[finished(100)]);
        assert_eq!(guess.measured, 0);
        assert_eq!(guess.range, Estimate { low_seconds: 420, high_seconds: 1_800 });
    }

    #[test]
    fn what_was_measured_narrows_it() {
        let history = [finished(100), finished(200), finished(100), finished(125)];
        let guess = estimate(&[10_000_000_000; 2], &history);
        assert_eq!(guess.measured, 4);
        assert_eq!(guess.range.low_seconds, 100);
        assert!(guess.range.high_seconds >= 250, "{:?}", guess.range);
    }
}
