//! The person who looks after migrations that wait for one, and what must have settled at the end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::player::{Player, is_final};
use crate::trouble::Deed;

/// How often the operator acts on one migration before they give it up.
const TRIES: u32 = 4;
/// How long they wait between.
const PAUSE: Duration = Duration::from_secs(2);
/// How long nothing may change, once nothing goes wrong any more, before what has not ended counts as stuck. These
/// machines are slow and shared.
const STUCK: Duration = Duration::from_secs(120);
/// How long all of it may take, however much goes on.
const SETTLING: Duration = Duration::from_secs(900);

impl Player {
    /// Acts on migrations that wait for a person, up to so many times each.
    pub async fn operate(&mut self, tries: u32) {
        let waiting: Vec<Value> =
            self.views.iter().filter(|view| view["state"] == "needs-operator").cloned().collect();
        for view in waiting {
            let id = view["id"].as_str().unwrap_or_default().to_owned();
            let (times, last) = self.operated.get(&id).copied().unwrap_or((0, Instant::now()));
            if times >= tries || (times > 0 && last.elapsed() < PAUSE) {
                continue;
            }
            if view["error"].as_str().is_none_or(str::is_empty) {
                self.faults.push(format!("{id} waits for a person and does not say why"));
            }
            let back = times >= 2;
            let well = if back && view["committed"] == true {
                self.release(&view).await
            } else if back {
                let path = format!("/migrations/{id}/cancel");
                self.post(&path, "cancel by the operator", json!({})).await
            } else {
                self.post(&format!("/migrations/{id}/retry"), "retry by the operator", json!({})).await
            };
            // Too many may run already: then it does not count.
            if well || back {
                self.operated.insert(id, (times + 1, Instant::now()));
            }
        }
    }

    /// Lifts everything and waits until all that was accepted has ended, with a person who helps where one is
    /// asked for.
    pub async fn settle(&mut self) {
        // A link's trouble lasts as long as it was drawn to, whatever else is over.
        while self.due.iter().any(|(_, deed)| matches!(deed, Deed::LinkAgain { .. })) {
            self.tick().await;
            self.operate(1).await;
        }
        self.lift().await;
        let begun = Instant::now();
        let (mut seen, mut changed) = (Vec::new(), Instant::now());
        while begun.elapsed() < SETTLING && changed.elapsed() < STUCK {
            self.tick().await;
            if seen != self.views {
                (seen, changed) = (self.views.clone(), Instant::now());
            }
            self.make_good().await;
            self.resume_all().await;
            self.operate(TRIES).await;
            if self.asked.is_empty() && self.views.iter().all(|view| is_final(view) || self.is_given_up(view))
            {
                return;
            }
        }
        for view in self.views.iter().filter(|view| !is_final(view)) {
            self.faults.push(format!("a migration does not settle: {view}"));
        }
        if !self.asked.is_empty() {
            self.faults.push("a request is not answered".into());
        }
    }

    /// Puts back what was taken out of the queue by somebody whose wish to put it back met no appliance.
    async fn resume_all(&mut self) {
        let paused = self.views.iter().filter(|view| view["state"] == "paused");
        for id in paused.filter_map(|view| Some(view["id"].as_str()?.to_owned())).collect::<Vec<_>>() {
            self.post(&format!("/migrations/{id}/resume"), "resume", json!({})).await;
        }
    }

    fn is_given_up(&self, view: &Value) -> bool {
        let times = view["id"].as_str().and_then(|id| self.operated.get(id)).map_or(0, |(times, _)| *times);
        view["state"] == "needs-operator" && times >= TRIES
    }
}
