//! The clusters of one side: search, pages, and the state of each.

use hdm_shared::dashboard::ClusterCard;
use hdm_shared::plugin::menu::ClientObject;
use leptos::prelude::*;

use crate::format;
use crate::i18n::t;
use crate::model::table::matches;
use crate::page::live::Live;
use crate::sdk::{self, ClientView};
use crate::widgets::{Empty, Icon, Loading};

/// So many clusters are shown at once.
const PER_PAGE: usize = 8;

#[component]
pub(super) fn Cards(
    title: &'static str,
    #[prop(into)] cards: Signal<Vec<ClusterCard>>,
    #[prop(into)] loaded: Signal<bool>,
    empty_hint: &'static str,
    /// Whether the clusters are in the Client's own vCenters, so that it can show them.
    linked: bool,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let search = RwSignal::new(String::new());
    let page = RwSignal::new(0_usize);
    let found = Memo::new(move |_| {
        let search = search.get();
        let mut cards = cards.get();
        cards.retain(|card| matches(&search, &[&card.name, card.vcenter.as_str()]));
        cards
    });
    let last = move || found.with(Vec::len).saturating_sub(1) / PER_PAGE;
    let at = move || page.get().min(last());
    let range = move || {
        if !loaded.get() {
            return String::new();
        }
        let total = found.with(Vec::len);
        let first = at() * PER_PAGE;
        let end = (first + PER_PAGE).min(total);
        t::dashboard::range(
            format::integer((first + 1).min(total) as u64),
            format::integer(end as u64),
            format::integer(total as u64),
        )
    };
    let card = move |card: ClusterCard| {
        let ClusterCard { vcenter, id, name, path, vms, trouble } = card;
        let ok = trouble.is_none();
        // Tracked: the session may become known after the cluster.
        let guid = live.guid_of(&vcenter).filter(|_| linked && sdk::can_navigate());
        let heading = match guid {
            Some(guid) => {
                let object = ClientObject { kind: "ClusterComputeResource".into(), id, vc_guid: Some(guid) };
                let open = move |_| {
                    sdk::navigate_to_client(ClientView::ClusterSummary, &object);
                };
                view! {
                    <button type="button" class="hdm-link" title=path on:click=open>
                        {name}
                    </button>
                }
                .into_any()
            }
            None => view! { <span class="hdm-cell-text" title=path>{name}</span> }.into_any(),
        };
        view! {
            <li class="hdm-cluster">
                <span class="hdm-cluster-icon">
                    {if linked { Icon::Cluster.draw() } else { Icon::Cloud.draw() }}
                    <span class="hdm-health" class:hdm-ok=ok aria-hidden="true"></span>
                </span>
                <span class="hdm-cluster-name">
                    {heading} <span class="hdm-quiet">{vcenter.to_string()}</span>
                </span>
                <span>{t::units::virtual_machines(vms.into())}</span>
                <span class="hdm-cluster-state" class:hdm-short=!ok>
                    {trouble.unwrap_or_else(|| t::dashboard::ready().to_owned())}
                </span>
            </li>
        }
    };
    let shown = move || {
        found
            .with(|found| found.iter().skip(at() * PER_PAGE).take(PER_PAGE).cloned().map(card).collect_view())
    };
    view! {
        <section class="card hdm-side" aria-label=title>
            <div class="hdm-toolbar">
                <h2>{title}</h2>
                <input
                    type="search"
                    class="clr-input hdm-search hdm-count"
                    aria-label=t::dashboard::search_in(title)
                    placeholder=t::common::search()
                    maxlength="100"
                    prop:value=search
                    on:input=move |event| {
                        search.set(event_target_value(&event));
                        page.set(0);
                    }
                />
                <span class="hdm-quiet" role="status">{range}</span>
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::dashboard::previous()
                    title=t::dashboard::previous()
                    disabled=move || at() == 0
                    on:click=move |_| page.set(at().saturating_sub(1))
                >
                    {Icon::Left.draw()}
                </button>
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::dashboard::next()
                    title=t::dashboard::next()
                    disabled=move || { at() >= last() }
                    on:click=move |_| page.set(at() + 1)
                >
                    {Icon::Right.draw()}
                </button>
            </div>
            <ul class="hdm-clusters">{shown}</ul>
            <Show when=move || !loaded.get() && cards.with(Vec::is_empty)>
                <Loading/>
            </Show>
            <Show when=move || loaded.get() && cards.with(Vec::is_empty)>
                <Empty title=t::dashboard::no_cluster().to_owned() hint=empty_hint.to_owned()/>
            </Show>
            <Show when=move || !cards.with(Vec::is_empty) && found.with(Vec::is_empty)>
                <Empty title=t::dashboard::no_match().to_owned() hint=t::dashboard::no_match_hint().to_owned()/>
            </Show>
        </section>
    }
}
