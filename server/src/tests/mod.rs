//! The whole router, before an appliance and a vCenter in memory.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg_attr(not(test), allow(dead_code, reason = "the fuzz target needs some of it"))]

mod appliance;
#[cfg(test)]
mod away;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod filtered;
#[cfg(test)]
mod menus;
#[cfg(test)]
mod refused;
pub mod setting;
#[cfg(test)]
mod surface;
#[cfg(test)]
mod writes;
