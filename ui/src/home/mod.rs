//! Menu > HDM: what concerns all clusters and vCenters.

mod cards;
mod clouds;
mod dashboard;
mod event_logs;

use leptos::prelude::*;

use self::clouds::Clouds;
use self::dashboard::Dashboard;
use self::event_logs::EventLogs;
use crate::i18n::t;
use crate::migration;
use crate::route::{HomeTab, MigrationTab, Route};
use crate::widgets::{TabPanel, Tabs};

/// The global view: its tabs, in up to three rows, and the page.
#[component]
pub fn Home(route: RwSignal<Route>) -> impl IntoView {
    let tab = Memo::new(move |_| match route.get() {
        Route::Home(HomeTab::Migration(_)) => HomeTab::Migration(MigrationTab::InProgress),
        Route::Home(tab) => tab,
        _ => HomeTab::Dashboard,
    });
    let first = vec![
        (Route::Home(HomeTab::Dashboard), t::home::dashboard().to_owned()),
        (Route::Home(HomeTab::Migration(MigrationTab::InProgress)), t::home::migration().to_owned()),
        (Route::Home(HomeTab::Clouds), t::home::administration().to_owned()),
    ];
    let second = vec![
        (Route::Home(HomeTab::Clouds), t::home::clouds().to_owned()),
        (Route::Home(HomeTab::EventLogs), t::home::health().to_owned()),
    ];
    let third = vec![(Route::Home(HomeTab::EventLogs), t::home::event_logs().to_owned())];
    let second = StoredValue::new(second);
    let third = StoredValue::new(third);
    let administration = move || matches!(tab.get(), HomeTab::Clouds | HomeTab::EventLogs);
    let health = move || tab.get() == HomeTab::EventLogs;
    view! {
        // The Client draws the name above the frame.
        <h1 class="clr-sr-only">"HDM"</h1>
        <Tabs label=t::home::tabs().to_owned() tabs=first belongs=of_first level=1 route/>
        <Show when=administration>
            <Tabs
                label=t::home::administration().to_owned()
                tabs=second.get_value()
                belongs=|route, to| route == to
                level=2
                route
            />
        </Show>
        <Show when=health>
            <Tabs
                label=t::home::health().to_owned()
                tabs=third.get_value()
                belongs=|route, to| route == to
                level=3
                route
            />
        </Show>
        {move || match tab.get() {
            HomeTab::Dashboard => view! {
                <TabPanel of=Route::Home(HomeTab::Dashboard) level=1>
                    <Dashboard route/>
                </TabPanel>
            }
            .into_any(),
            HomeTab::Migration(_) => view! { <migration::Page route/> }.into_any(),
            HomeTab::Clouds => view! {
                <TabPanel of=Route::Home(HomeTab::Clouds) level=2>
                    <Clouds/>
                </TabPanel>
            }
            .into_any(),
            HomeTab::EventLogs => view! {
                <TabPanel of=Route::Home(HomeTab::EventLogs) level=3>
                    <EventLogs/>
                </TabPanel>
            }
            .into_any(),
        }}
    }
}

/// Which tab of the first row a page belongs to.
fn of_first(route: Route, to: Route) -> bool {
    match (route, to) {
        (Route::Home(HomeTab::Migration(_)), Route::Home(HomeTab::Migration(_)))
        | (Route::Home(HomeTab::EventLogs), Route::Home(HomeTab::Clouds)) => true,
        (route, to) => route == to,
    }
}
