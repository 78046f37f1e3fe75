//! Plays a plan: asks for migrations, lets things go wrong, and starts the appliance again whenever it has died.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hdm_tests::{Lab, Site};
use serde_json::Value;

use crate::ask::Asked;
use crate::crew::Crew;
use crate::plan::{Kind, Machine, Options, Plan, Round};
use crate::tally::Trace;
use crate::trouble::{Deed, Trouble};

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long a round lasts at most; what it has begun goes on in the next.
const ROUND: Duration = Duration::from_secs(8);
/// The last one, so that what comes late, such as reading a copy back, meets the troubles that lie in wait for it.
const LAST_ROUND: Duration = Duration::from_secs(24);
/// The same where there are many kills, of which each costs the time to start again.
const DENSE_ROUND: Duration = Duration::from_secs(25);

/// A trouble that lies in wait.
struct Armed {
    id: String,
    trouble: Trouble,
}

/// A storm that is being played.
pub struct Player {
    pub lab: Arc<Lab>,
    pub crew: Crew,
    pair: bool,
    /// Whether kills follow each other closely.
    dense: bool,
    pub trace: Trace,
    pub machines: Vec<Machine>,
    /// What was asked for and not answered for good.
    pub asked: Vec<Asked>,
    /// By VM, how it is to be moved.
    pub wanted: BTreeMap<String, Options>,
    /// The migrations that were accepted, by the answers.
    pub accepted: BTreeSet<String>,
    /// The migrations that HDM lists, the newest first.
    pub views: Vec<Value>,
    /// How many lists there were.
    pub lists: u64,
    /// How often the operator has acted on a migration, and when last.
    pub operated: BTreeMap<String, (u32, Instant)>,
    /// What was found to be wrong on the way.
    pub faults: Vec<String>,
    /// What somebody did to a VM's source, or to its copy (true).
    pub meddled: BTreeMap<String, BTreeSet<(bool, &'static str)>>,
    /// The VMs that the operator went back with.
    pub released: BTreeSet<String>,
    /// When people have looked at the sites last.
    pub looked: Option<Instant>,
    /// What is done at some time.
    pub due: Vec<(Instant, Deed)>,
    /// What is drawn on the way: how long those stay away who die, and how somebody asks.
    pub rng: Rng,
    armed: Vec<Armed>,
    /// Kills of those who are dead at the moment.
    put_off: Vec<Trouble>,
    moments: VecDeque<String>,
    /// How many moments were drawn.
    drawn: u32,
}

impl Player {
    /// Starts the appliance of a lab.
    pub async fn start(lab: Arc<Lab>, plan: &Plan) -> Self {
        let crew = Crew::start(&lab, plan).await;
        Self {
            lab,
            crew,
            pair: plan.pair,
            dense: plan.kind == Kind::Kills,
            rng: Rng::with_seed(plan.seed),
            trace: Trace::new(),
            machines: plan.vms.clone(),
            asked: Vec::new(),
            wanted: BTreeMap::new(),
            accepted: BTreeSet::new(),
            views: Vec::new(),
            lists: 0,
            operated: BTreeMap::new(),
            faults: Vec::new(),
            meddled: BTreeMap::new(),
            released: BTreeSet::new(),
            looked: None,
            due: Vec::new(),
            armed: Vec::new(),
            put_off: Vec::new(),
            moments: VecDeque::new(),
            drawn: 0,
        }
    }

    /// Plays one round after the other.
    pub async fn play(&mut self, plan: &Plan) {
        for (n, round) in plan.rounds.iter().enumerate() {
            self.trace.note(format!("round {n} begins"));
            self.begin(round).await;
            let is_last = n + 1 == plan.rounds.len();
            let end = Instant::now()
                + match plan.kind {
                    Kind::Kills => DENSE_ROUND,
                    Kind::Mixed if is_last => LAST_ROUND,
                    Kind::Mixed => ROUND,
                };
            while Instant::now() < end && !(self.is_quiet() && self.asked.is_empty()) {
                self.tick().await;
                self.operate(1).await;
            }
        }
    }

    async fn begin(&mut self, round: &Round) {
        let pair = self.pair;
        for trouble in round.troubles.iter().filter(|trouble| pair || !trouble.needs_a_pair()) {
            self.arm(trouble.clone()).await;
        }
        for moment in &round.moments {
            self.drawn += 1;
            // Two alike are two moments.
            let nth = if moment.contains('#') { "" } else { "#1" };
            self.moments.push_back(format!("{moment}{nth} {}", self.drawn));
        }
        self.set_moments();
        for ask in &round.asks {
            self.ask(ask);
        }
        self.tick().await;
    }

    /// Whether every migration that HDM tells of has ended or waits for a person.
    pub fn is_quiet(&self) -> bool {
        self.views.iter().all(|view| is_final(view) || view["state"] == "needs-operator")
    }

    /// Looks at everything once.
    pub async fn tick(&mut self) {
        tokio::time::sleep(TICK).await;
        self.look_at_crew().await;
        self.look_at_troubles().await;
        self.do_what_is_due(false).await;
        self.look_at_asks().await;
        self.look_at_migrations().await;
    }

    async fn look_at_migrations(&mut self) {
        let Some(answer) = self.crew.get("/migrations?limit=1000").await else { return };
        if !answer.well() {
            self.trace.note(format!("the list is refused: {} {}", answer.status, answer.body));
            return;
        }
        let views = answer.body.as_array().cloned().unwrap_or_default();
        for view in &views {
            let old = self.views.iter().find(|old| old["id"] == view["id"]);
            if old.is_none_or(|old| old["state"] != view["state"]) {
                let what =
                    ["vm_name", "id", "state", "step", "attempt", "error"].map(|key| view[key].to_string());
                self.trace.note(what.join(" "));
            }
        }
        self.lists += 1;
        self.views = views;
    }

    /// Whether the copy of a VM is to run.
    pub fn powers_on(&self, vm: &str) -> bool {
        self.wanted.get(vm).is_some_and(|options| options.power_on)
    }

    /// The newest migration of a VM.
    pub fn newest(&self, vm: &str) -> Option<&Value> {
        self.views.iter().find(|view| view["vm_name"] == vm)
    }

    /// Sees who has died, and starts again whoever was away for long enough.
    async fn look_at_crew(&mut self) {
        let away = match (self.dense, self.pair) {
            (true, _) => 200,
            (false, true) => 6_000,
            (false, false) => 1_500,
        };
        let away = self.rng.u64(..away);
        for (member, status) in self.crew.died(|| Duration::from_millis(away)) {
            self.trace.note(format!("appliance {member} has died: {status}"));
            match std::os::unix::process::ExitStatusExt::signal(&status) {
                Some(6 | 9) => self.trace.count("kills"),
                _ if self.crew.could_not_begin(member) => {
                    self.trace.note("it could not begin");
                    self.trace.count("starts without a database or the right time");
                }
                _ => self.faults.push(format!("an appliance has ended by itself: {status}")),
            }
            self.moment_has_come(member, "died");
            self.disarm_kills_of(member).await;
        }
        let asleep = self.rng.u64(500..8_000);
        for member in self.crew.froze(Duration::from_millis(asleep)) {
            self.moment_has_come(member, "froze");
            self.trace.count("freezes");
        }
        self.come_back(false).await;
    }

    fn moment_has_come(&mut self, member: usize, what: &str) {
        let Some(come) = self.crew.moment_of(member) else { return };
        self.trace.note(format!("appliance {member} {what} at {come}"));
        self.moments.retain(|moment| *moment != come);
        self.set_moments();
    }

    /// Its number may become another process's.
    async fn disarm_kills_of(&mut self, member: usize) {
        for at in (0..self.armed.len()).rev() {
            if self.armed[at].trouble.kills() && self.crew.which(self.armed[at].trouble.member) == member {
                let Armed { id, trouble } = self.armed.swap_remove(at);
                let site = site(&self.lab, trouble.cloud);
                let fired = site.fired(&id).await > 0;
                site.delete(&format!("/faults/{id}")).await;
                if fired { self.happened(&trouble) } else { self.put_off.push(trouble) }
            }
        }
    }

    async fn come_back(&mut self, over: bool) {
        let back = self.crew.come_back(over);
        if !back.is_empty() {
            self.trace.note(format!("back are {back:?}"));
            for trouble in std::mem::take(&mut self.put_off) {
                self.arm(trouble).await;
            }
        }
    }

    /// Of those that are counted by commits one stands at a time: the first would be the only one that comes.
    fn set_moments(&self) {
        let (counted, others): (Vec<&str>, Vec<&str>) =
            self.moments.iter().map(String::as_str).partition(|moment| moment.contains(":commit"));
        let standing: Vec<&str> = counted.into_iter().take(1).chain(others).collect();
        self.crew.die_at(&standing.join("\n"));
    }

    async fn arm(&mut self, trouble: Trouble) {
        let pid = self.crew.pid(self.crew.which(trouble.member));
        let Some(pid) = pid.or((!trouble.kills()).then_some(0)) else { return self.put_off.push(trouble) };
        let id = site(&self.lab, trouble.cloud).arm(trouble.rule(pid)).await;
        self.armed.push(Armed { id, trouble });
    }

    fn happened(&mut self, trouble: &Trouble) {
        let Trouble { family, on, effect, then, .. } = trouble;
        let place = if trouble.cloud { "cloud" } else { "onprem" };
        self.trace.note(format!("{family} at {place}: {on} {effect} {then:?}"));
        self.trace.count(family);
    }

    async fn look_at_troubles(&mut self) {
        let mut happened = Vec::new();
        for cloud in [false, true] {
            let rules = site(&self.lab, cloud).get("/faults").await;
            for rule in rules.as_array().into_iter().flatten().filter(|rule| rule["fired"] != 0) {
                let at = self.armed.iter().position(|armed| rule["id"] == armed.id.as_str());
                // A kill is looked at when the process has died of it.
                if let Some(at) = at.filter(|at| !self.armed[*at].trouble.kills()) {
                    happened.push(self.armed.swap_remove(at).trouble);
                }
            }
        }
        for trouble in happened {
            self.happened(&trouble);
            if let Some(deed) = trouble.then {
                self.act(deed).await;
            }
        }
    }

    /// Asks for something that may be refused; whether it was done.
    pub async fn post(&mut self, path: &str, what: &str, body: Value) -> bool {
        let answer = self.crew.post(path, None, &body).await;
        let (well, told) = match &answer {
            Some(answer) => (answer.well(), format!("{} {}", answer.status, answer.body["detail"])),
            None => (false, "no answer".to_owned()),
        };
        self.trace.note(format!("asked to {what} {path}: {told}"));
        if well {
            self.trace.count(what);
        }
        well
    }

    /// Lifts everything that lies in wait.
    pub async fn lift(&mut self) {
        self.trace.note("everything is lifted");
        self.armed.clear();
        self.put_off.clear();
        self.moments.clear();
        self.set_moments();
        for cloud in [false, true] {
            site(&self.lab, cloud).delete("/faults").await;
        }
        self.do_what_is_due(true).await;
        self.crew.thaw().await;
        self.come_back(true).await;
    }
}

/// One of the two sites.
pub fn site(lab: &Lab, cloud: bool) -> &Site {
    if cloud { &lab.cloud } else { &lab.onprem }
}

/// Whether a migration has ended.
pub fn is_final(view: &Value) -> bool {
    ["done", "cancelled", "failed"].iter().any(|state| view["state"] == *state)
}
