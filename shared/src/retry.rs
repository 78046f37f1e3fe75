//! When to try again: exponential, with jitter, between two bounds.

use std::time::Duration;

/// The bounds of the pauses between tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first pause.
    pub base: Duration,
    /// No pause is longer.
    pub max: Duration,
}

impl Backoff {
    /// The pause after the `failures`-th failure, from 1: doubled each time, then shortened by up to half.
    /// `jitter` is a random number from 0 to 1: appliances and migrations must not come back in step.
    pub fn pause(self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.base.saturating_mul(1 << doublings).min(self.max);
        full.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: Backoff = Backoff { base: Duration::from_secs(5), max: Duration::from_secs(60) };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u64> = (1..7).map(|n| B.pause(n, 0.0).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        assert_eq!(B.pause(u32::MAX, 0.0), B.max);
    }

    #[test]
    fn jitter_only_shortens_and_by_no_more_than_half() {
        for jitter in [0.0, 0.3, 1.0, 7.0] {
            let pause = B.pause(2, jitter);
            assert!(pause <= Duration::from_secs(10) && pause >= Duration::from_secs(5), "{pause:?}");
        }
    }
}
