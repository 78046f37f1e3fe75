//! The whole router, before an appliance and a vCenter in memory.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod appliance;
mod away;
mod bench;
mod filtered;
mod menus;
mod refused;
mod setting;
mod surface;
mod writes;
