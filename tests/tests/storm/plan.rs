//! What a storm does, all of it drawn from its seed: which VMs there are, what is asked for in which round, and
//! what goes wrong.

use fastrand::Rng;
use hdm_tests::lab::{busy_vm, vm};
use serde_json::{Value, json};

use crate::family;
use crate::trouble::Trouble;

/// The plan of one storm.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it was drawn from.
    pub seed: u64,
    /// What there is most of.
    pub kind: Kind,
    /// Whether two appliances share a PostgreSQL, or else one has a file of its own.
    pub pair: bool,
    /// The VMs that are there, `vm-00`, `vm-01` and so on.
    pub vms: Vec<Machine>,
    /// What happens, in order.
    pub rounds: Vec<Round>,
}

/// Of what a storm has most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A little of everything.
    Mixed,
    /// Kills: whoever is back is killed again after a few commits, a step or a call.
    Kills,
}

/// A VM.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its cluster; the target has one of the same name.
    pub cluster: &'static str,
    /// How the lab makes it.
    pub config: Value,
}

/// What is asked for at once, and what goes wrong from then on.
#[derive(Clone, Debug)]
pub struct Round {
    /// Who asks for what.
    pub asks: Vec<Ask>,
    /// What goes wrong.
    pub troubles: Vec<Trouble>,
    /// The moments in the program at which it dies, one after the other.
    pub moments: Vec<String>,
}

/// Something that somebody asks of HDM.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Migrations of VMs that were not asked for before.
    New {
        /// By number.
        vms: Vec<usize>,
        /// By which way.
        way: Way,
        /// How many answers are lost on their way, where it is asked for under a key.
        lost: u32,
        /// How they are moved.
        options: Options,
    },
    /// One of those that have failed or were cancelled is tried again, if there is any.
    Again {
        /// Which, modulo their number.
        pick: usize,
    },
}

/// How VMs are moved.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the copies are powered on.
    pub power_on: bool,
    /// Whether a VM that runs is powered off at once.
    pub hard: bool,
    /// Whether the copies are read back.
    pub reads_back: bool,
}

impl Options {
    /// As a request has them.
    pub fn json(self) -> Value {
        json!({
            "power_on": self.power_on,
            "shutdown": if self.hard { "hard" } else { "guest" },
            "verify": if self.reads_back { "readback" } else { "checksums" },
        })
    }
}

/// How HDM is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The appliance's API, under a key.
    Api,
    /// The command line.
    Cli,
    /// The plugin server, under a key.
    Plugin,
}

/// The steps of a migration, and whether they can be undone.
const STEPS: [(&str, bool); 15] = [
    ("recheck", true),
    ("open-tasks", true),
    ("stop-source", true),
    ("park-source", true),
    ("snapshot-source", true),
    ("transfer", true),
    ("complete-target", true),
    ("read-back", true),
    ("verify-source", true),
    ("disconnect-source", true),
    ("connect-target", true),
    ("power-on-target", false),
    ("await-tools", false),
    ("retire-source", false),
    ("close-tasks", false),
];

/// How many kills a round of a storm of kills has in addition, of each kind.
const KILLS: usize = 12;
/// A storm of more rounds than this may have a link that is cut or thin for long.
const LONG_LINKS_FROM: usize = 3;

impl Plan {
    /// Draws a plan.
    pub fn draw(seed: u64, rounds: usize, kind: Kind) -> Self {
        let mut rng = Rng::with_seed(seed);
        let (mut vms, mut all) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            all.push(round(&mut rng, &mut vms));
        }
        // Not drawn, so that of few seeds that follow each other there are some of both.
        let pair = seed.is_multiple_of(3);
        if kind == Kind::Kills {
            for round in &mut all {
                more_kills(&mut rng, round);
            }
        }
        if rounds > LONG_LINKS_FROM && rng.bool() {
            // It lasts longer than the rounds do.
            let at = rng.usize(..all.len());
            all[at].troubles.push(family::long_link(&mut rng));
        }
        Self { seed, kind, pair, vms, rounds: all }
    }
}

/// What a round of a storm of kills has beside the rest.
fn more_kills(rng: &mut Rng, round: &mut Round) {
    round.troubles.extend((0..KILLS).map(|_| family::kill(rng, &[])));
    let (mut counted, mut steps) = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        let when = ["before", "after"][rng.usize(..2)];
        counted.push(format!("{when}:commit#{}", rng.u32(1..=30)));
        steps.push(moment(rng));
    }
    round.moments.extend(counted.into_iter().chain(steps));
    rng.shuffle(&mut round.moments);
}

fn round(rng: &mut Rng, vms: &mut Vec<Machine>) -> Round {
    // At most eight run at once; now and then some have to wait.
    let mut left = if rng.u8(..8) == 0 { rng.usize(9..=10) } else { rng.usize(2..=4) };
    let first = vms.len();
    let mut asks = Vec::new();
    while left > 0 {
        let cluster = if rng.u8(..4) == 0 { "C1" } else { "C0" };
        let count = rng.usize(1..=left.min(4));
        let named = (0..count).map(|_| {
            vms.push(machine(rng, vms.len(), cluster));
            vms.len() - 1
        });
        let vms = named.collect();
        let way = [Way::Api, Way::Cli, Way::Plugin][rng.usize(..3)];
        let lost = [0, 0, 1, 2][rng.usize(..4)];
        let (power_on, hard, reads_back) = (rng.bool(), rng.u8(..3) == 0, rng.u8(..3) == 0);
        asks.push(Ask::New { vms, way, lost, options: Options { power_on, hard, reads_back } });
        left -= count;
    }
    for _ in 0..rng.usize(..=2) {
        asks.push(Ask::Again { pick: rng.usize(..100) });
    }
    rng.shuffle(&mut asks);
    let of_round: Vec<String> = vms[first..].iter().map(|vm| vm.name.clone()).collect();
    let count = rng.usize(10..=20);
    let troubles = (0..count).map(|_| Trouble::draw(rng, &of_round)).collect();
    let count = rng.usize(3..=6);
    let moments = (0..count).map(|_| moment(rng)).collect();
    Round { asks, troubles, moments }
}

/// A moment at which the appliance dies, or now and then is frozen: then it has made sure that a migration is its own, and
/// what it does next is done late.
fn moment(rng: &mut Rng) -> String {
    let what = if rng.u8(..6) == 0 { "freeze " } else { "" };
    if rng.u8(..3) == 0 {
        return format!("{what}{}:commit#{}", ["before", "after"][rng.usize(..2)], rng.u32(1..=40));
    }
    let (step, undone) = STEPS[rng.usize(..STEPS.len())];
    let kinds: &[&str] = if undone {
        &["before", "after", "before", "after", "before-undo", "after-undo"]
    } else {
        &["before", "after"]
    };
    format!("{what}{}:{step}", kinds[rng.usize(..kinds.len())])
}

fn machine(rng: &mut Rng, number: usize, cluster: &'static str) -> Machine {
    let name = format!("vm-{number:02}");
    let disks: Vec<u64> =
        (0..[1, 1, 2, 2, 3, 4][rng.usize(..6)]).map(|_| [1, 1, 1, 2, 2, 3, 4, 8][rng.usize(..8)]).collect();
    let mut config = if rng.u8(..5) < 2 { busy_vm(&name, &disks) } else { vm(&name, &disks) };
    config["cluster"] = json!(cluster);
    for disk in 0..disks.len() {
        if rng.u8(..4) == 0 {
            config["disks"][disk]["content"] = json!(format!("sparse:{}", rng.u32(1..1_000_000)));
        }
    }
    Machine { name, cluster, config }
}

#[test]
fn a_seed_draws_the_same_plan_again_and_another_one_another() {
    let plan = |seed| format!("{:?}", Plan::draw(seed, 2, Kind::Kills));
    assert_eq!(plan(7), plan(7));
    assert_ne!(plan(7), plan(8));
}
