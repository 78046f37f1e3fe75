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
//! | `driver` | forward and attempts: the state machine of [`MigrationState`] |
//! | `waiting` | for a vCenter, for a person, between attempts |
//! | `unwinding` | undoing, without limit |
//! | `scheduler` | the queue, claims, what is driven |
//! | `leases` | keeping them, and letting go in time |
//! | `settings` | numbers, and refusals |
//! | `counts` | what has been counted, for `/metrics` |
//! | `control` | what people ask: cancel, pause, resume, retry |
//! | `posting` | showing events in the vCenters |
//! | `follow` | looking: one, the open ones, changes, history |
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
mod follow;
mod last_look;
mod leases;
mod live;
mod posting;
mod scheduler;
mod settings;
#[cfg(test)]
mod tests;
mod unwinding;
mod waiting;
mod workflow;

pub use clock::{Clock, SystemClock, over, spent};
pub use context::Cx;
pub use counts::Counts;
pub use error::StepError;
pub use follow::Followed;
pub use live::Progress;
pub use scheduler::Engine;
pub use settings::{EngineError, Settings};
pub use workflow::{AttemptOutcome, Interrupt, Milestone, Workflow};

pub use crate::store::Verdict;
