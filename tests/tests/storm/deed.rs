//! What people do in a storm, and what happens to the surroundings; and how it is made good at the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::api::Answer;
use crate::player::{Player, site};
use crate::trouble::Deed;

/// How often something is asked through the plugin server under one key.
const ACTED: u32 = 2;

impl Player {
    /// Does something now.
    pub async fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Cancel(vm) => self.act_on(&vm, "cancel").await,
            Deed::Pause(vm, ms) => {
                self.act_on(&vm, "pause").await;
                self.later(ms, Deed::Resume(vm));
            }
            Deed::Resume(vm) => self.act_on(&vm, "resume").await,
            Deed::CancelTask { cloud, nth } => self.cancel_task(cloud, nth).await,
            Deed::Meddle { cloud, vm, act } => self.meddle(cloud, &vm, act).await,
            Deed::Forget { cloud } => drop(site(&self.lab, cloud).post("/tasks/forget", json!({})).await),
            Deed::Room { free_bytes, ms } => {
                self.lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": free_bytes})).await;
                self.later(ms, Deed::RoomAgain);
            }
            Deed::RoomAgain => {
                self.lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": -1})).await;
            }
            Deed::Link { cloud, shape, ms } => {
                site(&self.lab, cloud).shape_link(shape).await;
                self.later(ms, Deed::LinkAgain { cloud });
            }
            Deed::LinkAgain { cloud } => site(&self.lab, cloud).shape_link(json!({})).await,
            Deed::FullDisk { ms } => {
                self.crew.fill_disks(true);
                self.later(ms, Deed::DiskAgain);
            }
            Deed::Database { crash, ms } => {
                self.crew.stop_database(crash);
                self.later(ms, Deed::DatabaseAgain);
            }
            Deed::DatabaseAgain => self.crew.start_database(),
            Deed::KillPlugin => self.crew.client.kill_server().await,
            Deed::Clock { member, seconds, ms } => {
                self.crew.set_clock(self.crew.which(member), seconds);
                self.later(ms, Deed::ClocksRight);
            }
            Deed::PluginClock { seconds, ms } => {
                self.crew.client.set_clock(seconds);
                self.later(ms, Deed::ClocksRight);
            }
            Deed::ClocksRight => self.crew.set_clocks_right(),
            Deed::DiskAgain => self.crew.fill_disks(false),
            Deed::Sleep { member, ms } => {
                self.crew.sleep(self.crew.which(member), Duration::from_millis(ms)).await;
            }
        }
    }

    fn later(&mut self, ms: u64, deed: Deed) {
        self.due.push((Instant::now() + Duration::from_millis(ms), deed));
    }

    /// Does what is due, or all that was left for later.
    pub async fn do_what_is_due(&mut self, all: bool) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.due).into_iter().partition(|(at, _)| all || *at <= now);
        self.due = later;
        for (_, deed) in due {
            self.trace.note(format!("{deed:?}"));
            self.act(deed).await;
        }
    }

    async fn act_on(&mut self, vm: &str, what: &'static str) {
        let id = self.newest(vm).and_then(|view| view["id"].as_str()).map(str::to_owned);
        let Some(id) = id else { return };
        if self.rng.bool() {
            self.post(&format!("/migrations/{id}/{what}"), what, json!({})).await;
        } else {
            self.act_through_plugin(&id, what).await;
        }
    }

    /// The answer is lost on its way, and it is asked again under the same key: then the answer must be the same.
    async fn act_through_plugin(&mut self, id: &str, what: &'static str) {
        let key = format!("{what}-{id}-{}", self.rng.u32(..));
        let body = json!({"action": what, "migrations": [id]});
        let mut reports: Vec<Value> = Vec::new();
        for _ in 0..ACTED {
            let answer = self.crew.post_through_plugin("api/migrations/actions", &key, &body).await;
            reports.extend(answer.filter(Answer::well).map(|answer| answer.body));
        }
        self.trace.note(format!("asked to {what} {id} through the plugin server: {reports:?}"));
        let Some(report) = reports.first() else { return };
        if reports.iter().any(|other| other != report) {
            self.faults.push(format!("asked to {what} under one key, it answered {reports:?}"));
        }
        if report["outcomes"][0]["problem"].is_null() {
            self.trace.count(what);
            self.trace.count("acts through the plugin server");
        }
    }

    async fn cancel_task(&mut self, cloud: bool, nth: usize) {
        let site = site(&self.lab, cloud);
        let tasks = site.glance().await.tasks;
        let ours: Vec<_> =
            tasks.iter().filter(|task| task.state == "running" && !task.activation_id.is_empty()).collect();
        let Some(task) = ours.get(nth % ours.len().max(1)) else { return };
        let done = site.try_post(&format!("/tasks/{}/cancel", task.moid), json!({})).await;
        self.trace.note(format!("task {} of {} is cancelled: {done:?}", task.moid, task.activation_id));
        self.trace.count("cancel of a task");
    }

    async fn meddle(&mut self, cloud: bool, vm: &str, act: &'static str) {
        let done = site(&self.lab, cloud).try_post(&format!("/vms/{vm}/act"), json!({"do": act})).await;
        self.trace.note(format!("somebody does {act} to {vm}, cloud {cloud}: {done:?}"));
        if done.is_ok() {
            let whose = if cloud { "copy" } else { "source" };
            self.trace.count(&format!("meddling: {act} of the {whose}"));
            self.meddled.entry(vm.to_owned()).or_default().insert((cloud, act));
        }
    }

    /// Whether somebody has powered on a VM's source or copy.
    pub fn has_powered_on(&self, vm: &str) -> bool {
        self.meddled.get(vm).is_some_and(|acts| acts.iter().any(|(_, act)| *act == "power_on"))
    }

    /// What people do who look after the sites once all is calm: they end tasks that hang, and make good what
    /// somebody did to a VM as far as that can be made good.
    pub async fn make_good(&mut self) {
        // They look now and then: a site's account of itself costs it some work.
        if self.looked.is_some_and(|looked| looked.elapsed() < Duration::from_secs(1)) {
            return;
        }
        self.looked = Some(Instant::now());
        for cloud in [false, true] {
            let now = site(&self.lab, cloud).glance().await;
            let hang =
                now.tasks.iter().filter(|task| task.state == "running" && task.activation_id.is_empty());
            for task in hang {
                // Their own end may come first.
                let path = format!("/tasks/{}/cancel", task.moid);
                drop(site(&self.lab, cloud).try_post(&path, json!({})).await);
            }
            for vm in now.vms.iter().filter(|vm| self.meddled.contains_key(&vm.name)) {
                let act = async |act: &str| {
                    let path = format!("/vms/{}/act", vm.moid);
                    drop(site(&self.lab, cloud).try_post(&path, json!({"do": act})).await);
                };
                if vm.snapshots.iter().any(|snapshot| snapshot.name == "taken by somebody else") {
                    act("remove_snapshot").await;
                }
                let committed = self.newest(&vm.name).is_some_and(|view| view["committed"] == true);
                let ran = self.machines.iter().any(|one| one.name == vm.name && one.config["power"] == "on");
                let power_on = self.powers_on(&vm.name);
                let may_run = if cloud { committed && power_on } else { !committed && ran };
                if vm.is_on() && !may_run {
                    act("power_off").await;
                }
            }
        }
    }

    /// Goes back: the copy is powered off and the source released.
    pub async fn release(&mut self, view: &Value) -> bool {
        let (Some(vm), Some(id)) = (view["vm_name"].as_str(), view["id"].as_str()) else { return false };
        let off = self.lab.cloud.try_post(&format!("/vms/{vm}/act"), json!({"do": "power_off"})).await;
        self.trace.note(format!("the operator powers off the copy of {vm}: {off:?}"));
        self.released.insert(vm.to_owned());
        self.post("/sources/release", "release by the operator", json!({"vm": id})).await
    }
}
