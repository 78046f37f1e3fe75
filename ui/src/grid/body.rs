//! The rows that are seen.

use std::sync::Arc;

use leptos::prelude::*;

use super::view::State;
use super::{Column, ROW_PX, Row, window};
use crate::i18n::t;
use crate::model::same::changed;

#[component]
pub(super) fn Body<R: Row>(state: State<R>) -> impl IntoView {
    #[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
    let height = move || format!("{}px", state.rows.with(|rows| rows.len()) as f64 * ROW_PX);
    let drawn = Memo::new(move |_| {
        let rows = state.rows.get();
        let range = window::drawn(state.scroll_top.get(), state.height.get(), rows.len());
        let mut keys: Vec<R::Key> = rows[range.clone()].iter().map(|row| row.key()).collect();
        // The row with the focus stays in the document, wherever the table is scrolled to.
        let active = state.active.with(|(key, _)| key.clone());
        let at = active.as_ref().and_then(|key| state.index.with(|index| index.get(key).copied()));
        if let (Some(key), Some(at)) = (active, at)
            && !range.contains(&at)
        {
            let place = if at < range.start { 0 } else { keys.len() };
            keys.insert(place, key);
        }
        keys
    });
    view! {
        <div role="rowgroup" class="hdm-grid-body" style:height=height>
            <For each=move || drawn.get() key=|key| key.clone() let:key>
                <Line state key/>
            </For>
        </div>
    }
}

#[component]
fn Line<R: Row>(state: State<R>, key: R::Key) -> impl IntoView {
    let find = {
        let key = key.clone();
        move || {
            let at = state.index.with(|index| index.get(&key).copied())?;
            state.rows.with(|rows| rows.get(at).cloned().map(|row| (at, row)))
        }
    };
    let Some((first_at, first_row)) = untrack(&find) else { return ().into_any() };
    let found = Memo::new_with_compare(
        move |before: Option<&(usize, Arc<R>)>| {
            // A row that is no more is about to be removed: until then it stays as it was.
            find().or_else(|| before.cloned()).unwrap_or_else(|| (first_at, first_row.clone()))
        },
        |before: Option<&(usize, Arc<R>)>, after: Option<&(usize, Arc<R>)>| match (before, after) {
            (Some((at, row)), Some((now_at, now))) => at != now_at || !Arc::ptr_eq(row, now),
            _ => true,
        },
    );
    let at = Memo::new(move |_| found.with(|(at, _)| *at));
    let row = Memo::new_with_compare(move |_| found.with(|(_, row)| row.clone()), changed);
    let selected = {
        let key = key.clone();
        Memo::new(move |_| state.selection.is_some_and(|s| s.with(|s| s.contains(&key))))
    };
    let opened = {
        let key = key.clone();
        Memo::new(move |_| state.opened.with(|opened| opened.as_ref() == Some(&key)))
    };
    let first = state.first();
    let cells = state.columns.with_value(|columns| {
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                view! { <Field state column=column.clone() key=key.clone() row=row.into() at=at + first/> }
            })
            .collect_view()
    });
    // By `top`: a transformed row would be what its menu's place on the screen is counted from.
    #[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
    let place = move || format!("{}px", at.get() as f64 * ROW_PX);
    view! {
        <div
            role="row"
            class="hdm-grid-row"
            class:hdm-selected=selected
            class:hdm-opened=opened
            aria-rowindex=move || (at.get() + 2).to_string()
            aria-selected=state.selection.map(|_| move || selected.get().to_string())
            style:top=place
        >
            {state.selection.map(|_| view! { <Check state key=key.clone() row=row.into() selected/> })}
            {cells}
        </div>
    }
    .into_any()
}

#[component]
fn Field<R: Row>(
    state: State<R>,
    column: Column<R>,
    key: R::Key,
    row: Signal<Arc<R>>,
    at: usize,
) -> impl IntoView {
    let tab = state.tab(Some(key.clone()), at);
    let content = (column.draw)(row, tab);
    let interactive = column.interactive;
    view! {
        <div
            role="gridcell"
            class="hdm-grid-cell"
            class:hdm-numeric=column.numeric
            aria-colindex=(at + 1).to_string()
            data-cell=""
            data-active=move || (tab.get() == "0").then_some("")
            tabindex=move || if interactive { "-1" } else { tab.get() }
            on:focusin=move |_| state.active.set((Some(key.clone()), at))
        >
            {content}
        </div>
    }
}

#[component]
fn Check<R: Row>(state: State<R>, key: R::Key, row: Signal<Arc<R>>, selected: Memo<bool>) -> impl IntoView {
    let tab = state.tab(Some(key.clone()), 0);
    let cell_key = key.clone();
    let allowed = move || state.selectable.is_none_or(|selectable| row.with(|row| selectable(row)));
    view! {
        <div
            role="gridcell"
            class="hdm-grid-cell hdm-grid-check"
            aria-colindex="1"
            data-cell=""
            data-active=move || (tab.get() == "0").then_some("")
            tabindex="-1"
            on:focusin=move |_| state.active.set((Some(cell_key.clone()), 0))
        >
            <input
                type="checkbox"
                aria-label=move || row.with(|row| t::table::select_row(row.name()))
                prop:checked=selected
                aria-disabled=move || (!allowed()).then_some("true")
                tabindex=tab
                data-focus=""
                on:click=move |event| {
                    if !untrack(allowed) {
                        event.prevent_default();
                    }
                }
                on:change=move |event| {
                    let on = event_target_checked(&event);
                    if let Some(selection) = state.selection {
                        selection.update(|selection| selection.set(key.clone(), on));
                    }
                }
            />
        </div>
    }
}
