//! What was survived, counted, and the full trace of a storm.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

/// The result of one storm.
#[derive(Clone, Debug)]
pub struct Result {
    /// Its seed.
    pub seed: u64,
    /// How long it took.
    pub seconds: u64,
    /// What happened, how often.
    pub counts: BTreeMap<String, u64>,
    /// What was wrong at its end, a sentence each; nothing if it was survived.
    pub faults: Vec<String>,
}

impl Result {
    /// One line of JSON.
    pub fn line(&self) -> Value {
        json!({
            "seed": self.seed, "seconds": self.seconds, "survived": self.faults.is_empty(), "counts": self.counts,
            "faults": self.faults,
        })
    }
}

/// What happens, as it happens.
pub struct Trace {
    begun: Instant,
    lines: Vec<String>,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
}

impl Trace {
    /// An empty one.
    pub fn new() -> Self {
        Self { begun: Instant::now(), lines: Vec::new(), counts: BTreeMap::new() }
    }

    /// Notes what happens now.
    pub fn note(&mut self, what: impl AsRef<str>) {
        let at = self.begun.elapsed().as_secs_f64();
        self.lines.push(format!("{at:8.2} {} {}", time_of_day(), what.as_ref()));
    }

    /// Counts what has happened.
    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// How long it has gone on.
    pub fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

/// The time of day, to be found again in the logs.
fn time_of_day() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let of_day = now.as_secs() % 86_400;
    format!("{:02}:{:02}:{:02}.{:03}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60, now.subsec_millis())
}
