//! To how many of a selection an action applies.

use hdm_shared::MigrationId;
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;

/// Whether an action makes sense for a migration.
pub fn applies(action: Action, migration: &MigrationView) -> bool {
    action.applies(migration.state, migration.committed, migration.dismissed)
        && !(action == Action::Cancel && migration.cancel_requested)
}

/// Those of a selection to which an action applies.
pub fn applicable<'a>(
    action: Action,
    selected: impl IntoIterator<Item = &'a MigrationView>,
) -> Vec<MigrationId> {
    selected
        .into_iter()
        .filter(|migration| applies(action, migration))
        .map(|migration| migration.id)
        .collect()
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::MigrationState as S;

    use super::*;
    use crate::model::changes::samples::{id, migration};

    #[test]
    fn only_those_are_acted_on_that_the_action_fits() {
        let mut being_cancelled = migration(3, S::Running);
        being_cancelled.cancel_requested = true;
        let selected = [migration(1, S::Queued), migration(2, S::Running), being_cancelled];
        assert_eq!(applicable(Action::Pause, &selected), [id(1)]);
        assert_eq!(applicable(Action::Cancel, &selected), [id(1), id(2)]);
        assert!(applicable(Action::Resume, &selected).is_empty());
    }
}
