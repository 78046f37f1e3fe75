//! The engine's numbers, and why it refuses.

use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_shared::migration::MAX_RUNNING;
use hdm_shared::retry::Backoff;

use super::error::StepError;
use crate::store::StoreError;

/// The engine's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many attempts a migration has.
    pub attempts: u32,
    /// The pauses between attempts.
    pub retry: Backoff,
    /// The pauses while something passing is waited for.
    pub poll: Backoff,
    /// How long something passing may last before it costs an attempt.
    pub outage: Duration,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How often tasks in vCenter are looked at for a cancel.
    pub interrupts: Duration,
    /// How long a step must go on after an outage, without bytes that move, for the outage to be over. Longer
    /// than a call to a vCenter may hang.
    pub undisturbed: Duration,
    /// How long the posting of one event may take.
    pub post: Duration,
    /// How long an event is tried to be posted.
    pub post_within: Duration,
    /// How long ended workflows with their logs, and events, are kept.
    pub keep: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempts: 3,
            retry: Backoff { base: Duration::from_secs(5), max: Duration::from_secs(60) },
            poll: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(10) },
            outage: Duration::from_secs(300),
            lease: Duration::from_secs(30),
            interrupts: Duration::from_secs(3),
            undisturbed: Duration::from_secs(90),
            post: Duration::from_secs(60),
            post_within: Duration::from_secs(7 * 86_400),
            keep: Duration::from_secs(400 * 86_400),
        }
    }
}

/// Why something that a person asks cannot be done.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("There is no migration {0}. `hdm status` lists those there are.")]
    Unknown(MigrationId),
    #[error("Migration {id} is {state}: {why}")]
    WrongState { id: MigrationId, state: String, why: String },
    #[error("Migration {0} is being worked on just now. Ask again in a moment.")]
    Driven(MigrationId),
    #[error(
        "{MAX_RUNNING} migrations run already, and no more may at once. Ask again when one of them has ended."
    )]
    Full,
    #[error("{0}")]
    NotFound(String),
    #[error(
        "this machine's clock and the database's differ by {} s, and leases allow {} s. Set both by the same time service, then start again",
        .0.as_secs(), .1.as_secs()
    )]
    Clock(Duration, Duration),
    #[error(transparent)]
    Step(#[from] StepError),
}
