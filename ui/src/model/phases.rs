//! What is said of each phase of a migration: only what is true of it now.

use hdm_shared::display::Phase;
use hdm_shared::migration::{MigrationState, MigrationView};

use super::in_progress::phase;

/// What is said of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is done.
    Done,
    /// It is being done, or waited in.
    Now,
    /// The migration failed in it, or stopped there for a person.
    Failed,
    /// It is being undone.
    Undoing,
    /// It comes later.
    Next,
    /// Nothing: it will not come any more, or what was done in it was undone.
    Nothing,
}

/// The marks of all phases, in order.
///
/// What has failed or was cancelled was undone, so that nothing of it is done any more; of a failure the phase is
/// told in which it happened.
pub fn marks(migration: &MigrationView) -> [Mark; Phase::ALL.len()] {
    use MigrationState as S;
    let here = phase(migration);
    let known = migration.step.is_some();
    let (before, at, after) = match migration.state {
        S::Done => return [Mark::Done; Phase::ALL.len()],
        S::Queued | S::Running | S::Waiting | S::Paused => (Mark::Done, Mark::Now, Mark::Next),
        S::NeedsOperator if known => (Mark::Done, Mark::Failed, Mark::Next),
        S::Unwinding if known => (Mark::Done, Mark::Undoing, Mark::Nothing),
        S::Failed if known => (Mark::Nothing, Mark::Failed, Mark::Nothing),
        S::NeedsOperator | S::Unwinding | S::Failed | S::Cancelled => {
            return [Mark::Nothing; Phase::ALL.len()];
        }
    };
    Phase::ALL.map(|phase| match phase.cmp(&here) {
        std::cmp::Ordering::Less => before,
        std::cmp::Ordering::Equal => at,
        std::cmp::Ordering::Greater => after,
    })
}

#[cfg(test)]
mod tests {
    use MigrationState as S;

    use super::*;
    use crate::model::changes::samples::migration;

    fn in_transfer(state: S) -> MigrationView {
        MigrationView { step: Some("transfer".into()), ..migration(1, state) }
    }

    fn of(migration: &MigrationView, phase: Phase) -> Mark {
        marks(migration)[Phase::ALL.iter().position(|one| *one == phase).unwrap_or(0)]
    }

    #[test]
    fn a_failure_is_marked_where_it_happened_and_nowhere_if_that_is_not_known() {
        let failed = in_transfer(S::Failed);
        assert_eq!(of(&failed, Phase::Transfer), Mark::Failed);
        assert_eq!(marks(&failed).iter().filter(|mark| **mark != Mark::Nothing).count(), 1);
        assert_eq!(marks(&migration(1, S::Failed)), [Mark::Nothing; 8]);
    }

    #[test]
    fn what_was_cancelled_is_nowhere_now_and_what_is_undone_says_so() {
        assert_eq!(marks(&migration(1, S::Cancelled)), [Mark::Nothing; 8]);
        let undone = in_transfer(S::Unwinding);
        assert_eq!(
            (of(&undone, Phase::Transfer), of(&undone, Phase::Verify)),
            (Mark::Undoing, Mark::Nothing)
        );
    }

    #[test]
    fn what_goes_on_has_done_phases_one_now_and_others_to_come() {
        let running = in_transfer(S::Running);
        let told = [Phase::Queue, Phase::Transfer, Phase::Finish].map(|phase| of(&running, phase));
        assert_eq!(told, [Mark::Done, Mark::Now, Mark::Next]);
        assert_eq!(of(&migration(1, S::Queued), Phase::Queue), Mark::Now);
        assert_eq!(marks(&migration(1, S::Done)), [Mark::Done; 8]);
    }
}
