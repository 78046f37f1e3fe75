//! The numbers of the dashboard, and the lists behind them.

use hdm_shared::display::ChartState;
use hdm_shared::migration::{MigrationState, MigrationView};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::in_progress::chart_state;

/// How long a failure counts as a recent one.
const RECENT_SECONDS: i64 = 86_400;

/// What the dashboard counts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Group {
    /// A person must decide.
    NeedsYou,
    /// Something is being done, waited for or undone.
    Running,
    /// Waiting for their turn, or taken out of the queue.
    Queued,
    /// Failed in the last 24 hours.
    FailedToday,
}

impl Group {
    /// Whether a migration belongs to it.
    pub fn holds(self, migration: &MigrationView, now: Timestamp) -> bool {
        use MigrationState as S;
        let recent = |ended: Timestamp| now.as_second() - ended.as_second() < RECENT_SECONDS;
        let belongs = match self {
            Self::NeedsYou => migration.state == S::NeedsOperator,
            Self::Running => matches!(migration.state, S::Running | S::Waiting | S::Unwinding),
            Self::Queued => matches!(migration.state, S::Queued | S::Paused),
            Self::FailedToday => migration.state == S::Failed && migration.ended_at.is_none_or(recent),
        };
        belongs && !migration.dismissed
    }

    /// How many belong to it.
    pub fn count<'a>(self, of: impl IntoIterator<Item = &'a MigrationView>, now: Timestamp) -> u64 {
        of.into_iter().filter(|migration| self.holds(migration, now)).count() as u64
    }
}

/// What a list is narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Only {
    /// A state of the chart.
    State(ChartState),
    /// What the dashboard counted.
    Group(Group),
}

impl Only {
    /// Whether a migration is on the list.
    pub fn holds(self, migration: &MigrationView, now: Timestamp) -> bool {
        match self {
            Self::State(state) => chart_state(migration) == Some(state),
            Self::Group(group) => group.holds(migration, now),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::changes::samples::migration;

    #[test]
    fn a_failure_counts_for_a_day_and_what_is_dismissed_not_at_all() {
        use MigrationState as S;
        let failed = |at| {
            let mut failed = migration(1, S::Failed);
            failed.ended_at = Timestamp::from_second(at).ok();
            failed
        };
        let mut dismissed = failed(99_000);
        dismissed.dismissed = true;
        let all = [failed(99_000), failed(10), dismissed, migration(2, S::Waiting), migration(3, S::Paused)];
        let count = |group: Group| group.count(&all, Timestamp::from_second(100_000).unwrap());
        let counts = [Group::NeedsYou, Group::Running, Group::Queued, Group::FailedToday].map(count);
        assert_eq!(counts, [0, 1, 1, 1]);
        let now = Timestamp::from_second(100_000).unwrap();
        assert!(Only::State(ChartState::Failed).holds(&all[1], now));
        assert!(!Only::Group(Group::FailedToday).holds(&all[1], now));
    }
}
