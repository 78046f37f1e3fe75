//! Durable workflows: what was begun is finished or undone, whatever happens to this process.
//!
//! ```text
//!             store: log and row, fenced by lease
//!                ▲                    │ claim
//!                │ every change       ▼
//!  Cx ◄── step ◄── Driver (one task per workflow) ◄── Engine (scheduler: queue, leases, takeover)
//! ```
//!
//! | file | subject |
//! |---|---|
//! | `workflow` | what a workflow must be able to do |
//! | `context` | what a step may use: its input, its memo, the log, the clock |
//! | `driver` | forward, attempts, waiting, unwinding: the state machine of [`MigrationState`] |
//! | `scheduler` | the queue, claims, leases, cancels |
//! | `follow` | what has changed since when |
//! | `error` | how a step can end |
//!
//! A step is logged before it begins and after it is done; in between it may be run again at any time, so each
//! is idempotent and asks the inventory what has happened. Its undo stands beside it.
//!
//! [`MigrationState`]: hdm_shared::migration::MigrationState

mod clock;
mod context;
mod driver;
mod error;
mod failpoint;
mod follow;
mod live;
mod scheduler;
#[cfg(test)]
mod tests;
mod workflow;

pub use clock::{Clock, SystemClock};
pub use context::Cx;
pub use error::StepError;
pub use follow::Followed;
pub use live::Progress;
pub use scheduler::{Engine, EngineError, Settings};
pub use workflow::{AttemptOutcome, Interrupt, Milestone, Workflow};

pub use crate::store::Verdict;
