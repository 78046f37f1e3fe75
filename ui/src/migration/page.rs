//! The two inner tabs.

use leptos::prelude::*;

use super::in_progress::InProgress;
use super::summary::Summary;
use crate::i18n::t;
use crate::route::{HomeTab, MigrationTab, Route};
use crate::widgets::{TabPanel, Tabs};

/// Summary and In Progress.
#[component]
pub fn Page(route: RwSignal<Route>) -> impl IntoView {
    let address = move |tab| match route.get_untracked() {
        Route::Home(_) => Route::Home(HomeTab::Migration(tab)),
        _ => Route::Cluster(tab),
    };
    let tabs = vec![
        (address(MigrationTab::Summary), t::migration::summary().to_owned()),
        (address(MigrationTab::InProgress), t::migration::in_progress().to_owned()),
    ];
    let shown = Memo::new(move |_| match route.get() {
        Route::Cluster(tab) | Route::Home(HomeTab::Migration(tab)) => tab,
        _ => MigrationTab::InProgress,
    });
    view! {
        <Tabs label=t::migration::tabs().to_owned() tabs belongs=|route, to| route == to level=4 route/>
        <TabPanel of=Signal::derive(move || address(shown.get())) level=4>
            {move || match shown.get() {
                MigrationTab::InProgress => view! { <InProgress/> }.into_any(),
                MigrationTab::Summary => view! { <Summary/> }.into_any(),
            }}
        </TabPanel>
    }
}
