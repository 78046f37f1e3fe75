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
    /// The pause after the `failures`-th failure, from 1: doubled each time, then made up to half shorter or
    /// longer, but never shorter than `base` or longer than `max`. `jitter` is a random number from 0 to 1:
    /// appliances and migrations must not come back in step.
    pub fn pause(self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.base.saturating_mul(1 << doublings).min(self.max);
        let (shortest, longest) = ((full / 2).max(self.base.min(self.max)), (full * 3 / 2).min(self.max));
        shortest + longest.saturating_sub(shortest).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: Backoff = Backoff { base: Duration::from_secs(5), max: Duration::from_secs(60) };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<f64> = (1..7).map(|n| B.pause(n, 0.5).as_secs_f64()).collect();
        assert_eq!(pauses, [6.25, 10.0, 20.0, 40.0, 45.0, 45.0]);
        assert_eq!(B.pause(u32::MAX, 1.0), B.max);
    }

    #[test]
    fn no_pause_is_shorter_than_the_first_or_longer_than_the_longest() {
        for failures in 1..9 {
            let pauses = [-1.0, 0.0, 0.3, 1.0, 7.0].map(|jitter| B.pause(failures, jitter));
            assert!(pauses.iter().all(|pause| (B.base..=B.max).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses[0] < pauses[3], "{failures}: they must not come back in step");
        }
    }
}
