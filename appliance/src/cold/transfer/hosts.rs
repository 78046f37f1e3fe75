//! Hosts that are known to give SHA-256 checksums.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Which hosts gave SHA-256 checksums of all disks last time. Between two of them SHA-1 is not taken as well, which is 18 %
/// of the processor time of a transfer that takes both (the profile in `docs/benchmarks.md`). A vCenter that takes the wish
/// for SHA-256 is no proof that its hosts heed it, so what counts is what a host did; one that goes back on it costs one
/// transfer.
#[derive(Debug, Default)]
pub struct Sha256Hosts(Mutex<BTreeSet<String>>);

/// More hosts than two vCenters have (Configuration Maximums, vSphere 8.0: 2,500 each); beyond it nothing is learned.
const MAX_HOSTS: usize = 8_192;

impl Sha256Hosts {
    /// Whether a host, as leases call it, is one.
    pub fn knows(&self, host: &str) -> bool {
        self.hosts().contains(host)
    }

    /// Takes note of what a host gave.
    pub fn learn(&self, host: &str, gives_sha256: bool) {
        let mut hosts = self.hosts();
        if !gives_sha256 {
            hosts.remove(host);
        } else if hosts.len() < MAX_HOSTS {
            hosts.insert(host.to_owned());
        }
    }

    fn hosts(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
