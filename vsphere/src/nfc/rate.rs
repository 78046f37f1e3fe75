//! How much may pass in a second: a token bucket that transfers share.
//!
//! Who wants to pass waits for its turn, in order of arrival, and then for the bucket. Each transfer asks for one
//! piece at a time, so that those that share a bucket get the same of it. Only bulk data passes here; calls to a
//! vCenter never do, and so find the link free for the part that the limit leaves.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex as Turn, Notify};

/// The lowest limit, in bytes per second (0.01 Mbit/s): below it a host would take a connection for dead.
pub const MIN_BYTES_PER_SECOND: u64 = 1_250;
/// The largest piece that passes at once, in bytes.
const MAX_PIECE_BYTES: u64 = 64 << 10;
/// The smallest.
const MIN_PIECE_BYTES: u64 = 512;
/// How many pieces a second is divided into, if they are not too small or large.
const PIECES_PER_SECOND: u64 = 8;

/// A limit that may be changed at any time; none at first.
#[derive(Debug, Default)]
pub struct RateLimit {
    bucket: Mutex<Bucket>,
    turn: Turn<()>,
    changed: Notify,
}

impl RateLimit {
    /// Sets the limit, in bytes per second; nothing is limited without one. Whoever waits goes by it at once.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        let rate = bytes_per_second.map(|rate| rate.max(MIN_BYTES_PER_SECOND));
        self.with(|bucket| bucket.set(Instant::now(), rate));
        self.changed.notify_waiters();
    }

    /// The limit, in bytes per second.
    pub fn get(&self) -> Option<u64> {
        self.with(|bucket| bucket.rate)
    }

    /// How large a piece may be now, in bytes: small enough that a slow one does not fall silent.
    pub fn piece_bytes(&self) -> usize {
        let piece = self.get().map_or(MAX_PIECE_BYTES, |rate| rate / PIECES_PER_SECOND);
        usize::try_from(piece.clamp(MIN_PIECE_BYTES, MAX_PIECE_BYTES)).unwrap_or(usize::MAX)
    }

    /// Waits until this many bytes may pass.
    pub async fn pass(&self, bytes: u64) {
        // Nobody waits in line for what is not limited.
        if self.get().is_none() {
            return;
        }
        let _turn = self.turn.lock().await;
        loop {
            // Heard of from here on, or a change between the look and the wait would be missed.
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let Some(wait) = self.with(|bucket| bucket.take(Instant::now(), bytes)) else { return };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = changed => {}
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Bucket) -> T) -> T {
        act(&mut self.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The bucket. It knows no clock: what time it is, it is told.
#[derive(Debug, Default)]
struct Bucket {
    /// Bytes per second, above zero.
    rate: Option<u64>,
    /// Up to when all that passed is paid for. Someone may pass once that is not in the future.
    paid_until: Option<Instant>,
}

impl Bucket {
    fn set(&mut self, now: Instant, rate: Option<u64>) {
        if self.rate != rate {
            self.rate = rate;
            // A debt at the old rate would last for ever at a new one.
            self.paid_until = Some(now);
        }
    }

    /// Takes bytes; if that is not possible yet, says how long to wait. What is saved up while nothing passes
    /// lasts for one piece and no burst: a link that is shaped drops bursts.
    fn take(&mut self, now: Instant, bytes: u64) -> Option<Duration> {
        let rate = self.rate?;
        let paid_until = self.paid_until.map_or(now, |at| at.max(now));
        if paid_until > now {
            return Some(paid_until - now);
        }
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
        self.paid_until = Some(now + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use super::*;

    /// How many bytes pass in a time, if a piece is wanted whenever one may pass.
    fn passed(bucket: &mut Bucket, from: Instant, time: Duration, piece: u64) -> u64 {
        let (mut now, mut bytes) = (from, 0);
        while now < from + time {
            match bucket.take(now, piece) {
                None => bytes += piece,
                Some(wait) => now += wait,
            }
        }
        bytes
    }

    #[test]
    fn as_many_bytes_pass_as_the_limit_says_whatever_the_pieces() {
        let now = Instant::now();
        for piece in [512, 16 << 10, 64 << 10] {
            let mut bucket = Bucket::default();
            bucket.set(now, Some(1_000_000));
            let bytes = passed(&mut bucket, now, Duration::from_secs(10), piece);
            assert!(bytes.abs_diff(10_000_000) <= piece, "{bytes} in pieces of {piece}");
        }
    }

    #[test]
    fn nothing_is_saved_up_while_nothing_passes() {
        let now = Instant::now();
        let mut bucket = Bucket::default();
        bucket.set(now, Some(1_000));
        assert_eq!(bucket.take(now, 500), None);
        let later = now + Duration::from_secs(3_600);
        assert_eq!(bucket.take(later, 500), None);
        assert_eq!(bucket.take(later, 500), Some(Duration::from_millis(500)));
    }

    #[test]
    fn a_new_limit_forgives_the_old_ones_debt() {
        let now = Instant::now();
        let mut bucket = Bucket::default();
        bucket.set(now, Some(1));
        assert_eq!(bucket.take(now, 1_000), None);
        assert_eq!(bucket.take(now, 1), Some(Duration::from_secs(1_000)));
        bucket.set(now, Some(1_000));
        assert_eq!(bucket.take(now, 1), None);
        bucket.set(now, None);
        assert_eq!(bucket.take(now, u64::MAX), None, "no limit, no wait");
    }

    #[test]
    fn pieces_fit_the_limit() {
        let limit = RateLimit::default();
        assert_eq!(limit.piece_bytes(), 64 << 10);
        for (rate, piece) in [(1, 512), (80_000, 10_000), (100_000_000, 64 << 10)] {
            limit.set(Some(rate));
            assert_eq!(limit.piece_bytes(), piece, "{rate}");
        }
        assert_eq!(limit.get(), Some(100_000_000));
    }

    #[tokio::test]
    async fn those_that_share_a_limit_take_turns() {
        let limit = Arc::new(RateLimit::default());
        limit.set(Some(200_000));
        let order = Arc::new(Mutex::new(Vec::new()));
        let transfers: Vec<_> = (0..3)
            .map(|name| {
                let (limit, order) = (limit.clone(), order.clone());
                tokio::spawn(async move {
                    for _ in 0..8 {
                        limit.pass(2_000).await;
                        order.lock().unwrap().push(name);
                    }
                })
            })
            .collect();
        for transfer in transfers {
            transfer.await.unwrap();
        }
        let order = order.lock().unwrap();
        for name in 0..3 {
            let first_half = order[..12].iter().filter(|one| **one == name).count();
            assert!((2..=6).contains(&first_half), "{name} has {first_half} of 12: {order:?}");
        }
    }

    #[tokio::test]
    async fn whoever_waits_hears_that_the_limit_is_lifted() {
        let limit = Arc::new(RateLimit::default());
        limit.set(Some(MIN_BYTES_PER_SECOND));
        limit.pass(100 << 20).await;
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.pass(1).await }
        });
        tokio::task::yield_now().await;
        limit.set(None);
        tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
    }
}
