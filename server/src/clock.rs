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
        #[cfg(feature = "failpoints")]
        let now = shifted(Timestamp::now());
        #[cfg(not(feature = "failpoints"))]
        let now = Timestamp::now();
        now
    }

    fn uptime(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The time of a clock that is wrong by as many seconds as stand in the file that `HDM_CLOCK_AHEAD` names, as the
/// appliance's is in tests.
#[cfg(feature = "failpoints")]
fn shifted(now: Timestamp) -> Timestamp {
    let path = std::env::var_os("HDM_CLOCK_AHEAD");
    let seconds = path.and_then(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok()).unwrap_or(0);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// A clock that stands until it is moved.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub struct ManualClock(std::sync::Mutex<Duration>);

#[cfg(any(test, feature = "testing"))]
impl Default for ManualClock {
    fn default() -> Self {
        Self(std::sync::Mutex::new(Duration::from_secs(1_000)))
    }
}

#[cfg(any(test, feature = "testing"))]
#[allow(clippy::unwrap_used, reason = "tests")]
impl ManualClock {
    /// Moves both hands.
    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[cfg(any(test, feature = "testing"))]
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
