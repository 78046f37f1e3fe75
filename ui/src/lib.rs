//! HDM's pages inside the vSphere Client.
//!
//! Which view a page shows stands behind `#` in its address ([`route`]), and which program has it in [`programs`].
//! [`model`] is what the pages know and decide, without a page; everything else draws it.

mod api;
mod format;
mod grid;
mod home;
mod i18n;
mod json;
mod migration;
mod model;
mod page;
pub mod programs;
mod route;
mod sdk;
mod widgets;
mod wizard;
