//! The plugin server: what the vSphere Client's plugin talks to.
//!
//! It serves the manifest and the pages, turns the vSphere Client's session into a vCenter session of the same
//! user, and passes requests on to the appliance, each checked and each answer filtered by that session. It
//! holds no state that matters: it can be killed and started again at any time, and several may run.
//!
//! | module | subject |
//! |---|---|
//! | [`app`] | what handlers share, and the routes |
//! | [`api`] | what pages ask for |
//! | [`menu`] | what the vSphere Client asks for when a menu is opened |
//! | [`session`] | users' sessions and rights |
//! | [`token`] | the tokens that pages carry |
//! | [`changes`] | migrations as they change |
//! | [`upstream`], [`vcenters`] | the appliance, and the vCenters that it knows |
//! | [`assets`], [`fetches`] | files, and who fetched the manifest |
//! | [`headers`], [`guard`], [`problem`] | what all answers carry, what is refused, and how that is told |
//! | [`config`], [`server`], [`metrics`] | the folder, the process, its numbers |
//!
//! Architecture invariants: the address of a vCenter comes from the appliance's table alone; no answer sets a
//! cookie or a cross-origin header; without a session there is nothing but files and `/healthz`.

pub mod api;
pub mod app;
pub mod assets;
pub mod changes;
pub mod clock;
pub mod config;
pub mod fetches;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
pub mod guard;
pub mod headers;
pub mod menu;
pub mod metrics;
pub mod problem;
pub mod server;
pub mod session;
#[cfg(any(test, feature = "testing"))]
mod testing;
#[cfg(any(test, feature = "testing"))]
mod tests;
pub mod token;
pub mod upstream;
pub mod vcenters;

/// The version of the server. Pages are built with it; one that was loaded before an update has another.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
