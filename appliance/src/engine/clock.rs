//! Time, injected so that tests need not wait for it.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;

/// A clock, and waiting by it.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// What time it is. Somebody may put the clock forward or back at any moment.
    fn now(&self) -> Timestamp;
    /// How long it is since some moment before: goes on evenly, whatever is done to the clock. How long something lasts is
    /// measured by it.
    fn mark(&self) -> Duration;
    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()>;
}

/// How much of a time was over when this process came to it: what began at a time that an earlier process noted, by the
/// clock. Never more than all of it, and nothing if the clock was put back since.
pub fn spent(clock: &dyn Clock, began: Timestamp, of: Duration) -> Duration {
    Duration::try_from(clock.now().duration_since(began)).unwrap_or(Duration::ZERO).min(of)
}

/// The mark at which a time is over that began at a time that an earlier process may have noted.
pub fn over(clock: &dyn Clock, began: Timestamp, time: Duration) -> Duration {
    clock.mark().saturating_add(time.saturating_sub(spent(clock, began, time)))
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[cfg(feature = "failpoints")]
        let now = shifted(Timestamp::now());
        #[cfg(not(feature = "failpoints"))]
        let now = Timestamp::now();
        now
    }

    fn mark(&self) -> Duration {
        static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGUN.elapsed()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The time of a clock that is wrong by as many seconds as stand in the file that `HDM_CLOCK_AHEAD` names, so that a test
/// can put it forward and back while the process runs.
#[cfg(feature = "failpoints")]
fn shifted(now: Timestamp) -> Timestamp {
    let path = std::env::var_os("HDM_CLOCK_AHEAD");
    let seconds = path.and_then(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok()).unwrap_or(0);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}
