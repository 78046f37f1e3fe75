//! The verdict on a storm: what both sites say at its end, against what HDM says has become of each request.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hdm_tests::judge::{Moved, Truth, faults, nobody_is_logged_in};
use serde_json::Value;

use crate::player::{Player, is_final};

/// How long vCenter may take for what it finishes in its own time, such as a lease that runs out.
const PATIENCE: Duration = Duration::from_secs(60);

impl Player {
    /// Judges, and ends the appliance.
    pub async fn judge(&mut self, before: &Truth) {
        let ended = self.one_end_each().await;
        self.faults.extend(ended);
        let moved = self.moved();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = faults(before, &Truth::of(&self.lab).await, &moved);
            if found.is_empty() || Instant::now() > deadline {
                self.faults.extend(found);
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        self.appliance.stop().await;
        nobody_is_logged_in(&self.lab).await;
    }

    /// The VMs that HDM says were moved.
    fn moved(&self) -> Vec<Moved> {
        let done = |vm: &str| self.views.iter().any(|view| view["vm_name"] == vm && view["state"] == "done");
        let moved = self.machines.iter().filter(|vm| done(&vm.name)).map(|vm| {
            let runs = self.power_on.get(&vm.name).copied().unwrap_or_default();
            let moved = if runs { Moved::on(&vm.name) } else { Moved::off(&vm.name) };
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
            if !is_final(view) {
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

    async fn log(&self, id: &str) -> Vec<Value> {
        let mut lines: Vec<Value> = Vec::new();
        loop {
            let after = lines.last().and_then(|line| line["seq"].as_u64()).unwrap_or(0);
            let page = self.api.get(&format!("/migrations/{id}/log?after={after}")).await;
            let page =
                page.map(|answer| answer.body).and_then(|body| body.as_array().cloned()).unwrap_or_default();
            if page.is_empty() {
                return lines;
            }
            lines.extend(page);
        }
    }
}
