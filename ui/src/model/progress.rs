//! How far a migration is: measured in bytes of its disks, never guessed.

use hdm_shared::display::Phase;
use hdm_shared::migration::{MigrationState, MigrationView};

use super::in_progress::phase;

/// The progress of all disks together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// How far, out of `total_bytes`.
    pub done_bytes: u64,
    /// Sum of the disks' sizes; 0 while that is not known.
    pub total_bytes: u64,
    /// How much of it has been read back, if that was asked for.
    pub read_back_bytes: Option<u64>,
    /// What went over the wire, compressed.
    pub wire_bytes: u64,
    /// The rate over the wire.
    pub rate_bytes_per_second: u64,
}

impl Progress {
    /// Of a migration.
    pub fn of(migration: &MigrationView) -> Self {
        let mut sum = Self::default();
        for disk in &migration.disks {
            let done = if disk.verified { disk.capacity_bytes } else { disk.position_bytes };
            sum.done_bytes += done.min(disk.capacity_bytes);
            sum.total_bytes += disk.capacity_bytes;
            if let Some(read) = disk.read_back_bytes {
                *sum.read_back_bytes.get_or_insert(0) += read.min(disk.capacity_bytes);
            }
            sum.wire_bytes += disk.wire_bytes;
            sum.rate_bytes_per_second += disk.rate_bytes_per_second;
        }
        if migration.state == MigrationState::Done {
            sum.done_bytes = sum.total_bytes;
            sum.read_back_bytes = sum.read_back_bytes.map(|_| sum.total_bytes);
        }
        let moves = matches!(phase(migration), Phase::Transfer | Phase::Verify);
        if migration.state != MigrationState::Running || !moves {
            sum.rate_bytes_per_second = 0;
        }
        sum
    }

    /// The share done, from 0 to 1; `None` while the size is not known.
    ///
    /// 1 is said only when everything is done: 99.9 % must not read as 100 %.
    pub fn share(self) -> Option<f64> {
        if self.total_bytes == 0 {
            return None;
        }
        // What is read back passes twice.
        let times = if self.read_back_bytes.is_some() { 2 } else { 1 };
        let (done, total) =
            (self.done_bytes + self.read_back_bytes.unwrap_or_default(), self.total_bytes * times);
        #[allow(clippy::cast_precision_loss, reason = "rounded to percent anyway")]
        let share = done as f64 / total as f64;
        Some(if done < total { share.min(0.99) } else { 1.0 })
    }

    /// How much smaller the data got on the wire; `None` if nothing was sent.
    pub fn compression(self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
        (self.wire_bytes > 0 && self.done_bytes > 0).then(|| self.done_bytes as f64 / self.wire_bytes as f64)
    }
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::DiskProgress;

    use super::*;
    use crate::model::changes::samples::migration;

    fn disk(capacity_bytes: u64, position_bytes: u64) -> DiskProgress {
        DiskProgress { capacity_bytes, position_bytes, rate_bytes_per_second: 7, ..DiskProgress::default() }
    }

    #[test]
    fn disks_add_up_and_only_everything_is_all() {
        let mut moving = migration(1, MigrationState::Running);
        moving.step = Some("transfer".into());
        moving.disks = vec![disk(1_000_000, 1_000_000), disk(1_000_000, 999_999)];
        let progress = Progress::of(&moving);
        assert_eq!(progress.rate_bytes_per_second, 14);
        assert_eq!(progress.share(), Some(0.99));
        moving.disks[1].verified = true;
        assert_eq!(Progress::of(&moving).share(), Some(1.0));
    }

    #[test]
    fn what_is_read_back_is_half_of_the_way() {
        let mut moving = migration(1, MigrationState::Running);
        moving.disks = vec![DiskProgress { read_back_bytes: Some(0), ..disk(100, 100) }];
        assert_eq!(Progress::of(&moving).share(), Some(0.5));
        moving.disks[0].read_back_bytes = Some(50);
        assert_eq!(Progress::of(&moving).share(), Some(0.75));
        moving.state = MigrationState::Done;
        assert_eq!(Progress::of(&moving).share(), Some(1.0));
    }

    #[test]
    fn what_does_not_transfer_has_no_rate_and_what_has_no_disks_no_share() {
        let mut waiting = migration(1, MigrationState::Waiting);
        waiting.disks = vec![disk(10, 5)];
        assert_eq!(Progress::of(&waiting).rate_bytes_per_second, 0);
        assert_eq!(Progress::of(&migration(2, MigrationState::Queued)).share(), None);
    }
}
