//! The rows that are seen.
//!
//! A row that scrolls out of sight hands its elements over to one that comes into sight ([`pool`]): to make elements
//! costs far more than to fill them. For the same reason cells of text are filled by one effect for the whole row.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::view::State;
use super::{Column, ROW_PX, Row, Rows, Tab, pool, window};
use crate::i18n::t;
use crate::model::same::changed;

/// The elements of one row.
struct Slot<R: Row> {
    id: usize,
    /// The row they show.
    key: RwSignal<R::Key>,
    /// What they show when they are made.
    first: StoredValue<Placed<R>>,
    root: NodeRef<html::Div>,
}

impl<R: Row> Clone for Slot<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R: Row> Copy for Slot<R> {}

/// A row that is in the document, its key, and where it stands.
struct Placed<R: Row> {
    key: R::Key,
    at: usize,
    row: Arc<R>,
}

impl<R: Row> Placed<R> {
    fn new(at: usize, rows: &Rows<R>) -> Self {
        Self { key: rows[at].key(), at, row: rows[at].clone() }
    }
}

impl<R: Row> Clone for Placed<R> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), at: self.at, row: self.row.clone() }
    }
}

/// The same if it is the same object at the same place.
impl<R: Row> PartialEq for Placed<R> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && Arc::ptr_eq(&self.row, &other.row)
    }
}

/// The rows in the document, from top to bottom: so few that looking for one costs less than an index of all rows.
type Drawn<R> = Memo<Vec<Placed<R>>>;

#[component]
pub(super) fn Body<R: Row>(state: State<R>) -> impl IntoView {
    #[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
    let height = move || format!("{}px", state.rows.with(|rows| rows.len()) as f64 * ROW_PX);
    let drawn: Drawn<R> = Memo::new(move |_| {
        let rows = state.rows.get();
        let range = window::drawn(state.scroll_top.get(), state.height.get(), rows.len());
        let mut drawn: Vec<Placed<R>> = range.clone().map(|at| Placed::new(at, &rows)).collect();
        // The row with the focus stays in the document, wherever the table is scrolled to.
        if let Some(at) = state.place.get()
            && !range.contains(&at)
        {
            let place = if at < range.start { 0 } else { drawn.len() };
            drawn.insert(place, Placed::new(at, &rows));
        }
        drawn
    });
    // As they were made, and as they are seen from top to bottom.
    let slots = RwSignal::new(Vec::<Slot<R>>::new());
    let order = RwSignal::new(Vec::<Slot<R>>::new());
    // Those without elements, for when there are more rows again: they last as long as the table.
    let spare = StoredValue::new(Vec::<Slot<R>>::new());
    let made = StoredValue::new(0);
    let owner = Owner::current();
    let make = move |key: R::Key| {
        let first = find(drawn, &key)?;
        if let Some(slot) = spare.try_update_value(Vec::pop).flatten() {
            slot.key.set(key);
            slot.first.set_value(first);
            return Some(slot);
        }
        made.update_value(|made| *made += 1);
        let id = made.get_value();
        let new =
            || Slot { id, key: RwSignal::new(key), first: StoredValue::new(first), root: NodeRef::new() };
        owner.as_ref().map(|owner| owner.with(new))
    };
    Effect::new(move || {
        let wanted: Vec<R::Key> = drawn.with(|drawn| drawn.iter().map(|placed| placed.key.clone()).collect());
        let before = slots.get_untracked();
        let held: Vec<R::Key> = before.iter().map(|slot| slot.key.get_untracked()).collect();
        let show = |(at, key): (Option<usize>, R::Key)| match at {
            Some(at) => {
                if held[at] != key {
                    before[at].key.set(key);
                }
                Some(before[at])
            }
            None => untrack(|| make(key)),
        };
        let seen: Vec<Slot<R>> =
            pool::assign(&held, &wanted).into_iter().zip(wanted).filter_map(show).collect();
        let is_seen = |slot: &Slot<R>| seen.iter().any(|seen| seen.id == slot.id);
        let is_new = |slot: &&Slot<R>| !before.iter().any(|before| before.id == slot.id);
        if !before.iter().all(is_seen) || seen.iter().any(|slot| is_new(&slot)) {
            let (kept, left): (Vec<_>, Vec<_>) = before.iter().partition(|slot| is_seen(slot));
            spare.update_value(|spare| spare.extend(left));
            slots.set(kept.into_iter().chain(seen.iter().filter(is_new)).copied().collect());
        }
        order.set(seen);
    });
    Effect::new(move || put_in_order(&order.get()));
    view! {
        <div role="rowgroup" class="hdm-grid-body" style:height=height>
            <For each=move || slots.get() key=|slot| slot.id let:slot>
                <Line state drawn elements=slot/>
            </For>
        </div>
    }
}

/// A row by its key; `None` if it is not in the document.
fn find<R: Row>(drawn: Drawn<R>, key: &R::Key) -> Option<Placed<R>> {
    drawn.with(|drawn| drawn.iter().find(|placed| placed.key == *key).cloned())
}

/// Puts rows into the document in the order in which they are seen, so that they are read in it. The one with the focus
/// stays where it is: moving it would take its focus away.
fn put_in_order<R: Row>(order: &[Slot<R>]) {
    let focused = document().active_element();
    let mut below: Option<web_sys::Node> = None;
    for slot in order.iter().rev() {
        // One that is not in the document yet: this runs again when it is.
        let Some(element) = slot.root.get() else { continue };
        let node: &web_sys::Node = element.as_ref();
        let stays = focused.as_ref().is_some_and(|focused| node.contains(Some(focused.as_ref())));
        let next = element.next_element_sibling();
        let in_place = next.as_ref().map(AsRef::as_ref) == below.as_ref();
        if !stays
            && !in_place
            && let Some(parent) = node.parent_node()
        {
            // Behind the last row stands a mark of Leptos', before which it adds rows.
            let behind = below.clone().or_else(|| parent.last_child());
            let _ = parent.insert_before(node, behind.as_ref());
        }
        below = Some(node.clone());
    }
}

#[component]
fn Line<R: Row>(state: State<R>, drawn: Drawn<R>, elements: Slot<R>) -> impl IntoView {
    let Slot { key, first, root, .. } = elements;
    let found = Memo::new(move |before: Option<&Placed<R>>| {
        // A row that is no more is about to be another: until then it stays as it was.
        key.with(|key| find(drawn, key)).or_else(|| before.cloned()).unwrap_or_else(|| first.get_value())
    });
    let at = Memo::new(move |_| found.with(|found| found.at));
    let row = Memo::new_with_compare(move |_| found.with(|found| found.row.clone()), changed);
    let selected =
        Memo::new(move |_| state.selection.is_some_and(|s| key.with(|key| s.with(|s| s.contains(key)))));
    let opened = Memo::new(move |_| state.opened.with(|opened| key.with(|key| opened.as_ref() == Some(key))));
    // The cell with the focus, if it is in this row.
    let focus = Memo::new(move |_| {
        state.active.with(|(row, at)| key.with(|key| (row.as_ref() == Some(key)).then_some(*at)))
    });
    fill(state, root, row);
    mark(root, focus);
    let first = state.first();
    let cells = state.columns.with_value(|columns| {
        let cell = |(at, column): (usize, &Column<R>)| {
            let at = at + first;
            let content = match &column.draw {
                None => view! { <span class="hdm-cell-text"></span> }.into_any(),
                Some(draw) => {
                    let tab = Signal::derive(move || if focus.get() == Some(at) { "0" } else { "-1" });
                    content(draw.clone(), column.lasting, row.into(), tab, key)
                }
            };
            view! {
                <div
                    role="gridcell"
                    class=if column.numeric { "hdm-grid-cell hdm-numeric" } else { "hdm-grid-cell" }
                    aria-colindex=(at + 1).to_string()
                    data-cell=if column.interactive { INNER } else { "" }
                    tabindex="-1"
                >
                    {content}
                </div>
            }
        };
        columns.iter().enumerate().map(cell).collect_view()
    });
    // By `top`: a transformed row would be what its menu's place on the screen is counted from.
    #[allow(clippy::cast_precision_loss, reason = "row numbers are small")]
    let place = move || format!("{}px", at.get() as f64 * ROW_PX);
    view! {
        <div
            node_ref=root
            role="row"
            class="hdm-grid-row"
            class:hdm-selected=selected
            class:hdm-opened=opened
            aria-rowindex=move || (at.get() + 2).to_string()
            aria-selected=state.selection.map(|_| move || selected.get().to_string())
            style:top=place
            on:focusin=move |event| {
                if let Some(at) = column_of(&event) {
                    let now = (Some(key.get_untracked()), at);
                    if state.active.with_untracked(|active| *active != now) {
                        state.active.set(now);
                    }
                }
            }
        >
            {state.selection.map(|_| view! { <Check state key row=row.into() selected focus/> })}
            {cells}
        </div>
    }
    .into_any()
}

/// What a column draws: made anew for another row, unless it says that it need not be.
fn content<R: Row>(
    draw: super::column::Draw<R>,
    lasting: bool,
    row: Signal<Arc<R>>,
    tab: Tab,
    key: RwSignal<R::Key>,
) -> AnyView {
    if lasting {
        return draw(row, tab);
    }
    let content = move || {
        key.track();
        untrack(|| draw(row, tab))
    };
    content.into_any()
}

/// Fills a row's cells of text.
fn fill<R: Row>(state: State<R>, root: NodeRef<html::Div>, row: Memo<Arc<R>>) {
    let first = state.first();
    let shown = StoredValue::new(Vec::<String>::new());
    Effect::new(move || {
        let Some(root) = root.get() else { return };
        let texts: Vec<Option<String>> = row.with(|row| {
            let text =
                |column: &Column<R>| column.text.filter(|_| column.draw.is_none()).map(|text| text(row));
            state.columns.with_value(|columns| columns.iter().map(text).collect())
        });
        let cells = root.children();
        shown.update_value(|shown| {
            shown.resize(texts.len(), String::new());
            for (at, text) in texts.into_iter().enumerate() {
                let Some(text) = text.filter(|text| *text != shown[at]) else { continue };
                if let Some(span) = nth(&cells, at + first).and_then(|cell| cell.first_element_child()) {
                    span.set_text_content(Some(&text));
                    let _ = span.set_attribute("title", &text);
                }
                shown[at] = text;
            }
        });
    });
}

/// Marks the cell with the focus, and what of it takes it: the cell itself, unless there is something in it that does.
fn mark(root: NodeRef<html::Div>, focus: Memo<Option<usize>>) {
    let marked = StoredValue::new(None::<usize>);
    Effect::new(move || {
        let (Some(root), now) = (root.get(), focus.get()) else { return };
        let before = marked.get_value();
        if before == now {
            return;
        }
        marked.set_value(now);
        let cells = root.children();
        if let Some(cell) = before.and_then(|at| nth(&cells, at)) {
            let _ = cell.remove_attribute("data-active");
            let _ = cell.set_attribute("tabindex", "-1");
        }
        if let Some(cell) = now.and_then(|at| nth(&cells, at)) {
            let _ = cell.set_attribute("data-active", "");
            if cell.get_attribute("data-cell").as_deref() != Some(INNER) {
                let _ = cell.set_attribute("tabindex", "0");
            }
        }
    });
}

/// `data-cell` of a cell in which something takes the focus.
const INNER: &str = "inner";

fn nth(cells: &web_sys::HtmlCollection, at: usize) -> Option<web_sys::Element> {
    u32::try_from(at).ok().and_then(|at| cells.item(at))
}

/// The column, counted from 0, of the cell in which something happened.
fn column_of(event: &web_sys::FocusEvent) -> Option<usize> {
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let cell = target.closest("[data-cell]").ok()??;
    cell.get_attribute("aria-colindex")?.parse::<usize>().ok()?.checked_sub(1)
}

#[component]
fn Check<R: Row>(
    state: State<R>,
    key: RwSignal<R::Key>,
    row: Signal<Arc<R>>,
    selected: Memo<bool>,
    focus: Memo<Option<usize>>,
) -> impl IntoView {
    let allowed = move || state.selectable.is_none_or(|selectable| row.with(|row| selectable(row)));
    view! {
        <div
            role="gridcell"
            class="hdm-grid-cell hdm-grid-check"
            aria-colindex="1"
            data-cell=INNER
            tabindex="-1"
        >
            <input
                type="checkbox"
                aria-label=move || row.with(|row| t::table::select_row(row.name()))
                prop:checked=selected
                aria-disabled=move || (!allowed()).then_some("true")
                tabindex=move || if focus.get() == Some(0) { "0" } else { "-1" }
                data-focus=""
                on:click=move |event| {
                    if !untrack(allowed) {
                        event.prevent_default();
                    }
                }
                on:change=move |event| {
                    let on = event_target_checked(&event);
                    if let Some(selection) = state.selection {
                        selection.update(|selection| selection.set(key.get_untracked(), on));
                    }
                }
            />
        </div>
    }
}
