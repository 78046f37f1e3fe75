//! One sort for all types, and collecting without one.
//!
//! The compiler makes a sort of its own, some 4 KB, for each type that is sorted, and for each that is collected
//! into an ordered map. In a program that a browser fetches one must do.

use std::cmp::Ordering;

/// Sorted as `compare` has it; what is equal keeps its order.
pub fn sorted<T: Clone>(items: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let places = places(items.len(), &|a, b| compare(&items[a], &items[b]));
    places.into_iter().map(|at| items[at].clone()).collect()
}

/// Where each of so many stands that are compared by their places.
pub fn places(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    places.sort_by(|a, b| compare(*a, *b));
    places
}

/// Collects one by one.
pub fn gathered<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut all = C::default();
    all.extend(items);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_equal_keeps_its_order() {
        let words = ["b2", "a1", "b1", "a2"];
        assert_eq!(sorted(&words, |a, b| a[..1].cmp(&b[..1])), ["a1", "a2", "b2", "b1"]);
    }

    #[test]
    fn the_last_of_a_key_is_kept() {
        assert_eq!(
            gathered::<BTreeMap<_, _>, _>([(2, 'b'), (1, 'a'), (2, 'c')]),
            [(1, 'a'), (2, 'c')].into()
        );
    }
}
