//! Waiting for something to become true, with a deadline. Tests never just sleep.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: these machines are slow and shared.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again and again until the answer is `Ok`; panics with the last `Err` after [`PATIENCE`].
pub async fn until<T, E: Debug>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + PATIENCE;
    // What is asked is often a process, and machines have few cores.
    let mut pause = Duration::from_millis(25);
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(reason) if Instant::now() > deadline => panic!("{what}: still {reason:?} after {PATIENCE:?}"),
            Err(_) => tokio::time::sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}
