//! `docs/operations.md` explains every word that the program shows, and no other.

use std::collections::BTreeSet;

use hdm_appliance::privileges::needed;
use hdm_plugin_manifest::descriptor::EVENTS;
use hdm_shared::codes::{FINDINGS, PROBLEMS};
use hdm_shared::migration::MigrationState as S;
use hdm_shared::vcenter::VcenterRole;

const PAGE: &str = include_str!("../../docs/operations.md");

/// The words in the first column of the tables below a heading, up to the next heading of the same rank.
fn explained(heading: &str) -> BTreeSet<String> {
    let rest = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no '{heading}'"));
    let part = rest.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let mut words = BTreeSet::new();
    for (word, rest) in rows {
        assert!(words.insert(word.to_owned()), "'{word}' is explained twice");
        assert!(rest.split('|').all(|cell| cell.len() > 2 || cell.is_empty()), "'{word}' has an empty cell");
    }
    words
}

fn all<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn every_privilege_is_explained() {
    let roles = [(VcenterRole::Source, "| yes | – |"), (VcenterRole::Cloud, "| – | yes |")];
    let mut words = BTreeSet::new();
    for (role, only) in roles {
        for privilege in needed(role) {
            let both = needed(other(role)).any(|one| one.id == privilege.id);
            let row = format!("| `{}` {} ", privilege.id, if both { "| yes | yes |" } else { only });
            assert!(PAGE.contains(&row), "'{row}' is missing");
            words.insert(privilege.id.to_owned());
        }
    }
    assert_eq!(explained("Accounts"), words);
}

fn other(role: VcenterRole) -> VcenterRole {
    if role == VcenterRole::Source { VcenterRole::Cloud } else { VcenterRole::Source }
}

#[test]
fn every_state_is_explained() {
    let states = [
        S::Queued,
        S::Running,
        S::Waiting,
        S::Paused,
        S::NeedsOperator,
        S::Unwinding,
        S::Done,
        S::Cancelled,
        S::Failed,
    ];
    let words = states.map(|state| match serde_json::to_value(state) {
        Ok(serde_json::Value::String(word)) => word,
        other => panic!("{other:?}"),
    });
    assert_eq!(explained("States"), all(words.iter().map(String::as_str)));
}

#[test]
fn every_event_is_explained() {
    assert_eq!(explained("Events"), all(EVENTS.iter().map(|event| event.id)));
}

#[test]
fn every_finding_is_explained() {
    assert_eq!(explained("Findings"), all(FINDINGS.iter().copied()));
}

#[test]
fn every_problem_is_explained() {
    assert_eq!(explained("Problems"), all(PROBLEMS.iter().copied()));
}
