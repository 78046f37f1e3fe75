//! Actions on the selection, search, refresh, download.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::Privilege;
use leptos::prelude::*;

use super::Filter;
use crate::format;
use crate::grid::{Column, Rows, as_csv};
use crate::i18n::t;
use crate::migration::acting::{Acting, words, words_for};
use crate::model::bulk;
use crate::model::selection::Selection;
use crate::page::context::Context;
use crate::page::live::{self, Live};
use crate::page::prefs::Prefs;
use crate::widgets::form::Search;
use crate::widgets::{Exports, Icon, Menu};

/// The bar above the table.
#[component]
pub(super) fn Toolbar(
    acting: Acting,
    filter: Filter,
    all: Signal<Rows<MigrationView>>,
    rows: Signal<Rows<MigrationView>>,
    selection: RwSignal<Selection<MigrationId>>,
    columns: Vec<Column<MigrationView>>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let context = StoredValue::new(expect_context::<Context>());
    let has_object = move || context.with_value(|context| !context.objects.is_empty());
    let selected = Memo::new_with_compare(
        move |_| -> Vec<Arc<MigrationView>> {
            let selection = selection.get();
            all.with(|all| all.iter().filter(|m| selection.contains(&m.id)).cloned().collect())
        },
        |_, _| true,
    );
    let action = move |action: Action| {
        let fitting = Memo::new_with_compare(
            move |_| selected.with(|selected| bulk::applicable(action, selected, |m| acting.may(m))),
            |_, _| true,
        );
        let label = move || match selected.with(Vec::len) {
            0 => words(action).to_owned(),
            count => words_for(action, fitting.with(Vec::len), count),
        };
        view! {
            <button
                type="button"
                class="btn btn-sm btn-link"
                disabled=move || fitting.with(Vec::is_empty) || !acting.is_free()
                on:click=move |_| acting.several(action, fitting.get_untracked())
            >
                {label}
            </button>
        }
    };
    let count = move || {
        let (shown, total) = (rows.with(|rows| rows.len()), all.with(|all| all.len()));
        let chosen = selection.with(Selection::len);
        let total_words = format::integer(total as u64);
        if chosen > 0 {
            t::table::selected(format::integer(chosen as u64), total_words)
        } else if shown == total {
            t::table::shown(total as u64)
        } else {
            t::table::shown_of(format::integer(shown as u64), total_words)
        }
    };
    let columns = StoredValue::new(columns);
    let prefs = expect_context::<Prefs>();
    let exports = expect_context::<Exports>();
    let download = move |_| {
        let text = columns.with_value(|columns| as_csv(columns, &rows.get_untracked()));
        exports.offer("hdm-in-progress.csv", "text/csv", text);
    };
    view! {
        <div class="hdm-toolbar">
            <Show when=has_object>
                <button
                    type="button"
                    class="btn btn-sm btn-primary"
                    disabled=move || !(live.may(Privilege::Migrate) && live.can_act())
                    on:click=move |_| context.with_value(Context::open_wizard)
                >
                    {t::common::migrate()}
                </button>
            </Show>
            <div role="toolbar" class="hdm-actions" aria-label=t::actions::toolbar()>
                {Action::ALL.into_iter().map(action).collect_view()}
            </div>
            <span class="hdm-count" role="status">{count}</span>
            {move || {
                filter
                    .only
                    .get()
                    .map(|_| {
                        view! {
                            <button
                                type="button"
                                class="btn btn-sm btn-link"
                                on:click=move |_| filter.only.set(None)
                            >
                                {t::progress::filter_off()}
                            </button>
                        }
                    })
            }}
            <Search text=filter.search/>
            <button
                type="button"
                class="btn btn-icon btn-link btn-sm hdm-icon-button"
                aria-label=t::common::refresh()
                title=t::common::refresh()
                on:click=move |_| live::refresh()
            >
                {Icon::Refresh.draw()}
            </button>
            <Menu
                label=t::table::columns().to_owned()
                icon=Icon::Columns
                entries=move |()| columns.with_value(|all| prefs.column_entries(super::TABLE, all))
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
    }
}
