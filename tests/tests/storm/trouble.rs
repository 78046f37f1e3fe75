//! What can go wrong, each thing at a counted event: the nth call of a method, or a byte of a transfer.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::family;

/// One thing that goes wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Under which name it is counted.
    pub family: &'static str,
    /// Whether at the cloud, or else on-premises.
    pub cloud: bool,
    /// When, as the lab's faults say it.
    pub on: Value,
    /// What, as the lab's faults say it. A `kill_pid` is put in when it is armed.
    pub effect: Value,
    /// Which of the appliances dies of it, modulo their number.
    pub member: usize,
    /// What somebody does when it has happened.
    pub then: Option<Deed>,
}

/// What people do, or what happens to the surroundings, once an event was seen.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Somebody cancels the newest migration of a VM.
    Cancel(String),
    /// Somebody takes the newest migration of a VM out of the queue, and puts it back later.
    Pause(String, u64),
    /// Somebody puts it back.
    Resume(String),
    /// Somebody cancels one of HDM's tasks in a vCenter, the first of so many.
    CancelTask { cloud: bool, nth: usize },
    /// Somebody does something to a VM's source or copy.
    Meddle { cloud: bool, vm: String, act: &'static str },
    /// A vCenter forgets the tasks that have ended.
    Forget { cloud: bool },
    /// The target's datastore has so much room for so many milliseconds.
    Room { free_bytes: u64, ms: u64 },
    /// It has all its room again.
    RoomAgain,
    /// The link to a site has this shape for so many milliseconds.
    Link { cloud: bool, shape: Value, ms: u64 },
    /// It is as it was.
    LinkAgain { cloud: bool },
    /// The appliance's own disk is full for so many milliseconds.
    FullDisk { ms: u64 },
    /// It has room again.
    DiskAgain,
    /// The PostgreSQL that two appliances share is stopped, as by a crash or not, for so many milliseconds.
    Database { crash: bool, ms: u64 },
    /// It is started again.
    DatabaseAgain,
    /// The plugin server is killed, and starts again.
    KillPlugin,
    /// The clock of an appliance's machine is wrong by so many seconds for so many milliseconds.
    Clock { member: usize, seconds: i64, ms: u64 },
    /// The same of the plugin server's.
    PluginClock { seconds: i64, ms: u64 },
    /// All clocks are right again.
    ClocksRight,
    /// An appliance sleeps for so many milliseconds, as a machine that is moved or suspended does.
    Sleep { member: usize, ms: u64 },
}

impl Trouble {
    /// Draws one for a round with these VMs.
    pub fn draw(rng: &mut Rng, vms: &[String]) -> Self {
        let all: u32 = family::ALL.iter().map(|(weight, _)| weight).sum();
        let mut at = rng.u32(..all);
        for (weight, family) in family::ALL {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return family(rng, vms),
            }
        }
        unreachable!("the weights were summed")
    }

    /// Whether the appliance dies of it.
    pub fn kills(&self) -> bool {
        !self.effect["kill_pid"].is_null()
    }

    /// Whether it can happen to appliances of which each has a database of its own, or else only to two that share one.
    pub fn needs_a_pair(&self) -> bool {
        matches!(self.then, Some(Deed::Database { .. }))
    }

    /// The fault as the lab is told of it.
    pub fn rule(&self, pid: u32) -> Value {
        let mut effect = self.effect.clone();
        if self.kills() {
            effect["kill_pid"] = json!(pid);
        }
        json!({"on": self.on, "do": effect})
    }
}
