//! VM > Monitor > HDM: the migrations of one virtual machine.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use super::acting::{Acting, Said};
use super::details::PanelBody;
use crate::api;
use crate::format;
use crate::i18n::t;
use crate::model::changes::Known;
use crate::model::same::{changed, changed_if_any};
use crate::model::sorted::gathered;
use crate::page::context::Context;
use crate::page::live::Live;
use crate::page::unread::{Unread, UnreadAlerts};
use crate::widgets::state_label::state_words;
use crate::widgets::{Empty, Loading, Question, StateLabel, Unknown};

/// The page.
#[component]
pub fn OfVm() -> impl IntoView {
    let live = expect_context::<Live>();
    let context = expect_context::<Context>();
    let acting = Acting::new(false);
    let earlier = RwSignal::new(Arc::<Known>::default());
    let read = RwSignal::new(false);
    let unread: Unread = RwSignal::default();
    let ended =
        Memo::new(move |_| live.known.with(|known| known.values().filter(|m| m.state.is_final()).count()));
    Effect::new(move || {
        ended.track();
        acting.done.track();
        live.again.track();
        let context = context.clone();
        leptos::task::spawn_local(async move {
            let guid = context.guid();
            let path = format!("api/migrations?since_ms=0{}", context.filter());
            match api::read::<Vec<MigrationView>>(&guid, &path).await {
                Ok(all) => {
                    let own = all.into_iter().filter(|m| context.concerns(m)).map(|m| (m.id, Arc::new(m)));
                    let _ = earlier.try_set(Arc::new(gathered(own)));
                    let _ = read.try_set(true);
                    let _ = unread.try_set(Vec::new());
                }
                // What was shown stays; it is read again when what is away is back.
                Err(reason) => {
                    let _ = unread.try_set(vec![(guid, reason)]);
                }
            }
        });
    });
    // Newest first: ids ascend with time.
    let all = Memo::new_with_compare(
        move |_| -> Vec<Arc<MigrationView>> {
            let mut all = (*earlier.get()).clone();
            all.extend(
                live.known.with(|known| known.iter().map(|(id, m)| (*id, m.clone())).collect::<Vec<_>>()),
            );
            all.into_values().rev().collect()
        },
        |_, _| true,
    );
    let chosen = RwSignal::new(None::<MigrationId>);
    let shown = Memo::new_with_compare(
        move |_| {
            all.with(|all| {
                let chosen = chosen.get();
                all.iter().find(|m| Some(m.id) == chosen).or(all.first()).cloned()
            })
        },
        changed_if_any,
    );
    let id = Memo::new(move |_| shown.with(|shown| shown.as_ref().map(|m| m.id)));
    let panel = move || {
        id.get().and_then(|_| shown.get_untracked()).map(|first| {
            let migration =
                Memo::new_with_compare(move |_| shown.get().unwrap_or_else(|| first.clone()), changed);
            view! {
                <div class="hdm-details hdm-of-vm">
                    <div class="hdm-details-head">
                        <h2>{move || migration.with(|m| t::of_vm::to(m.cloud.as_str()))}</h2>
                        <StateLabel migration/>
                    </div>
                    <div class="hdm-details-body">
                        <PanelBody migration=migration.into() acting/>
                    </div>
                </div>
            }
        })
    };
    let line = move |migration: Arc<MigrationView>| {
        let this = migration.id;
        view! {
            <li>
                <button
                    type="button"
                    class="hdm-legend-entry hdm-earlier"
                    aria-pressed=move || (id.get() == Some(this)).to_string()
                    on:click=move |_| chosen.set(Some(this))
                >
                    <span>{format::date_time(migration.created_at)}</span>
                    <span class="hdm-quiet">{state_words(&migration)}</span>
                </button>
            </li>
        }
    };
    let known = move || live.loaded.get() && read.get();
    view! {
        <section class="hdm-in-progress" aria-label=t::of_vm::title()>
            <UnreadAlerts unread/>
            <Said acting/>
            {move || {
                (id.get().is_none())
                    .then(|| {
                        if !read.get() && unread.with(|unread| !unread.is_empty()) {
                            view! { <Unknown/> }.into_any()
                        } else if known() {
                            view! {
                                <Empty
                                    title=t::of_vm::empty_title().to_owned()
                                    hint=t::of_vm::empty_hint().to_owned()
                                />
                            }
                                .into_any()
                        } else {
                            view! { <Loading/> }.into_any()
                        }
                    })
            }}
            <div class="hdm-vm-columns">
                <Show when=move || { all.with(Vec::len) > 1 }>
                    <nav aria-label=t::of_vm::all()>
                        <h2>{t::of_vm::all()}</h2>
                        <ul class="hdm-legend">{move || all.get().into_iter().map(line).collect_view()}</ul>
                    </nav>
                </Show>
                {panel}
            </div>
            <Question asked=acting.asked/>
        </section>
    }
}
