//! Time, so that tests can set it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// What time it is.
pub trait Clock: Send + Sync + 'static {
    /// By the calendar: for tokens, which other instances check too.
    fn now(&self) -> Timestamp;
    /// Since some beginning, never backwards: for the age of what is kept.
    fn uptime(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A clock that stands until it is moved.
#[cfg(test)]
#[derive(Debug)]
pub struct ManualClock(std::sync::Mutex<Duration>);

#[cfg(test)]
impl Default for ManualClock {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Duration::from_secs(1_000)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
impl ManualClock {
    /// Moves both hands.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
            + jiff::SignedDuration::try_from(self.uptime()).unwrap()
    }

    fn uptime(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}
