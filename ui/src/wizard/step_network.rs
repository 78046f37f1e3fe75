//! Step 6: which networks. One choice for each source network, and others for single adapters.

use std::sync::Arc;

use hdm_shared::vm::VmView;
use leptos::prelude::*;

use super::mended::MendedSelect;
use super::state::Wizard;
use crate::grid::{Column, Grid, Row, Rows};
use crate::i18n::t;
use crate::model::selection::Selection;
use crate::model::sorted::sorted;
use crate::model::table::{Order, SortKey};
use crate::model::wizard::choices::{cluster, source_networks};
use crate::widgets::Empty;
use crate::widgets::form::Choice;

/// An adapter with the network it goes to.
pub struct Nic {
    moid: String,
    vm: String,
    label: String,
    mac: String,
    source: String,
    network: Option<String>,
    own: bool,
}

impl Row for Nic {
    type Key = (String, String);
    fn key(&self) -> (String, String) {
        (self.moid.clone(), self.label.clone())
    }
    fn name(&self) -> String {
        format!("{} {}", self.vm, self.label)
    }
}

#[component]
pub fn Networks(wizard: Wizard) -> impl IntoView {
    let order = RwSignal::new(None::<Order>);
    // An adapter that is to be mended is selected already.
    let own = wizard.mend.get_untracked().filter(|mend| mend.spot.field == "selected");
    let own = own.into_iter().map(|mend| (mend.moid, mend.spot.part));
    let selection = RwSignal::new(own.collect::<Selection<(String, String)>>());
    let wrong_at = move |field: &'static str, part: Option<String>| {
        Signal::derive(move || {
            let mend = wizard.mend.get().unwrap_or_default();
            if part.as_ref().is_none_or(|part| *part == mend.spot.part) {
                mend.at(field)
            } else {
                String::new()
            }
        })
    };
    let to_apply = RwSignal::new(String::new());
    // What can be chosen: the networks of the cluster for all, and of those that single ones go to.
    let offered = Memo::new(move |_| {
        let Some(offer) = wizard.offer() else { return Vec::new() };
        let clusters: Vec<Option<String>> = wizard.draft.with(|draft| {
            let own = draft.own_targets.values().map(|target| target.cluster.clone());
            std::iter::once(draft.target.cluster.clone()).chain(own).collect()
        });
        let networks: Vec<(String, String)> = clusters
            .iter()
            .filter_map(|id| cluster(&offer, id.as_ref()))
            .flat_map(|cluster| cluster.networks.iter().map(|n| (n.name.clone(), n.id.clone())))
            .collect();
        let mut networks = sorted(&networks, Ord::cmp);
        networks.dedup();
        networks
    });
    let choices = Signal::derive(move || {
        let first = Choice::new("", t::network::choose());
        let rest = offered.get().into_iter().map(|(name, id)| Choice::new(id, name));
        std::iter::once(first).chain(rest).collect::<Vec<_>>()
    });
    let to_selected = Signal::derive(move || {
        let first = Choice::new("", t::network::selected_to());
        let rest = offered.get().into_iter().map(|(name, id)| Choice::new(id, name));
        std::iter::once(first).chain(rest).collect::<Vec<_>>()
    });
    let name_of = move |id: &str| {
        offered.with(|all| all.iter().find(|(_, known)| known == id).map(|(name, _)| name.clone()))
    };
    let sources = Memo::new(move |_| {
        let chosen = wizard.chosen();
        source_networks(chosen.iter().map(AsRef::as_ref)).into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    let rows = Memo::new_with_compare(
        move |_| -> Rows<Nic> {
            let draft = wizard.draft.get();
            let of = |vm: Arc<VmView>| {
                let draft = &draft;
                let nics = vm.adapters.clone().into_iter().map(move |adapter| {
                    let moid = vm.vm.moid.clone();
                    let id = draft.network_of(&moid, &adapter.label, &adapter.network);
                    let own = draft.adapters.get(&moid).is_some_and(|a| a.contains_key(&adapter.label));
                    Arc::new(Nic {
                        network: id.and_then(|id| name_of(id)),
                        moid,
                        vm: vm.name.clone(),
                        label: adapter.label,
                        mac: adapter.mac,
                        source: adapter.network,
                        own,
                    })
                });
                nics.collect::<Vec<_>>()
            };
            Arc::new(wizard.chosen().into_iter().flat_map(of).collect())
        },
        |_, _| true,
    );
    let keys = move || selection.with_untracked(|s| s.keys().cloned().collect::<Vec<_>>());
    let apply = move |_| {
        wizard.mend.set(None);
        let (id, keys) = (to_apply.get_untracked(), keys());
        wizard.draft.update(|draft| {
            for (moid, label) in keys {
                draft.adapters.entry(moid).or_default().insert(label, id.clone());
            }
        });
    };
    let reset = move |_| {
        let keys = keys();
        wizard.draft.update(|draft| {
            for (moid, label) in keys {
                if let Some(adapters) = draft.adapters.get_mut(&moid) {
                    adapters.remove(&label);
                }
            }
            draft.adapters.retain(|_, adapters| !adapters.is_empty());
        });
    };
    let mapping = move |(at, source): (usize, String)| {
        let id = format!("hdm-network-{}", at + 1);
        let value = {
            let source = source.clone();
            Signal::derive(move || {
                wizard.draft.with(|draft| draft.networks.get(&source).cloned().unwrap_or_default())
            })
        };
        let label = source.clone();
        let wrong = wrong_at("network", Some(source.clone()));
        view! {
            <MendedSelect
                id
                label
                value
                choices
                on_choice=move |id: String| {
                    let source = source.clone();
                    wizard.mend.set(None);
                    wizard
                        .draft
                        .update(|draft| {
                            if id.is_empty() {
                                draft.networks.remove(&source);
                            } else {
                                draft.networks.insert(source, id);
                            }
                        });
                }
                wrong
            />
        }
    };
    let any = move || !sources.with(Vec::is_empty);
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::network::title()}</h2>
        <Show
            when=any
            fallback=|| {
                view! {
                    <Empty
                        title=t::network::none_title().to_owned()
                        hint=t::network::none_hint().to_owned()
                    />
                }
            }
        >
            <section class="hdm-all" aria-label=t::network::all()>
                <h3>{t::network::all()}</h3>
                <div class="hdm-fields">
                    {move || sources.get().into_iter().enumerate().map(mapping).collect_view()}
                </div>
            </section>
            <div class="hdm-toolbar">
                <MendedSelect
                    id="hdm-network-selected"
                    label=t::network::selected_to()
                    bare=true
                    value=to_apply
                    choices=to_selected
                    on_choice=move |id| to_apply.set(id)
                    wrong=wrong_at("selected", None)
                />
                <button
                    type="button"
                    class="btn btn-sm btn-link"
                    disabled=move || selection.with(Selection::is_empty) || to_apply.with(String::is_empty)
                    on:click=apply
                >
                    {move || match selection.with(Selection::len) {
                        0 => t::network::apply_none().to_owned(),
                        n => t::network::apply(n as u64),
                    }}
                </button>
                <button
                    type="button"
                    class="btn btn-sm btn-link"
                    disabled=move || selection.with(Selection::is_empty)
                    on:click=reset
                >
                    {t::network::reset()}
                </button>
            </div>
            <div class="hdm-split">
                <Grid label=t::network::list() columns=columns() rows order selection>
                    ""
                </Grid>
            </div>
        </Show>
    }
}

fn columns() -> Vec<Column<Nic>> {
    vec![
        Column::text("vm", t::network::vm(), "minmax(7rem, 1.3fr)", |n: &Nic| n.vm.clone())
            .sorted(|n| SortKey::text(&n.vm)),
        Column::text("adapter", t::network::adapter(), "minmax(7rem, 1fr)", |n: &Nic| n.label.clone()),
        Column::text("mac", t::network::mac(), "minmax(7rem, 1fr)", |n: &Nic| n.mac.clone()),
        Column::text("source", t::network::source(), "minmax(6rem, 1fr)", |n: &Nic| n.source.clone())
            .sorted(|n| SortKey::text(&n.source)),
        Column::text("network", t::network::to(), "minmax(8rem, 1.2fr)", |n: &Nic| match &n.network {
            None => t::network::choose().to_owned(),
            Some(name) if n.own => format!("{name} ({})", t::network::own()),
            Some(name) => name.clone(),
        })
        .sorted(|n| n.network.as_deref().map_or(SortKey::Nothing, SortKey::text)),
    ]
}
