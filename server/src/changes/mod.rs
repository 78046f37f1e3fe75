//! Migrations as they change: followed once for all pages, told to each as its user may see it.
//!
//! One task asks the appliance what has changed, and keeps every migration of the list "in progress" in
//! memory. Pages are answered from there, filtered by their users' own sessions.
//!
//! | module | subject |
//! |---|---|
//! | [`memory`] | what is known, and since which change |
//! | [`feed`] | the task that follows |

pub mod feed;
pub mod memory;

pub use feed::Feed;
pub use memory::{Cursor, Memory};
