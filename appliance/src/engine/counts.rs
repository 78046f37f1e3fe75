//! What this process has counted since it began, for `/metrics`. What happens in one migration and what happens in one of
//! its attempts is never counted together.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::workflow::Milestone;
use crate::store::Verdict;

type ByResult = Family<Vec<(&'static str, &'static str)>, Counter>;

/// Counters; a clone counts on with the same. Each result is told from the beginning: what appears as 1 has not increased
/// in Prometheus' eyes.
#[derive(Clone, Debug)]
pub struct Counts {
    begun: Counter,
    ended: ByResult,
    attempts: ByResult,
    waits: Counter,
    operator: Counter,
    arrived_bytes: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        let of = |results: [&'static str; 3]| {
            let family = ByResult::default();
            for result in results {
                drop(family.get_or_create(&vec![("result", result)]));
            }
            family
        };
        Self {
            begun: Counter::default(),
            ended: of(["done", "failed", "cancelled"]),
            attempts: of(["succeeded", "failed", "cancelled"]),
            waits: Counter::default(),
            operator: Counter::default(),
            arrived_bytes: Counter::default(),
        }
    }
}

impl Counts {
    /// Counts what has just been written; `undoing` says whether the workflow was being undone already.
    pub(super) fn count(&self, milestone: &Milestone, undoing: bool) {
        let ended = |result| _ = self.ended.get_or_create(&vec![("result", result)]).inc();
        let attempt = |result| _ = self.attempts.get_or_create(&vec![("result", result)]).inc();
        match milestone {
            Milestone::Started => _ = self.begun.inc(),
            Milestone::AttemptFailed { .. } | Milestone::Unwinding { verdict: Verdict::Failed { .. } } => {
                attempt("failed");
            }
            Milestone::Unwinding { verdict: Verdict::Cancelled { .. } } => attempt("cancelled"),
            Milestone::Waiting { .. } => _ = self.waits.inc(),
            Milestone::NeedsOperator { .. } => {
                self.operator.inc();
                if !undoing {
                    attempt("failed");
                }
            }
            Milestone::Done => {
                attempt("succeeded");
                ended("done");
            }
            Milestone::Undone { verdict: Verdict::Cancelled { .. } } => ended("cancelled"),
            Milestone::Undone { verdict: Verdict::Failed { .. } } => ended("failed"),
            Milestone::Accepted
            | Milestone::Committed
            | Milestone::Paused { .. }
            | Milestone::Resumed { .. } => {}
        }
    }

    /// Counts a disk that has arrived whole, by what it took on the wire.
    pub fn arrived(&self, bytes: u64) {
        self.arrived_bytes.inc_by(bytes);
    }

    /// Shows all of them.
    pub fn register(&self, registry: &mut Registry) {
        let mut counter = |name: &str, help: &str, counter: &Counter| {
            registry.register(name, help, counter.clone());
        };
        counter("migrations_begun", "Migrations that this appliance has begun", &self.begun);
        counter("waits", "Times a migration began to wait for something", &self.waits);
        counter("operator_calls", "Times a migration stopped for a person", &self.operator);
        counter("arrived_bytes", "Bytes on the wire of the disks that arrived whole", &self.arrived_bytes);
        registry.register(
            "migrations_ended",
            "Migrations that this appliance has brought to an end, by result",
            self.ended.clone(),
        );
        registry.register(
            "attempts_ended",
            "Attempts of migrations that have ended at this appliance, by result",
            self.attempts.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    /// One that fails twice and is moved, one that fails for good, one that is cancelled, one that stops for a person.
    #[test]
    fn attempts_and_migrations_are_counted_apart() {
        let counts = Counts::default();
        let failed = || Milestone::AttemptFailed { reason: String::new(), attempt: 1 };
        let for_good = || Verdict::Failed { reason: String::new(), step: None };
        let by_ann = || Verdict::Cancelled { by: "ann".into() };
        for milestone in [
            Milestone::Started,
            failed(),
            failed(),
            Milestone::Done,
            Milestone::Started,
            Milestone::Unwinding { verdict: for_good() },
            Milestone::Undone { verdict: for_good() },
            Milestone::Started,
            Milestone::Waiting { why: String::new() },
            Milestone::Unwinding { verdict: by_ann() },
            Milestone::Undone { verdict: by_ann() },
            Milestone::Started,
            Milestone::NeedsOperator { reason: String::new() },
        ] {
            counts.count(&milestone, false);
        }
        counts.count(&Milestone::NeedsOperator { reason: String::new() }, true);
        counts.arrived(7);
        let (mut registry, mut text) = (Registry::default(), String::new());
        counts.register(&mut registry);
        assert!(encode(&mut text, &registry).is_ok());
        for line in [
            "migrations_begun_total 4",
            "migrations_ended_total{result=\"done\"} 1",
            "migrations_ended_total{result=\"failed\"} 1",
            "migrations_ended_total{result=\"cancelled\"} 1",
            "attempts_ended_total{result=\"succeeded\"} 1",
            "attempts_ended_total{result=\"failed\"} 4",
            "attempts_ended_total{result=\"cancelled\"} 1",
            "operator_calls_total 2",
            "waits_total 1",
            "arrived_bytes_total 7",
        ] {
            assert!(text.lines().any(|one| one == line), "'{line}' is missing in\n{text}");
        }
    }
}
