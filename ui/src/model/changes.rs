//! Following migrations: pages of changes are merged into what is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::is_in_progress;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::VisibleChanges;
use jiff::Timestamp;

use crate::model::sorted::gathered;

/// All known migrations, by id: oldest first.
pub type Known = BTreeMap<MigrationId, Arc<MigrationView>>;

/// How long a page remembers what has ended, in seconds. It is on no list any more after an hour, but a page that
/// shows how a large request went may be open for longer.
const REMEMBERED_SECONDS: i64 = 86_400;

/// What has been told by each source (one vCenter each), and where to go on.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    sources: HashMap<String, Source>,
}

#[derive(Clone, Debug, Default)]
struct Source {
    cursor: i64,
    known: Known,
    /// A new beginning of which there is more to come: until it is complete, what was known stays.
    coming: Option<Known>,
    /// Those that the user may look at only.
    view_only: BTreeSet<MigrationId>,
}

impl Changes {
    /// From where a source is to be asked.
    pub fn cursor(&self, source: &str) -> i64 {
        self.sources.get(source).map_or(0, |source| source.cursor)
    }

    /// Takes a page in; says whether anything is different now.
    pub fn apply(&mut self, source: &str, told: VisibleChanges, now: Timestamp) -> bool {
        let VisibleChanges { page, view_only } = told;
        let source = self.sources.entry(source.to_owned()).or_default();
        source.cursor = page.cursor;
        if page.reset {
            // Where nothing is known nothing can be lost, and the first page shows at once.
            source.coming = (!source.known.is_empty()).then(Known::new);
        }
        let mut different = false;
        for migration in page.migrations {
            let id = migration.id;
            different |= source.set_view_only(id, view_only.contains(&id));
            // What comes again stays the same object, so that its row is not drawn anew.
            let known = source.known.get(&id).filter(|known| ***known == migration).cloned();
            different |= known.is_none() && source.coming.is_none();
            let migration = known.unwrap_or_else(|| Arc::new(migration));
            source.coming.as_mut().unwrap_or(&mut source.known).insert(id, migration);
        }
        if !page.more
            && let Some(new) = source.coming.take()
        {
            let same = |(a, b): (&Arc<MigrationView>, &Arc<MigrationView>)| Arc::ptr_eq(a, b);
            different |=
                new.len() != source.known.len() || !new.values().zip(source.known.values()).all(same);
            source.known = new;
        }
        different | source.forget(now)
    }

    /// Everything known, over all sources.
    pub fn all(&self) -> Known {
        let mut all = Known::new();
        for source in self.sources.values() {
            all.extend(source.known.iter().map(|(id, migration)| (*id, migration.clone())));
        }
        all
    }

    /// Those that the user may look at only.
    pub fn view_only(&self) -> BTreeSet<MigrationId> {
        gathered(self.sources.values().flat_map(|source| source.view_only.iter().copied()))
    }
}

impl Source {
    /// Says whether that is different from before.
    fn set_view_only(&mut self, id: MigrationId, view_only: bool) -> bool {
        if view_only { self.view_only.insert(id) } else { self.view_only.remove(&id) }
    }

    /// Forgets what ended long ago; says whether there was anything.
    fn forget(&mut self, now: Timestamp) -> bool {
        let before = self.known.len();
        self.known.retain(|_, migration| {
            let age = |ended: Timestamp| now.as_second().saturating_sub(ended.as_second());
            is_in_progress(migration, now)
                || migration.ended_at.is_none_or(|ended| age(ended) < REMEMBERED_SECONDS)
        });
        let known = &self.known;
        self.view_only.retain(|id| {
            known.contains_key(id) || self.coming.as_ref().is_some_and(|coming| coming.contains_key(id))
        });
        self.known.len() != before
    }
}

#[cfg(test)]
pub(crate) mod samples {
    //! Migrations for tests.
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::changes::ChangePage;
    use hdm_shared::migration::MigrationState;

    use super::*;

    pub fn id(number: u8) -> MigrationId {
        format!("00000000-0000-7000-8000-0000000000{number:02x}").parse().unwrap()
    }

    pub fn migration(number: u8, state: MigrationState) -> MigrationView {
        let (moid, name) = (format!("vm-{number}"), format!("web-{number:02}"));
        MigrationView {
            state,
            source_cluster_id: "domain-c8".into(),
            requested_by: "VSPHERE.LOCAL\\Administrator".into(),
            ..hdm_shared::testing::migration(id(number), &moid, &name)
        }
    }

    pub fn page(cursor: i64, reset: bool, migrations: Vec<MigrationView>) -> VisibleChanges {
        let appliance = hdm_shared::changes::ApplianceState::default();
        let page = ChangePage { cursor, reset, more: false, migrations, appliance };
        VisibleChanges { page, view_only: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::MigrationState as S;

    use super::samples::{id, migration, page};
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn ids(changes: &Changes) -> Vec<MigrationId> {
        changes.all().keys().copied().collect()
    }

    #[test]
    fn changes_replace_what_was_known_and_the_cursor_moves() {
        let mut changes = Changes::default();
        let first = page(3, true, vec![migration(1, S::Queued), migration(2, S::Queued)]);
        assert!(changes.apply("a", first, NOW));
        assert!(changes.apply("a", page(5, false, vec![migration(1, S::Running)]), NOW));
        assert_eq!(changes.cursor("a"), 5);
        assert_eq!(changes.all()[&id(1)].state, S::Running);
        assert_eq!(changes.all().len(), 2);
    }

    #[test]
    fn the_same_again_is_no_change_and_keeps_its_object() {
        let mut changes = Changes::default();
        changes.apply("a", page(3, true, vec![migration(1, S::Queued)]), NOW);
        let before = changes.all()[&id(1)].clone();
        assert!(!changes.apply("a", page(4, true, vec![migration(1, S::Queued)]), NOW));
        assert!(Arc::ptr_eq(&before, &changes.all()[&id(1)]));
    }

    #[test]
    fn a_reset_forgets_what_is_not_told_again_of_that_source_only() {
        let mut changes = Changes::default();
        changes.apply("a", page(3, true, vec![migration(1, S::Queued)]), NOW);
        changes.apply("b", page(9, true, vec![migration(2, S::Queued)]), NOW);
        assert!(changes.apply("a", page(1, true, Vec::new()), NOW));
        assert_eq!(ids(&changes), [id(2)]);
        assert_eq!(changes.cursor("b"), 9);
    }

    #[test]
    fn a_reset_in_several_pages_takes_effect_when_it_is_complete() {
        let mut changes = Changes::default();
        changes.apply("a", page(3, true, [1, 2, 3].map(|n| migration(n, S::Queued)).into()), NOW);
        let mut first = page(4, true, vec![migration(1, S::Running)]);
        first.page.more = true;
        assert!(!changes.apply("a", first, NOW));
        assert_eq!(ids(&changes), [id(1), id(2), id(3)]);
        assert!(changes.apply("a", page(5, false, vec![migration(3, S::Queued)]), NOW));
        assert_eq!(ids(&changes), [id(1), id(3)]);
        assert_eq!(changes.all()[&id(1)].state, S::Running);
    }

    #[test]
    fn what_ended_a_day_ago_is_forgotten() {
        let mut changes = Changes::default();
        let done = MigrationView { ended_at: Some(NOW), ..migration(1, S::Done) };
        let failed = MigrationView { ended_at: Some(NOW), ..migration(2, S::Failed) };
        let later = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
        changes.apply("a", page(3, true, vec![done, failed]), later(7_200));
        assert_eq!(changes.all().len(), 2);
        assert!(changes.apply("a", page(3, false, Vec::new()), later(REMEMBERED_SECONDS)));
        assert_eq!(ids(&changes), [id(2)]);
    }

    #[test]
    fn what_may_be_looked_at_only_is_known_until_it_is_told_otherwise() {
        let mut changes = Changes::default();
        let mut told = page(3, true, vec![migration(1, S::Queued), migration(2, S::Queued)]);
        told.view_only = vec![id(2)];
        changes.apply("a", told, NOW);
        assert_eq!(changes.view_only(), [id(2)].into());
        assert!(changes.apply("a", page(4, false, vec![migration(2, S::Queued)]), NOW));
        assert!(changes.view_only().is_empty());
    }
}
