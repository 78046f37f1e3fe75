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
//! | `books` | what the vCenters show of attempts, which nothing waits for |
//! | `driver` | forward, attempts, waiting, unwinding: the state machine of [`MigrationState`] |
//! | `scheduler` | the queue, claims, leases |
//! | `counts` | what has been counted, for `/metrics` |
//! | `control` | what people ask: cancel, pause, resume, retry |
//! | `posting` | showing events in the vCenters |
//! | `follow` | what has changed since when |
//! | `error` | how a step can end |
//!
//! A step is logged before it begins and after it is done; in between it may be run again at any time, so each
//! is idempotent and asks the inventory what has happened. Its undo stands beside it.
//!
//! [`MigrationState`]: hdm_shared::migration::MigrationState

mod books;
mod clock;
mod context;
mod control;
mod counts;
mod driver;
mod error;
mod failpoint;
mod follow;
mod last_look;
mod live;
mod posting;
mod scheduler;
#[cfg(test)]
mod tests;
mod workflow;

pub use clock::{Clock, SystemClock};
pub use context::Cx;
pub use counts::Counts;
pub use error::StepError;
pub use follow::Followed;
pub use live::Progress;
pub use scheduler::{Engine, EngineError, Settings};
pub use workflow::{AttemptOutcome, Interrupt, Milestone, Workflow};

pub use crate::store::Verdict;
