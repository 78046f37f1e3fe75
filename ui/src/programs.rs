//! The programs: each is a file of its own to a browser, and has the views of its own addresses in it, no others.
//!
//! `boot.js` chooses by its address which one a page fetches. None ever needs a second one: the Client shows each
//! view, and the dialog, in a frame of its own.

use leptos::prelude::*;

use crate::home::Home;
use crate::migration;
use crate::page::start;
use crate::route::Route;
use crate::wizard::MigrateWizard;

/// Cluster > Monitor > HDM > Migration and VM > Monitor > HDM.
pub fn migration() {
    start(|route| match route.get_untracked() {
        Route::Vm => view! { <migration::OfVm/> }.into_any(),
        _ => view! { <migration::Page route/> }.into_any(),
    });
}

/// The Migrate wizard.
pub fn wizard() {
    start(|_| view! { <MigrateWizard/> }.into_any());
}

/// Menu > HDM.
pub fn home() {
    start(|route| view! { <Home route/> }.into_any());
}
