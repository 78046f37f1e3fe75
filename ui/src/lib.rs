//! HDM's pages inside the vSphere Client.
//!
//! One program for all views of the plug-in; which one is shown stands behind `#` in its address ([`route`]).
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
mod route;
mod sdk;
mod widgets;
mod wizard;

pub use page::start;
