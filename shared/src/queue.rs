//! Whose turn it is: round robin over the source clusters, first come first served within one.
//!
//! The order depends only on what is stored, so that it survives a restart and is the same for every
//! appliance: each turn goes to the cluster that was served longest ago, never served before all others.

use std::collections::BTreeMap;

/// A migration that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting<'a, Id> {
    /// The migration.
    pub id: Id,
    /// The cluster its VM is in.
    pub cluster: &'a str,
}

/// All that wait in the order of their turns. `waiting` is in order of arrival; `last_turn` says when each
/// cluster was last served, by any clock or counter that ascends.
pub fn order<Id: Copy>(waiting: &[Waiting<'_, Id>], last_turn: &BTreeMap<String, i64>) -> Vec<Id> {
    let mut lines: BTreeMap<&str, std::collections::VecDeque<Id>> = BTreeMap::new();
    // Clusters served equally long ago take turns in order of arrival.
    let mut arrival: Vec<&str> = Vec::new();
    for entry in waiting {
        lines.entry(entry.cluster).or_default().push_back(entry.id);
        if !arrival.contains(&entry.cluster) {
            arrival.push(entry.cluster);
        }
    }
    arrival.sort_by_key(|cluster| last_turn.get(*cluster).copied().unwrap_or(i64::MIN));
    let mut turns = Vec::with_capacity(waiting.len());
    while turns.len() < waiting.len() {
        turns.extend(arrival.iter().filter_map(|cluster| lines.get_mut(cluster)?.pop_front()));
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(list: &[(u32, &'static str)]) -> Vec<Waiting<'static, u32>> {
        list.iter().map(|(id, cluster)| Waiting { id: *id, cluster }).collect()
    }

    #[test]
    fn clusters_take_turns_and_within_one_the_first_comes_first() {
        let list = waiting(&[(1, "a"), (2, "a"), (3, "a"), (4, "b"), (5, "b"), (6, "c")]);
        assert_eq!(order(&list, &BTreeMap::new()), [1, 4, 6, 2, 5, 3]);
    }

    #[test]
    fn the_cluster_served_last_waits_for_the_others() {
        let list = waiting(&[(1, "a"), (2, "a"), (3, "b")]);
        let served = BTreeMap::from([("a".to_owned(), 9), ("b".to_owned(), 5)]);
        assert_eq!(order(&list, &served), [3, 1, 2]);
    }

    #[test]
    fn nobody_is_lost_or_served_twice() {
        let list: Vec<_> =
            (0..100).map(|id| Waiting { id, cluster: ["a", "b", "c"][id % 3 * (id % 2)] }).collect();
        let mut turns = order(&list, &BTreeMap::new());
        turns.sort_unstable();
        assert_eq!(turns, (0..100).collect::<Vec<_>>());
    }
}
