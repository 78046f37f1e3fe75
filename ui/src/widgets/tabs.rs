//! Tabs that lead to other addresses of the same view.

use leptos::prelude::*;

use crate::page::context::go;
use crate::route::Route;

/// A row of tabs. Arrow keys move between them; the chosen one shows its page at once.
#[component]
pub fn Tabs(
    /// What the tabs are for, to a screen reader.
    label: String,
    /// Each tab: where it leads, its name, and whether it is the one shown.
    tabs: Vec<(Route, String)>,
    /// Whether a page belongs to the tab with a given address.
    belongs: fn(Route, Route) -> bool,
    /// Keeps the ids of several rows on one page apart.
    level: u8,
    route: RwSignal<Route>,
) -> impl IntoView {
    let count = tabs.len();
    let addresses: Vec<Route> = tabs.iter().map(|(to, _)| *to).collect();
    let on_key = move |event: web_sys::KeyboardEvent| {
        let now = addresses.iter().position(|to| belongs(route.get_untracked(), *to)).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowRight" => (now + 1) % count,
            "ArrowLeft" => (now + count - 1) % count,
            "Home" => 0,
            "End" => count - 1,
            _ => return,
        };
        event.prevent_default();
        go(route, addresses[next]);
        let id = tab_id(level, addresses[next]);
        request_animation_frame(move || super::focus(&id));
    };
    let tabs = tabs
        .into_iter()
        .map(|(to, name)| {
            let shown = move || belongs(route.get(), to);
            view! {
                <li class="nav-item" role="presentation">
                    <button
                        id=tab_id(level, to)
                        type="button"
                        role="tab"
                        class="btn btn-link nav-link"
                        class:active=shown
                        aria-selected=move || shown().to_string()
                        tabindex=move || if shown() { "0" } else { "-1" }
                        on:click=move |_| go(route, to)
                    >
                        {name}
                    </button>
                </li>
            }
        })
        .collect_view();
    view! {
        <ul class="nav" role="tablist" aria-label=label on:keydown=on_key>
            {tabs}
        </ul>
    }
}

/// The page that a tab shows.
#[component]
pub fn TabPanel(
    /// Where the tab that shows it leads.
    #[prop(into)]
    of: Signal<Route>,
    /// The row that the tab is in.
    level: u8,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="hdm-tabpanel" role="tabpanel" aria-labelledby=move || tab_id(level, of.get())>
            {children()}
        </div>
    }
}

/// The id of a tab.
fn tab_id(level: u8, to: Route) -> String {
    format!("tab-{level}{}", to.to_string().replace(['#', '/'], "-"))
}
