//! Which migrations moved a VM: what a release must look at.
//!
//! A VM may have been moved more than once, each time leaving a copy. All of them count: any of these copies
//! could run beside the source.

use std::collections::BTreeMap;

use hdm_shared::{MigrationId, VcenterId};

use super::input::ColdInput;
use crate::engine::{EngineError, StepError};
use crate::store::{Record, Store};

/// The migrations of one VM that passed the point of no return.
#[derive(Clone, Debug)]
pub struct Moved {
    /// The one that waits for a person, or else the last.
    pub last: Record,
    /// All others: each may have left a copy.
    pub others: Vec<CopyOf>,
}

/// A migration that may have left a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyOf {
    /// The migration, whose mark the copy carries.
    pub migration: MigrationId,
    /// Where the copy is.
    pub cloud: VcenterId,
}

/// Finds the VM's migrations by the VM's name, path or id, or by the id of one of them.
pub async fn find_moved(store: &Store, asked: &str) -> Result<Moved, EngineError> {
    let mut all = Vec::new();
    let mut before = i64::MAX;
    loop {
        let page = store.workflows_before(before).await?;
        let Some(last) = page.last() else { break };
        before = last.queue_number;
        for record in page {
            // What cannot be understood is none that could be released.
            if let Ok(input) = serde_json::from_str::<ColdInput>(&record.input) {
                all.push((record, input));
            }
        }
    }
    choose(&all, asked)
}

/// What tells one VM from another: ids are given anew when a VM is registered again, instance UUIDs are not.
fn identity(input: &ColdInput) -> (&VcenterId, &str) {
    let uuid = input.instance_uuid.as_str();
    (&input.source.vcenter, if uuid.is_empty() { &input.source.moid } else { uuid })
}

/// `all` is newest first.
fn choose(all: &[(Record, ColdInput)], asked: &str) -> Result<Moved, EngineError> {
    let is_named = |record: &Record, input: &ColdInput| {
        [input.vm_name.as_str(), &input.vm_path, &input.source.moid].contains(&asked)
            || input.source.to_string() == asked
            || record.id.to_string() == asked
    };
    let mut vms = BTreeMap::new();
    for (record, input) in all.iter().filter(|(record, input)| record.committed && is_named(record, input)) {
        vms.entry(identity(input)).or_insert((record, input));
    }
    let Some((vm, _)) = vms.first_key_value() else {
        return Err(EngineError::NotFound(format!(
            "No migration has moved '{asked}'. `hdm status` lists the migrations; name the VM by its name, path or id."
        )));
    };
    if vms.len() > 1 {
        let paths: Vec<_> =
            vms.values().map(|(record, input)| format!("'{}' ({})", input.vm_path, record.id)).collect();
        return Err(StepError::refused(format!(
            "'{asked}' names several virtual machines that were moved: {}. Name one by its path or by the migration's id.",
            paths.join(", ")
        )).into());
    }
    let of_vm: Vec<_> = all.iter().filter(|(_, input)| identity(input) == *vm).collect();
    let moved = || of_vm.iter().filter(|(record, _)| record.committed);
    let chosen = moved().find(|(record, _)| !record.state.is_final()).or_else(|| moved().next());
    let Some((last, _)) = chosen else {
        return Err(StepError::refused(format!("No migration has moved '{asked}'.")).into());
    };
    if let Some((open, input)) = of_vm.iter().find(|(r, _)| r.id != last.id && !r.state.is_final()) {
        return Err(StepError::refused(format!(
            "'{}' is being moved by migration {}, which is {}. Wait for its end, or cancel it with hdm cancel {}; then release the source.",
            input.vm_path,
            open.id,
            open.state.label().to_lowercase(),
            open.id
        )).into());
    }
    let others = moved()
        .filter(|(record, _)| record.id != last.id)
        .map(|(record, input)| CopyOf { migration: record.id, cloud: input.cloud.clone() })
        .collect();
    Ok(Moved { last: last.clone(), others })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::migration::MigrationState as State;

    use super::super::testing::{input, record};
    use super::*;

    fn case(n: u128, state: State, committed: bool) -> (Record, ColdInput) {
        (Record { committed, ..record(n, state) }, input())
    }

    fn refusal(all: &[(Record, ColdInput)], asked: &str) -> String {
        choose(all, asked).unwrap_err().to_string()
    }

    #[test]
    fn every_copy_of_a_vm_that_was_moved_twice_counts() {
        let all = [case(3, State::Done, true), case(2, State::Failed, false), case(1, State::Done, true)];
        for asked in ["web-01", "/DC0/vm/web-01", "vm-1", "onprem:vm-1", &all[2].0.id.to_string()] {
            let moved = choose(&all, asked).unwrap();
            assert_eq!(moved.last.id, all[0].0.id, "{asked}: the last one is released");
            let cloud = input().cloud;
            assert_eq!(moved.others, [CopyOf { migration: all[2].0.id, cloud }], "{asked}");
        }
        assert!(refusal(&all, "web-02").contains("No migration has moved 'web-02'"));
    }

    #[test]
    fn while_another_migration_of_the_vm_is_open_nothing_is_released() {
        for state in [State::Queued, State::Paused, State::Running, State::Waiting, State::Unwinding] {
            let all = [case(2, state, false), case(1, State::Done, true)];
            let said = refusal(&all, "web-01");
            assert!(said.contains(&all[0].0.id.to_string()) && said.contains("hdm cancel"), "{said}");
        }
    }

    #[test]
    fn one_that_waits_for_a_person_is_the_one_to_be_released() {
        let all = [case(2, State::Done, true), case(1, State::NeedsOperator, true)];
        let moved = choose(&all, "web-01").unwrap();
        assert_eq!((moved.last.id, moved.others.len()), (all[1].0.id, 1));
    }

    #[test]
    fn a_vm_registered_again_is_the_same_and_one_that_got_its_id_is_another() {
        let mut again = case(2, State::Done, true);
        again.1.source.moid = "vm-7".into();
        let mut other = case(3, State::Running, false);
        other.1.instance_uuid = "another".into();
        let moved = choose(&[other, again, case(1, State::Done, true)], "vm-7").unwrap();
        assert_eq!(moved.others.len(), 1);
    }

    #[test]
    fn a_name_that_two_vms_bear_is_refused() {
        let mut other = case(2, State::Done, true);
        other.1.instance_uuid = "another".into();
        other.1.vm_path = "/DC0/vm/Test/web-01".into();
        let all = [other, case(1, State::Done, true)];
        assert!(refusal(&all, "web-01").contains("several"));
        assert!(choose(&all, "/DC0/vm/web-01").unwrap().others.is_empty());
    }
}
