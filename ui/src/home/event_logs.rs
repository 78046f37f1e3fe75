//! Administration > HDM Health > Event Logs.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::join_all;
use hdm_shared::event::{EventPage, EventSeverity, EventView};
use leptos::prelude::*;

use crate::api::{self, Failure, Guid};
use crate::format;
use crate::grid::{Column, Grid, Row, Rows, as_csv};
use crate::i18n::t;
use crate::model::events::{EventLog, KEPT};
use crate::model::table::{Order, SortKey, matches};
use crate::page::live::Live;
use crate::page::memory;
use crate::page::unread::{Unread, UnreadAlerts};
use crate::widgets::form::{Choice, Search, Select};
use crate::widgets::{Empty, Exports, Icon, Loading, Unknown};

/// How often new events are asked for.
const EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// So many come with one request.
const PER_REQUEST: usize = 200;

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

/// What the page knows of the log.
#[derive(Clone, Copy)]
struct Log {
    events: RwSignal<EventLog>,
    unread: Unread,
    loaded: RwSignal<bool>,
    /// Whether new ones are being read.
    following: RwSignal<bool>,
    /// Whether older ones are being read.
    digging: RwSignal<bool>,
}

impl Log {
    /// Reads what is new in each vCenter.
    fn read_new(self, live: Live) {
        self.read(live, self.following, |log, guid| async move {
            let newest = log.events.try_with_untracked(|events| events.newest(&guid)).flatten();
            let (page, joined) = new_events(&guid, newest).await?;
            log.update(|all| {
                let different = all.head(&guid, page.events, joined);
                // Of what did not join, the beginning is as new as of what is read for the first time.
                let anew = newest.is_none() || !joined;
                different | (anew && all.tail(&guid, Vec::new(), page.older_before))
            });
            Ok(())
        });
    }

    /// Reads what is older than what is known of each vCenter.
    fn read_older(self, live: Live) {
        self.read(live, self.digging, |log, guid| async move {
            let before = log.events.try_with_untracked(|events| events.older_than(&guid)).flatten();
            let Some(before) = before else { return Ok(()) };
            let page = page(&guid, Some(before)).await?;
            log.update(|all| all.tail(&guid, page.events, page.older_before));
            Ok(())
        });
    }

    fn read<F: Future<Output = Result<(), Failure>>>(
        self,
        live: Live,
        busy: RwSignal<bool>,
        one: impl Fn(Self, Guid) -> F + 'static,
    ) {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let guids = live.vcenters.get_untracked();
        leptos::task::spawn_local(async move {
            let answers = join_all(guids.iter().map(|guid| one(self, guid.clone()))).await;
            let read = answers.iter().any(Result::is_ok);
            let unread =
                guids.into_iter().zip(answers).filter_map(|(guid, answer)| Some((guid, answer.err()?)));
            let _ = self.unread.try_set(unread.collect());
            if read {
                let _ = self.loaded.try_set(true);
            }
            let _ = busy.try_set(false);
        });
    }

    /// Changes what is known; pages hear of it only if something is different.
    fn update(self, change: impl FnOnce(&mut EventLog) -> bool) {
        let _ = self.events.try_maybe_update(|events| (change(events), ()));
    }
}

async fn page(guid: &Guid, before: Option<i64>) -> Result<EventPage, Failure> {
    let before = before.map(|seq| format!("before={seq}&")).unwrap_or_default();
    api::read(guid, &format!("api/events?{before}limit={PER_REQUEST}")).await
}

/// The newest events, down to the newest one known; and whether they reach down to it.
async fn new_events(guid: &Guid, newest: Option<i64>) -> Result<(EventPage, bool), Failure> {
    let mut all = page(guid, None).await?;
    let Some(newest) = newest else { return Ok((all, true)) };
    while let Some(before) = all.older_before.filter(|before| *before > newest) {
        if all.events.len() >= KEPT {
            return Ok((all, false));
        }
        let more = page(guid, Some(before)).await?;
        all.events.extend(more.events);
        all.older_before = more.older_before;
    }
    Ok((all, true))
}

#[component]
pub(super) fn EventLogs() -> impl IntoView {
    let live = expect_context::<Live>();
    let log = Log {
        events: RwSignal::default(),
        unread: RwSignal::default(),
        loaded: RwSignal::new(false),
        following: RwSignal::new(false),
        digging: RwSignal::new(false),
    };
    let Log { events, loaded, .. } = log;
    let search = RwSignal::new(memory::recall::<String>("events.search").unwrap_or_default());
    let severity = RwSignal::new(memory::recall::<String>("events.severity").unwrap_or_default());
    let order = RwSignal::new(None::<Order>);
    Effect::new(move || memory::remember("events.search", &search.get()));
    Effect::new(move || memory::remember("events.severity", &severity.get()));
    Effect::new(move || {
        live.again.track();
        log.read_new(live);
    });
    let timer = set_interval_with_handle(
        move || {
            if !document().hidden() {
                log.read_new(live);
            }
        },
        EVERY,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let all = Memo::new_with_compare(move |_| Arc::new(events.with(EventLog::shown)), |_, _| true);
    let rows = Memo::new_with_compare(
        move |_| -> Rows<EventView> {
            let (search, severity) = (search.get(), severity.get());
            let passes = |event: &&Arc<EventView>| {
                (severity.is_empty() || event.severity.word() == severity)
                    && matches(
                        &search,
                        &[&event.message, &event.operation, &event.object, &event.user, &event.type_id],
                    )
            };
            all.with(|all| Arc::new(all.iter().filter(passes).cloned().collect()))
        },
        |_, _| true,
    );
    let total = move || all.with(|all| all.len());
    let more = Memo::new(move |_| {
        let guids = live.vcenters.get();
        events.with(|events| guids.iter().any(|guid| events.older_than(guid).is_some()))
    });
    let columns = columns();
    let for_csv = StoredValue::new(columns.clone());
    let exports = expect_context::<Exports>();
    let download = move |_| {
        let text = for_csv.with_value(|columns| as_csv(columns, &rows.get_untracked()));
        exports.offer("hdm-events.csv", "text/csv", text);
    };
    let count = move || {
        let (shown, total) = (rows.with(|rows| rows.len()), total());
        if shown == total {
            t::events::count(total as u64)
        } else {
            t::table::shown_of(format::integer(shown as u64), format::integer(total as u64))
        }
    };
    let mut severities = vec![Choice::new("", t::events::all())];
    severities.extend(EventSeverity::ALL.map(|one| Choice::new(one.word(), severity_words(one))));
    let empty = move || {
        if !loaded.get() {
            let failed = log.unread.with(|unread| !unread.is_empty());
            if failed { view! { <Unknown/> }.into_any() } else { view! { <Loading/> }.into_any() }
        } else if total() > 0 {
            let hint = t::events::filtered_hint(format::integer(total() as u64));
            view! { <Empty title=t::events::filtered_title().to_owned() hint/> }.into_any()
        } else {
            let hint = t::events::empty_hint().to_owned();
            view! { <Empty title=t::events::empty_title().to_owned() hint/> }.into_any()
        }
    };
    view! {
        <section class="hdm-in-progress" aria-label=t::home::event_logs()>
            <h2>{t::home::event_logs()}</h2>
            <UnreadAlerts unread=log.unread/>
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
                <Search text=search/>
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
            <Show when=move || more.get()>
                <div>
                    <button type="button" class="btn btn-sm btn-link" disabled=log.digging on:click=move |_| log.read_older(live)>
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
        .sorted(|event| SortKey::text(&event.operation)),
        Column::text("object", t::events::object(), "minmax(6rem, 1fr)", |event: &EventView| {
            event.object.clone()
        })
        .sorted(|event| SortKey::text(&event.object)),
        Column::text("description", t::events::description(), "minmax(12rem, 4fr)", |event: &EventView| {
            event.message.clone()
        }),
        Column::text("user", t::migration::user(), "minmax(7rem, 1fr)", |event: &EventView| {
            event.user.clone()
        })
        .sorted(|event| SortKey::text(&event.user)),
        Column::text("time", t::events::time(), "minmax(8.5rem, 1fr)", |event: &EventView| {
            format::date_time(event.at)
        })
        .sorted(|event| {
            #[allow(clippy::cast_precision_loss, reason = "only compared")]
            SortKey::Number(event.seq as f64)
        }),
    ]
}
