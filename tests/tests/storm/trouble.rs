//! What can go wrong, each thing at a counted event: the nth call of a method, or a byte of a transfer.

use fastrand::Rng;
use serde_json::{Value, json};

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
    /// What somebody does when it has happened.
    pub then: Option<Deed>,
}

/// What people do, or what happens to the surroundings, once an event was seen.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Somebody cancels the newest migration of a VM.
    Cancel(String),
}

/// The calls that change something, by site, with about how often a migration makes each.
pub const WRITES: [&[(&str, u32)]; 2] = [
    &[
        ("CreateTask", 2),
        ("SetTaskState", 4),
        ("ShutdownGuest", 1),
        ("PowerOffVM_Task", 1),
        ("MoveIntoResourcePool", 2),
        ("CreateSnapshot_Task", 1),
        ("ExportSnapshot", 1),
        ("HttpNfcLeaseComplete", 1),
        ("ReconfigVM_Task", 2),
        ("RemoveSnapshot_Task", 1),
        ("PostEvent", 5),
    ],
    &[
        ("CreateTask", 2),
        ("SetTaskState", 4),
        ("ImportVApp", 1),
        ("HttpNfcLeaseComplete", 1),
        ("ReconfigVM_Task", 2),
        ("PowerOnVM_Task", 1),
        ("Destroy_Task", 1),
        ("PostEvent", 5),
    ],
];

/// How a family of troubles draws one; the VMs are those of its round.
type Family = fn(&mut Rng, &[String]) -> Trouble;

/// All families, with how often each is drawn.
const FAMILIES: [(u32, Family); 2] = [(4, kill), (3, cancel)];

/// Draws one.
pub fn trouble(rng: &mut Rng, vms: &[String]) -> Trouble {
    let all: u32 = FAMILIES.iter().map(|(weight, _)| weight).sum();
    let mut at = rng.u32(..all);
    for (weight, family) in FAMILIES {
        match at.checked_sub(weight) {
            Some(rest) => at = rest,
            None => return family(rng, vms),
        }
    }
    unreachable!("the weights were summed")
}

/// A call that changes something: the site and when.
fn write(rng: &mut Rng) -> (bool, Value) {
    let cloud = rng.bool();
    let calls = WRITES[usize::from(cloud)];
    let (method, often) = calls[rng.usize(..calls.len())];
    (cloud, json!({"method": method, "nth": rng.u32(1..=4 * often), "user_agent": "HDM/"}))
}

/// A moment in a transfer: the site and when.
fn transfer(rng: &mut Rng) -> (bool, Value) {
    let cloud = rng.bool();
    let nfc = if cloud { "import" } else { "export" };
    let after = [0, 1, rng.u32(..100_000), rng.u32(..900_000), rng.u32(..3_000_000)][rng.usize(..5)];
    (cloud, json!({"nfc": nfc, "after_bytes": after, "nth": rng.u32(1..=6)}))
}

fn kill(rng: &mut Rng, _: &[String]) -> Trouble {
    let ((cloud, on), mut effect) = match rng.u8(..3) {
        0 => (transfer(rng), json!({"kill_pid": 1})),
        1 => (write(rng), json!({"kill_pid": 1, "kill_when": "after", "lose_answer": true})),
        _ => (write(rng), json!({"kill_pid": 1, "kill_when": "before"})),
    };
    if on["method"].is_null() && rng.u8(..4) == 0 {
        effect = json!({"kill_pid": 1, "kill_when": "after", "lose_answer": true});
    }
    Trouble { family: "kill", cloud, on, effect, then: None }
}

/// Something is held up for a moment, and somebody cancels meanwhile.
fn cancel(rng: &mut Rng, vms: &[String]) -> Trouble {
    let ((cloud, on), effect) = match rng.u8(..3) {
        0 => (transfer(rng), "stall_ms"),
        _ => (write(rng), "delay_ms"),
    };
    let vm = vms[rng.usize(..vms.len())].clone();
    let effect = json!({effect: rng.u32(100..800)});
    Trouble { family: "held up", cloud, on, effect, then: Some(Deed::Cancel(vm)) }
}

impl Trouble {
    /// Whether the appliance dies of it.
    pub fn kills(&self) -> bool {
        !self.effect["kill_pid"].is_null()
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
