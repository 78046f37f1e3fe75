//! The appliances of a storm: one with a file of its own, or two on one PostgreSQL.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdm_tests::{Appliance, Lab, postgres, secret};
use serde_json::Value;
use tokio::process::Command;

use crate::api::{Answer, Api};
use crate::client::Client;
use crate::plan::Plan;

/// One appliance.
struct Member {
    appliance: Appliance,
    api: Api,
    /// Holds the moments at which it dies or freezes.
    moment: PathBuf,
    /// Its disk is full while this file is there.
    full_disk: PathBuf,
    /// Holds by how many seconds its clock is wrong.
    clock: PathBuf,
    /// Since it has died, when it comes back.
    back: Option<Instant>,
    /// Where its log ended when it began.
    log_begins: u64,
}

/// How long an answer is waited for; whoever gets none asks again.
const PATIENCE: Duration = Duration::from_secs(15);
/// The same of one that sleeps.
const SLEEPING: Duration = Duration::from_secs(1);
/// How long an appliance that refuses to begin may take to say so.
const REFUSAL: Duration = Duration::from_secs(30);

/// All of them.
pub struct Crew {
    members: Vec<Member>,
    /// Who asks through the plugin server, which relays to the first of them.
    pub client: Client,
    /// Until when an appliance that shares a database may refuse to begin: it is away, or a clock is wrong.
    no_begin: Option<Instant>,
    /// Who is asked first.
    turn: usize,
}

impl Crew {
    /// Starts them, and adds both vCenters.
    pub async fn start(lab: &Arc<Lab>, plan: &Plan) -> Self {
        let folder = lab.directory.path();
        let mut appliances = Vec::new();
        if plan.pair {
            // The storm before may have ended by a panic.
            postgres::start_again();
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
            let file = |name: &str| appliance.directory().join(name);
            let (full_disk, clock) = (file("disk-is-full"), file("clock-is-ahead"));
            let api = Api::of(appliance.directory());
            let (back, log_begins) = (None, 0);
            let mut member = Member { appliance, api, moment, full_disk, clock, back, log_begins };
            let environment = member.environment();
            member.appliance.start_process(&as_strs(&environment)).await;
            if members.is_empty() {
                member.appliance.add(&lab.onprem, "source").await;
                member.appliance.add(&lab.cloud, "cloud").await;
            }
            members.push(member);
        }
        let client = Client::start(lab, &members[0].appliance).await;
        Self { members, client, no_begin: None, turn: 0 }
    }

    /// Passwords that stand anywhere in the appliances' folders.
    pub fn told_secrets(&self, lab: &Lab) -> Vec<String> {
        let folders = self.members.iter().map(|member| member.appliance.directory());
        folders.flat_map(|folder| secret::found_below(folder, &lab.cloud.account.password)).collect()
    }

    /// Passwords that stand in a support bundle of any appliance.
    pub async fn packed_secrets(&self, lab: &Lab) -> Vec<String> {
        let mut found = Vec::new();
        for (at, member) in self.members.iter().enumerate() {
            let bundle = lab.directory.path().join(format!("bundle-{at}.tar.gz"));
            let asked = ["support-bundle", "--file", &bundle.to_string_lossy()];
            let packed = member.appliance.hdm(&asked).await;
            if packed.code != 0 {
                found.push(format!("no support bundle: {packed:?}"));
                continue;
            }
            let folder = secret::unpack(&bundle, &lab.directory.path().join(format!("bundle-{at}")));
            found.extend(secret::found_below(&folder, &lab.cloud.account.password));
        }
        found
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
        self.members.iter().map(Member::log).collect()
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

    /// Asks through the plugin server, which relays to the first of them.
    pub async fn post_through_plugin(&mut self, path: &str, key: &str, body: &Value) -> Option<Answer> {
        self.client.post(path, key, body, self.members[0].patience()).await
    }

    /// Asks one of them for something; another the next time if that one does not answer.
    pub async fn post(&mut self, path: &str, key: Option<&str>, body: &Value) -> Option<Answer> {
        let member = &self.members[self.turn];
        let answer = member.api.post(path, key, body, member.patience()).await;
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
                member.log_begins = member.log_length();
                member.appliance.start_again(&as_strs(&environment));
                member.back = None;
                back.push(n);
            }
        }
        back
    }

    /// Sets the moments at which the first of them that gets there dies or freezes.
    pub fn die_at(&self, moments: &str) {
        for member in &self.members {
            // Whole, or not at all: it is read all the while.
            let new = member.moment.with_extension("new");
            std::fs::write(&new, moments).unwrap();
            std::fs::rename(new, &member.moment).unwrap();
        }
    }

    /// The moment at which one of them has died or frozen, if it was one that was set.
    pub fn moment_of(&self, member: usize) -> Option<String> {
        let come = self.members[member].moment.with_extension("come");
        let line = std::fs::read_to_string(&come).ok().filter(|line| line.ends_with('\n'))?;
        std::fs::remove_file(come).unwrap();
        Some(line.trim_end().to_owned())
    }

    /// Those that have frozen just now. They go on after so long, unless they are killed.
    pub fn froze(&mut self, time: Duration) -> Vec<usize> {
        let froze = |member: &Member| {
            member.back.is_none() && member.moment.with_extension("come").exists() && member.is_stopped()
        };
        let froze: Vec<usize> = (0..self.members.len()).filter(|n| froze(&self.members[*n])).collect();
        for member in &froze {
            go_on(self.members[*member].appliance.pid(), time);
        }
        froze
    }

    /// Lets everybody go on who runs.
    pub async fn thaw(&self) {
        for member in self.members.iter().filter(|member| member.back.is_none()) {
            member.appliance.try_signal("CONT").await;
        }
    }

    /// Puts a member's clock forward or back, or right again.
    pub fn set_clock(&mut self, member: usize, seconds: i64) {
        let member_clock = &self.members[member].clock;
        let new = member_clock.with_extension("new");
        std::fs::write(&new, seconds.to_string()).unwrap();
        std::fs::rename(new, member_clock).unwrap();
        if self.members.len() > 1 {
            let wrong = if seconds == 0 { REFUSAL } else { Duration::from_secs(3_600) };
            self.no_begin = self.no_begin.max(Some(Instant::now() + wrong));
        }
    }

    /// Puts all clocks right.
    pub fn set_clocks_right(&mut self) {
        self.no_begin = None;
        self.client.set_clock(0);
        (0..self.members.len()).for_each(|member| self.set_clock(member, 0));
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

    /// Stops the database that they share.
    pub fn stop_database(&mut self, crash: bool) {
        postgres::stop(if crash { postgres::Stop::Immediate } else { postgres::Stop::Fast });
        self.no_begin = Some(Instant::now() + Duration::from_secs(3_600));
    }

    /// Starts it again.
    pub fn start_database(&mut self) {
        postgres::start_again();
        self.no_begin = Some(Instant::now() + REFUSAL);
    }

    /// Whether one of them has ended because it found no database or a wrong clock when it began. Whoever runs goes on
    /// running.
    pub fn could_not_begin(&self, member: usize) -> bool {
        let away = self.no_begin.is_some_and(|until| Instant::now() < until);
        away && !self.members[member].has_run()
    }

    /// Lets one sleep for a while if it runs. Then it goes on where it was, unless it has died.
    pub async fn sleep(&self, member: usize, time: Duration) {
        let Some(pid) = self.pid(member) else { return };
        if self.members[member].appliance.try_signal("STOP").await {
            go_on(pid, time);
        }
    }

    /// Ends them as an administrator would.
    pub async fn stop(&mut self) {
        for member in &mut self.members {
            member.appliance.stop().await;
        }
    }
}

/// Lets a process go on after a while, apart from all else: whoever asks it for something meanwhile waits.
fn go_on(pid: u32, time: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        drop(Command::new("kill").args(["-s", "CONT", &pid.to_string()]).output().await);
    });
}

impl Member {
    /// How long an answer of it is waited for: nobody waits long for one that sleeps, which may hear what was asked when
    /// it goes on.
    fn patience(&self) -> Duration {
        if self.back.is_none() && self.is_stopped() { SLEEPING } else { PATIENCE }
    }

    fn log_length(&self) -> u64 {
        std::fs::metadata(self.log()).map_or(0, |log| log.len())
    }

    fn log(&self) -> PathBuf {
        self.appliance.directory().join("appliance.log")
    }

    /// Whether it has come so far that it answered, since it began.
    fn has_run(&self) -> bool {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let begins = usize::try_from(self.log_begins).unwrap_or_default().min(log.len());
        String::from_utf8_lossy(&log[begins..]).contains("the appliance runs")
    }

    /// Whether the process is stopped.
    fn is_stopped(&self) -> bool {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.appliance.pid())).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T'))
    }

    fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("HDM_CLOCK_AHEAD", self.clock.display().to_string()),
            ("HDM_KILL_AT", format!("@{}", self.moment.display())),
            ("HDM_DISK_FULL", self.full_disk.display().to_string()),
        ]
    }
}

fn as_strs<'a, const N: usize>(environment: &'a [(&'static str, String); N]) -> [(&'static str, &'a str); N] {
    std::array::from_fn(|n| (environment[n].0, environment[n].1.as_str()))
}
