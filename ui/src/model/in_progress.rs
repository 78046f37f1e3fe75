//! Where a migration in progress stands, and the numbers of the chart.

use hdm_shared::display::{ChartState, Phase};
use hdm_shared::migration::MigrationView;

/// The phase a migration is in.
pub fn phase(migration: &MigrationView) -> Phase {
    Phase::of_step(migration.step.as_deref())
}

/// Where a migration is in the chart.
pub fn chart_state(migration: &MigrationView) -> Option<ChartState> {
    ChartState::of(migration.state, phase(migration))
}

/// How many are in each state of the chart, in the order of the legend.
pub fn distribution<'a>(
    migrations: impl IntoIterator<Item = &'a MigrationView>,
) -> [(ChartState, u64); ChartState::ALL.len()] {
    let mut counts = ChartState::ALL.map(|state| (state, 0));
    for state in migrations.into_iter().filter_map(chart_state) {
        if let Some((_, count)) = counts.iter_mut().find(|(known, _)| *known == state) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use hdm_shared::changes::is_in_progress;
    use hdm_shared::migration::MigrationState as S;
    use jiff::Timestamp;

    use super::*;
    use crate::model::changes::samples::migration;

    #[test]
    fn what_ended_stays_for_an_hour_and_what_failed_until_it_is_dismissed() {
        let now = Timestamp::from_second(100_000).unwrap();
        let ended = |state, ago: i64| {
            let mut migration = migration(1, state);
            migration.ended_at = Some(Timestamp::from_second(100_000 - ago).unwrap());
            migration
        };
        assert!(is_in_progress(&ended(S::Done, 3_599), now));
        assert!(!is_in_progress(&ended(S::Done, 3_601), now));
        assert!(is_in_progress(&ended(S::Failed, 90_000), now));
        let mut dismissed = ended(S::Failed, 10);
        dismissed.dismissed = true;
        assert!(!is_in_progress(&dismissed, now));
    }

    #[test]
    fn a_migration_that_transfers_is_counted_apart() {
        let mut sending = migration(1, S::Running);
        sending.step = Some("transfer".into());
        let all = [sending, migration(2, S::Running), migration(3, S::Cancelled)];
        let counts = distribution(&all);
        let of = |wanted| counts.iter().find(|(state, _)| *state == wanted).unwrap().1;
        assert_eq!((of(ChartState::Transferring), of(ChartState::Migrating)), (1, 1));
        assert_eq!(counts.iter().map(|(_, n)| n).sum::<u64>(), 2);
    }
}
