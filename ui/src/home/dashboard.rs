//! The overview: what needs somebody first, then what is under way, then the clusters of both sides.

use std::sync::Arc;

use hdm_shared::dashboard::Dashboard as View;
use hdm_shared::display::ChartState;
use hdm_shared::migration::{MigrationState, MigrationView};
use leptos::prelude::*;

use super::cards::Cards;
use crate::api::{self, Failure};
use crate::format;
use crate::i18n::t;
use crate::model::overview::Overview;
use crate::page::context::{Context, go};
use crate::page::live::Live;
use crate::page::memory;
use crate::page::prefs::Prefs;
use crate::route::{HomeTab, MigrationTab, Route};
use crate::widgets::{Alert, Level};

/// How often the clusters are read anew.
const EVERY: std::time::Duration = std::time::Duration::from_secs(30);
/// So many of what needs somebody are listed; the rest is a click away.
const LISTED: usize = 5;

#[component]
pub(super) fn Dashboard(route: RwSignal<Route>) -> impl IntoView {
    let live = expect_context::<Live>();
    let context = expect_context::<Context>();
    let prefs = expect_context::<Prefs>();
    let view = RwSignal::new(View::default());
    let failure = RwSignal::new(None::<Failure>);
    let loaded = RwSignal::new(false);
    let read = {
        let context = context.clone();
        move || {
            let context = context.clone();
            leptos::task::spawn_local(async move {
                let (mut sum, mut failed) = (View::default(), None);
                for guid in &context.guids {
                    match api::read::<View>(guid, "api/dashboard").await {
                        Ok(one) => {
                            sum.on_premise.extend(one.on_premise);
                            sum.off_premise.extend(one.off_premise);
                            sum.troubles.extend(one.troubles);
                        }
                        Err(reason) => failed = Some(reason),
                    }
                }
                // Each vCenter's session tells of the same clouds.
                sum.off_premise
                    .sort_by(|a, b| (&a.vcenter.as_str(), &a.path).cmp(&(&b.vcenter.as_str(), &b.path)));
                sum.off_premise.dedup_by(|a, b| a.vcenter == b.vcenter && a.id == b.id);
                sum.troubles.sort();
                sum.troubles.dedup();
                if failed.is_none() || !sum.on_premise.is_empty() || !sum.off_premise.is_empty() {
                    let _ = view.try_set(sum);
                }
                let _ = failure.try_set(failed);
                let _ = loaded.try_set(true);
            });
        }
    };
    read();
    let timer = set_interval_with_handle(read, EVERY);
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let overview = Memo::new(move |_| {
        live.known.with(|known| Overview::of(known.values().map(AsRef::as_ref), live.clock.get()))
    });
    let to_list = move |state: Option<ChartState>| {
        memory::remember("progress.state", &state);
        memory::remember("progress.search", &String::new());
        go(route, Route::Home(HomeTab::Migration(MigrationTab::InProgress)));
    };
    let tile = move |class: &'static str,
                     name: &'static str,
                     count: fn(&Overview) -> u64,
                     state: Option<ChartState>| {
        let number = move || overview.with(count);
        view! {
            <button
                type="button"
                class=format!("card hdm-count-tile {class}")
                class:hdm-none=move || number() == 0
                on:click=move |_| to_list(state)
            >
                <b>{move || format::integer(number())}</b>
                <span>{name}</span>
            </button>
        }
    };
    let needs = Memo::new_with_compare(
        move |_| -> Vec<Arc<MigrationView>> {
            let waits = |m: &&Arc<MigrationView>| m.state == MigrationState::NeedsOperator && !m.dismissed;
            live.known.with(|known| known.values().rev().filter(waits).take(LISTED).cloned().collect())
        },
        |_, _| true,
    );
    let need = move |migration: Arc<MigrationView>| {
        let id = migration.id;
        let open = move |_| {
            memory::remember("progress.open", &Some(id));
            to_list(None);
        };
        let why = migration.question.clone().or_else(|| migration.error.clone()).unwrap_or_default();
        view! {
            <li>
                <button type="button" class="hdm-link" on:click=open>
                    {migration.vm_name.clone()}
                </button>
                <span class="hdm-quiet">{why}</span>
            </li>
        }
    };
    view! {
        <section class="hdm-dashboard" aria-label=t::home::dashboard()>
            {move || {
                view.with(|view| view.troubles.clone())
                    .into_iter()
                    .map(|trouble| view! { <Alert level=Level::Warning>{trouble}</Alert> })
                    .collect_view()
            }}
            {move || {
                // What the live data says already is not said twice.
                let told = live.troubles.with(Vec::is_empty);
                failure
                    .get()
                    .filter(|_| told)
                    .map(|failure| view! { <Alert level=Level::Danger>{failure.words()}</Alert> })
            }}
            <div class="hdm-tiles">
                {tile("hdm-needs", t::dashboard::needs_you(), |o| o.needs_you, Some(ChartState::NeedsOperator))}
                {tile("hdm-running", t::dashboard::running(), |o| o.running, None)}
                {tile("hdm-queued", t::dashboard::queued(), |o| o.queued, Some(ChartState::Queued))}
                {tile("hdm-failed-today", t::dashboard::failed_today(), |o| o.failed_today, Some(ChartState::Failed))}
            </div>
            <Show when=move || !needs.with(Vec::is_empty)>
                <div class="card hdm-needs-list">
                    <h2>{t::dashboard::needs_you()}</h2>
                    <ul>{move || needs.get().into_iter().map(need).collect_view()}</ul>
                </div>
            </Show>
            <div class="hdm-sides">
                <Cards
                    title=t::dashboard::on_premise()
                    cards=Signal::derive(move || view.with(|view| view.on_premise.clone()))
                    loaded
                    empty_hint=t::dashboard::on_premise_hint()
                    linked=true
                />
                <Cards
                    title=t::dashboard::off_premise()
                    cards=Signal::derive(move || view.with(|view| view.off_premise.clone()))
                    loaded
                    empty_hint=t::dashboard::off_premise_hint()
                    linked=false
                />
            </div>
            <p>
                <button type="button" class="btn btn-sm btn-link hdm-flush" on:click=move |_| prefs.reset()>
                    {t::dashboard::reset_preferences()}
                </button>
            </p>
        </section>
    }
}
