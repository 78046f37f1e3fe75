//! What the pages know and decide, without a page: plain Rust, tried on the host.

pub mod attempts;
pub mod bulk;
pub mod changes;
pub mod columns;
pub mod events;
pub mod history;
pub mod in_progress;
pub mod overview;
pub mod phases;
pub mod progress;
pub mod same;
pub mod selection;
pub mod sorted;
pub mod table;
pub mod thumbprint;
pub mod wizard;
