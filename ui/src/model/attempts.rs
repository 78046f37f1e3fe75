//! The attempts of a migration, as its log tells them.

use hdm_shared::migration::LogLine;
use jiff::Timestamp;

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has not.
    Open,
    /// The migration is done.
    Done,
    /// It failed, or stopped for a person.
    Failed,
    /// It was given up: everything is undone, because it failed or somebody cancelled it.
    GivenUp,
}

/// An attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: usize,
    /// When its first step began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How.
    pub outcome: Outcome,
    /// What the log says of its end.
    pub message: String,
}

/// The attempts that a log tells of, oldest first.
pub fn attempts(log: &[LogLine]) -> Vec<Attempt> {
    let mut all: Vec<Attempt> = Vec::new();
    for line in log {
        let outcome = match line.kind.as_str() {
            "step-began" => Outcome::Open,
            "attempt-failed" | "needs-operator" => Outcome::Failed,
            "unwinding" => Outcome::GivenUp,
            "done" => Outcome::Done,
            _ => continue,
        };
        let open = all.last_mut().filter(|attempt| attempt.outcome == Outcome::Open);
        match (open, outcome) {
            (None, Outcome::Open) => all.push(Attempt {
                number: all.len() + 1,
                began: line.at,
                ended: None,
                outcome,
                message: String::new(),
            }),
            (Some(attempt), ended) if ended != Outcome::Open => {
                attempt.outcome = ended;
                attempt.ended = Some(line.at);
                attempt.message.clone_from(&line.message);
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(kinds: &[&str]) -> Vec<LogLine> {
        let line = |(seq, kind): (i64, &&str)| LogLine {
            seq: seq.unsigned_abs(),
            at: Timestamp::from_second(seq).unwrap_or_default(),
            kind: (*kind).to_owned(),
            step: None,
            message: format!("line {seq}"),
        };
        (0..).zip(kinds).map(line).collect()
    }

    #[test]
    fn an_attempt_begins_with_its_first_step_and_ends_with_its_failure() {
        let log = log(&[
            "accepted",
            "started",
            "step-began",
            "step-done",
            "step-began",
            "attempt-failed",
            "step-began",
            "done",
        ]);
        let told: Vec<_> = attempts(&log).into_iter().map(|a| (a.number, a.outcome, a.message)).collect();
        assert_eq!(told, [(1, Outcome::Failed, "line 5".into()), (2, Outcome::Done, "line 7".into())]);
    }

    #[test]
    fn what_is_undone_is_no_further_attempt() {
        let given_up = attempts(&log(&["step-began", "unwinding", "step-undoing", "step-undone", "undone"]));
        assert_eq!((given_up.len(), given_up[0].outcome), (1, Outcome::GivenUp));
        assert!(attempts(&log(&["accepted"])).is_empty());
        assert_eq!(attempts(&log(&["step-began"]))[0].ended, None);
    }
}
