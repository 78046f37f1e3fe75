//! The verdict on a storm: what both sites say at its end, against what HDM says has become of each request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hdm_tests::Dump;
use hdm_tests::dump::Vm;
use hdm_tests::judge::{Moved, Truth, faults, nobody_is_logged_in};
use serde_json::Value;

use crate::family::knows;
use crate::player::{Player, is_final, site};

/// How long may be taken for what ends in its own time: a lease of vCenter's that runs out, or the minute that an
/// appliance which has died had left to show events.
const PATIENCE: Duration = Duration::from_secs(120);

impl Player {
    /// Judges, and ends the appliance.
    pub async fn judge(&mut self, before: &Truth) {
        let ended = self.one_end_each().await;
        self.faults.extend(ended);
        let unread = self.not_read_back();
        self.faults.extend(unread);
        let moved = self.moved();
        for cloud in [false, true] {
            let calls = site(&self.lab, cloud).get("/calls").await;
            let calls = calls["calls"].as_array().into_iter().flatten();
            let new = calls.filter_map(|call| call["method"].as_str()).filter(|method| !knows(cloud, method));
            self.faults
                .extend(new.map(|method| format!("the storm draws no troubles for {method}, cloud {cloud}")));
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.make_good().await;
            let now = Truth::of(&self.lab).await;
            let mut found = self.fair(faults(before, &now, &moved), before, &now);
            found.extend([&now.onprem, &now.cloud].into_iter().flat_map(|site| self.told(site)));
            if found.is_empty() || Instant::now() > deadline {
                self.faults.extend(found);
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.faults.extend(self.crew.packed_secrets(&self.lab).await);
        self.crew.stop().await;
        self.faults.extend(self.crew.told_secrets(&self.lab));
        nobody_is_logged_in(&self.lab).await;
    }

    /// Somebody may have changed what a VM is, so that it is not what it was: of such a VM only what must be true
    /// whatever people do is looked at.
    fn fair(&self, found: Vec<String>, before: &Truth, now: &Truth) -> Vec<String> {
        let touched = |name: &String| self.meddled.contains_key(name) || self.released.contains(name);
        let vms: Vec<_> = before.onprem.vms.iter().filter(|vm| touched(&vm.name)).collect();
        let spoken_of = |fault: &String| vms.iter().any(|vm| fault.starts_with(&format!("'{}': ", vm.path)));
        // Of a VM that somebody has destroyed only an administrator can close a task: HDM's account has no rights on
        // what is not there.
        let orphaned = |fault: &String| {
            let destroyed = |(name, acts): (&String, &BTreeSet<(bool, &str)>)| {
                acts.iter().any(|(cloud, act)| !cloud && *act == "destroy")
                    && fault.starts_with("onprem: a task is left over")
                    && fault.contains(&format!("entity: \"{name}\""))
            };
            self.meddled.iter().any(destroyed)
        };
        let found = found.into_iter().filter(|fault| !spoken_of(fault) && !orphaned(fault));
        let mut left: Vec<String> = found.collect();
        for vm in vms {
            let wrong = self.wrong_with(vm, now);
            left.extend(wrong.into_iter().map(|what| format!("{} (somebody meddled): {what}", vm.name)));
        }
        left
    }

    /// What is wrong with a VM, whatever somebody did to it.
    fn wrong_with(&self, vm: &Vm, now: &Truth) -> Vec<String> {
        let destroyed =
            |cloud| self.meddled.get(&vm.name).is_some_and(|acts| acts.contains(&(cloud, "destroy")));
        let copies =
            |site: &Dump| -> Vec<Vm> { site.vms.iter().filter(|one| one.uuid == vm.uuid).cloned().collect() };
        let (sources, targets) = (copies(&now.onprem), copies(&now.cloud));
        let state = self.newest(&vm.name).and_then(|view| view["state"].as_str());
        let waits = state == Some("needs-operator");
        let back = self.released.contains(&vm.name);
        let mut wrong = Vec::new();
        let all = || sources.iter().chain(&targets);
        let live = all().filter(|one| one.is_on() || one.would_connect()).count();
        if live > 1 {
            wrong.push(format!("{live} copies run or would connect"));
        }
        if live == 0 && !destroyed(false) && !destroyed(true) && !waits {
            wrong.push("no copy could be started connected".into());
        }
        if sources.len() != usize::from(!destroyed(false)) {
            wrong.push(format!("there are {} sources", sources.len()));
        }
        if matches!(state, Some("failed" | "cancelled")) && !back && !targets.is_empty() {
            wrong.push("a copy is left at the target".into());
        }
        if state == Some("done") && targets.len() != 1 && !destroyed(true) {
            wrong.push(format!("it is at the target {} times", targets.len()));
        }
        for one in all() {
            if one.sums() != vm.sums() {
                wrong.push(format!("the disks of {} differ from what they were", one.path));
            }
            if !waits && one.snapshots.iter().any(|snapshot| snapshot.name.starts_with("hdm_")) {
                wrong.push(format!("{} has a snapshot of HDM's left", one.path));
            }
        }
        wrong
    }

    /// Each vCenter shows each migration's end once, and nothing twice.
    fn told(&self, site: &Dump) -> Vec<String> {
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        let mut ends: BTreeSet<(&str, &str)> = BTreeSet::new();
        for event in site.events.iter().filter(|event| event.kind.starts_with("com.hdm.migration.")) {
            let key = event.message.rsplit_once('[').map_or("", |(_, key)| key.trim_end_matches(']'));
            *times.entry(key).or_default() += 1;
            let id = key.split('#').next().unwrap_or_default();
            ends.insert((id, event.kind.rsplit('.').next().unwrap_or_default()));
        }
        let twice = times.into_iter().filter(|(_, times)| *times > 1);
        let mut wrong: Vec<String> =
            twice.map(|(key, times)| format!("{} shows the event {key} {times} times", site.name)).collect();
        for view in &self.views {
            let (id, vm) =
                (view["id"].as_str().unwrap_or_default(), view["vm_name"].as_str().unwrap_or_default());
            let end = match view["state"].as_str() {
                Some("done") => "Done",
                Some("cancelled") => "Cancelled",
                Some("failed") => "Failed",
                _ => continue,
            };
            // Where the object is gone there is nowhere to show it.
            let gone = self.meddled.get(vm).is_some_and(|acts| acts.iter().any(|(_, act)| *act == "destroy"));
            if !gone && !ends.contains(&(id, end)) {
                wrong.push(format!("{} does not show the end of {id} ({vm}), which is {end}", site.name));
            }
        }
        wrong
    }

    /// The copies that were to be read back and were not, whole.
    fn not_read_back(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for view in self.views.iter().filter(|view| view["state"] == "done") {
            let vm = view["vm_name"].as_str().unwrap_or_default();
            if self.wanted.get(vm).is_some_and(|options| options.reads_back) {
                self.trace.count("copies read back");
                let disks = view["disks"].as_array().cloned().unwrap_or_default();
                if disks.is_empty()
                    || disks.iter().any(|disk| disk["read_back_bytes"] != disk["capacity_bytes"])
                {
                    wrong.push(format!("{vm} is done and was not read back: {disks:?}"));
                }
            }
        }
        wrong
    }

    /// The VMs that HDM says were moved.
    fn moved(&self) -> Vec<Moved> {
        let done = |vm: &str| self.views.iter().any(|view| view["vm_name"] == vm && view["state"] == "done");
        let moved = self.machines.iter().filter(|vm| done(&vm.name)).map(|vm| {
            let moved = if self.powers_on(&vm.name) { Moved::on(&vm.name) } else { Moved::off(&vm.name) };
            moved.to_cluster(vm.cluster)
        });
        moved.collect()
    }

    /// Everything that was accepted is there and has exactly one end, in its row and in its log.
    async fn one_end_each(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        let listed: BTreeSet<&str> = self.views.iter().filter_map(|view| view["id"].as_str()).collect();
        let lost = self.accepted.iter().filter(|id| !listed.contains(id.as_str()));
        wrong.extend(lost.map(|id| format!("migration {id} was accepted and is gone")));
        let unknown = listed.iter().filter(|id| !self.accepted.contains(**id));
        wrong.extend(
            unknown.map(|id| format!("migration {id} is there, and nobody was told that it was accepted")),
        );
        for vm in &self.machines {
            let done = self
                .views
                .iter()
                .filter(|view| view["vm_name"] == vm.name.as_str() && view["state"] == "done");
            if done.count() > 1 {
                wrong.push(format!("{} was moved more than once", vm.name));
            }
        }
        let views = self.views.clone();
        for view in &views {
            let id = view["id"].as_str().unwrap_or_default();
            self.trace.count(&format!("ended {}", view["state"].as_str().unwrap_or_default()));
            let log = self.log(id).await;
            let ends: Vec<&str> = log
                .iter()
                .filter_map(|line| line["kind"].as_str())
                .filter(|kind| ["done", "undone"].contains(kind))
                .collect();
            let wanted: &[&str] = match view["state"].as_str() {
                Some("done") => &["done"],
                Some("cancelled" | "failed") => &["undone"],
                _ => &[],
            };
            if ends != wanted {
                wrong.push(format!("the log of {id}, which is {}, has the ends {ends:?}", view["state"]));
            }
            let excused = view["vm_name"].as_str().is_some_and(|name| self.meddled.contains_key(name));
            if !is_final(view) && !excused {
                let said = log.iter().rev().find(|line| line["kind"] == "needs-operator");
                let why = said.and_then(|line| line["message"].as_str()).unwrap_or_default();
                wrong.push(format!(
                    "{} of {} still waits for a person although nothing is wrong: {why}",
                    id, view["vm_name"]
                ));
            }
        }
        wrong
    }

    async fn log(&mut self, id: &str) -> Vec<Value> {
        let mut lines: Vec<Value> = Vec::new();
        loop {
            let after = lines.last().and_then(|line| line["seq"].as_u64()).unwrap_or(0);
            let page = self.crew.get(&format!("/migrations/{id}/log?after={after}")).await;
            let page =
                page.map(|answer| answer.body).and_then(|body| body.as_array().cloned()).unwrap_or_default();
            if page.is_empty() {
                return lines;
            }
            lines.extend(page);
        }
    }
}
