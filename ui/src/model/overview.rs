//! The numbers of the dashboard.

use hdm_shared::migration::{MigrationState, MigrationView};
use jiff::Timestamp;

/// How many migrations are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// A person must decide.
    pub needs_you: u64,
    /// Something is being done, waited for or undone.
    pub running: u64,
    /// Waiting for their turn, or taken out of the queue.
    pub queued: u64,
    /// Failed in the last 24 hours, and not dismissed.
    pub failed_today: u64,
}

impl Overview {
    /// Counts.
    pub fn of<'a>(migrations: impl IntoIterator<Item = &'a MigrationView>, now: Timestamp) -> Self {
        let mut sum = Self::default();
        for migration in migrations.into_iter().filter(|migration| !migration.dismissed) {
            match migration.state {
                MigrationState::NeedsOperator => sum.needs_you += 1,
                MigrationState::Running | MigrationState::Waiting | MigrationState::Unwinding => {
                    sum.running += 1;
                }
                MigrationState::Queued | MigrationState::Paused => sum.queued += 1,
                MigrationState::Failed => {
                    let recent = |ended: Timestamp| now.as_second() - ended.as_second() < 86_400;
                    sum.failed_today += u64::from(migration.ended_at.is_none_or(recent));
                }
                MigrationState::Done | MigrationState::Cancelled => {}
            }
        }
        sum
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
        let overview = Overview::of(&all, Timestamp::from_second(100_000).unwrap());
        assert_eq!(overview, Overview { needs_you: 0, running: 1, queued: 1, failed_today: 1 });
    }
}
