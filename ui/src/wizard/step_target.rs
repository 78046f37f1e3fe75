//! Step 5: where the virtual machines go. One target for all, and others for single ones.

use std::sync::Arc;

use hdm_shared::cloud::CloudOffer;
use hdm_shared::vm::VmView;
use leptos::prelude::*;

use super::state::Wizard;
use super::target_form::{TargetForm, format_words};
use crate::format;
use crate::grid::{Column, Grid, Row, Rows};
use crate::i18n::t;
use crate::model::selection::Selection;
use crate::model::table::{Order, SortKey};
use crate::model::wizard::Target;
use crate::model::wizard::choices::{cluster, datastore};
use crate::model::wizard::totals::datastores;
use crate::widgets::Panel;

/// A virtual machine with where it goes, in words.
pub struct Goes {
    moid: String,
    vm: String,
    datacenter: String,
    cluster: String,
    datastore: String,
    pool: String,
    folder: String,
    disks: String,
    own: bool,
}

impl Goes {
    fn of(vm: &VmView, target: &Target, own: bool, offer: &CloudOffer) -> Self {
        let found = cluster(offer, target.cluster.as_ref());
        let named = |list: &[hdm_shared::cloud::OfferedObject], id: Option<&String>, root: &str| match id {
            None => root.to_owned(),
            Some(id) => list.iter().find(|o| o.id == *id).map(|o| o.name.clone()).unwrap_or_default(),
        };
        let store = found.and_then(|cluster| datastore(cluster, target.datastore.as_ref()));
        Self {
            moid: vm.vm.moid.clone(),
            vm: vm.name.clone(),
            datacenter: found.map(|cluster| cluster.object.datacenter.clone()).unwrap_or_default(),
            cluster: found.map(|cluster| cluster.object.name.clone()).unwrap_or_default(),
            datastore: store.map(|store| store.object.name.clone()).unwrap_or_default(),
            pool: named(
                found.map_or(&[], |cluster| &cluster.pools),
                target.pool.as_ref(),
                t::target::pool_root(),
            ),
            folder: named(&offer.folders, target.folder.as_ref(), t::target::folder_root()),
            disks: format_words(target.disk_format.unwrap_or_default()).to_owned(),
            own,
        }
    }
}

impl Row for Goes {
    type Key = String;
    fn key(&self) -> String {
        self.moid.clone()
    }
    fn name(&self) -> String {
        self.vm.clone()
    }
}

#[component]
pub fn Targets(wizard: Wizard) -> impl IntoView {
    let order = RwSignal::new(None::<Order>);
    let selection = RwSignal::new(Selection::<String>::default());
    // What is to be mended of one that goes elsewhere than the rest is open already.
    let elsewhere = wizard.mend.get_untracked().map(|mend| mend.moid);
    let elsewhere =
        elsewhere.filter(|moid| wizard.draft.with_untracked(|d| d.own_targets.contains_key(moid)));
    let for_all = elsewhere.is_none();
    let edited = RwSignal::new(elsewhere.map(|moid| vec![moid]));
    let mend = Signal::derive(move || wizard.mend.get().filter(|_| for_all).unwrap_or_default());
    let offer = Memo::new(move |_| wizard.offer());
    let rows = Memo::new_with_compare(
        move |_| -> Rows<Goes> {
            let Some(offer) = offer.get() else { return Arc::default() };
            let draft = wizard.draft.get();
            let row = |vm: Arc<VmView>| {
                let own = draft.own_targets.contains_key(&vm.vm.moid);
                Arc::new(Goes::of(&vm, draft.target_of(&vm.vm.moid), own, &offer))
            };
            Arc::new(wizard.chosen().into_iter().map(row).collect())
        },
        |_, _| true,
    );
    let all = Signal::derive(move || wizard.draft.with(|draft| draft.target.clone()));
    let keys = move || selection.with_untracked(|selection| selection.keys().cloned().collect::<Vec<_>>());
    let reset = move |_| {
        let keys = keys();
        wizard.draft.update(|draft| draft.own_targets.retain(|moid, _| !keys.contains(moid)));
    };
    let own_chosen = move || {
        selection.with(|s| wizard.draft.with(|d| s.keys().any(|moid| d.own_targets.contains_key(moid))))
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::target::title()}</h2>
        <section class="hdm-all" aria-label=t::target::all()>
            <h3>{t::target::all()}</h3>
            {move || {
                offer
                    .get()
                    .map(|offer| {
                        view! {
                            <TargetForm
                                prefix="hdm-target-all"
                                offer
                                target=all
                                mend
                                on_change=move |target| {
                                    wizard.mend.set(None);
                                    wizard.draft.update(|draft| draft.target = target);
                                }
                            />
                        }
                    })
            }}
        </section>
        <div class="hdm-toolbar">
            <button
                type="button"
                class="btn btn-sm btn-link"
                disabled=move || selection.with(Selection::is_empty)
                on:click=move |_| edited.set(Some(keys()))
            >
                {move || match selection.with(Selection::len) {
                    0 => t::target::change_none().to_owned(),
                    n => t::target::change(n as u64),
                }}
            </button>
            <button
                type="button"
                class="btn btn-sm btn-link"
                disabled=move || !own_chosen()
                on:click=reset
            >
                {t::target::reset()}
            </button>
        </div>
        <div class="hdm-split">
            <Grid label=t::target::list() columns=columns() rows order selection>
                ""
            </Grid>
            {move || {
                edited
                    .get()
                    .zip(offer.get())
                    .map(|(moids, offer)| view! { <OwnTarget wizard moids offer edited/> })
            }}
        </div>
        <Space wizard/>
    }
}

fn columns() -> Vec<Column<Goes>> {
    let mut columns = vec![
        Column::text("name", t::vms::name(), "minmax(7rem, 1.4fr)", |g: &Goes| g.vm.clone())
            .sorted(|g| SortKey::text(&g.vm)),
        Column::text("datacenter", t::target::datacenter(), "minmax(5rem, 1fr)", |g: &Goes| {
            g.datacenter.clone()
        }),
        Column::text("folder", t::target::folder(), "minmax(5rem, 1fr)", |g: &Goes| g.folder.clone()),
        Column::text("cluster", t::target::cluster(), "minmax(5rem, 1fr)", |g: &Goes| g.cluster.clone()),
        Column::text("datastore", t::target::datastore(), "minmax(5rem, 1fr)", |g: &Goes| {
            g.datastore.clone()
        }),
        Column::text("pool", t::target::pool(), "minmax(5.5rem, 1fr)", |g: &Goes| g.pool.clone()),
        Column::text("disks", t::target::disk(), "minmax(5rem, 1fr)", |g: &Goes| g.disks.clone()),
    ];
    columns.push(Column::text("own", t::target::choice(), "minmax(4.2rem, .6fr)", |g: &Goes| {
        if g.own { t::network::own().to_owned() } else { t::target::default().to_owned() }
    }));
    for column in columns.iter_mut().skip(1) {
        column.sort = match column.id {
            "datastore" => Some(|g: &Goes| SortKey::text(&g.datastore)),
            "cluster" => Some(|g: &Goes| SortKey::text(&g.cluster)),
            "folder" => Some(|g: &Goes| SortKey::text(&g.folder)),
            _ => None,
        };
    }
    columns
}

/// The panel in which some get a target of their own.
#[component]
fn OwnTarget(
    wizard: Wizard,
    moids: Vec<String>,
    offer: CloudOffer,
    edited: RwSignal<Option<Vec<String>>>,
) -> impl IntoView {
    let first = moids.first().cloned().unwrap_or_default();
    let target = RwSignal::new(wizard.draft.with_untracked(|draft| draft.target_of(&first).clone()));
    on_cleanup(move || wizard.mend.set(None));
    let title = t::target::panel(moids.len() as u64);
    let apply = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        wizard.draft.update(|draft| {
            for moid in &moids {
                draft.own_targets.insert(moid.clone(), target.get_untracked());
            }
        });
        edited.set(None);
    };
    view! {
        <Panel title=Signal::stored(title) close=move |()| edited.set(None)>
            <form class="hdm-form" on:submit=apply>
                <TargetForm
                    prefix="hdm-target-own"
                    offer
                    target
                    mend=Signal::derive(move || wizard.mend.get().unwrap_or_default())
                    on_change=move |new| {
                        wizard.mend.set(None);
                        target.set(new);
                    }
                />
                <div class="hdm-buttons">
                    <button type="button" class="btn btn-sm btn-outline" on:click=move |_| edited.set(None)>
                        {t::vms::cancel()}
                    </button>
                    <button type="submit" class="btn btn-sm btn-primary">
                        {t::vms::apply()}
                    </button>
                </div>
            </form>
        </Panel>
    }
}

/// What each datastore gets.
#[component]
fn Space(wizard: Wizard) -> impl IntoView {
    let lines = move || {
        let offer = wizard.offer()?;
        let chosen = wizard.chosen();
        let vms: Vec<&VmView> = chosen.iter().map(AsRef::as_ref).collect();
        let all = wizard.draft.with(|draft| datastores(draft, &vms, &offer));
        let line = |on: crate::model::wizard::totals::OnDatastore| {
            let words = t::target::total_line(
                &on.name,
                format::bytes(on.needed_bytes),
                format::bytes(on.available_bytes),
            );
            let short = on.is_short();
            view! {
                <li class:hdm-short=short>
                    {words} {short.then(|| format!(" – {}", t::target::short()))}
                </li>
            }
        };
        Some(all.into_iter().map(line).collect_view())
    };
    view! {
        <div class="hdm-totals">
            <b>{t::target::totals()}</b>
            <ul>{lines}</ul>
        </div>
    }
}
