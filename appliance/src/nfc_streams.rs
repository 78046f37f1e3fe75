//! How many files a host reads or writes at once for this appliance, over all migrations.
//!
//! ```text
//! file ─► waits until both hosts have room ─► pipe ─► gives its places back
//! ```
//!
//! An ESXi host serves few NFC connections well, and gives each a part of the same memory: what goes beyond only
//! makes all slower. A file takes a place at the host it comes from and one at the host it goes to, both together,
//! so that none is held while the other is waited for. The next is a file of the migration that has the fewest under
//! way, the first that came among equals: a VM with many disks does not keep the others out. Who needs two hosts
//! that are seldom free together is overtaken a few times only, then places are kept for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdm_shared::{MigrationId, VcenterId};
use hdm_vsphere::MoRef;
use tokio::sync::oneshot;

/// How often a file may be overtaken by others at one of its hosts.
const OVERTAKEN: u32 = 8;

/// The places of all hosts.
#[derive(Debug)]
pub struct NfcStreams {
    per_host: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Places taken, by host.
    taken: HashMap<String, usize>,
    /// Files under way, by migration.
    under_way: HashMap<MigrationId, usize>,
    /// In the order they came.
    waiting: Vec<Waiter>,
    /// Imports for which a host was chosen and which have not ended.
    imports: HashMap<(VcenterId, MoRef), usize>,
}

#[derive(Debug)]
struct Waiter {
    of: MigrationId,
    hosts: Vec<String>,
    overtaken: u32,
    go: oneshot::Sender<Stream>,
}

/// Places at two hosts; dropped, it gives them back.
#[derive(Debug)]
pub struct Stream {
    streams: Arc<NfcStreams>,
    of: MigrationId,
    hosts: Vec<String>,
}

/// An import that has its host; dropped, it counts there no more.
#[derive(Debug)]
pub struct Placed {
    streams: Arc<NfcStreams>,
    host: (VcenterId, MoRef),
}

impl NfcStreams {
    /// So many places at each host, at least one.
    pub fn new(per_host: usize) -> Arc<Self> {
        Arc::new(Self { per_host: per_host.max(1), table: Mutex::default() })
    }

    /// Waits for a place at both hosts, each as `host:port`.
    pub async fn enter(self: &Arc<Self>, of: MigrationId, from: String, to: String) -> Stream {
        let mut hosts = vec![from, to];
        hosts.dedup();
        let (go, may) = oneshot::channel();
        self.table().waiting.push(Waiter { of, hosts: hosts.clone(), overtaken: 0, go });
        self.admit();
        match may.await {
            Ok(stream) => stream,
            // The table holds every sender until it is used, so that this cannot be; and one file too many would
            // do less harm than one that never goes.
            Err(_) => self.take(of, hosts),
        }
    }

    /// Of hosts that could all import, the one with the fewest imports of this appliance now, the first of equals.
    pub fn place<T>(
        self: &Arc<Self>,
        vcenter: &VcenterId,
        hosts: impl IntoIterator<Item = (MoRef, T)>,
    ) -> Option<(T, Placed)> {
        let mut table = self.table();
        let counted = hosts.into_iter().map(|(host, it)| ((vcenter.clone(), host), it));
        let imports = |host: &(VcenterId, MoRef)| table.imports.get(host).copied().unwrap_or(0);
        let (host, chosen) = counted.min_by_key(|(host, _)| imports(host))?;
        *table.imports.entry(host.clone()).or_default() += 1;
        drop(table);
        Some((chosen, Placed { streams: self.clone(), host }))
    }

    /// Lets go who may.
    fn admit(self: &Arc<Self>) {
        let mut going = Vec::new();
        let mut table = self.table();
        while let Some(waiter) = table.next(self.per_host) {
            table.count(waiter.of, &waiter.hosts);
            let stream = Stream { streams: self.clone(), of: waiter.of, hosts: waiter.hosts };
            going.push((waiter.go, stream));
        }
        drop(table);
        // A stream whose waiter has gone comes back and is dropped, which needs the table.
        for (go, stream) in going {
            drop(go.send(stream));
        }
    }

    fn take(self: &Arc<Self>, of: MigrationId, hosts: Vec<String>) -> Stream {
        self.table().count(of, &hosts);
        Stream { streams: self.clone(), of, hosts }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Takes out the waiter who goes next, if one may.
    fn next(&mut self, per_host: usize) -> Option<Waiter> {
        self.waiting.retain(|waiter| !waiter.go.is_closed());
        let mut order: Vec<usize> = (0..self.waiting.len()).collect();
        order.sort_by_key(|n| self.under_way.get(&self.waiting[*n].of).copied().unwrap_or(0));
        // Who was overtaken too often comes before all, and keeps places while it waits.
        order.sort_by_key(|n| self.waiting[*n].overtaken < OVERTAKEN);
        let mut kept: HashMap<&str, usize> = HashMap::new();
        let next = order.into_iter().find(|n| {
            let waiter = &self.waiting[*n];
            let room = |host: &String| {
                let taken = self.taken.get(host).copied().unwrap_or(0);
                taken + kept.get(host.as_str()).copied().unwrap_or(0) < per_host
            };
            let free = waiter.hosts.iter().all(room);
            if !free && waiter.overtaken >= OVERTAKEN {
                for host in &waiter.hosts {
                    *kept.entry(host).or_default() += 1;
                }
            }
            free
        })?;
        let goes = self.waiting.remove(next);
        for before in &mut self.waiting[..next] {
            if before.hosts.iter().any(|host| goes.hosts.contains(host)) {
                before.overtaken += 1;
            }
        }
        Some(goes)
    }

    fn count(&mut self, of: MigrationId, hosts: &[String]) {
        *self.under_way.entry(of).or_default() += 1;
        for host in hosts {
            *self.taken.entry(host.clone()).or_default() += 1;
        }
    }
}

/// Counts one less; what is at 0 is forgotten.
fn less<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut table = self.streams.table();
        less(&mut table.under_way, &self.of);
        for host in &self.hosts {
            less(&mut table.taken, host);
        }
        drop(table);
        self.streams.admit();
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        less(&mut self.streams.table().imports, &self.host);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use uuid::Uuid;

    use super::*;

    /// A file of a migration that wants to go from host to host.
    struct File(Pin<Box<dyn Future<Output = Stream>>>);

    impl File {
        fn new(streams: &Arc<NfcStreams>, of: u128, from: &str, to: &str) -> Self {
            let (streams, from, to) = (streams.clone(), from.to_owned(), to.to_owned());
            let of = MigrationId(Uuid::from_u128(of));
            Self(Box::pin(async move { streams.enter(of, from, to).await }))
        }

        fn goes(&mut self) -> Option<Stream> {
            match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(stream) => Some(stream),
                Poll::Pending => None,
            }
        }
    }

    #[test]
    fn no_host_serves_more_files_than_it_may_and_each_that_ends_makes_room() {
        let streams = NfcStreams::new(2);
        let mut files: Vec<File> = (0..5).map(|of| File::new(&streams, of, "a", "z")).collect();
        let mut under_way: Vec<Stream> = files.iter_mut().take(2).map(|file| file.goes().unwrap()).collect();
        assert!(files[2..].iter_mut().all(|file| file.goes().is_none()));
        // Another host has room, but both are needed.
        assert!(File::new(&streams, 9, "b", "z").goes().is_none());
        assert!(File::new(&streams, 9, "b", "y").goes().is_some());
        for file in &mut files[2..] {
            under_way.remove(0);
            under_way.push(file.goes().unwrap());
            assert_eq!(streams.table().taken["z"], 2);
        }
        drop(under_way);
        let table = streams.table();
        assert!(
            table.taken.is_empty() && table.under_way.is_empty() && table.waiting.is_empty(),
            "{table:?}"
        );
    }

    #[test]
    fn a_vm_with_many_disks_does_not_keep_the_others_out() {
        let streams = NfcStreams::new(2);
        let mut many: Vec<File> = (0..4).map(|_| File::new(&streams, 1, "a", "z")).collect();
        let mut under_way: Vec<Stream> = many[..2].iter_mut().map(|file| file.goes().unwrap()).collect();
        assert!(many[2..].iter_mut().all(|file| file.goes().is_none()));
        let mut other = File::new(&streams, 2, "a", "z");
        assert!(other.goes().is_none());
        under_way.pop();
        assert!(many[2].goes().is_none(), "it came first, but its VM has one under way");
        under_way.push(other.goes().unwrap());
        under_way.clear();
        assert!(many[2..].iter_mut().all(|file| file.goes().is_some()));
    }

    #[test]
    fn who_needs_two_hosts_that_are_never_free_together_has_its_turn() {
        let streams = NfcStreams::new(1);
        let mut at_a = File::new(&streams, 1, "a", "y").goes();
        let mut at_z = File::new(&streams, 2, "b", "z").goes();
        let mut both = File::new(&streams, 3, "a", "z");
        assert!(at_a.is_some() && at_z.is_some() && both.goes().is_none());
        let mut turns = 0;
        // Each host gets its next file before the other one ends.
        while both.goes().is_none() {
            let (mut next_a, mut next_z) =
                (File::new(&streams, 4, "a", "y"), File::new(&streams, 5, "b", "z"));
            assert!(next_a.goes().is_none() && next_z.goes().is_none());
            at_a = None;
            at_a = at_a.or(next_a.goes());
            at_z = None;
            at_z = at_z.or(next_z.goes());
            turns += 1;
            assert!(turns <= OVERTAKEN, "it is overtaken for ever");
        }
        drop((at_a, at_z));
    }

    #[test]
    fn who_goes_away_leaves_its_place_whenever_that_is() {
        let streams = NfcStreams::new(1);
        let first = File::new(&streams, 1, "a", "z").goes().unwrap();
        let (mut gone, mut next) = (File::new(&streams, 2, "a", "z"), File::new(&streams, 3, "a", "z"));
        let mut late = File::new(&streams, 4, "a", "z");
        assert!(gone.goes().is_none() && next.goes().is_none() && late.goes().is_none());
        drop(gone);
        drop(first);
        // The place is given to the next, who goes away before it has looked.
        drop(next);
        assert!(late.goes().is_some());
    }

    #[test]
    fn one_host_at_both_ends_needs_one_place() {
        assert!(File::new(&NfcStreams::new(1), 1, "a", "a").goes().is_some());
    }

    #[test]
    fn imports_are_spread_over_the_hosts_that_can_take_them() {
        let streams = NfcStreams::new(4);
        let vcenter: VcenterId = "cloud".to_owned().try_into().unwrap();
        let hosts = || ["h0", "h1"].map(|id| (MoRef::new("HostSystem", id), id));
        let place = || streams.place(&vcenter, hosts()).unwrap();
        let ((first, at_first), (second, _at_second)) = (place(), place());
        assert_eq!((first, second), ("h0", "h1"));
        drop(at_first);
        assert_eq!(place().0, "h0");
        let other: VcenterId = "cloud2".to_owned().try_into().unwrap();
        assert_eq!(streams.place(&other, hosts()).unwrap().0, "h0", "another vCenter's hosts are others");
        assert!(streams.place::<()>(&vcenter, []).is_none());
    }
}
