//! What the end-to-end tests share: two simulated sites, an appliance, the command line, and a judge that
//! believes only the sites' own account of themselves.
//!
//! Nothing here reads HDM's database. A test starts the real executables, does something terrible, waits for
//! the migration to settle, and asks [`judge`] what is left.

#![allow(clippy::unwrap_used, reason = "a test harness ends with a panic that says where")]

pub mod browser;
pub mod dump;
pub mod judge;
pub mod lab;
pub mod plugin;
pub mod postgres;
pub mod product;
pub mod refusal;
pub mod secret;
pub mod wait;

pub use dump::Dump;
pub use lab::{Lab, Site};
pub use product::{Appliance, Outcome};
