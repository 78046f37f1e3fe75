//! Which row's elements show which row.

/// Hands the elements of rows that are not wanted any more to those that are wanted now.
///
/// `held` says what each holds, in any order. Answers with who shows each wanted row, in their order: an index into
/// `held`, or `None` if there is nothing left and new elements are to be made. What holds a wanted row keeps it, so that
/// neither focus nor an open menu goes to another row. Looking for each of so few costs less than an index of them.
pub fn assign<K: PartialEq>(held: &[K], wanted: &[K]) -> Vec<Option<usize>> {
    let mut shows: Vec<Option<usize>> =
        wanted.iter().map(|key| held.iter().position(|holds| holds == key)).collect();
    let mut free = (0..held.len()).filter(|at| !wanted.contains(&held[*at]));
    for show in &mut shows {
        if show.is_none() {
            *show = free.next();
        }
    }
    shows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scrolls_out_of_sight_shows_what_comes_into_it() {
        assert_eq!(assign(&[1, 2, 3, 4], &[3, 4, 5, 6]), [Some(2), Some(3), Some(0), Some(1)]);
        assert_eq!(assign(&[5, 3, 4, 6], &[3, 4, 5, 6]), [Some(1), Some(2), Some(0), Some(3)]);
    }

    #[test]
    fn more_rows_need_more_elements_and_fewer_leave_some_over() {
        assert_eq!(assign(&[1], &[2, 1, 3]), [None, Some(0), None]);
        assert_eq!(assign(&[1, 2, 3], &[9]), [Some(0)]);
        assert_eq!(assign(&[1, 2], &[]), []);
    }
}
