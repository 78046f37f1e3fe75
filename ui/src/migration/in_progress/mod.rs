//! Everything unfinished, what failed, and what ended in the last hour.

mod chart;
pub(super) mod columns;
mod toolbar;

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::is_in_progress;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use self::chart::Chart;
use self::toolbar::Toolbar;
use super::acting::{Acting, Said};
use super::details::Details;
use crate::format;
use crate::grid::{Grid, Row, Rows};
use crate::i18n::t;
use crate::model::overview::Only;
use crate::model::selection::Selection;
use crate::model::table::{Order, matches};
use crate::page::context::Context;
use crate::page::live::Live;
use crate::page::memory;
use crate::page::prefs::Prefs;
use crate::widgets::state_label::state_words;
use crate::widgets::{Empty, Loading, Question, Toggle, Unknown};

impl Row for MigrationView {
    type Key = MigrationId;
    fn key(&self) -> MigrationId {
        self.id
    }
    fn name(&self) -> String {
        self.vm_name.clone()
    }
}

/// What the table shows of all that is in progress.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    /// Words to be found.
    pub search: RwSignal<String>,
    /// A state of the chart, or what the dashboard counted.
    pub only: RwSignal<Option<Only>>,
}

/// Under this name the table's columns are kept.
const TABLE: &str = "in-progress";

/// The tab.
#[component]
pub fn InProgress() -> impl IntoView {
    let live = expect_context::<Live>();
    let context = expect_context::<Context>();
    let global = context.is_global();
    // What one cluster's list was narrowed to says nothing about another's.
    let key = |name: &str| context.memory_key(&format!("progress.{name}"));
    let (search, only, open) = (key("search"), key("only"), key("open"));
    let acting = Acting::new(false);
    let filter = Filter {
        search: RwSignal::new(memory::recall(&search).unwrap_or_default()),
        only: RwSignal::new(memory::recall(&only)),
    };
    let chart_view = RwSignal::new(memory::recall("progress.chart").unwrap_or(true));
    let opened = RwSignal::new(memory::recall::<MigrationId>(&open));
    let order = RwSignal::new(None::<Order>);
    let selection = RwSignal::new(Selection::default());
    Effect::new(move || memory::remember(&search, &filter.search.get()));
    Effect::new(move || memory::remember(&only, &filter.only.get()));
    Effect::new(move || memory::remember("progress.chart", &chart_view.get()));
    Effect::new(move || memory::remember(&open, &opened.get()));

    // What is in progress, newest first.
    let all = Memo::new_with_compare(
        move |_| -> Rows<MigrationView> {
            let (known, now) = (live.known.get(), live.clock.get());
            Arc::new(known.values().rev().filter(|m| is_in_progress(m, now)).cloned().collect())
        },
        |_, _| true,
    );
    let rows = Memo::new_with_compare(
        move |_| -> Rows<MigrationView> {
            let (search, only) = (filter.search.get(), filter.only.get());
            if search.trim().is_empty() && only.is_none() {
                return all.get();
            }
            let now = live.clock.get();
            let passes = |m: &&Arc<MigrationView>| {
                only.is_none_or(|only| only.holds(m, now))
                    && matches(&search, &[&m.vm_name, m.cloud.as_str(), state_words(m), &m.requested_by])
            };
            all.with(|all| Arc::new(all.iter().filter(passes).cloned().collect()))
        },
        |_, _| true,
    );
    Effect::new(move || {
        let all = all.get();
        let exists = |id: &MigrationId| all.iter().any(|m| m.id == *id);
        if selection.with_untracked(|selection| selection.keys().any(|id| !exists(id))) {
            selection.update(|selection| selection.keep_only(exists));
        }
    });
    let total = move || all.with(|all| all.len());
    let columns = columns::columns(acting, opened, global);
    let for_grid = StoredValue::new(columns.clone());
    let prefs = expect_context::<Prefs>();
    // The button is where there is an object to begin with.
    let empty_hint = if global { t::progress::empty_hint_global() } else { t::progress::empty_hint() };
    let empty = move || {
        if !live.loaded.get() && !live.troubles.with(Vec::is_empty) {
            view! { <Unknown/> }.into_any()
        } else if !live.loaded.get() {
            view! { <Loading/> }.into_any()
        } else if total() > 0 {
            let all = format::integer(total() as u64);
            view! {
                <Empty
                    title=t::progress::filtered_title().to_owned()
                    hint=t::progress::filtered_hint(all)
                >
                    <button
                        type="button"
                        class="btn btn-sm btn-outline"
                        on:click=move |_| {
                            filter.search.set(String::new());
                            filter.only.set(None);
                        }
                    >
                        {t::common::clear()}
                    </button>
                </Empty>
            }
            .into_any()
        } else {
            view! {
                <Empty title=t::progress::empty_title().to_owned() hint=empty_hint.to_owned()/>
            }
            .into_any()
        }
    };
    view! {
        <section class="hdm-in-progress" aria-label=t::migration::in_progress()>
            <Toggle id="hdm-chart-view" label=t::progress::chart_view().to_owned() on=chart_view/>
            <Show when=move || chart_view.get()>
                <Chart all=all.into() filter/>
            </Show>
            <Said acting/>
            <Toolbar acting filter all=all.into() rows=rows.into() selection columns=columns.clone()/>
            <div class="hdm-split">
                {move || {
                    let columns = for_grid.with_value(|all| prefs.shown(TABLE, all));
                    view! {
                        <Grid label=t::progress::table() columns rows order selection opened>
                            {empty}
                        </Grid>
                    }
                }}
                <Details opened acting/>
            </div>
            <Question asked=acting.asked/>
        </section>
    }
}
