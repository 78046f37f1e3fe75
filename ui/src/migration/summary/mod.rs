//! What was finished: one row for each, and the use of the cloud over the same time.

mod chart;
mod columns;
mod load;

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use self::chart::Chart;
use self::load::History;
use super::acting::{Acting, Said};
use super::details::Details;
use crate::format;
use crate::grid::{Grid, Rows, as_csv};
use crate::i18n::t;
use crate::model::history::{Interval, on_cloud};
use crate::model::table::{Order, matches};
use crate::page::context::Context;
use crate::page::memory;
use crate::page::prefs::Prefs;
use crate::page::unread::UnreadAlerts;
use crate::widgets::form::{Choice, Search, Select};
use crate::widgets::state_label::state_words;
use crate::widgets::{Empty, Exports, Icon, Loading, Menu, Question, Toggle, Unknown};

/// An interval in words.
fn interval_words(interval: Interval) -> &'static str {
    match interval {
        Interval::Hour => t::history::hour(),
        Interval::TwoHours => t::history::two_hours(),
        Interval::HalfDay => t::history::half_day(),
        Interval::Day => t::history::day(),
        Interval::Week => t::history::week(),
        Interval::Month => t::history::month(),
        Interval::Year => t::history::year(),
    }
}

/// Under this name the table's columns are kept.
const TABLE: &str = "summary";

/// The tab.
#[component]
pub fn Summary() -> impl IntoView {
    let context = expect_context::<Context>();
    let global = context.is_global();
    let acting = Acting::new(false);
    let interval = RwSignal::new(memory::recall("summary.interval").unwrap_or_default());
    let chart_view = RwSignal::new(memory::recall("summary.chart").unwrap_or(true));
    let kept_search = context.memory_key("summary.search");
    let search = RwSignal::new(memory::recall(&kept_search).unwrap_or_default());
    Effect::new(move || memory::remember("summary.interval", &interval.get()));
    Effect::new(move || memory::remember("summary.chart", &chart_view.get()));
    Effect::new(move || memory::remember::<String>(&kept_search, &search.get()));
    let key = |name: &str| context.memory_key(&format!("summary.{name}"));
    let (open, graph, cloud) = (key("open"), key("graph"), key("cloud"));
    let history = History::follow(context.clone(), interval, acting.done);
    let order = RwSignal::new(None::<Order>);
    let opened = RwSignal::new(memory::recall::<MigrationId>(&open));
    if let Some(graph) = memory::recall(&graph) {
        history.graph.set(graph);
    }
    if let Some(cloud) = memory::recall(&cloud) {
        history.cloud.set(cloud);
    }
    Effect::new(move || memory::remember(&open, &opened.get()));
    Effect::new(move || memory::remember::<String>(&graph, &history.graph.get()));
    Effect::new(move || memory::remember::<String>(&cloud, &history.cloud.get()));
    let rows = Memo::new_with_compare(
        move |_| -> Rows<MigrationView> {
            let search: String = search.get();
            let passes = |m: &&Arc<MigrationView>| {
                matches(&search, &[&m.vm_name, m.cloud.as_str(), state_words(m), &m.requested_by])
            };
            history.finished.with(|all| Arc::new(all.iter().filter(passes).cloned().collect()))
        },
        |_, _| true,
    );
    let total = move || history.finished.with(Vec::len);
    let columns = columns::columns(opened, global);
    let for_csv = StoredValue::new(columns);
    let prefs = expect_context::<Prefs>();
    let exports = expect_context::<Exports>();
    let download = move |_| {
        let text = for_csv.with_value(|columns| as_csv(columns, &rows.get_untracked()));
        exports.offer("hdm-migrations.csv", "text/csv", text);
    };
    let count = move || {
        if history.loading.get() {
            return t::common::loading().to_owned();
        }
        let (shown, total) = (rows.with(|rows| rows.len()), total());
        if shown == total {
            t::table::shown(total as u64)
        } else {
            t::table::shown_of(format::integer(shown as u64), format::integer(total as u64))
        }
    };
    let empty = move || {
        if history.loading.get() {
            view! { <Loading/> }.into_any()
        } else if !history.loaded.get() {
            view! { <Unknown/> }.into_any()
        } else if total() > 0 {
            let hint = t::history::filtered_hint(format::integer(total() as u64));
            view! { <Empty title=t::progress::filtered_title().to_owned() hint/> }.into_any()
        } else {
            view! {
                <Empty
                    title=t::history::empty_title().to_owned()
                    hint=t::history::empty_hint().to_owned()
                />
            }
            .into_any()
        }
    };
    let intervals: Vec<Choice> =
        Interval::ALL.into_iter().map(|i| Choice::new(i.word(), interval_words(i))).collect();
    let value = Signal::derive(move || interval.get().word().to_owned());
    let tile = move || {
        history.series.with(on_cloud).map_or_else(|| t::history::no_number().to_owned(), format::integer)
    };
    view! {
        <section class="hdm-in-progress" aria-label=t::migration::summary()>
            <div class="hdm-toolbar">
                <Toggle id="hdm-chart-view" label=t::progress::chart_view().to_owned() on=chart_view/>
                <div class="hdm-count hdm-selectors">
                    <Select
                        id="hdm-interval"
                        label=t::history::interval()
                        value
                        choices=Signal::stored(intervals)
                        on_choice=move |word: String| {
                            if let Some(chosen) = Interval::of_word(&word) {
                                interval.set(chosen);
                            }
                        }
                    />
                    <chart::Selectors history/>
                </div>
            </div>
            <UnreadAlerts unread=history.unread/>
            <Said acting/>
            <Show when=move || chart_view.get()>
                <div class="hdm-summary-charts">
                    <Chart history/>
                    <div class="card hdm-tile">
                        <span>{t::history::tile()}</span>
                        <b>{tile}</b>
                    </div>
                </div>
            </Show>
            <div class="hdm-toolbar">
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::common::refresh()
                    title=t::common::refresh()
                    on:click=move |_| history.refresh()
                >
                    {Icon::Refresh.draw()}
                </button>
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::progress::download()
                    title=t::progress::download()
                    on:click=download
                >
                    {Icon::Download.draw()}
                </button>
                <Menu
                    label=t::table::columns().to_owned()
                    icon=Icon::Columns
                    entries=move |()| for_csv.with_value(|all| prefs.column_entries(TABLE, all))
                />
                <span class="hdm-count" role="status">{count}</span>
                <Search text=search/>
            </div>
            <div class="hdm-split">
                {move || {
                    let columns = for_csv.with_value(|all| prefs.shown(TABLE, all));
                    view! {
                        <Grid label=t::history::table() columns rows order opened>
                            {empty}
                        </Grid>
                    }
                }}
                <Details opened acting known=history.known/>
            </div>
            <Question asked=acting.asked/>
        </section>
    }
}
