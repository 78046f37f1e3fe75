//! To how many of a selection an action applies, and in how many requests it is asked for.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::MAX_ACTED_ON;
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;

/// Whether an action makes sense for a migration.
pub fn applies(action: Action, migration: &MigrationView) -> bool {
    action.applies(migration.state, migration.committed, migration.dismissed)
        && !(action == Action::Cancel && migration.cancel_requested)
}

/// Those of a selection to which an action applies, and which the user may act on.
pub fn applicable(
    action: Action,
    selected: &[Arc<MigrationView>],
    may: impl Fn(&MigrationView) -> bool,
) -> Vec<Arc<MigrationView>> {
    selected.iter().filter(|migration| applies(action, migration) && may(migration)).cloned().collect()
}

/// Which requests act on all of these: one vCenter's session acts on its own, and on so many at once.
pub fn requests<G: PartialEq>(of: impl IntoIterator<Item = (G, MigrationId)>) -> Vec<(G, Vec<MigrationId>)> {
    let mut requests: Vec<(G, Vec<MigrationId>)> = Vec::new();
    for (vcenter, id) in of {
        let open = requests.iter_mut().find(|(known, ids)| *known == vcenter && ids.len() < MAX_ACTED_ON);
        match open {
            Some((_, ids)) => ids.push(id),
            None => requests.push((vcenter, vec![id])),
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::MigrationState as S;

    use super::*;
    use crate::model::changes::samples::{id, migration};

    #[test]
    fn only_those_are_acted_on_that_the_action_fits_and_the_user_may() {
        let mut being_cancelled = migration(3, S::Running);
        being_cancelled.cancel_requested = true;
        let selected =
            [migration(1, S::Queued), migration(2, S::Running), being_cancelled].map(Arc::new).to_vec();
        let ids = |action, may: fn(&MigrationView) -> bool| {
            applicable(action, &selected, may).iter().map(|m| m.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(Action::Pause, |_| true), [id(1)]);
        assert_eq!(ids(Action::Cancel, |_| true), [id(1), id(2)]);
        assert_eq!(ids(Action::Cancel, |m| m.id != id(1)), [id(2)]);
        assert!(ids(Action::Resume, |_| true).is_empty());
    }

    #[test]
    fn a_request_is_of_one_vcenter_and_never_too_large() {
        let many = (0..=MAX_ACTED_ON).map(|_| ("a", id(1))).chain([("b", id(2))]);
        let sizes: Vec<_> = requests(many).iter().map(|(of, ids)| (*of, ids.len())).collect();
        assert_eq!(sizes, [("a", MAX_ACTED_ON), ("a", 1), ("b", 1)]);
    }
}
