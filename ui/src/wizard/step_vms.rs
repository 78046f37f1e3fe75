//! Step 4: which virtual machines, and what they become.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use hdm_shared::migration::{MacPolicy, ShutdownMode};
use hdm_shared::problem::Finding;
use hdm_shared::vm::VmView;
use leptos::prelude::*;

use super::list_panel::{List, ListPanel};
use super::state::Wizard;
use super::vm_settings::VmSettings;
use crate::format;
use crate::grid::{Column, Grid, Row, Rows};
use crate::i18n::t;
use crate::model::selection::Selection;
use crate::model::sorted::gathered;
use crate::model::table::{Order, SortKey, matches};
use crate::model::wizard::Draft;
use crate::model::wizard::draft::{Effective, Settings};
use crate::model::wizard::totals::needs;
use crate::model::wizard::validate::can_be_chosen;
use crate::widgets::form::Search;
use crate::widgets::{Empty, Icon};

/// A virtual machine with what is said of it.
pub struct Choice {
    pub vm: Arc<VmView>,
    own: Option<Settings>,
    all: Arc<Settings>,
    become_: OnceLock<Effective>,
}

impl Choice {
    fn new(vm: &Arc<VmView>, own: Option<&Settings>, all: &Arc<Settings>) -> Self {
        Self { vm: vm.clone(), own: own.cloned(), all: all.clone(), become_: OnceLock::new() }
    }

    /// What it becomes: looked up when it is first asked for, which of most is never.
    fn become_(&self) -> &Effective {
        self.become_.get_or_init(|| Effective::of(&self.vm, self.own.as_ref(), &self.all))
    }
}

/// All virtual machines in one order, with what was said when they were put together.
pub struct Choices {
    all: Arc<Settings>,
    rows: Rows<Choice>,
}

/// All virtual machines with what is said of them, those chosen at `first` before the others. It lasts longer than the
/// step: making 10,000 anew is what would take long on the way back to it.
pub fn choices(
    by_name: Memo<Arc<Vec<Arc<VmView>>>>,
    draft: RwSignal<Draft>,
    first: RwSignal<BTreeSet<String>>,
) -> Memo<Choices> {
    let sorted = Memo::new_with_compare(
        move |_| {
            let (mut vms, others): (Vec<_>, Vec<_>) =
                first.with(|first| by_name.get().iter().cloned().partition(|vm| first.contains(&vm.vm.moid)));
            vms.extend(others);
            vms
        },
        |_, _| true,
    );
    // Which are chosen says nothing of what they become: a click on one leaves all rows as they are.
    let said = Memo::new(move |_| draft.with(|draft| (draft.settings.clone(), draft.own_settings.clone())));
    Memo::new_with_compare(
        move |before: Option<&Choices>| {
            let (settings, own) = said.get();
            let before = before.filter(|before| *before.all == settings);
            let all = before.map_or_else(|| Arc::new(settings), |before| before.all.clone());
            let choice = |(at, vm): (usize, &Arc<VmView>)| {
                let own = own.get(&vm.vm.moid);
                // What nothing new is said of stays the same object, so that its row is not filled anew.
                let kept = before.and_then(|before| before.rows.get(at));
                let kept = kept.filter(|kept| Arc::ptr_eq(&kept.vm, vm) && kept.own.as_ref() == own);
                kept.cloned().unwrap_or_else(|| Arc::new(Choice::new(vm, own, &all)))
            };
            let rows = Arc::new(sorted.with(|vms| vms.iter().enumerate().map(choice).collect()));
            Choices { all, rows }
        },
        |_, _| true,
    )
}

impl Row for Choice {
    type Key = String;
    fn key(&self) -> String {
        self.vm.vm.moid.clone()
    }
    fn name(&self) -> String {
        self.vm.name.clone()
    }
}

/// The step. Once opened it lasts until the request is accepted, `shown` or out of sight.
#[component]
pub fn VirtualMachines(wizard: Wizard, shown: Memo<bool>) -> impl IntoView {
    let search = RwSignal::new(String::new());
    let only_selected = RwSignal::new(false);
    let order = RwSignal::new(None::<Order>);
    let edited = RwSignal::new(None::<Vec<String>>);
    let list = List::new();
    let mended = Memo::new(move |_| {
        wizard.mend.with(|mend| mend.as_ref().filter(|_| shown.get()).map(|mend| vec![mend.moid.clone()]))
    });
    // What is to be mended is opened with the step, and no panel stays open without it.
    Effect::new(move || {
        let mended = mended.get();
        if mended.is_some() || !shown.get() {
            edited.set(mended);
            list.open.set(false);
        }
    });
    let chosen: Selection<String> = wizard.draft.with_untracked(|d| d.chosen.iter().cloned().collect());
    let selection = RwSignal::new(chosen);
    Effect::new(move || {
        let keys: BTreeSet<String> = selection.with(|s| gathered(s.keys().cloned()));
        if wizard.draft.with_untracked(|draft| draft.chosen != keys) {
            wizard.draft.update(|draft| draft.chosen = keys);
        }
    });
    // What the summary left out is not selected any more.
    Effect::new(move || {
        let chosen = shown.get().then(|| wizard.draft.with_untracked(|draft| draft.chosen.clone()));
        if let Some(chosen) = chosen.filter(|chosen| selection.with_untracked(|s| !s.keys().eq(chosen))) {
            selection.set(chosen.into_iter().collect());
        }
    });
    // What was right-clicked is looked for first, and stays there while others are chosen.
    if wizard.first.with_untracked(BTreeSet::is_empty) {
        wizard.first.set(wizard.draft.with_untracked(|draft| draft.chosen.clone()));
    }
    let rows = Memo::new_with_compare(
        move |_| -> Rows<Choice> {
            let search = search.get();
            let only = only_selected.get().then(|| selection.get());
            if search.is_empty() && only.is_none() {
                return wizard.choices.with(|choices| choices.rows.clone());
            }
            let shown = |choice: &&Arc<Choice>| {
                let vm = &choice.vm;
                only.as_ref().is_none_or(|only| only.contains(&vm.vm.moid))
                    && matches(&search, &[&vm.name, &vm.path])
            };
            wizard.choices.with(|choices| Arc::new(choices.rows.iter().filter(shown).cloned().collect()))
        },
        |_, _| true,
    );
    let total = move || wizard.vms.with(|vms| vms.len());
    let totals = move || {
        let needs = wizard.vms.with(|known| {
            wizard.draft.with(|draft| {
                let chosen = draft.chosen.iter().filter_map(|moid| known.get(moid));
                needs(draft, &chosen.map(AsRef::as_ref).collect::<Vec<&VmView>>(), None)
            })
        });
        t::vms::totals(
            t::table::selected(format::integer(needs.vms), format::integer(total() as u64)),
            format::integer(needs.all_cpus),
            format::memory(needs.all_memory_mib),
            format::bytes(needs.capacity_bytes),
        )
    };
    let blocked = Memo::new(move |_| {
        wizard.vms.with(|vms| vms.values().filter(|vm| !can_be_chosen(vm)).count() as u64)
    });
    let empty = move || {
        let (title, hint) = if total() == 0 {
            (t::vms::empty_title(), t::vms::empty_hint().to_owned())
        } else {
            (t::vms::filtered_title(), t::vms::filtered_hint(format::integer(total() as u64)))
        };
        view! { <Empty title=title.to_owned() hint/> }
    };
    let columns = columns(edited);
    view! {
        <h2 id=move || shown.get().then_some("hdm-step-title") tabindex="-1">{t::vms::title()}</h2>
        <div class="hdm-toolbar">
            <button
                type="button"
                class="btn btn-sm btn-link"
                disabled=move || selection.with(Selection::is_empty)
                on:click=move |_| edited.set(Some(selection.with_untracked(|s| s.keys().cloned().collect())))
            >
                {move || match selection.with(Selection::len) {
                    0 => t::vms::settings_all().to_owned(),
                    n => t::vms::settings_many(n as u64),
                }}
            </button>
            <button
                type="button"
                class="btn btn-sm btn-link"
                on:click=move |_| {
                    edited.set(None);
                    list.open.set(true);
                }
            >
                {t::vms::list_open()}
            </button>
            <label class="hdm-check hdm-count">
                <input
                    type="checkbox"
                    prop:checked=only_selected
                    on:change=move |event| only_selected.set(event_target_checked(&event))
                />
                {t::vms::only_selected()}
            </label>
            <Search text=search/>
        </div>
        <div class="hdm-split">
            <Grid
                label=t::vms::list()
                columns
                rows
                order
                selection
                selectable=|choice: &Choice| can_be_chosen(&choice.vm)
            >
                {empty}
            </Grid>
            {move || match edited.get() {
                Some(moids) => view! { <VmSettings wizard moids edited/> }.into_any(),
                None if list.open.get() => {
                    view! { <ListPanel wizard list selection only_selected/> }.into_any()
                }
                None => ().into_any(),
            }}
        </div>
        <p class="hdm-totals" role="status">
            {totals}
            {move || {
                (blocked.get() > 0)
                    .then(|| view! { <span class="hdm-quiet">" · " {t::vms::blocked(blocked.get())}</span> })
            }}
        </p>
    }
}

/// The table's columns.
fn columns(edited: RwSignal<Option<Vec<String>>>) -> Vec<Column<Choice>> {
    vec![
        Column::text("name", t::vms::name(), "minmax(6.6rem, 1.6fr)", |c: &Choice| {
            change(&c.vm.name, &c.become_().name)
        })
        .sorted(|c| SortKey::text(&c.vm.name)),
        Column::text("power", t::vms::power(), "minmax(6.4rem, .9fr)", |c: &Choice| {
            if c.vm.powered_on { t::vms::on(shutdown_words(c.become_())) } else { t::vms::off().to_owned() }
        })
        .sorted(|c| SortKey::Number(f64::from(u8::from(c.vm.powered_on)))),
        Column::text("cpu", t::vms::cpu(), "minmax(2.8rem, .5fr)", |c: &Choice| {
            change(&format::integer(c.vm.cpus.into()), &format::integer(c.become_().cpus.into()))
        })
        .numeric()
        .sorted(|c| SortKey::Number(c.become_().cpus.into())),
        Column::text("memory", t::vms::memory(), "minmax(4rem, .6fr)", |c: &Choice| {
            change(&format::memory(c.vm.memory_mib), &format::memory(c.become_().memory_mib))
        })
        .numeric()
        .sorted(|c| number(c.become_().memory_mib)),
        Column::text("disks", t::vms::disks(), "minmax(3.4rem, .5fr)", |c: &Choice| {
            format::bytes(c.vm.capacity_bytes)
        })
        .numeric()
        .sorted(|c| number(c.vm.capacity_bytes)),
        Column::drawn("status", t::vms::status(), "minmax(7.4rem, 2.4fr)", |row, _| status(row))
            .lasting()
            .sorted(|c| SortKey::text(&status_words(&c.vm).0))
            .with_text(|c| status_words(&c.vm).0),
        Column::text("power_on", t::vms::power_on(), "4.3rem", |c: &Choice| {
            if c.become_().power_on { t::vms::yes() } else { t::vms::no() }.to_owned()
        }),
        Column::text("mac", t::vms::mac(), "2.8rem", |c: &Choice| {
            match c.become_().mac {
                MacPolicy::Keep => t::vms::mac_keep(),
                MacPolicy::New => t::vms::mac_new(),
            }
            .to_owned()
        }),
        Column::drawn("edit", t::vms::edit(), "2.2rem", move |row: Signal<Arc<Choice>>, tab| {
            view! {
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    tabindex=tab
                    data-focus=""
                    aria-label=move || row.with(|c| t::vms::edit_one(&c.vm.name))
                    title=move || row.with(|c| t::vms::edit_one(&c.vm.name))
                    on:click=move |_| edited.set(Some(vec![row.with_untracked(|c| c.key())]))
                >
                    {Icon::Pencil.draw()}
                </button>
            }
        })
        .interactive()
        .lasting(),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "only compared")]
fn number(value: u64) -> SortKey {
    SortKey::Number(value as f64)
}

/// A value, and what it becomes if that is another.
fn change(before: &str, after: &str) -> String {
    if before == after { before.to_owned() } else { t::vms::becomes(before, after) }
}

/// How a running virtual machine is shut down.
fn shutdown_words(become_: &Effective) -> String {
    match become_.shutdown {
        ShutdownMode::Guest => {
            t::vms::shutdown_guest(format::duration(become_.shutdown_timeout_seconds.into()))
        }
        ShutdownMode::Hard => t::vms::shutdown_hard().to_owned(),
        ShutdownMode::Refuse => t::vms::shutdown_refuse().to_owned(),
    }
}

/// The status in words, with the remedy.
fn status_words(vm: &VmView) -> (String, String) {
    let worst = vm.findings.iter().find(|finding| finding.blocks()).or(vm.findings.first());
    match worst {
        None => (t::vms::ready().to_owned(), String::new()),
        Some(finding) if finding.blocks() => (finding.message.clone(), finding.remedy.clone()),
        Some(finding) => (t::vms::ready_warning().to_owned(), finding.message.clone()),
    }
}

/// The status: what blocks, and the remedy below it.
fn status(row: Signal<Arc<Choice>>) -> impl IntoView {
    let words = Memo::new(move |_| row.with(|c| status_words(&c.vm)));
    let blocks = move || row.with(|c| c.vm.findings.iter().any(Finding::blocks));
    view! {
        <span class="hdm-progress-cell" title=move || words.with(|(what, how)| format!("{what} {how}"))>
            <span class="hdm-cell-text" class:hdm-short=blocks>{move || words.with(|(what, _)| what.clone())}</span>
            {move || {
                words.with(|(_, how)| {
                    (!how.is_empty()).then(|| view! { <span class="hdm-cell-text hdm-quiet">{how.clone()}</span> })
                })
            }}
        </span>
    }
}
