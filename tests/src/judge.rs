//! The judge: what both sites say after something terrible happened.
//!
//! For each VM that was there before, exactly one copy runs or could be started with its network
//! connected; the disks of every copy are what they were; nothing of HDM's is left over.

use std::collections::BTreeSet;

use crate::dump::{Dump, Vm};
use crate::lab::Lab;
use crate::wait;

/// Where the VM must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the source, as it was.
    Source,
    /// At the target, with the source kept disconnected.
    Target,
}

/// Both sites as they were, or are.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The on-premises site.
    pub onprem: Dump,
    /// The cloud site.
    pub cloud: Dump,
}

impl Truth {
    /// Asks both sites.
    pub async fn of(lab: &Lab) -> Self {
        Self { onprem: lab.onprem.dump().await, cloud: lab.cloud.dump().await }
    }

    fn copies(&self, uuid: &str) -> impl Iterator<Item = &Vm> {
        self.onprem.vms.iter().chain(&self.cloud.vms).filter(move |vm| vm.uuid == uuid)
    }
}

/// Judges every VM that `before` knows; those named in `moved` must be at the target, all others at the
/// source. Waits for what vCenter finishes in its own time, such as a lease that runs out.
pub async fn judge(lab: &Lab, before: &Truth, moved: &[&str]) {
    wait::until("both sites are as they should be", async || {
        let faults = faults(before, &Truth::of(lab).await, moved);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    })
    .await;
}

/// Everything that is wrong, a sentence each.
pub fn faults(before: &Truth, now: &Truth, moved: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for vm in &before.onprem.vms {
        let place = if moved.contains(&vm.name.as_str()) { Place::Target } else { Place::Source };
        judge_vm(vm, now, place, &mut faults);
    }
    let known: BTreeSet<&str> =
        before.onprem.vms.iter().chain(&before.cloud.vms).map(|vm| vm.uuid.as_str()).collect();
    for (then, site) in [(&before.onprem, &now.onprem), (&before.cloud, &now.cloud)] {
        judge_leftovers(then, site, &known, &mut faults);
    }
    faults
}

fn judge_vm(then: &Vm, now: &Truth, place: Place, faults: &mut Vec<String>) {
    let name = &then.name;
    let mut fault = |what: String| faults.push(format!("'{name}': {what}"));
    let copies: Vec<&Vm> = now.copies(&then.uuid).collect();
    let live = copies.iter().filter(|vm| vm.is_on() || (vm.would_connect() && then.would_connect())).count();
    if live != 1 && then.would_connect() {
        fault(format!("{live} copies run or could be started connected; it must be one"));
    }
    for copy in &copies {
        // A running guest writes; its disks are compared by the test that booted it.
        if !copy.is_on() && !then.is_on() && copy.sums() != then.sums() {
            fault(format!("the disks of the copy at {} differ from what they were", copy.path));
        }
        if !copy.snapshots.iter().map(|s| &s.name).eq(then.snapshots.iter().map(|s| &s.name))
            && copy.moid == then.moid
        {
            fault(format!("snapshots are {:?}, were {:?}", copy.snapshots, then.snapshots));
        }
    }
    let Some(source) = now.onprem.vms.iter().find(|vm| vm.uuid == then.uuid) else {
        return fault("the source is gone".into());
    };
    let target = now.cloud.vms.iter().find(|vm| vm.uuid == then.uuid);
    match place {
        Place::Source => {
            if target.is_some() {
                fault("a copy is left at the target".into());
            }
            if source.pool != then.pool {
                fault(format!("is in pool '{}', was in '{}'", source.pool, then.pool));
            }
            if source.power != then.power {
                fault(format!("is {}, was {}", source.power, then.power));
            }
            if source
                .nics
                .iter()
                .map(|nic| nic.start_connected)
                .ne(then.nics.iter().map(|nic| nic.start_connected))
            {
                fault("its network adapters' connect flags are not what they were".into());
            }
        }
        Place::Target => {
            if target.is_none() {
                fault("is not at the target".into());
            }
            if source.is_on() || source.would_connect() {
                fault("the source still runs, or would connect".into());
            }
        }
    }
}

fn judge_leftovers(before: &Dump, now: &Dump, known: &BTreeSet<&str>, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{}: {what}", now.name));
    for vm in now.vms.iter().filter(|vm| !known.contains(vm.uuid.as_str())) {
        fault(format!("VM '{}' is left over", vm.path));
    }
    for lease in &now.leases {
        fault(format!("a lease is left over: {lease:?}"));
    }
    let running = now.tasks.iter().filter(|task| task.state == "running" || task.state == "queued");
    for task in running {
        fault(format!("a task is left over: {task:?}"));
    }
    let ours = now.sessions.iter().filter(|session| session.user_agent.starts_with("HDM/")).count();
    if ours > 2 {
        fault(format!("{ours} sessions of HDM are open; at most two may be"));
    }
    let was: BTreeSet<&str> = before.pools.iter().map(|pool| pool.name.as_str()).collect();
    let new = now.pools.iter().map(|pool| pool.name.as_str()).filter(|name| !was.contains(name));
    for pool in new.filter(|name| !["HDM_MIGRATE_POOL", "HDM_SUCCESS_POOL"].contains(name)) {
        fault(format!("resource pool '{pool}' is left over"));
    }
}
