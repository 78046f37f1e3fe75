//! The event log as a page knows it: without holes, however long nobody looked and however many vCenters tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdm_shared::event::EventView;

/// So many are kept of each source; of more, the oldest are forgotten.
pub const KEPT: usize = 10_000;

type Events = BTreeMap<i64, Arc<EventView>>;

/// What each source (one vCenter each) has told.
#[derive(Clone, Debug, Default)]
pub struct EventLog {
    sources: BTreeMap<String, Source>,
}

#[derive(Clone, Debug, Default)]
struct Source {
    known: Events,
    /// Whether there is nothing older.
    complete: bool,
    /// From where older ones are to be asked for, where that is not the oldest known: a user may see none of many.
    before: Option<i64>,
}

impl EventLog {
    /// The newest event known of a source.
    pub fn newest(&self, source: &str) -> Option<i64> {
        self.sources.get(source)?.known.keys().next_back().copied()
    }

    /// Before which event older ones are to be asked for; `None` if there are none, or enough are kept.
    pub fn older_than(&self, source: &str) -> Option<i64> {
        let source =
            self.sources.get(source).filter(|source| !source.complete && source.known.len() < KEPT)?;
        source.floor()
    }

    /// Takes in a source's newest events. `joined` says that they reach down to what was known; else what was known
    /// is forgotten, because something is missing between.
    pub fn head(&mut self, source: &str, events: Vec<EventView>, joined: bool) -> bool {
        let source = self.sources.entry(source.to_owned()).or_default();
        if !joined {
            *source = Source::default();
        }
        source.add(events)
    }

    /// Takes in events older than all known ones of a source. Older ones are to be asked for before `before`; without it
    /// there are none.
    pub fn tail(&mut self, source: &str, events: Vec<EventView>, before: Option<i64>) -> bool {
        let source = self.sources.entry(source.to_owned()).or_default();
        let different = (source.complete, source.before) != (before.is_none(), before);
        (source.complete, source.before) = (before.is_none(), before);
        source.add(events) | different
    }

    /// What can be shown, newest first: nothing that is older than the oldest known event of a source of which there
    /// is more, because others of the same time would be missing.
    pub fn shown(&self) -> Vec<Arc<EventView>> {
        let open = self.sources.values().filter(|source| !source.complete);
        let floor = open.filter_map(Source::floor).max().unwrap_or(i64::MIN);
        let mut all = Events::new();
        for source in self.sources.values() {
            all.extend(source.known.range(floor..).map(|(seq, event)| (*seq, event.clone())));
        }
        all.into_values().rev().collect()
    }
}

impl Source {
    /// Down to which number everything is known.
    fn floor(&self) -> Option<i64> {
        self.before.or_else(|| self.known.keys().next().copied())
    }

    fn add(&mut self, events: Vec<EventView>) -> bool {
        let mut different = false;
        for event in events {
            if let std::collections::btree_map::Entry::Vacant(place) = self.known.entry(event.seq) {
                place.insert(Arc::new(event));
                different = true;
            }
        }
        while self.known.len() > KEPT {
            self.known.pop_first();
            (self.complete, self.before) = (false, None);
        }
        different
    }
}

#[cfg(test)]
mod tests {
    use hdm_shared::event::EventSeverity;
    use jiff::Timestamp;

    use super::*;

    fn events(seqs: impl IntoIterator<Item = i64>) -> Vec<EventView> {
        let event = |seq| EventView {
            seq,
            at: Timestamp::UNIX_EPOCH,
            type_id: String::new(),
            severity: EventSeverity::Info,
            object: String::new(),
            operation: String::new(),
            user: String::new(),
            message: String::new(),
            migration: None,
            migration_seq: None,
            arguments: BTreeMap::new(),
        };
        seqs.into_iter().map(event).collect()
    }

    fn shown(log: &EventLog) -> Vec<i64> {
        log.shown().iter().map(|event| event.seq).collect()
    }

    #[test]
    fn what_does_not_join_takes_the_place_of_what_was_known() {
        let mut log = EventLog::default();
        assert!(log.head("a", events([1, 2, 3]), false));
        assert!(log.head("a", events([3, 4]), true));
        assert!(!log.head("a", events([3, 4]), true));
        assert_eq!((shown(&log), log.newest("a")), (vec![4, 3, 2, 1], Some(4)));
        log.head("a", events([90, 91]), false);
        assert_eq!(shown(&log), [91, 90]);
    }

    #[test]
    fn nothing_is_shown_of_a_time_of_which_one_source_may_have_more() {
        let mut log = EventLog::default();
        log.head("a", events([5, 6, 7]), false);
        log.head("b", events([1, 8]), false);
        assert_eq!(shown(&log), [8, 7, 6, 5]);
        assert_eq!((log.older_than("a"), log.older_than("b")), (Some(5), Some(1)));
        log.tail("a", events([2]), None);
        assert_eq!(shown(&log), [8, 7, 6, 5, 2, 1]);
        assert_eq!(log.older_than("a"), None);
    }

    #[test]
    fn no_more_are_kept_than_a_page_can_show() {
        let mut log = EventLog::default();
        log.tail("a", events((0..).take(KEPT + 5)), None);
        assert_eq!((log.shown().len(), log.older_than("a")), (KEPT, None));
    }
}
