//! Domain types and pure rules of HDM.
//!
//! What the appliance, the plugin server, the command line and the browser exchange as JSON, and the rules that need
//! nothing but values: admission, the queue's order, retry delays. The crate builds for the host and for
//! wasm; it knows no I/O, no async runtime, no SQL and no XML.
//!
//! Sizes are bytes and named `*_bytes` (or `*_mib` where vSphere itself counts MiB), times are UTC
//! [`jiff::Timestamp`]s, durations are whole seconds or milliseconds and say so in their name.

pub mod about;
pub mod admission;
pub mod batch;
pub mod batch_estimate;
pub mod change;
pub mod changes;
pub mod cloud;
pub mod codes;
pub mod csv;
pub mod dashboard;
pub mod display;
pub mod estimate;
pub mod event;
pub mod ids;
pub mod instant;
pub mod limit;
pub mod migration;
pub mod plugin;
pub mod problem;
pub mod queue;
pub mod report;
pub mod retry;
pub mod sample;
pub mod schedule;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod vcenter;
pub mod vm;
pub mod wave;

pub use ids::{MigrationId, ObjectId, VcenterId};
