//! How long a transfer will still take, from how fast it went.
//!
//! What counts is how far the disks' addresses have come, not what went over the wire: a disk of zeros travels in
//! no time and few bytes. The rate changes with the disk's content and the network, so that one number would be a
//! guess; the fastest and the slowest of the recent windows bound what may follow. A pause belongs to the window
//! it is in. When nothing has moved for a minute nobody knows, and nothing is said.

use std::collections::VecDeque;

use crate::migration::Estimate;

/// The shortest stretch over which a rate is taken.
const WINDOW_MS: i64 = 10_000;
/// How far back rates are looked at.
const RECENT_MS: i64 = 120_000;
/// How far apart what is remembered is.
const APART_MS: i64 = 1_000;
/// After a pause this long nothing is said.
const STALLED_MS: i64 = 60_000;

/// Watches a transfer.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    /// Time and bytes done, ascending; at most two minutes and a mark more.
    marks: VecDeque<Mark>,
    /// The newest.
    last: Option<Mark>,
    /// When something moved last.
    moved_at_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    at_ms: i64,
    done: u64,
}

impl Mark {
    /// Bytes per second since an earlier mark; absent if nothing moved.
    #[allow(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
    fn rate_since(self, earlier: Self) -> Option<f64> {
        let (bytes, millis) = (self.done.checked_sub(earlier.done)?, self.at_ms - earlier.at_ms);
        (bytes > 0 && millis > 0).then(|| bytes as f64 * 1_000.0 / millis as f64)
    }
}

impl Estimator {
    /// Takes note of how many bytes of the disks' capacity are done at a time, in milliseconds of any clock that
    /// ascends. Fewer than before, or none, begins anew.
    pub fn observe(&mut self, at_ms: i64, done: u64) {
        let mark = Mark { at_ms, done };
        let anew = self.last.is_none_or(|last| done < last.done || at_ms < last.at_ms);
        if anew || done == 0 {
            self.marks.clear();
            self.marks.push_back(mark);
            self.moved_at_ms = at_ms;
        } else {
            if self.last.is_some_and(|last| done > last.done) {
                self.moved_at_ms = at_ms;
            }
            if self.marks.back().is_none_or(|back| at_ms - back.at_ms >= APART_MS) {
                self.marks.push_back(mark);
            }
            while self.marks.get(1).is_some_and(|second| at_ms - second.at_ms >= RECENT_MS) {
                self.marks.pop_front();
            }
        }
        self.last = Some(mark);
    }

    /// How long the rest will take; absent in the first ten seconds, when nothing moves, and at the end.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn estimate(&self, total: u64) -> Option<Estimate> {
        let last = self.last?;
        let left = total.checked_sub(last.done).filter(|left| *left > 0)? as f64;
        if last.at_ms - self.moved_at_ms >= STALLED_MS {
            return None;
        }
        let rates = self.rates(last);
        let fastest = rates.iter().copied().reduce(f64::max)?;
        let slowest = rates.iter().copied().reduce(f64::min)?;
        // Casts saturate; a rate is above zero.
        Some(Estimate {
            low_seconds: (left / fastest).floor() as u64,
            high_seconds: (left / slowest).ceil() as u64,
        })
    }

    /// The rate of each recent window.
    fn rates(&self, last: Mark) -> Vec<f64> {
        let mut rates = Vec::new();
        let mut begin: Option<Mark> = None;
        let mut former: Option<Mark> = None;
        for mark in self.marks.iter().copied().chain([last]) {
            let Some(start) = begin else {
                begin = Some(mark);
                continue;
            };
            if mark.at_ms - start.at_ms < WINDOW_MS {
                continue;
            }
            if let Some(rate) = mark.rate_since(start) {
                rates.push(rate);
                former = Some(start);
                begin = Some(mark);
            }
        }
        // A pause that is not over yet slows the window before it.
        if let (Some(former), Some(start)) = (former, begin)
            && last.at_ms - start.at_ms >= WINDOW_MS
        {
            rates.extend(last.rate_since(former));
        }
        rates
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const MIB: u64 = 1 << 20;

    /// A transfer at a clock of its own: each leg is so many seconds at so many MiB per second.
    struct Run {
        estimator: Estimator,
        at_ms: i64,
        done: u64,
    }

    impl Run {
        fn new() -> Self {
            let mut estimator = Estimator::default();
            estimator.observe(0, 0);
            Self { estimator, at_ms: 0, done: 0 }
        }

        fn go(&mut self, seconds: i64, mib_per_second: u64) -> &mut Self {
            for _ in 0..seconds * 2 {
                self.at_ms += 500;
                self.done += mib_per_second * MIB / 2;
                self.estimator.observe(self.at_ms, self.done);
            }
            self
        }

        /// What is said with so many MiB left.
        fn left(&self, mib: u64) -> Option<(u64, u64)> {
            let estimate = self.estimator.estimate(self.done + mib * MIB)?;
            assert!(estimate.low_seconds <= estimate.high_seconds);
            Some((estimate.low_seconds, estimate.high_seconds))
        }
    }

    #[test]
    fn nothing_is_said_in_the_first_ten_seconds_and_a_steady_rate_is_one_time() {
        let mut run = Run::new();
        assert_eq!(run.go(9, 10).left(1_000), None);
        assert_eq!(run.go(1, 10).left(1_000), Some((100, 100)));
        assert_eq!(run.left(0), None, "at the end there is nothing left to say");
    }

    #[test]
    fn the_wait_before_the_first_byte_counts_for_nothing() {
        let mut run = Run::new();
        assert_eq!(run.go(300, 0).left(1_000), None);
        assert_eq!(run.go(9, 10).left(1_000), None);
        assert_eq!(run.go(2, 10).left(1_000), Some((100, 100)));
    }

    #[test]
    fn a_rate_that_changes_widens_the_range_and_is_forgotten_after_two_minutes() {
        let mut run = Run::new();
        run.go(30, 40).go(30, 10);
        assert_eq!(run.left(400), Some((10, 40)));
        run.go(60, 10);
        assert_eq!(run.left(400).unwrap().0, 10, "the fast window is still recent");
        run.go(60, 10);
        assert_eq!(run.left(400), Some((40, 40)));
    }

    #[test]
    fn zeros_that_are_skipped_are_a_fast_window_and_no_promise() {
        let mut run = Run::new();
        // Half of the disk is empty, and passes at once.
        run.go(10, 5).go(1, 10_000).go(30, 5);
        let (low, high) = run.left(1_000).unwrap();
        assert!(low < 10 && high == 200, "{low} {high}");
    }

    #[test]
    fn a_pause_makes_it_later_and_a_long_one_ends_all_saying() {
        let mut run = Run::new();
        run.go(20, 10).go(20, 0);
        let (low, high) = run.left(1_000).unwrap();
        assert_eq!(low, 100);
        assert!((250..=350).contains(&high), "{high}");
        assert_eq!(run.go(45, 0).left(1_000), None);
        assert!(run.go(12, 10).left(1_000).unwrap().1 > 500, "the pause is part of how it went");
    }

    #[test]
    fn a_transfer_that_begins_anew_forgets_the_former() {
        let mut run = Run::new();
        run.go(60, 100);
        run.done = 0;
        assert_eq!(run.go(9, 10).left(1_000), None);
        assert_eq!(run.go(2, 10).left(1_000), Some((100, 100)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut run = Run::new();
        run.go(3_600, 1);
        assert!(run.estimator.marks.len() <= 122, "{}", run.estimator.marks.len());
    }
}
