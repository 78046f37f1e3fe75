//! What of a workflow being driven is shared with those who watch or stop it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdm_shared::estimate::Estimator;
use hdm_shared::migration::{DiskProgress, Estimate};
use tokio::sync::watch;

/// The progress of a workflow's disks. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    disks: Arc<Mutex<Vec<DiskProgress>>>,
    estimator: Arc<Mutex<Estimator>>,
}

impl Progress {
    /// Replaces all.
    pub fn set(&self, disks: Vec<DiskProgress>) {
        *guard(&self.disks) = disks;
    }

    /// Changes some.
    pub fn update(&self, change: impl FnOnce(&mut Vec<DiskProgress>)) {
        change(&mut guard(&self.disks));
    }

    /// Takes note of how far the disks have come by a clock's mark, for [`Progress::estimate`].
    pub fn observe(&self, mark: Duration) {
        let done = sum(&guard(&self.disks), |disk| {
            disk.position_bytes.saturating_add(disk.read_back_bytes.unwrap_or_default())
        });
        guard(&self.estimator).observe(i64::try_from(mark.as_millis()).unwrap_or(i64::MAX), done);
    }

    /// How long the disks will still take, once that can be said.
    pub fn estimate(&self) -> Option<Estimate> {
        // What will be read back passes twice.
        let total = sum(&guard(&self.disks), |disk| {
            disk.capacity_bytes.saturating_mul(if disk.read_back_bytes.is_some() { 2 } else { 1 })
        });
        guard(&self.estimator).estimate(total)
    }

    /// As it is now.
    pub fn get(&self) -> Vec<DiskProgress> {
        guard(&self.disks).clone()
    }
}

fn sum(disks: &[DiskProgress], of: impl Fn(&DiskProgress) -> u64) -> u64 {
    disks.iter().fold(0, |sum, disk| sum.saturating_add(of(disk)))
}

/// One workflow while it is driven.
#[derive(Debug)]
pub(super) struct Live<M> {
    /// Its memo, as last saved.
    pub(super) memo: Mutex<M>,
    /// Its progress.
    pub(super) progress: Progress,
    /// Who wants it cancelled.
    pub(super) cancel: watch::Sender<Option<String>>,
    /// The fence of its claim.
    pub(super) fence: i64,
}

impl<M: Clone> Live<M> {
    pub(super) fn memo(&self) -> M {
        guard(&self.memo).clone()
    }
}

/// A value is whole between two statements: a panic elsewhere does not spoil it.
pub(super) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
