//! Finished migrations, as the summary tells them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdm_shared::migration::{MigrationState, MigrationView};
use hdm_shared::sample::SampleSeries;
use jiff::Timestamp;

use super::changes::Known;

use crate::model::sorted::{gathered, sorted};

/// How far the summary looks back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Interval {
    /// An hour, in samples of 20 s.
    Hour,
    /// Two hours.
    #[default]
    TwoHours,
    /// Half a day.
    HalfDay,
    /// A day, in samples of 5 min.
    Day,
    /// A week, in samples of an hour.
    Week,
    /// A month of 30 days.
    Month,
    /// A year.
    Year,
}

impl Interval {
    /// All, shortest first.
    pub const ALL: [Self; 7] =
        [Self::Hour, Self::TwoHours, Self::HalfDay, Self::Day, Self::Week, Self::Month, Self::Year];

    /// How long it is.
    pub fn seconds(self) -> i64 {
        const HOUR: i64 = 3_600;
        match self {
            Self::Hour => HOUR,
            Self::TwoHours => 2 * HOUR,
            Self::HalfDay => 12 * HOUR,
            Self::Day => 24 * HOUR,
            Self::Week => 7 * 24 * HOUR,
            Self::Month => 30 * 24 * HOUR,
            Self::Year => 365 * 24 * HOUR,
        }
    }

    /// A stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::TwoHours => "two-hours",
            Self::HalfDay => "half-day",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The interval of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.word() == word)
    }
}

/// Finished migrations, of each source (one vCenter each) as it told them last.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    sources: BTreeMap<String, Vec<Arc<MigrationView>>>,
}

impl Finished {
    /// Takes in what a source tells.
    pub fn apply(&mut self, source: &str, told: Vec<MigrationView>) {
        let before: Known = gathered(self.sources.remove(source).into_iter().flatten().map(|m| (m.id, m)));
        // What comes again stays the same object, so that its row is not drawn anew.
        let same = |migration: MigrationView| {
            let known = before.get(&migration.id).filter(|known| ***known == migration);
            known.cloned().unwrap_or_else(|| Arc::new(migration))
        };
        self.sources.insert(source.to_owned(), told.into_iter().map(same).collect());
    }

    /// All of them, newest first. Two vCenters may tell of the same migration: the one it left and the one it came
    /// to.
    pub fn all(&self) -> Vec<Arc<MigrationView>> {
        let all: Vec<Arc<MigrationView>> = self.sources.values().flatten().cloned().collect();
        let mut all = sorted(&all, |a, b| b.ended_at.cmp(&a.ended_at).then_with(|| b.id.cmp(&a.id)));
        all.dedup_by(|a, b| a.id == b.id);
        all
    }
}

/// How long a migration took, in seconds; `None` if it never began.
pub fn duration_seconds(migration: &MigrationView) -> Option<u64> {
    let seconds = migration.ended_at?.as_second() - migration.started_at?.as_second();
    u64::try_from(seconds).ok()
}

/// How long a virtual machine has been in the cloud, in seconds; `None` if it is not there.
pub fn on_cloud_seconds(migration: &MigrationView, now: Timestamp) -> Option<u64> {
    if migration.state != MigrationState::Done {
        return None;
    }
    u64::try_from(now.as_second() - migration.ended_at?.as_second()).ok()
}

/// Sum of the disks' sizes.
pub fn storage_bytes(migration: &MigrationView) -> u64 {
    migration.disks.iter().map(|disk| disk.capacity_bytes).sum()
}

/// What went over the wire.
pub fn sent_bytes(migration: &MigrationView) -> u64 {
    migration.disks.iter().map(|disk| disk.wire_bytes).sum()
}

/// Virtual machines in the cloud now, by the newest sample.
pub fn on_cloud(series: &SampleSeries) -> Option<u64> {
    series.samples.last().map(|sample| sample.cold_vms.into())
}

const DAY_MS: i64 = 86_400_000;
/// Time zones are so many milliseconds apart.
const QUARTER_MS: i64 = 900_000;

/// What the time that people are shown is ahead of UTC, in milliseconds from 0 up to a day. The Client formats times and
/// tells nobody its time zone: midnight is when the date becomes another.
pub fn ahead_ms(near_ms: i64, date: impl Fn(i64) -> String) -> i64 {
    let start = near_ms - near_ms.rem_euclid(DAY_MS) - DAY_MS;
    let today = date(start);
    let (mut before, mut after) = (0, DAY_MS / QUARTER_MS);
    while after - before > 1 {
        let middle = i64::midpoint(before, after);
        if date(start + middle * QUARTER_MS) == today { before = middle } else { after = middle }
    }
    DAY_MS - after * QUARTER_MS
}

/// The sample nearest to a time; its index.
pub fn nearest(series: &SampleSeries, at_ms: i64) -> Option<usize> {
    let after = series.samples.partition_point(|sample| sample.at_ms < at_ms);
    let candidates = [after.checked_sub(1), Some(after)];
    let near = candidates.into_iter().flatten().filter(|at| *at < series.samples.len());
    near.min_by_key(|at| (series.samples[*at].at_ms - at_ms).abs())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::sample::Sample;

    use super::*;
    use crate::model::changes::samples::{id, migration};

    #[test]
    fn only_what_was_moved_is_on_the_cloud() {
        let now = Timestamp::from_second(1_000).unwrap();
        let mut done = migration(1, MigrationState::Done);
        done.started_at = Timestamp::from_second(100).ok();
        done.ended_at = Timestamp::from_second(400).ok();
        assert_eq!((duration_seconds(&done), on_cloud_seconds(&done, now)), (Some(300), Some(600)));
        done.state = MigrationState::Failed;
        assert_eq!(on_cloud_seconds(&done, now), None);
    }

    #[test]
    fn what_one_source_told_stays_when_another_tells_something_new() {
        let ended = |number, at| MigrationView {
            ended_at: Timestamp::from_second(at).ok(),
            ..migration(number, MigrationState::Done)
        };
        let mut finished = Finished::default();
        finished.apply("a", vec![ended(1, 10), ended(2, 30)]);
        finished.apply("b", vec![ended(3, 20), ended(2, 30)]);
        let ids = |finished: &Finished| finished.all().iter().map(|m| m.id).collect::<Vec<_>>();
        assert_eq!(ids(&finished), [id(2), id(3), id(1)]);
        let before = finished.all();
        finished.apply("b", vec![ended(3, 20)]);
        assert_eq!(ids(&finished), [id(2), id(3), id(1)]);
        assert!(Arc::ptr_eq(&before[1], &finished.all()[1]), "the same again is the same object");
    }

    #[test]
    fn the_nearest_sample_is_found() {
        let sample = |at_ms| Sample { at_ms, cpu_percent: 0.0, memory_percent: 0.0, cold_vms: 4 };
        let series =
            SampleSeries { samples: vec![sample(0), sample(20), sample(90)], ..SampleSeries::default() };
        assert_eq!(nearest(&series, 11), Some(1));
        assert_eq!(nearest(&series, 54), Some(1));
        assert_eq!(nearest(&series, 900), Some(2));
        assert_eq!(nearest(&SampleSeries::default(), 5), None);
        assert_eq!(on_cloud(&series), Some(4));
    }

    #[test]
    fn the_time_zone_is_found_by_its_midnight() {
        const HOUR_MS: i64 = 3_600_000;
        for (ahead, found) in [
            (0, 0),
            (HOUR_MS, HOUR_MS),
            (5 * HOUR_MS + 2 * QUARTER_MS, 5 * HOUR_MS + 2 * QUARTER_MS),
            (14 * HOUR_MS, 14 * HOUR_MS),
            (-8 * HOUR_MS, 16 * HOUR_MS),
        ] {
            for near_ms in [1_764_000_000_000, 1_764_028_799_999, 1_764_028_800_000] {
                let date = |at_ms: i64| (at_ms + ahead).div_euclid(DAY_MS).to_string();
                assert_eq!(ahead_ms(near_ms, date), found, "{ahead} at {near_ms}");
            }
        }
    }

    #[test]
    fn an_interval_is_found_by_its_word() {
        for interval in Interval::ALL {
            assert_eq!(Interval::of_word(interval.word()), Some(interval));
        }
    }
}
