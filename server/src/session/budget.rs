//! How often something may be done: a bucket of permits that fills steadily.

use std::sync::Mutex;
use std::time::Duration;

/// The bucket.
#[derive(Debug)]
pub struct Budget {
    per_second: f64,
    most: f64,
    state: Mutex<(f64, Duration)>,
}

impl Budget {
    /// A full bucket that fills at a rate.
    pub fn new(per_second: u32, most: u32) -> Self {
        let most = f64::from(most);
        Self { per_second: f64::from(per_second), most, state: Mutex::new((most, Duration::ZERO)) }
    }

    /// Takes one permit, if there is one at this time.
    pub fn take(&self, now: Duration) -> bool {
        let Ok(mut state) = self.state.lock() else { return false };
        let (left, since) = *state;
        let left = (left + now.saturating_sub(since).as_secs_f64() * self.per_second).min(self.most);
        let granted = left >= 1.0;
        *state = (if granted { left - 1.0 } else { left }, now.max(since));
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_granted_and_then_the_rate() {
        let budget = Budget::new(2, 3);
        let at = Duration::from_millis;
        assert_eq!([0, 0, 0, 0].map(|ms| budget.take(at(ms))), [true, true, true, false]);
        assert!(!budget.take(at(499)));
        assert!(budget.take(at(500)));
        assert!(!budget.take(at(500)));
        assert_eq!([60_000; 4].map(|ms| budget.take(at(ms))), [true, true, true, false]);
    }
}
