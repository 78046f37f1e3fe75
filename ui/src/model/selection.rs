//! Which rows are selected, while rows come, go and are filtered.

use std::collections::BTreeSet;

use crate::model::sorted::gathered;

/// The state of the checkbox in a table's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderBox {
    /// Nothing of what is shown is selected.
    Off,
    /// Some of it is.
    Mixed,
    /// All of it is.
    On,
}

impl HeaderBox {
    /// What it shows if this is which of those that can be selected are; asks for no more than it has to know.
    pub fn of(selected: impl IntoIterator<Item = bool>) -> Self {
        let mut selected = selected.into_iter();
        match selected.next() {
            Some(first) if selected.any(|one| one != first) => Self::Mixed,
            Some(true) => Self::On,
            None | Some(false) => Self::Off,
        }
    }
}

/// The keys of the selected rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection<K: Ord>(BTreeSet<K>);

impl<K: Ord> Default for Selection<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Ord + Clone> Selection<K> {
    /// Whether a row is selected.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains(key)
    }

    /// The selected keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter()
    }

    /// How many are selected.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Selects or deselects a row.
    pub fn set(&mut self, key: K, selected: bool) {
        if selected {
            self.0.insert(key);
        } else {
            self.0.remove(&key);
        }
    }

    /// Selects or deselects every row that the filter shows; what it hides stays as it is.
    pub fn set_all(&mut self, shown: impl IntoIterator<Item = K>, selected: bool) {
        for key in shown {
            self.set(key, selected);
        }
    }

    /// Forgets rows that are no more.
    pub fn keep_only(&mut self, mut exists: impl FnMut(&K) -> bool) {
        self.0.retain(|key| exists(key));
    }
}

impl<K: Ord> FromIterator<K> for Selection<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self(gathered(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_selects_what_the_filter_shows_and_nothing_else() {
        let mut selection: Selection<u32> = [7].into_iter().collect();
        selection.set_all([1, 2], true);
        assert_eq!(selection.len(), 3);
        selection.set_all([1, 2], false);
        assert_eq!(selection.keys().copied().collect::<Vec<_>>(), [7]);
        assert_eq!((HeaderBox::of([]), HeaderBox::of([false; 3])), (HeaderBox::Off, HeaderBox::Off));
        assert_eq!(
            (HeaderBox::of([false, true]), HeaderBox::of([true; 3])),
            (HeaderBox::Mixed, HeaderBox::On)
        );
    }

    #[test]
    fn what_is_gone_is_not_selected_any_more() {
        let mut selection: Selection<u32> = [1, 2].into_iter().collect();
        selection.keep_only(|key| *key == 2);
        assert_eq!(selection.len(), 1);
    }
}
