//! Watches all the while that of no VM two copies are live.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdm_tests::{Dump, Lab};

/// How often it looks.
const PAUSE: Duration = Duration::from_millis(400);

/// Looks again and again, until it is aborted, and notes what it sees.
pub async fn two_live_copies(lab: Arc<Lab>, seen: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        tokio::time::sleep(PAUSE).await;
        // HDM lets one copy go before it lets the other come, and the sites are asked one after the other: only
        // what is live in the cloud before and after the source was seen live was live together with it.
        let cloud = live(&lab.cloud.glance().await);
        if cloud.is_empty() {
            continue;
        }
        let source = live(&lab.onprem.glance().await);
        let both: BTreeSet<_> = cloud.intersection(&source).cloned().collect();
        if both.is_empty() {
            continue;
        }
        let still = live(&lab.cloud.glance().await);
        seen.lock().unwrap().extend(both.intersection(&still).cloned());
    }
}

/// The VMs that run or would connect, by BIOS UUID.
fn live(site: &Dump) -> BTreeSet<String> {
    let live = site.vms.iter().filter(|vm| vm.is_on() || vm.would_connect());
    live.map(|vm| format!("{} ({})", vm.name, vm.uuid)).collect()
}
