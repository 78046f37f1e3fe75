//! The appliances of a storm: one with a file of its own, or two on one PostgreSQL.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use hdm_tests::{Appliance, Lab, postgres, secret};
use serde_json::Value;
use tokio::process::Command;

use crate::api::{Answer, Api};
use crate::plan::Plan;

/// One appliance.
struct Member {
    appliance: Appliance,
    api: Api,
    /// Holds the moment at which it dies.
    moment: PathBuf,
    /// Its disk is full while this file is there.
    full_disk: PathBuf,
    /// Since it has died, when it comes back.
    back: Option<Instant>,
}

/// All of them.
pub struct Crew {
    members: Vec<Member>,
    /// Who is asked first.
    turn: usize,
}

impl Crew {
    /// Starts them, and adds both vCenters.
    pub async fn start(lab: &Lab, plan: &Plan) -> Self {
        let folder = lab.directory.path();
        let mut appliances = Vec::new();
        if plan.pair {
            let database = postgres::database().await;
            for name in ["first", "second"] {
                appliances.push(Appliance::init_with(folder.join(name), &database).await);
            }
            appliances[1].share_key_of(&appliances[0]);
        } else {
            appliances.push(Appliance::init(folder).await);
        }
        let mut members = Vec::new();
        for appliance in appliances {
            // What may take minutes takes seconds, so that a storm can wait for it.
            appliance.set(&[("task_seconds", 4), ("import_unknown_seconds", 6), ("tools_seconds", 20)]);
            let moment = appliance.directory().join("kill-at");
            std::fs::write(&moment, "never").unwrap();
            let (full_disk, api) =
                (appliance.directory().join("disk-is-full"), Api::of(appliance.directory()));
            let mut member = Member { appliance, api, moment, full_disk, back: None };
            let environment = member.environment();
            member.appliance.start_process(&as_strs(&environment)).await;
            if members.is_empty() {
                member.appliance.add(&lab.onprem, "source").await;
                member.appliance.add(&lab.cloud, "cloud").await;
            }
            members.push(member);
        }
        Self { members, turn: 0 }
    }

    /// Passwords that stand anywhere in the appliances' folders.
    pub fn told_secrets(&self, lab: &Lab) -> Vec<String> {
        let folders = self.members.iter().map(|member| member.appliance.directory());
        folders.flat_map(|folder| secret::found_below(folder, &lab.cloud.account.password)).collect()
    }

    /// Which one a number that was drawn stands for.
    pub fn which(&self, drawn: usize) -> usize {
        drawn % self.members.len()
    }

    /// The process of one of them while it runs.
    pub fn pid(&self, member: usize) -> Option<u32> {
        let member = &self.members[member];
        member.back.is_none().then(|| member.appliance.pid())
    }

    /// How the command line reaches one of them.
    pub fn profile(&self) -> PathBuf {
        self.members[self.turn].appliance.directory().join("client.toml")
    }

    /// The logs.
    pub fn logs(&self) -> Vec<PathBuf> {
        self.members.iter().map(|member| member.appliance.directory().join("appliance.log")).collect()
    }

    /// Reads from whoever answers first.
    pub async fn get(&mut self, path: &str) -> Option<Answer> {
        for _ in 0..self.members.len() {
            let answer = self.members[self.turn].api.get(path).await;
            if answer.is_some() {
                return answer;
            }
            self.turn = self.which(self.turn + 1);
        }
        None
    }

    /// Asks one of them for something; another the next time if that one does not answer.
    pub async fn post(&mut self, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        let answer = self.members[self.turn].api.post(path, key, body).await;
        if answer.is_none() {
            self.turn = self.which(self.turn + 1);
        }
        answer
    }

    /// Those that have died just now, and how. They come back after a while.
    pub fn died(&mut self, away: impl Fn() -> Duration) -> Vec<(usize, ExitStatus)> {
        let mut died = Vec::new();
        for (n, member) in self.members.iter_mut().enumerate().filter(|(_, member)| member.back.is_none()) {
            if let Some(status) = member.appliance.end() {
                member.back = Some(Instant::now() + away());
                died.push((n, status));
            }
        }
        died
    }

    /// Starts again whoever is to be back; all of those who are not there if it is over.
    pub fn come_back(&mut self, over: bool) -> Vec<usize> {
        let now = Instant::now();
        let mut back = Vec::new();
        for (n, member) in self.members.iter_mut().enumerate() {
            if member.back.is_some_and(|at| over || at <= now) {
                let environment = member.environment();
                member.appliance.start_again(&as_strs(&environment));
                member.back = None;
                back.push(n);
            }
        }
        back
    }

    /// Sets the moment at which the first of them that gets there dies.
    pub fn die_at(&self, moment: &str) {
        self.members.iter().for_each(|member| std::fs::write(&member.moment, moment).unwrap());
    }

    /// Fills their disks, or makes room again.
    pub fn fill_disks(&self, full: bool) {
        for member in &self.members {
            if full {
                std::fs::write(&member.full_disk, "").unwrap();
            } else {
                drop(std::fs::remove_file(&member.full_disk));
            }
        }
    }

    /// Lets one sleep for a while if it runs. Then it goes on where it was, unless it has died.
    pub async fn sleep(&self, member: usize, time: Duration) {
        let Some(pid) = self.pid(member) else { return };
        if self.members[member].appliance.try_signal("STOP").await {
            // Apart from all else: whoever asks it for something meanwhile waits.
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                drop(Command::new("kill").args(["-s", "CONT", &pid.to_string()]).output().await);
            });
        }
    }

    /// Ends them as an administrator would.
    pub async fn stop(&mut self) {
        for member in &mut self.members {
            member.appliance.stop().await;
        }
    }
}

impl Member {
    fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("HDM_KILL_AT", format!("@{}", self.moment.display())),
            ("HDM_DISK_FULL", self.full_disk.display().to_string()),
        ]
    }
}

fn as_strs<'a, const N: usize>(environment: &'a [(&'static str, String); N]) -> [(&'static str, &'a str); N] {
    std::array::from_fn(|n| (environment[n].0, environment[n].1.as_str()))
}
