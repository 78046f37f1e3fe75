//! The table itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::body::Body;
use super::header::Header;
use super::keys::{self, Cell};
use super::{Column, ROW_PX, Row, Rows, window};
use crate::model::selection::Selection;
use crate::model::sorted::places;
use crate::model::table::{Order, SortKey};

/// What the parts of a table share.
pub(super) struct State<R: Row> {
    pub columns: StoredValue<Vec<Column<R>>>,
    pub rows: Memo<Rows<R>>,
    pub order: RwSignal<Option<Order>>,
    pub selection: Option<RwSignal<Selection<R::Key>>>,
    pub selectable: Option<fn(&R) -> bool>,
    pub opened: Signal<Option<R::Key>>,
    /// The row with the focus, `None` for the header, and its column.
    pub active: RwSignal<(Option<R::Key>, usize)>,
    /// Where that row stands, if it is among those that are shown.
    pub place: Memo<Option<usize>>,
    pub scroll_top: RwSignal<f64>,
    pub height: RwSignal<f64>,
}

impl<R: Row> Clone for State<R> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<R: Row> Copy for State<R> {}

impl<R: Row> State<R> {
    /// The column in which the selection's checkboxes stand takes the first place.
    pub fn first(self) -> usize {
        usize::from(self.selection.is_some())
    }

    fn columns_count(self) -> usize {
        self.first() + self.columns.with_value(Vec::len)
    }

    /// Whether the focus is in a cell of the table, or would come there.
    pub fn tab(self, key: Option<R::Key>, column: usize) -> super::Tab {
        let memo =
            Memo::new(
                move |_| {
                    if self.active.with(|(row, at)| *row == key && *at == column) { "0" } else { "-1" }
                },
            );
        memo.into()
    }
}

static NEXT_ID: AtomicUsize = AtomicUsize::new(0);

/// A table.
#[component]
pub fn Grid<R: Row>(
    /// Its name, to a screen reader.
    #[prop(into)]
    label: String,
    columns: Vec<Column<R>>,
    /// The rows that the filter shows, in any order.
    #[prop(into)]
    rows: Signal<Rows<R>>,
    /// How it is sorted; rows that are equal keep the order they come in.
    order: RwSignal<Option<Order>>,
    /// Which rows are selected, if any can be.
    #[prop(optional)]
    selection: Option<RwSignal<Selection<R::Key>>>,
    /// Which rows can be selected; all, if absent.
    #[prop(optional)]
    selectable: Option<fn(&R) -> bool>,
    /// The row whose details are shown.
    #[prop(optional, into)]
    opened: Option<Signal<Option<R::Key>>>,
    /// What is shown if there are no rows.
    children: ChildrenFn,
) -> impl IntoView {
    let id = format!("hdm-grid-{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
    let tracks: Vec<&str> =
        selection.map(|_| "2.25rem").into_iter().chain(columns.iter().map(|c| c.width)).collect();
    let tracks = tracks.join(" ");
    let columns = StoredValue::new(columns);
    let sorted =
        Memo::new_with_compare(move |_| sort(&rows.get(), order.get().as_ref(), columns), |_, _| true);
    let active = RwSignal::new((None::<R::Key>, 0));
    // Mostly it is where it was; else all are looked through, which costs less than an index of them.
    let place = Memo::new(move |before: Option<&Option<usize>>| {
        active.with(|(key, _)| {
            let key = key.as_ref()?;
            sorted.with(|rows| {
                let is = |row: &Arc<R>| row.key() == *key;
                let before = before.copied().flatten();
                before.filter(|at| rows.get(*at).is_some_and(is)).or_else(|| rows.iter().position(is))
            })
        })
    });
    let state = State {
        columns,
        rows: sorted,
        order,
        selection,
        selectable,
        opened: opened.unwrap_or_else(|| Signal::derive(|| None)),
        active,
        place,
        scroll_top: RwSignal::new(0.0),
        height: RwSignal::new(400.0),
    };
    let root = NodeRef::<html::Div>::new();
    measure(root, state);
    keep_focus(root, state);
    let empty = move || sorted.with(|rows| rows.is_empty());
    view! {
        <div
            id=id
            node_ref=root
            class="hdm-grid"
            role="grid"
            aria-label=label
            aria-rowcount=move || (sorted.with(|rows| rows.len()) + 1).to_string()
            aria-colcount=state.columns_count().to_string()
            aria-multiselectable=selection.map(|_| "true")
            style=("--hdm-columns", tracks)
            on:scroll=move |_| {
                if let Some(root) = root.get_untracked() {
                    state.scroll_top.set(f64::from(root.scroll_top()));
                }
            }
            on:keydown=move |event| on_key(&event, root, state)
            on:focusin=move |event| forward_focus(&event)
        >
            <div role="none" class="hdm-grid-inner">
            <Header state/>
            <Show when=move || !empty() fallback=move || {
                let children = children.clone();
                view! {
                    <div role="row" class="hdm-grid-empty">
                        <div role="gridcell" aria-colspan=state.columns_count().to_string()>
                            {children()}
                        </div>
                    </div>
                }
            }>
                <Body state/>
            </Show>
            </div>
        </div>
    }
}

fn sort<R: Row>(rows: &Rows<R>, order: Option<&Order>, columns: StoredValue<Vec<Column<R>>>) -> Rows<R> {
    let Some(order) = order else { return rows.clone() };
    let by = columns.with_value(|columns| {
        columns.iter().find(|column| column.id == order.column).and_then(|column| column.sort)
    });
    let Some(by) = by else { return rows.clone() };
    let keys: Vec<SortKey> = rows.iter().map(|row| by(row)).collect();
    let places = places(keys.len(), &|a, b| keys[a].compare(&keys[b], order.direction));
    Arc::new(places.into_iter().map(|at| rows[at].clone()).collect())
}

/// Keeps the table's height known, whatever changes it.
fn measure<R: Row>(root: NodeRef<html::Div>, state: State<R>) {
    Effect::new(move || {
        let Some(element) = root.get() else { return };
        let seen = element.clone();
        let changed = Closure::<dyn Fn()>::new(move || {
            let height = f64::from(seen.client_height()) - ROW_PX;
            if (state.height.get_untracked() - height).abs() > 0.5 {
                state.height.set(height);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(changed.into_js_value().unchecked_ref()) {
            observer.observe(&element);
            on_cleanup_local(observer);
        }
    });
}

fn on_cleanup_local(observer: web_sys::ResizeObserver) {
    let observer = StoredValue::new_local(observer);
    on_cleanup(move || {
        observer.try_with_value(web_sys::ResizeObserver::disconnect);
    });
}

/// When rows move in the document, the browser takes the focus away: give it back.
fn keep_focus<R: Row>(root: NodeRef<html::Div>, state: State<R>) {
    let inside = StoredValue::new(false);
    Effect::new(move |before: Option<()>| {
        state.rows.track();
        let Some(root) = root.get_untracked() else { return };
        let has_focus = document().active_element().is_some_and(|active| root.contains(Some(&active)));
        let lost = document().active_element().is_none_or(|active| active.tag_name() == "BODY");
        if before.is_some() && inside.get_value() && lost {
            request_animation_frame(move || focus_active(&root));
        } else {
            inside.set_value(has_focus);
        }
    });
    let handle = window_event_listener(leptos::ev::focusin, move |event| {
        let target = event.target().and_then(|target| target.dyn_into::<web_sys::Node>().ok());
        inside.set_value(root.get_untracked().is_some_and(|root| root.contains(target.as_ref())));
    });
    on_cleanup(move || handle.remove());
}

/// Focuses the cell that has the focus of the page's first table.
pub fn focus_first() {
    if let Ok(Some(grid)) = document().query_selector(".hdm-grid")
        && let Ok(grid) = grid.dyn_into::<web_sys::HtmlElement>()
    {
        focus_active(&grid);
    }
}

/// Focuses the cell that has the table's focus, or what is in it.
fn focus_active(root: &web_sys::HtmlElement) {
    let Ok(Some(cell)) = root.query_selector("[data-active]") else { return };
    let inner = cell.query_selector("[data-focus]").ok().flatten();
    if let Ok(element) = inner.unwrap_or(cell).dyn_into::<web_sys::HtmlElement>() {
        let options = web_sys::FocusOptions::new();
        options.set_prevent_scroll(true);
        let _ = element.focus_with_options(&options);
    }
}

/// A cell that gets the focus hands it to what is in it.
fn forward_focus(event: &web_sys::FocusEvent) {
    let Some(cell) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok()) else {
        return;
    };
    if cell.has_attribute("data-cell")
        && let Ok(Some(inner)) = cell.query_selector("[data-focus]")
        && let Ok(inner) = inner.dyn_into::<web_sys::HtmlElement>()
    {
        let _ = inner.focus();
    }
}

fn on_key<R: Row>(event: &web_sys::KeyboardEvent, root: NodeRef<html::Div>, state: State<R>) {
    let Some(root) = root.get_untracked() else { return };
    let column = state.active.with_untracked(|(_, column)| *column);
    let row_at = state.place.get_untracked();
    let typing = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok())
        .is_some_and(|input| input.type_() != "checkbox" && input.type_() != "radio");
    if typing || event.alt_key() || event.meta_key() {
        return;
    }
    let rows = state.rows.with_untracked(|rows| rows.len());
    if event.key() == " " && column >= state.first() && toggle(state, row_at) {
        event.prevent_default();
        return;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a table's height is small")]
    let page = (state.height.get_untracked() / ROW_PX).max(1.0) as usize;
    let from = Cell { row: row_at.map_or(0, |at| at + 1), column };
    let Some(to) = keys::target(&event.key(), event.ctrl_key(), from, rows, state.columns_count(), page)
    else {
        return;
    };
    event.prevent_default();
    let row_key = (to.row > 0).then(|| state.rows.with_untracked(|rows| rows[to.row - 1].key()));
    if let Some(at) = to.row.checked_sub(1) {
        let (top, height) = (state.scroll_top.get_untracked(), state.height.get_untracked());
        if let Some(scroll) = window::reveal(at, top, height) {
            #[allow(clippy::cast_possible_truncation, reason = "scroll positions are whole pixels")]
            root.set_scroll_top(scroll as i32);
            state.scroll_top.set(scroll);
        }
    }
    state.active.set((row_key, to.column));
    request_animation_frame(move || {
        focus_active(&root);
        show_active(&root);
    });
}

/// Scrolls to the cell that has the table's focus: sideways, and to the table itself if that is out of sight.
fn show_active(root: &web_sys::HtmlElement) {
    let Ok(Some(cell)) = root.query_selector("[data-active]") else { return };
    let options = web_sys::ScrollIntoViewOptions::new();
    options.set_block(web_sys::ScrollLogicalPosition::Nearest);
    options.set_inline(web_sys::ScrollLogicalPosition::Nearest);
    cell.scroll_into_view_with_scroll_into_view_options(&options);
}

/// Selects or deselects the row with the focus; says whether there was one.
fn toggle<R: Row>(state: State<R>, row_at: Option<usize>) -> bool {
    let (Some(selection), Some(at)) = (state.selection, row_at) else { return false };
    // A button in the row does its own work when the space bar is pressed.
    let on_button = document().active_element().is_some_and(|active| active.tag_name() == "BUTTON");
    if on_button {
        return false;
    }
    let row = state.rows.with_untracked(|rows| rows[at].clone());
    if state.selectable.is_none_or(|selectable| selectable(&row)) {
        selection.update(|selection| selection.set(row.key(), !selection.contains(&row.key())));
    }
    true
}
