//! The appliance: what moves VMs.
//!
//! | module | subject |
//! |---|---|
//! | [`engine`] | durable workflows: steps, attempts, leases, undo |
//! | [`cold`] | the cold migration |
//! | [`store`] | SQLite or PostgreSQL |
//! | [`sites`] | the vCenters with their sessions and inventories |
//! | [`api`] | HTTPS for the command line and for scripts |
//! | [`appliance`] | all of it as a process |
//! | [`sampling`] | how much the clouds' clusters are used over time |
//! | [`throttle`] | how much is sent |
//! | [`recent_log`] | what it has logged last |
//! | [`nfc_streams`] | how many files a host serves at once |
//! | [`config`], [`secret`] | the appliance's folder and its secrets |
//!
//! Architecture invariant: only what drives a workflow under its lease writes to a vCenter for it.

pub mod api;
pub mod appliance;
pub mod cold;
pub mod config;
pub mod engine;
pub mod events;
pub mod extension;
mod failpoint;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
pub mod metrics;
pub mod nfc_streams;
pub mod privileges;
pub mod recent_log;
pub mod sampling;
pub mod secret;
pub mod sites;
pub mod store;
#[cfg(any(test, feature = "testing"))]
mod testing;
pub mod throttle;
