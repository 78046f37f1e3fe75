//! Following migrations: pages of changes are merged into what is known.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::ChangePage;
use hdm_shared::migration::MigrationView;

/// All known migrations, by id: oldest first.
pub type Known = BTreeMap<MigrationId, Arc<MigrationView>>;

/// What has been told by each source (one vCenter each), and where to go on.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    sources: HashMap<String, Source>,
}

#[derive(Clone, Debug, Default)]
struct Source {
    cursor: i64,
    known: Known,
}

impl Changes {
    /// From where a source is to be asked.
    pub fn cursor(&self, source: &str) -> i64 {
        self.sources.get(source).map_or(0, |source| source.cursor)
    }

    /// Takes a page in; says whether anything is different now.
    pub fn apply(&mut self, source: &str, page: ChangePage) -> bool {
        let source = self.sources.entry(source.to_owned()).or_default();
        source.cursor = page.cursor;
        let mut different = false;
        if page.reset {
            let told: Vec<MigrationId> = page.migrations.iter().map(|migration| migration.id).collect();
            let before = source.known.len();
            // What comes again stays the same object, so that its row is not drawn anew.
            source.known.retain(|id, _| told.contains(id));
            different = source.known.len() != before;
        }
        for migration in page.migrations {
            let same = source.known.get(&migration.id).is_some_and(|known| **known == migration);
            if !same {
                source.known.insert(migration.id, Arc::new(migration));
                different = true;
            }
        }
        different
    }

    /// Everything known, over all sources.
    pub fn all(&self) -> Known {
        let mut all = Known::new();
        for source in self.sources.values() {
            all.extend(source.known.iter().map(|(id, migration)| (*id, migration.clone())));
        }
        all
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Migrations for tests.
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::ObjectId;
    use hdm_shared::display::MigrationKind;
    use hdm_shared::migration::MigrationState;
    use jiff::Timestamp;

    use super::*;

    pub fn id(number: u8) -> MigrationId {
        format!("00000000-0000-7000-8000-0000000000{number:02x}").parse().unwrap()
    }

    pub fn migration(number: u8, state: MigrationState) -> MigrationView {
        MigrationView {
            id: id(number),
            vm: ObjectId { vcenter: "onprem".parse().unwrap(), moid: format!("vm-{number}") },
            kind: MigrationKind::Cold,
            vm_name: format!("web-{number:02}"),
            source_cluster: "C0".into(),
            source_cluster_id: "domain-c8".into(),
            cloud: "cloud".parse().unwrap(),
            target_name: format!("web-{number:02}"),
            target_vm: None,
            state,
            step: None,
            step_label: None,
            steps_done: 0,
            steps_total: 12,
            committed: false,
            queue_position: None,
            attempt: 1,
            attempts_max: 3,
            waiting_for: None,
            waiting_since: None,
            disks: Vec::new(),
            estimate: None,
            dismissed: false,
            cancel_requested: false,
            error: None,
            warnings: Vec::new(),
            question: None,
            requested_by: "VSPHERE.LOCAL\\Administrator".into(),
            created_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            ended_at: None,
        }
    }

    pub fn page(cursor: i64, reset: bool, migrations: Vec<MigrationView>) -> ChangePage {
        ChangePage {
            cursor,
            reset,
            more: false,
            migrations,
            appliance: hdm_shared::changes::ApplianceState::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::MigrationState as S;

    use super::samples::{id, migration, page};
    use super::*;

    #[test]
    fn changes_replace_what_was_known_and_the_cursor_moves() {
        let mut changes = Changes::default();
        assert!(changes.apply("a", page(3, true, vec![migration(1, S::Queued), migration(2, S::Queued)])));
        assert!(changes.apply("a", page(5, false, vec![migration(1, S::Running)])));
        assert_eq!(changes.cursor("a"), 5);
        assert_eq!(changes.all()[&id(1)].state, S::Running);
        assert_eq!(changes.all().len(), 2);
    }

    #[test]
    fn the_same_again_is_no_change_and_keeps_its_object() {
        let mut changes = Changes::default();
        changes.apply("a", page(3, true, vec![migration(1, S::Queued)]));
        let before = changes.all()[&id(1)].clone();
        assert!(!changes.apply("a", page(4, true, vec![migration(1, S::Queued)])));
        assert!(Arc::ptr_eq(&before, &changes.all()[&id(1)]));
    }

    #[test]
    fn a_reset_forgets_what_is_not_told_again_of_that_source_only() {
        let mut changes = Changes::default();
        changes.apply("a", page(3, true, vec![migration(1, S::Queued)]));
        changes.apply("b", page(9, true, vec![migration(2, S::Queued)]));
        assert!(changes.apply("a", page(1, true, Vec::new())));
        assert_eq!(changes.all().keys().copied().collect::<Vec<_>>(), [id(2)]);
        assert_eq!(changes.cursor("b"), 9);
    }
}
