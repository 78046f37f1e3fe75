//! What of a workflow being driven is shared with those who watch or stop it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdm_shared::migration::DiskProgress;
use tokio::sync::watch;

/// The progress of a workflow's disks. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    disks: Arc<Mutex<Vec<DiskProgress>>>,
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

    /// As it is now.
    pub fn get(&self) -> Vec<DiskProgress> {
        guard(&self.disks).clone()
    }
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
