//! The overview: what needs somebody first, then what is under way, then the clusters of both sides.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use hdm_shared::dashboard::Dashboard as View;
use hdm_shared::migration::{MigrationState, MigrationView};
use leptos::prelude::*;

use super::cards::Cards;
use crate::api::{self, Guid};
use crate::format;
use crate::i18n::t;
use crate::model::overview::{Group, Only};
use crate::model::sorted::sorted;
use crate::page::context::go;
use crate::page::live::Live;
use crate::page::memory;
use crate::page::prefs::Prefs;
use crate::page::unread::{Unread, UnreadAlerts};
use crate::route::{HomeTab, MigrationTab, Route};
use crate::widgets::question::Asked;
use crate::widgets::{Alert, Level, Question, ask};

/// How often the clusters are read anew while the page is seen.
const EVERY: std::time::Duration = std::time::Duration::from_secs(30);
/// So many of what needs somebody are listed; the rest is a click away.
const LISTED: usize = 5;

/// The clusters, as each vCenter told them last.
#[derive(Clone, Copy)]
struct Clusters {
    told: RwSignal<BTreeMap<Guid, View>>,
    unread: Unread,
    busy: RwSignal<bool>,
}

impl Clusters {
    /// Reads them, unless that is under way.
    fn read(self, live: Live) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        let guids = live.vcenters.get_untracked();
        leptos::task::spawn_local(async move {
            let asked = guids.iter().map(|guid| api::read::<View>(guid, "api/dashboard"));
            let answers = join_all(asked).await;
            let mut unread = Vec::new();
            let _ = self.told.try_update(|told| {
                told.retain(|guid, _| guids.contains(guid));
                for (guid, answer) in guids.into_iter().zip(answers) {
                    match answer {
                        Ok(view) => drop(told.insert(guid, view)),
                        // What it told before stays.
                        Err(reason) => unread.push((guid, reason)),
                    }
                }
            });
            let _ = self.unread.try_set(unread);
            let _ = self.busy.try_set(false);
        });
    }

    /// All vCenters' together.
    fn sum(self) -> View {
        let mut sum = View::default();
        for one in self.told.get().into_values() {
            sum.on_premise.extend(one.on_premise);
            sum.off_premise.extend(one.off_premise);
            sum.troubles.extend(one.troubles);
        }
        // Each vCenter's session tells of the same clouds.
        sum.off_premise = sorted(&sum.off_premise, |a, b| {
            (a.vcenter.as_str(), &a.path).cmp(&(b.vcenter.as_str(), &b.path))
        });
        sum.off_premise.dedup_by(|a, b| a.vcenter == b.vcenter && a.id == b.id);
        sum.troubles = sorted(&sum.troubles, Ord::cmp);
        sum.troubles.dedup();
        sum
    }
}

#[component]
pub(super) fn Dashboard(route: RwSignal<Route>) -> impl IntoView {
    let live = expect_context::<Live>();
    let prefs = expect_context::<Prefs>();
    let clusters =
        Clusters { told: RwSignal::default(), unread: RwSignal::default(), busy: RwSignal::new(false) };
    Effect::new(move || {
        live.again.track();
        clusters.read(live);
    });
    let timer = set_interval_with_handle(
        move || {
            if !document().hidden() {
                clusters.read(live);
            }
        },
        EVERY,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let view = Memo::new(move |_| clusters.sum());
    let loaded = Signal::derive(move || clusters.told.with(|told| !told.is_empty()));
    let to_list = move |only: Option<Only>| {
        memory::remember("progress.only", &only);
        memory::remember("progress.search", &String::new());
        go(route, Route::Home(HomeTab::Migration(MigrationTab::InProgress)));
    };
    let tile = move |class: &'static str, name: &'static str, group: Group| {
        let number = Memo::new(move |_| {
            live.known.with(|known| group.count(known.values().map(AsRef::as_ref), live.clock.get()))
        });
        view! {
            <button
                type="button"
                class=format!("card hdm-count-tile {class}")
                class:hdm-none=move || number.get() == 0
                on:click=move |_| to_list(Some(Only::Group(group)))
            >
                <b>{move || format::integer(number.get())}</b>
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
    let asked = RwSignal::new(None::<Asked>);
    let said = RwSignal::new(String::new());
    let reset = move |_| {
        let (title, text) = (t::dashboard::reset_preferences(), t::dashboard::reset_text());
        let run = move || {
            leptos::task::spawn_local(async move {
                let answer = prefs.reset(live.vcenters.get_untracked()).await;
                let words = match answer {
                    Ok(()) => t::dashboard::reset_done().to_owned(),
                    Err(failure) => failure.words(),
                };
                let _ = said.try_set(words);
            });
        };
        ask(asked, false, title.to_owned(), text.to_owned(), title.to_owned(), run);
    };
    view! {
        <section class="hdm-dashboard" aria-label=t::home::dashboard()>
            {move || {
                view.with(|view| view.troubles.clone())
                    .into_iter()
                    .map(|trouble| view! { <Alert level=Level::Warning>{trouble}</Alert> })
                    .collect_view()
            }}
            <UnreadAlerts unread=clusters.unread/>
            <div class="hdm-tiles">
                {tile("hdm-needs", t::dashboard::needs_you(), Group::NeedsYou)}
                {tile("hdm-running", t::dashboard::running(), Group::Running)}
                {tile("hdm-queued", t::dashboard::queued(), Group::Queued)}
                {tile("hdm-failed-today", t::dashboard::failed_today(), Group::FailedToday)}
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
                <button type="button" class="btn btn-sm btn-link hdm-flush" on:click=reset>
                    {t::dashboard::reset_preferences()}
                </button>
                " "
                <span role="status">{said}</span>
            </p>
            <Question asked/>
        </section>
    }
}
