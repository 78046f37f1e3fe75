//! The page: what is wrong, the tabs, and the view that its address names.

use leptos::prelude::*;

use super::Views;
use super::context::Context;
use super::live::{Live, Trouble};
use super::prefs::Prefs;
use super::unread::named;
use crate::api::Failure;
use crate::format;
use crate::i18n::t;
use crate::route::Route;
use crate::widgets::{Alert, ExportWindow, Exports, Level};

/// The page.
#[component]
pub fn App(context: Context, views: Views) -> impl IntoView {
    let live = Live::follow(&context);
    let route = context.route;
    provide_context(context.clone());
    provide_context(live);
    provide_context(Prefs::load(&context));
    Exports::provide();
    let kind = match route.get_untracked() {
        Route::Cluster(_) | Route::Vm => "hdm-page",
        Route::Home(_) => "hdm-page hdm-home",
        Route::Migrate => "hdm-page hdm-dialog",
    };
    // What the Client's own frame shows around the page a screen reader does not find inside it.
    let heading = match route.get_untracked() {
        Route::Cluster(_) => Some(t::migration::tabs()),
        Route::Vm => Some(t::of_vm::title()),
        Route::Migrate => Some(t::wizard::title()),
        Route::Home(_) => None,
    };
    view! {
        <main class=kind>
            {heading.map(|heading| view! { <h1 class="clr-sr-only">{heading}</h1> })}
            <Troubles live/>
            {views(route)}
            <ExportWindow/>
        </main>
    }
}

/// What cannot be reached, each with its own words and way out.
#[component]
fn Troubles(live: Live) -> impl IntoView {
    let one = move |trouble: Trouble| {
        let level = match trouble.failure {
            Failure::VcenterUnknown(_) if live.several => Level::Info,
            Failure::ApplianceAway(_) | Failure::ServerAway | Failure::TooSlow => Level::Warning,
            _ => Level::Danger,
        };
        let words = named(live, &trouble.guid, trouble_words(&trouble));
        view! { <Alert level>{words}</Alert> }
    };
    view! {
        <div class="hdm-troubles">
            {move || live.troubles.get().into_iter().map(one).collect_view()}
            {move || {
                live.rights
                    .with(|rights| rights.stale_page)
                    .then(|| view! { <Alert level=Level::Warning>{t::trouble::stale_page()}</Alert> })
            }}
        </div>
    }
}

fn trouble_words(trouble: &Trouble) -> String {
    let since = format::date_time(trouble.since);
    match &trouble.failure {
        Failure::ApplianceAway(reason) if reason.is_empty() => t::trouble::appliance_away(since),
        Failure::ApplianceAway(reason) => format!("{} {reason}", t::trouble::appliance_away(since)),
        Failure::ServerAway | Failure::TooSlow => {
            format!("{} {} {}", t::trouble::server_away(), t::trouble::since(since), t::trouble::kept())
        }
        other => other.words(),
    }
}
