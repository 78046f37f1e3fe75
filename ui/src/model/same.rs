//! Whether shared values are others than before: compared by identity, because what stays the same stays the same
//! object.

use std::sync::Arc;

/// Whether a memo's value is another one.
pub fn changed<T>(before: Option<&Arc<T>>, after: Option<&Arc<T>>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => !Arc::ptr_eq(before, after),
        _ => true,
    }
}

/// The same, of a value that may be absent.
pub fn changed_if_any<T>(before: Option<&Option<Arc<T>>>, after: Option<&Option<Arc<T>>>) -> bool {
    match (before, after) {
        (Some(Some(before)), Some(Some(after))) => !Arc::ptr_eq(before, after),
        (Some(None), Some(None)) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_object_has_not_changed_and_an_equal_one_has() {
        let (one, equal) = (Arc::new(1), Arc::new(1));
        assert!(!changed(Some(&one), Some(&one.clone())));
        assert!(changed(Some(&one), Some(&equal)) && changed(None, Some(&one)));
        assert!(!changed_if_any::<i32>(Some(&None), Some(&None)));
        assert!(changed_if_any(Some(&None), Some(&Some(one))));
    }
}
