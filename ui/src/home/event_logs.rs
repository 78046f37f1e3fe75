//! Administration > HDM Health > Event Logs.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdm_shared::event::{EventPage, EventSeverity, EventView};
use leptos::prelude::*;

use crate::api::{self, Failure};
use crate::format;
use crate::grid::{Column, Grid, Row, Rows};
use crate::i18n::t;
use crate::model::csv::csv;
use crate::model::table::{Order, SortKey, matches};
use crate::page::context::Context;
use crate::page::memory;
use crate::widgets::download::save;
use crate::widgets::form::{Choice, Select};
use crate::widgets::{Alert, Empty, Icon, Level};

/// How often new events are asked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// So many come with one request.
const PER_REQUEST: usize = 200;
/// No more are kept on the page.
const KEPT: usize = 10_000;

impl Row for EventView {
    type Key = i64;
    fn key(&self) -> i64 {
        self.seq
    }
    fn name(&self) -> String {
        self.operation.clone()
    }
}

fn severity_words(severity: EventSeverity) -> &'static str {
    match severity {
        EventSeverity::Info => t::events::info(),
        EventSeverity::Warning => t::events::warning(),
        EventSeverity::Error => t::events::error(),
    }
}

fn severity_word(severity: EventSeverity) -> &'static str {
    match severity {
        EventSeverity::Info => "info",
        EventSeverity::Warning => "warning",
        EventSeverity::Error => "error",
    }
}

type Events = BTreeMap<i64, Arc<EventView>>;

#[component]
pub(super) fn EventLogs() -> impl IntoView {
    let context = StoredValue::new(expect_context::<Context>());
    let events = RwSignal::new(Arc::<Events>::default());
    let failure = RwSignal::new(None::<Failure>);
    let loaded = RwSignal::new(false);
    // From where older ones are to be asked for.
    let older_before = RwSignal::new(None::<i64>);
    let search = RwSignal::new(memory::recall::<String>("events.search").unwrap_or_default());
    let severity = RwSignal::new(memory::recall::<String>("events.severity").unwrap_or_default());
    let order = RwSignal::new(None::<Order>);
    Effect::new(move || memory::remember("events.search", &search.get()));
    Effect::new(move || memory::remember("events.severity", &severity.get()));

    let read = move |before: Option<i64>| {
        leptos::task::spawn_local(async move {
            let before_words = before.map(|seq| format!("before={seq}&")).unwrap_or_default();
            let path = format!("api/events?{before_words}limit={PER_REQUEST}");
            let (mut new, mut failed, mut goes_on) = (Vec::new(), None, None);
            for guid in context.with_value(|context| context.guids.clone()) {
                match api::read::<EventPage>(&guid, &path).await {
                    Ok(page) => {
                        new.extend(page.events);
                        // Where the vCenters differ some are told twice, but none is left out.
                        goes_on = goes_on.max(page.older_before);
                    }
                    Err(reason) => failed = Some(reason),
                }
            }
            let Some(known) = events.try_get_untracked() else { return };
            if failed.is_none() && (before.is_some() || !loaded.get_untracked()) {
                older_before.set(goes_on);
            }
            if new.iter().any(|event| !known.contains_key(&event.seq)) {
                let mut all = (*known).clone();
                all.extend(new.into_iter().map(|event| (event.seq, Arc::new(event))));
                while all.len() > KEPT {
                    all.pop_first();
                }
                events.set(Arc::new(all));
            }
            failure.set(failed);
            loaded.set(true);
        });
    };
    read(None);
    let timer = set_interval_with_handle(
        move || {
            if !document().hidden() {
                read(None);
            }
        },
        EVERY,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let rows = Memo::new_with_compare(
        move |_| -> Rows<EventView> {
            let (search, severity) = (search.get(), severity.get());
            let passes = |event: &&Arc<EventView>| {
                (severity.is_empty() || severity_word(event.severity) == severity)
                    && matches(
                        &search,
                        &[&event.message, &event.operation, &event.object, &event.user, &event.type_id],
                    )
            };
            events.with(|events| Arc::new(events.values().rev().filter(passes).cloned().collect()))
        },
        |_, _| true,
    );
    let total = move || events.with(|events| events.len());
    let columns = columns();
    let for_csv = StoredValue::new(columns.clone());
    let download = move |_| {
        let text = for_csv.with_value(|columns| {
            let shown: Vec<_> = columns.iter().filter_map(|column| Some((column, column.text?))).collect();
            let header: Vec<&str> = shown.iter().map(|(column, _)| column.title.as_str()).collect();
            let rows = rows.get_untracked();
            csv(&header, rows.iter().map(|row| shown.iter().map(|(_, text)| text(row)).collect()))
        });
        save("hdm-events.csv", "text/csv", &text);
    };
    let count = move || {
        let (shown, total) = (rows.with(|rows| rows.len()), total());
        if shown == total {
            t::events::count(total as u64)
        } else {
            t::table::shown_of(format::integer(shown as u64), format::integer(total as u64))
        }
    };
    let severities = vec![
        Choice::new("", t::events::all()),
        Choice::new("info", t::events::info()),
        Choice::new("warning", t::events::warning()),
        Choice::new("error", t::events::error()),
    ];
    let empty = move || {
        if !loaded.get() {
            view! { <p class="hdm-loading" role="status">{t::common::loading()}</p> }.into_any()
        } else if total() > 0 {
            let hint = t::events::filtered_hint(format::integer(total() as u64));
            view! { <Empty title=t::events::filtered_title().to_owned() hint/> }.into_any()
        } else {
            let hint = t::events::empty_hint().to_owned();
            view! { <Empty title=t::events::empty_title().to_owned() hint/> }.into_any()
        }
    };
    let older = move |_| read(older_before.get_untracked());
    view! {
        <section class="hdm-in-progress" aria-label=t::home::event_logs()>
            <h2>{t::home::event_logs()}</h2>
            {move || failure.get().map(|f| view! { <Alert level=Level::Warning>{f.words()}</Alert> })}
            <div class="hdm-toolbar">
                <Select
                    id="hdm-severity"
                    label=t::events::severity()
                    bare=true
                    value=severity
                    choices=Signal::stored(severities)
                    on_choice=move |word| severity.set(word)
                />
                <span class="hdm-count" role="status">{count}</span>
                <input
                    type="search"
                    class="clr-input hdm-search"
                    aria-label=t::common::search()
                    placeholder=t::common::search()
                    maxlength="100"
                    prop:value=search
                    on:input=move |event| search.set(event_target_value(&event))
                />
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::progress::download()
                    title=t::progress::download()
                    on:click=download
                >
                    {Icon::Download.draw()}
                </button>
            </div>
            <div class="hdm-split">
                <Grid label=t::home::event_logs() columns rows order>
                    {empty}
                </Grid>
            </div>
            <Show when=move || { older_before.get().is_some() && total() < KEPT }>
                <div>
                    <button type="button" class="btn btn-sm btn-link" on:click=older>
                        {t::events::older()}
                    </button>
                </div>
            </Show>
        </section>
    }
}

fn columns() -> Vec<Column<EventView>> {
    vec![
        Column::drawn("severity", t::events::severity(), "7rem", |row: Signal<Arc<EventView>>, _| {
            let severity = Memo::new(move |_| row.with(|event| event.severity));
            let class = move || match severity.get() {
                EventSeverity::Info => "hdm-severity hdm-info",
                EventSeverity::Warning => "hdm-severity hdm-warning",
                EventSeverity::Error => "hdm-severity hdm-error",
            };
            let icon = move || match severity.get() {
                EventSeverity::Info => Icon::Info.draw(),
                EventSeverity::Warning => Icon::Warning.draw(),
                EventSeverity::Error => Icon::Error.draw(),
            };
            view! { <span class=class>{icon} {move || severity_words(severity.get())}</span> }
        })
        .sorted(|event| SortKey::Number(f64::from(event.severity as u8)))
        .with_text(|event| severity_words(event.severity).to_owned()),
        Column::text("operation", t::events::operation(), "minmax(7rem, 1fr)", |event: &EventView| {
            event.operation.clone()
        })
        .sorted(|event| SortKey::Text(event.operation.clone())),
        Column::text("object", t::events::object(), "minmax(6rem, 1fr)", |event: &EventView| {
            event.object.clone()
        })
        .sorted(|event| SortKey::Text(event.object.clone())),
        Column::text("description", t::events::description(), "minmax(12rem, 4fr)", |event: &EventView| {
            event.message.clone()
        }),
        Column::text("user", t::migration::user(), "minmax(7rem, 1fr)", |event: &EventView| {
            event.user.clone()
        })
        .sorted(|event| SortKey::Text(event.user.clone())),
        Column::text("time", t::events::time(), "minmax(8.5rem, 1fr)", |event: &EventView| {
            format::date_time(event.at)
        })
        .sorted(|event| {
            #[allow(clippy::cast_precision_loss, reason = "only compared")]
            SortKey::Number(event.seq as f64)
        }),
    ]
}
