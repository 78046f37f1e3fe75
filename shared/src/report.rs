//! What a night has brought: each migration with the time its parts took, and how long its VM was down.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::display::Phase;
use crate::ids::{MigrationId, ObjectId, VcenterId};
use crate::migration::{LogLine, MigrationState};

/// How many migrations one page of a report tells.
pub const MAX_PAGE: u32 = 1_000;

/// A page of a report, the newest migration first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportPage {
    /// One entry for each migration.
    pub migrations: Vec<ReportEntry>,
    /// What to ask for as `before` to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What became of one migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportEntry {
    /// Its id.
    pub id: MigrationId,
    /// The source VM.
    pub vm: ObjectId,
    /// The source VM's name when the request was accepted.
    pub vm_name: String,
    /// The cluster the source VM was in, by name.
    pub source_cluster: String,
    /// The vCenter it went to, or goes to.
    pub cloud: VcenterId,
    /// The VM's name there.
    pub target_name: String,
    /// Where it stands.
    pub state: MigrationState,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many attempts it took, or has taken so far; 0 while it is queued.
    pub attempts: u32,
    /// Where the time went.
    pub times: Times,
    /// When its VM did not run; absent if it did not run before either, or was never stopped.
    pub downtime: Option<Downtime>,
    /// The disks, with what went over the wire and the checksums that both sides agreed on. What was sent again counts
    /// once: these are the last attempt's.
    pub disks: Vec<ReportDisk>,
    /// What went wrong last, in words.
    pub error: Option<String>,
}

/// One disk in a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReportDisk {
    /// Its label in the source.
    pub label: String,
    /// Its size.
    pub capacity_bytes: u64,
    /// What went over the wire, compressed.
    pub wire_bytes: u64,
    /// The checksum both sides agreed on, such as `sha256:…`; it covers the stream, not the disk. Absent if the disk
    /// did not arrive.
    pub checksum: Option<String>,
}

/// Where a migration's time went. Each moment from its acceptance to its end belongs to exactly one of these, so that
/// they add up to the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Times {
    /// The phases that took time, in their order, over all attempts.
    pub phases: Vec<PhaseTime>,
    /// Waiting for a vCenter, or for the next attempt.
    pub waiting_ms: u64,
    /// Waiting for a person.
    pub operator_ms: u64,
    /// Undoing what was done.
    pub undoing_ms: u64,
}

/// What one phase took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhaseTime {
    /// The phase.
    pub phase: Phase,
    /// How long, in milliseconds.
    pub ms: u64,
}

/// When a VM that was moved ran nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Downtime {
    /// Since the source began to be stopped: what a guest still does after that is its shutting down.
    pub since: Timestamp,
    /// Until the copy, or the source again, was powered on; absent if nothing was powered on yet, or was to be. How
    /// long the guest then took to start is not counted.
    pub until: Option<Timestamp>,
}

impl Downtime {
    /// How long, in milliseconds; of one that lasts, until now.
    pub fn ms(&self, now: Timestamp) -> u64 {
        between(self.since, self.until.unwrap_or(now))
    }
}

impl Times {
    /// Adds up a migration's log, whose last line's time lasts until `end`. Lines that a step writes about its own work
    /// may be left out: they say nothing that changes here.
    pub fn of(log: &[LogLine], end: Timestamp) -> Self {
        let mut phases = [0_u64; Phase::ALL.len()];
        let mut times = Self::default();
        let mut undoing = false;
        for (at, line) in log.iter().enumerate() {
            let until = log.get(at + 1).map_or(end, |next| next.at);
            let took = between(line.at, until);
            undoing |= matches!(line.kind.as_str(), "unwinding" | "step-undoing" | "step-undone");
            let place = match line.kind.as_str() {
                "needs-operator" => &mut times.operator_ms,
                "waiting" | "attempt-failed" => &mut times.waiting_ms,
                _ if undoing => &mut times.undoing_ms,
                _ => {
                    let phase = Phase::of_step(line.step.as_deref());
                    match Phase::ALL.iter().position(|one| *one == phase) {
                        Some(place) => &mut phases[place],
                        None => continue,
                    }
                }
            };
            *place = place.saturating_add(took);
        }
        let taken = Phase::ALL.into_iter().zip(phases).filter(|(_, ms)| *ms > 0);
        times.phases = taken.map(|(phase, ms)| PhaseTime { phase, ms }).collect();
        times
    }

    /// What a phase took, in milliseconds.
    pub fn of_phase(&self, phase: Phase) -> u64 {
        self.phases.iter().find(|time| time.phase == phase).map_or(0, |time| time.ms)
    }
}

/// When the VM of a migration ran nowhere, by its log. `powers_on` says whether the copy was to be powered on. Only for
/// VMs that ran before.
pub fn downtime(log: &[LogLine], powers_on: bool) -> Option<Downtime> {
    let is = |line: &LogLine, kind: &str, step: &str| line.kind == kind && line.step.as_deref() == Some(step);
    let since = log.iter().find(|line| is(line, "step-began", "stop-source"))?.at;
    let copy = log.iter().rev().find(|line| is(line, "step-done", "power-on-target")).filter(|_| powers_on);
    let source = log.iter().rev().find(|line| is(line, "step-undone", "stop-source"));
    Some(Downtime { since, until: copy.or(source).map(|line| line.at) })
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    let time: SignedDuration = to.duration_since(from);
    u64::try_from(time.as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000 + second).unwrap()
    }

    fn log(lines: &[(i64, &str, Option<&str>)]) -> Vec<LogLine> {
        let line = |(n, (second, kind, step)): (usize, &(i64, &str, Option<&str>))| LogLine {
            seq: n as u64 + 1,
            at: at(*second),
            kind: (*kind).to_owned(),
            step: step.map(str::to_owned),
            message: String::new(),
        };
        lines.iter().enumerate().map(line).collect()
    }

    fn whole(times: &Times) -> u64 {
        let phases: u64 = times.phases.iter().map(|time| time.ms).sum();
        phases + times.waiting_ms + times.operator_ms + times.undoing_ms
    }

    #[test]
    fn every_second_belongs_somewhere() {
        let log = log(&[
            (0, "accepted", None),
            (60, "turn", None),
            (61, "step-began", Some("recheck")),
            (63, "step-done", Some("recheck")),
            (63, "step-began", Some("stop-source")),
            (100, "step-done", Some("stop-source")),
            (100, "step-began", Some("transfer")),
            (200, "waiting", Some("transfer")),
            (230, "resumed", Some("transfer")),
            (250, "attempt-failed", Some("transfer")),
            (255, "resumed", Some("transfer")),
            (400, "step-done", Some("transfer")),
            (400, "step-began", Some("power-on-target")),
            (410, "step-done", Some("power-on-target")),
            (411, "done", None),
        ]);
        let times = Times::of(&log, at(411));
        let phase = |phase| times.of_phase(phase) / 1_000;
        assert_eq!((phase(Phase::Queue), phase(Phase::Check), phase(Phase::ShutDown)), (61, 2, 37));
        assert_eq!((phase(Phase::Transfer), phase(Phase::ChangeOver)), (100 + 20 + 145, 11));
        assert_eq!((times.waiting_ms, times.operator_ms, times.undoing_ms), (35_000, 0, 0));
        assert_eq!(whole(&times), 411_000);
        let down = downtime(&log, true).unwrap();
        assert_eq!((down.since, down.until, down.ms(at(900))), (at(63), Some(at(410)), 347_000));
        assert_eq!(downtime(&log, false).unwrap().until, None, "a copy that stays off is no VM that runs");
    }

    #[test]
    fn what_was_undone_was_down_until_its_source_ran_again() {
        let log = log(&[
            (0, "accepted", None),
            (10, "step-began", Some("stop-source")),
            (20, "step-done", Some("stop-source")),
            (20, "step-began", Some("transfer")),
            (50, "unwinding", Some("transfer")),
            (51, "step-undoing", Some("transfer")),
            (60, "waiting", Some("transfer")),
            (80, "resumed", Some("transfer")),
            (90, "step-undone", Some("transfer")),
            (95, "step-undone", Some("stop-source")),
            (96, "undone", None),
        ]);
        let times = Times::of(&log, at(96));
        assert_eq!((times.undoing_ms, times.waiting_ms), (26_000, 20_000));
        assert_eq!(whole(&times), 96_000);
        assert_eq!(downtime(&log, true).unwrap(), Downtime { since: at(10), until: Some(at(95)) });
    }

    #[test]
    fn what_waits_for_a_person_waits_until_now() {
        let log = log(&[(0, "accepted", None), (5, "needs-operator", Some("power-on-target"))]);
        assert_eq!(Times::of(&log, at(65)).operator_ms, 60_000);
        assert_eq!(downtime(&log, true), None);
    }
}
