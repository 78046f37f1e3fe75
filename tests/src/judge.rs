//! The judge: what both sites say after something terrible happened.
//!
//! For each VM that was there before, exactly one copy runs or could be started with its network
//! connected; the disks of every copy are what they were; each copy is powered as the request said, and is
//! what the source was; nothing of HDM's is left over. What was to become of a VM the judge hears from the
//! test, which knows what it asked for, and never from HDM.

use std::collections::{BTreeMap, BTreeSet};

use crate::dump::{Dump, Vm};
use crate::lab::Lab;
use crate::wait;

/// A VM that must be at the target, and what the request made of it.
#[derive(Clone, Debug)]
pub struct Moved {
    name: String,
    runs: bool,
    target_name: Option<String>,
    keeps_macs: bool,
    cluster: Option<String>,
    networks: BTreeMap<usize, String>,
}

impl Moved {
    /// Moved without `--power-on`.
    pub fn off(name: &str) -> Self {
        let (name, cluster, networks) = (name.to_owned(), None, BTreeMap::new());
        Self { name, runs: false, target_name: None, keeps_macs: true, cluster, networks }
    }

    /// Moved with `--power-on`.
    pub fn on(name: &str) -> Self {
        Self { runs: true, ..Self::off(name) }
    }

    /// Moved with `--rename`.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { target_name: Some(name.to_owned()), ..self }
    }

    /// Moved with `--mac new`.
    #[must_use]
    pub fn with_new_macs(self) -> Self {
        Self { keeps_macs: false, ..self }
    }

    /// Moved with `--cluster`.
    #[must_use]
    pub fn to_cluster(self, name: &str) -> Self {
        Self { cluster: Some(name.to_owned()), ..self }
    }

    /// Moved with `--adapter`: the adapter of this index, in the order a guest sees them, is on another network.
    #[must_use]
    pub fn with_adapter_on(mut self, index: usize, network: &str) -> Self {
        self.networks.insert(index, network.to_owned());
        self
    }
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

/// Judges every VM that `before` knows: those of `moved` must be at the target, all others at the source as
/// they were. Waits for what vCenter finishes in its own time, such as a lease that runs out.
pub async fn judge(lab: &Lab, before: &Truth, moved: &[Moved]) {
    for moved in moved {
        assert!(before.onprem.has(&moved.name), "the test speaks of '{}', which never was", moved.name);
    }
    wait::until("both sites are as they should be", async || {
        let faults = faults(before, &Truth::of(lab).await, moved);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    })
    .await;
}

/// Sees that an appliance that was told to end has ended its sessions.
pub async fn nobody_is_logged_in(lab: &Lab) {
    for site in [&lab.onprem, &lab.cloud] {
        let left = ours(&site.dump().await).map(|session| session.user_agent.clone()).collect::<Vec<_>>();
        assert!(left.is_empty(), "{}: sessions are left: {left:?}", site.ready.name);
    }
}

fn ours(site: &Dump) -> impl Iterator<Item = &crate::dump::Session> {
    site.sessions.iter().filter(|session| session.user_agent.starts_with("HDM/"))
}

/// Everything that is wrong, a sentence each.
pub fn faults(before: &Truth, now: &Truth, moved: &[Moved]) -> Vec<String> {
    let mut faults = Vec::new();
    for vm in &before.onprem.vms {
        let moved = moved.iter().find(|moved| moved.name == vm.name);
        let found = judge_vm(vm, now, moved);
        faults.extend(found.into_iter().map(|what| format!("'{}': {what}", vm.path)));
    }
    let known: BTreeSet<&str> =
        before.onprem.vms.iter().chain(&before.cloud.vms).map(|vm| vm.uuid.as_str()).collect();
    for (then, site, takes_pools) in [(&before.onprem, &now.onprem, true), (&before.cloud, &now.cloud, false)]
    {
        judge_leftovers(then, site, &known, takes_pools, &mut faults);
    }
    faults
}

fn judge_vm(then: &Vm, now: &Truth, moved: Option<&Moved>) -> Vec<String> {
    let mut faults = Vec::new();
    let copies: Vec<&Vm> = now.copies(&then.uuid).collect();
    let live = copies.iter().filter(|vm| vm.is_on() || vm.would_connect()).count();
    let lives = then.is_on() || then.would_connect() || moved.is_some_and(|moved| moved.runs);
    if live != usize::from(lives) {
        faults.push(format!(
            "{live} copies run or could be started connected; it must be {}",
            i32::from(lives)
        ));
    }
    let sources: Vec<&Vm> = now.onprem.vms.iter().filter(|vm| vm.uuid == then.uuid).collect();
    let targets: Vec<&Vm> = now.cloud.vms.iter().filter(|vm| vm.uuid == then.uuid).collect();
    let [source] = sources.as_slice() else {
        faults.push(format!("there are {} sources", sources.len()));
        return faults;
    };
    if source.moid != then.moid {
        faults.push("the source is another object".into());
    }
    if snapshots(source) != snapshots(then) {
        faults.push(format!("snapshots are {:?}, were {:?}", source.snapshots, then.snapshots));
    }
    match (moved, targets.as_slice()) {
        (None, []) => as_it_was(source, then, &mut faults),
        (None, _) => faults.push("a copy is left at the target".into()),
        (Some(moved), [target]) => {
            put_away(source, then, &mut faults);
            arrived(target, then, moved, &mut faults);
        }
        (Some(_), []) => faults.push("is not at the target".into()),
        (Some(_), many) => faults.push(format!("is at the target {} times", many.len())),
    }
    for copy in &copies {
        same_bytes(copy, source, then, &mut faults);
    }
    faults
}

/// Only a guest that really runs writes. Where one ran, what the source is left with is what was to arrive;
/// of a copy that runs, the test that booted it compares a marker.
fn same_bytes(copy: &Vm, source: &Vm, then: &Vm, faults: &mut Vec<String>) {
    let runs = |vm: &Vm| vm.is_on() && vm.really_boots();
    if runs(copy) {
        return;
    }
    let wanted = if runs(then) { source.sums() } else { then.sums() };
    if copy.sums() != wanted {
        faults.push(format!("the disks of the copy at {} differ from what they were", copy.path));
    }
}

fn as_it_was(source: &Vm, then: &Vm, faults: &mut Vec<String>) {
    if source.pool != then.pool {
        faults.push(format!("is in pool '{}', was in '{}'", source.pool, then.pool));
    }
    if source.power != then.power {
        faults.push(format!("is {}, was {}", source.power, then.power));
    }
    if nics(source, true) != nics(then, true) {
        faults.push(format!("its network adapters are {:?}, were {:?}", source.nics, then.nics));
    }
    // Another user's note is not ours to judge.
    let others = source.annotation.starts_with("changed by somebody else");
    if source.annotation.contains("HDM") || (!others && trimmed(source) != trimmed(then)) {
        faults.push(format!("its notes are '{}', were '{}'", source.annotation, then.annotation));
    }
    if (&source.name, &source.folder, &source.boot_order) != (&then.name, &then.folder, &then.boot_order) {
        faults.push("its name, folder or boot order is another one".into());
    }
}

fn put_away(source: &Vm, then: &Vm, faults: &mut Vec<String>) {
    if source.is_on() || source.would_connect() {
        faults.push("the source still runs, or would connect".into());
    }
    // C1 is the lab's cluster without DRS: there is no other pool to move it to.
    let wanted = if source.cluster == "C1" { then.pool.as_str() } else { "HDM_SUCCESS_POOL" };
    if source.pool != wanted {
        faults.push(format!("the source is in pool '{}'", source.pool));
    }
    if !source.annotation.starts_with(trimmed(then)) || !source.annotation.contains("hdm source release") {
        faults.push(format!("the source's notes do not tell the way back: '{}'", source.annotation));
    }
    if source.annotation.matches("[HDM ").count() != 1 {
        faults.push(format!("the source's notes have not one line of HDM: '{}'", source.annotation));
    }
}

fn arrived(target: &Vm, then: &Vm, moved: &Moved, faults: &mut Vec<String>) {
    if target.is_on() != moved.runs {
        faults.push(format!("the copy is {}, and the request said otherwise", target.power));
    }
    let name = moved.target_name.as_ref().unwrap_or(&then.name);
    if target.name != *name {
        faults.push(format!("the copy is named '{}', not '{name}'", target.name));
    }
    if let Some(cluster) = &moved.cluster
        && target.cluster != *cluster
    {
        faults.push(format!("the copy is in '{}', not in '{cluster}'", target.cluster));
    }
    let mut wanted = nics(then, moved.keeps_macs);
    for (index, network) in &moved.networks {
        if let Some(nic) = wanted.get_mut(*index) {
            nic.1 = network;
        }
    }
    if nics(target, moved.keeps_macs) != wanted {
        faults.push(format!("the copy's network adapters are {:?}, were {:?}", target.nics, then.nics));
    }
    if target.nics.iter().any(|nic| moved.keeps_macs && nic.address_type != "manual") {
        faults.push("the copy's MAC addresses are kept, but not as manual ones".into());
    }
    if !target.snapshots.is_empty() {
        faults.push(format!("the copy has snapshots: {:?}", target.snapshots));
    }
    if trimmed(target) != trimmed(then) || target.boot_order != then.boot_order {
        faults.push(format!("the copy's notes or boot order are others: '{}'", target.annotation));
    }
}

fn trimmed(vm: &Vm) -> &str {
    vm.annotation.trim_end()
}

fn snapshots(vm: &Vm) -> Vec<&str> {
    vm.snapshots.iter().map(|snapshot| snapshot.name.as_str()).collect()
}

/// The network adapters in the order a guest sees them, which is that of their keys.
fn nics(vm: &Vm, with_macs: bool) -> Vec<(&str, &str, &str, bool)> {
    let mut nics: Vec<_> = vm.nics.iter().collect();
    nics.sort_by_key(|nic| nic.key);
    nics.into_iter()
        .map(|nic| {
            let mac = if with_macs { nic.mac.as_str() } else { "" };
            (nic.kind.as_str(), nic.network.as_str(), mac, nic.start_connected)
        })
        .collect()
}

fn judge_leftovers(
    before: &Dump,
    now: &Dump,
    known: &BTreeSet<&str>,
    takes_pools: bool,
    faults: &mut Vec<String>,
) {
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
    let sessions = ours(now).count();
    if sessions > 2 {
        fault(format!("{sessions} sessions of HDM are open; at most two may be"));
    }
    for vm in now.vms.iter().filter(|vm| vm.pool == "HDM_MIGRATE_POOL") {
        fault(format!("VM '{}' still waits in HDM_MIGRATE_POOL", vm.path));
    }
    let mut new: Vec<(&str, &str)> =
        now.pools.iter().map(|p| (p.cluster.as_str(), p.name.as_str())).collect();
    for pool in &before.pools {
        match new.iter().position(|known| *known == (pool.cluster.as_str(), pool.name.as_str())) {
            Some(at) => drop(new.swap_remove(at)),
            None => fault(format!("resource pool '{}' of {} is gone", pool.name, pool.cluster)),
        }
    }
    let twice = new.iter().any(|pool| new.iter().filter(|other| *other == pool).count() > 1);
    for (cluster, pool) in &new {
        let is_ours = ["HDM_MIGRATE_POOL", "HDM_SUCCESS_POOL"].contains(pool);
        if !(is_ours && takes_pools) || twice {
            fault(format!("resource pool '{pool}' of {cluster} is left over"));
        }
    }
}
