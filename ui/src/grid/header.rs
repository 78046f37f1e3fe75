//! The header: names, order, and the checkbox that selects what the filter shows.

use leptos::html;
use leptos::prelude::*;

use super::view::State;
use super::{Column, Row};
use crate::i18n::t;
use crate::model::selection::HeaderBox;
use crate::model::table::{Direction, Order};
use crate::widgets::Icon;

#[component]
pub(super) fn Header<R: Row>(state: State<R>) -> impl IntoView {
    let first = state.first();
    let titles = state.columns.with_value(|columns| {
        columns
            .iter()
            .enumerate()
            .map(|(at, column)| view! { <Title state column=column.clone() at=at + first/> })
            .collect_view()
    });
    view! {
        <div role="rowgroup" class="hdm-grid-head">
            <div role="row" class="hdm-grid-row" aria-rowindex="1">
                {state.selection.map(|_| view! { <SelectAll state/> })}
                {titles}
            </div>
        </div>
    }
}

#[component]
fn Title<R: Row>(state: State<R>, column: Column<R>, at: usize) -> impl IntoView {
    let Column { id, title, numeric, interactive, sort, .. } = column;
    let tab = state.tab(None, at);
    let order = state.order;
    let direction =
        move || order.with(|order| order.as_ref().filter(|order| order.column == id).map(|o| o.direction));
    let sortable = sort.is_some();
    let sorted = move || {
        sortable.then(|| match direction() {
            Some(Direction::Ascending) => "ascending",
            Some(Direction::Descending) => "descending",
            None => "none",
        })
    };
    let content = if sortable {
        view! {
            <button
                type="button"
                class="hdm-grid-sort"
                tabindex=tab
                data-focus=""
                on:click=move |_| order.update(|order| *order = Some(Order::clicked(order.as_ref(), id)))
            >
                <span class="hdm-cell-text" title=title.clone()>
                    {title.clone()}
                </span>
                {move || {
                    direction().map(|direction| match direction {
                        Direction::Ascending => Icon::Up.draw(),
                        Direction::Descending => Icon::Down.draw(),
                    })
                }}
            </button>
        }
        .into_any()
    } else {
        // A column of buttons is as narrow as they are: its name is for screen readers.
        let class = if interactive { "clr-sr-only" } else { "hdm-cell-text" };
        let whole = (!interactive).then(|| title.clone());
        view! { <span class=class title=whole>{title}</span> }.into_any()
    };
    view! {
        <div
            role="columnheader"
            class="hdm-grid-cell"
            class:hdm-numeric=numeric
            aria-colindex=(at + 1).to_string()
            aria-sort=sorted
            data-cell=""
            data-active=move || (tab.get() == "0").then_some("")
            tabindex=move || if sortable { "-1" } else { tab.get() }
            on:focusin=move |_| state.active.set((None, at))
        >
            {content}
        </div>
    }
}

#[component]
fn SelectAll<R: Row>(state: State<R>) -> impl IntoView {
    let tab = state.tab(None, 0);
    let input = NodeRef::<html::Input>::new();
    let selectable = move |row: &R| state.selectable.is_none_or(|selectable| selectable(row));
    // Rows are looked at until it is known; if nothing is selected, none is.
    let look = Memo::new(move |_| {
        let Some(selection) = state.selection else { return HeaderBox::Off };
        selection.with(|selection| {
            if selection.is_empty() {
                return HeaderBox::Off;
            }
            state.rows.with(|rows| {
                let shown = rows.iter().filter(|row| selectable(row));
                HeaderBox::of(shown.map(|row| selection.contains(&row.key())))
            })
        })
    });
    Effect::new(move || {
        let look = look.get();
        if let Some(input) = input.get() {
            input.set_indeterminate(look == HeaderBox::Mixed);
            input.set_checked(look == HeaderBox::On);
        }
    });
    let change = move |_| {
        let on = look.get_untracked() != HeaderBox::On;
        if let Some(selection) = state.selection {
            let rows = state.rows.get_untracked();
            let shown = rows.iter().filter(|row| selectable(row)).map(|row| row.key());
            selection.update(|selection| selection.set_all(shown, on));
        }
    };
    view! {
        <div
            role="columnheader"
            class="hdm-grid-cell hdm-grid-check"
            aria-colindex="1"
            data-cell=""
            data-active=move || (tab.get() == "0").then_some("")
            tabindex="-1"
            on:focusin=move |_| state.active.set((None, 0))
        >
            <input
                node_ref=input
                type="checkbox"
                aria-label=t::table::select_all()
                title=t::table::select_all()
                tabindex=tab
                data-focus=""
                on:change=change
            />
        </div>
    }
}
