//! What is known of the migrations in progress.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdm_shared::changes::{ChangePage, MAX_CHANGES, is_in_progress};
use hdm_shared::migration::{MigrationState, MigrationView};
use hdm_shared::{MigrationId, ObjectId};
use jiff::Timestamp;

/// How many migrations are kept; of more, those that ended first are forgotten.
const MAX_KEPT: usize = 20_000;
/// How long pages are told that a migration was taken off the list. One that sleeps longer comes back with
/// another session, and is told everything anew.
const LEFT_TOLD_SECONDS: i64 = 3_600;

/// A page's cursor: the appliance's, and below it what the user may see.
///
/// ```text
/// page's cursor = appliance's cursor × 1024 + scope modulo 1024
/// ```
///
/// When a privilege has come or gone, the scope is another one, and the page is told everything again. So
/// what it must no longer show disappears from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The appliance's.
    pub at: i64,
    /// What the user may see.
    pub scope: i64,
}

impl Cursor {
    const SCOPES: i64 = 1_024;

    /// A cursor for a page.
    pub fn new(at: i64, scope: i64) -> Self {
        Self { at, scope: scope.rem_euclid(Self::SCOPES) }
    }

    /// Reads what a page sends.
    pub fn read(number: i64) -> Self {
        Self { at: number.div_euclid(Self::SCOPES), scope: number.rem_euclid(Self::SCOPES) }
    }

    /// As it is sent.
    pub fn number(self) -> i64 {
        self.at.saturating_mul(Self::SCOPES).saturating_add(self.scope)
    }
}

#[derive(Clone, Debug)]
struct Entry {
    /// The change it came with, or an earlier one than it could have come with.
    changed: i64,
    view: Arc<MigrationView>,
    /// Since when it is off the list; pages that show it still have to hear of that.
    left: Option<Timestamp>,
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    cursor: i64,
    loaded: bool,
    entries: BTreeMap<MigrationId, Entry>,
}

/// What a page is told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// The change up to which it is told.
    pub cursor: i64,
    /// Whether it is the beginning of everything.
    pub reset: bool,
    /// Whether there is more.
    pub more: bool,
    /// The migrations, in the order of their changes.
    pub migrations: Vec<Arc<MigrationView>>,
}

impl Memory {
    /// Up to which change it is known; 0 before anything is.
    pub fn cursor(&self) -> i64 {
        self.cursor
    }

    /// Whether everything has been told once.
    pub fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// Takes in what the appliance tells.
    pub fn merge(&mut self, page: ChangePage, now: Timestamp) {
        if page.reset {
            self.entries.clear();
            self.loaded = false;
        }
        self.cursor = page.cursor;
        for view in page.migrations {
            let left = (!is_in_progress(&view, now)).then_some(now);
            self.entries.insert(view.id, Entry { changed: page.cursor, view: Arc::new(view), left });
        }
        self.loaded |= !page.more;
        self.forget(now);
    }

    /// Forgets what is no longer in progress. That it has ended an hour ago each page sees by itself; that
    /// somebody dismissed it, each has to be told.
    pub fn forget(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| match entry.left {
            Some(left) => now.as_second().saturating_sub(left.as_second()) <= LEFT_TOLD_SECONDS,
            None => is_in_progress(&entry.view, now),
        });
        if self.entries.len() > MAX_KEPT {
            let mut ended: Vec<_> = self
                .entries
                .values()
                .filter(|entry| entry.view.state.is_final())
                .map(|entry| (entry.view.ended_at, entry.view.id))
                .collect();
            ended.sort();
            for (_, id) in ended.into_iter().take(self.entries.len() - MAX_KEPT) {
                self.entries.remove(&id);
            }
        }
    }

    /// One migration, if it is in progress or was until a short while ago.
    pub fn get(&self, id: MigrationId) -> Option<Arc<MigrationView>> {
        self.entries.get(&id).map(|entry| entry.view.clone())
    }

    /// All of them, with those that were in progress until a short while ago.
    pub fn all(&self) -> impl Iterator<Item = &Arc<MigrationView>> {
        self.entries.values().map(|entry| &entry.view)
    }

    /// Whether a VM is in flight: queued, under way, or waiting for a person.
    pub fn in_flight(&self, vm: &ObjectId) -> bool {
        self.all().any(|view| !view.state.is_final() && view.vm == *vm)
    }

    /// What has changed since a cursor of which `visible` is true. `everything` is the beginning.
    pub fn since(&self, at: i64, everything: bool, visible: impl Fn(&MigrationView) -> bool) -> Told {
        let reset = everything || at <= 0 || at > self.cursor;
        let since = if reset { i64::MIN } else { at };
        let is_new = |entry: &&Entry| {
            if reset { entry.left.is_none() } else { entry.changed > since || is_moving(&entry.view) }
        };
        let mut new: Vec<&Entry> =
            self.entries.values().filter(is_new).filter(|entry| visible(&entry.view)).collect();
        // What is told each time comes first, so that it never waits for the next page.
        new.sort_by_key(|entry| {
            (entry.changed > since && !is_moving(&entry.view), entry.changed, entry.view.id)
        });
        let mut told = Told { cursor: self.cursor, reset, ..Told::default() };
        if new.len() > MAX_CHANGES {
            // What came with one change stays together, so that the next page can begin behind it.
            let last = new[MAX_CHANGES - 1].changed.max(since);
            let end = new.partition_point(|entry| entry.changed <= last || is_moving(&entry.view));
            if end < new.len() {
                new.truncate(end);
                told.more = true;
                told.cursor = last;
            }
        }
        told.migrations = new.into_iter().map(|entry| entry.view.clone()).collect();
        told
    }
}

/// Whether a migration's progress is told each time.
fn is_moving(view: &MigrationView) -> bool {
    view.state == MigrationState::Running && view.step.as_deref() == Some("transfer")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::changes::ApplianceState;
    use jiff::ToSpan;
    use uuid::Uuid;

    use super::*;
    use crate::testing::migration;

    fn now() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn page(cursor: i64, reset: bool, migrations: Vec<MigrationView>) -> ChangePage {
        ChangePage { cursor, reset, more: false, migrations, appliance: ApplianceState::default() }
    }

    fn ids(told: &Told) -> Vec<u128> {
        told.migrations.iter().map(|view| view.id.0.as_u128()).collect()
    }

    #[test]
    fn a_page_is_told_what_is_new_to_it() {
        let mut memory = Memory::default();
        memory.merge(page(10, true, vec![migration(1, "vm-1"), migration(2, "vm-2")]), now());
        memory.merge(page(12, false, vec![migration(2, "vm-2")]), now());
        let first = memory.since(0, false, |_| true);
        assert_eq!((first.reset, first.cursor, ids(&first)), (true, 12, vec![1, 2]));
        let next = memory.since(10, false, |_| true);
        assert_eq!((next.reset, ids(&next)), (false, vec![2]));
        assert!(ids(&memory.since(12, false, |_| true)).is_empty());
        let ahead = memory.since(13, false, |_| true);
        assert!(ahead.reset, "a cursor of another database");
        assert!(memory.since(12, true, |_| true).reset);
    }

    #[test]
    fn progress_is_told_each_time() {
        let mut memory = Memory::default();
        let mut moving = migration(1, "vm-1");
        moving.step = Some("transfer".into());
        memory.merge(page(10, true, vec![moving, migration(2, "vm-2")]), now());
        assert_eq!(ids(&memory.since(10, false, |_| true)), [1]);
        assert!(memory.since(10, false, |view| view.vm.moid != "vm-1").migrations.is_empty());
    }

    #[test]
    fn what_has_ended_is_forgotten_after_an_hour_unless_somebody_must_look() {
        let mut memory = Memory::default();
        let ended =
            |n, state| MigrationView { state, ended_at: Some(now()), ..migration(n, &format!("vm-{n}")) };
        let dismissed = MigrationView { dismissed: true, ..ended(4, MigrationState::Failed) };
        let all = vec![
            ended(1, MigrationState::Done),
            ended(2, MigrationState::Failed),
            ended(3, MigrationState::Cancelled),
            dismissed,
            migration(5, "vm-5"),
        ];
        memory.merge(page(10, true, all), now());
        assert_eq!(ids(&memory.since(0, false, |_| true)), [1, 2, 3, 5]);
        memory.forget(now() + 3_601.seconds());
        assert_eq!(ids(&memory.since(0, false, |_| true)), [2, 5]);
    }

    #[test]
    fn that_a_migration_was_dismissed_is_told_once_to_each_page_that_shows_it() {
        let mut memory = Memory::default();
        let failed =
            MigrationView { state: MigrationState::Failed, ended_at: Some(now()), ..migration(1, "vm-1") };
        memory.merge(page(10, true, vec![failed.clone(), migration(2, "vm-2")]), now());
        let dismissed = MigrationView { dismissed: true, ..failed };
        memory.merge(page(11, false, vec![dismissed]), now());
        let told = memory.since(10, false, |_| true);
        assert_eq!((ids(&told), told.migrations[0].dismissed, told.cursor), (vec![1], true, 11));
        assert!(ids(&memory.since(11, false, |_| true)).is_empty());
        assert_eq!(ids(&memory.since(0, false, |_| true)), [2], "a new page never shows it");
        memory.forget(now() + 3_601.seconds());
        assert!(memory.get(MigrationId(Uuid::from_u128(1))).is_none());
    }

    #[test]
    fn much_is_told_in_pages_and_nothing_is_left_out() {
        let mut memory = Memory::default();
        for n in 0..7_i64 {
            let views = (0..300_u32).map(|k| {
                let id = u32::try_from(n).unwrap() * 300 + k;
                migration(u128::from(id) + 1, &format!("vm-{id}"))
            });
            memory.merge(page(n + 1, n == 0, views.collect()), now());
        }
        let (mut at, mut seen, mut rounds) = (0, std::collections::BTreeSet::new(), 0);
        loop {
            let told = memory.since(at, false, |_| true);
            assert_eq!(told.reset, at == 0);
            assert!(told.migrations.len() <= 2 * MAX_CHANGES);
            seen.extend(ids(&told));
            (at, rounds) = (told.cursor, rounds + 1);
            if !told.more {
                break;
            }
        }
        assert_eq!((seen.len(), at, rounds), (2_100, 7, 4));
    }

    #[test]
    fn a_cursor_survives_the_way_to_the_page_and_back() {
        for (at, scope) in [(0, 0), (1, 1_023), (1 << 42, 5), (7, 1_030)] {
            let cursor = Cursor::new(at, scope);
            assert_eq!(Cursor::read(cursor.number()), cursor);
        }
        assert!(Cursor::new(1 << 42, 0).number() < 1 << 53, "a browser's numbers hold it");
    }

    #[test]
    fn a_vm_is_in_flight_until_its_migration_has_ended() {
        let mut memory = Memory::default();
        let done =
            MigrationView { state: MigrationState::Done, ended_at: Some(now()), ..migration(2, "vm-2") };
        memory.merge(page(1, true, vec![migration(1, "vm-1"), done]), now());
        let vm = |moid: &str| ObjectId { vcenter: "onprem".parse().unwrap(), moid: moid.into() };
        assert!(memory.in_flight(&vm("vm-1")) && !memory.in_flight(&vm("vm-2")));
        assert!(memory.get(MigrationId(Uuid::from_u128(2))).is_some());
    }
}
