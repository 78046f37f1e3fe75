//! How long a wave of migrations takes, from how long others have taken.
//!
//! What was measured is the whole of a migration, from its first step to its end, beside whatever ran then: a
//! rate over that holds for another only roughly. So the fastest and the slowest bound what may follow, and no
//! migration is promised to be shorter than the shortest there was.

use crate::migration::Estimate;

/// A migration that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The sum of its disks' sizes.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Bytes per second, above zero.
    fastest: f64,
    /// The same, of the slowest.
    slowest: f64,
    /// Seconds; no migration took less.
    shortest: u64,
}

impl Pace {
    /// The pace of those that were measured; absent if none was.
    #[allow(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
    pub fn of(measured: &[Measured]) -> Option<Self> {
        let rate = |one: &Measured| one.bytes as f64 / one.seconds.max(1) as f64;
        let rates: Vec<f64> = measured.iter().filter(|one| one.bytes > 0).map(rate).collect();
        Some(Self {
            fastest: rates.iter().copied().reduce(f64::max)?,
            slowest: rates.iter().copied().reduce(f64::min)?,
            shortest: measured.iter().map(|one| one.seconds).min()?,
        })
    }

    /// How long one takes.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts saturate, and a rate is above zero"
    )]
    pub fn one(self, bytes: u64) -> Estimate {
        let at = |rate: f64| ((bytes as f64 / rate).ceil() as u64).max(self.shortest);
        Estimate { low_seconds: at(self.fastest), high_seconds: at(self.slowest) }
    }

    /// How long all of them take, in this order, if `slots` run at once and each begins when another ends.
    pub fn all(self, sizes_bytes: &[u64], slots: usize) -> Estimate {
        let each: Vec<Estimate> = sizes_bytes.iter().map(|bytes| self.one(*bytes)).collect();
        Estimate {
            low_seconds: span(each.iter().map(|one| one.low_seconds), slots),
            high_seconds: span(each.iter().map(|one| one.high_seconds), slots),
        }
    }
}

/// When the last one ends.
fn span(seconds: impl Iterator<Item = u64>, slots: usize) -> u64 {
    let mut busy_until = vec![0_u64; slots.max(1)];
    for one in seconds {
        if let Some(free) = busy_until.iter_mut().min() {
            *free = free.saturating_add(one);
        }
    }
    busy_until.into_iter().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn pace() -> Pace {
        let of = |bytes, seconds| Measured { bytes, seconds };
        Pace::of(&[of(1_000, 10), of(1_000, 50), of(0, 30)]).unwrap()
    }

    #[test]
    fn nothing_is_said_of_what_was_never_measured() {
        assert_eq!(Pace::of(&[]), None);
        assert_eq!(Pace::of(&[Measured { bytes: 0, seconds: 5 }]), None);
    }

    #[test]
    fn the_fastest_and_the_slowest_bound_what_may_follow() {
        assert_eq!(pace().one(2_000), Estimate { low_seconds: 20, high_seconds: 100 });
        assert_eq!(pace().one(1).low_seconds, 10, "none was ever shorter than the shortest");
    }

    #[test]
    fn those_that_run_at_once_share_the_time() {
        let sizes = [1_000; 9];
        assert_eq!(pace().all(&sizes, 8), Estimate { low_seconds: 20, high_seconds: 100 });
        assert_eq!(pace().all(&sizes, 1).low_seconds, 90);
        assert_eq!(pace().all(&[], 8), Estimate { low_seconds: 0, high_seconds: 0 });
    }
}
