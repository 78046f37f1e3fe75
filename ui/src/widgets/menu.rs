//! A menu that drops from its button.

use std::sync::Arc;

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::Icon;

/// One entry.
#[derive(Clone)]
pub struct MenuEntry {
    /// Its words.
    pub label: String,
    /// Whether it can be chosen now.
    pub enabled: bool,
    /// Whether a line is drawn above it.
    pub apart: bool,
    /// Whether it is on, if it is something that can be.
    pub checked: Option<bool>,
    /// What it does.
    pub run: Arc<dyn Fn() + Send + Sync>,
}

impl MenuEntry {
    /// An entry that can be chosen.
    pub fn new(label: impl Into<String>, run: impl Fn() + Send + Sync + 'static) -> Self {
        Self { label: label.into(), enabled: true, apart: false, checked: None, run: Arc::new(run) }
    }

    /// An entry that is on or off.
    pub fn checked(label: impl Into<String>, on: bool, run: impl Fn() + Send + Sync + 'static) -> Self {
        Self { checked: Some(on), ..Self::new(label, run) }
    }
}

/// A button with a menu. Opened by click, Enter or space; arrow keys move, Escape closes.
#[component]
pub fn Menu(
    /// The button's name.
    #[prop(into)]
    label: Signal<String>,
    icon: Icon,
    /// The entries, asked for when the menu opens.
    #[prop(into)]
    entries: Callback<(), Vec<MenuEntry>>,
    /// The button's place in the order of focus.
    #[prop(into, default = Signal::stored("0"))]
    tabindex: Signal<&'static str>,
) -> impl IntoView {
    let opened = RwSignal::new(None::<(f64, f64, bool)>);
    let shown = RwSignal::new(Vec::<MenuEntry>::new());
    let button = NodeRef::<html::Button>::new();
    let list = NodeRef::<html::Div>::new();

    let close = move |back: bool| {
        opened.set(None);
        if back && let Some(button) = button.get_untracked() {
            let _ = button.focus();
        }
    };
    let open = move || {
        let Some(element) = button.get_untracked() else { return };
        let place = element.get_bounding_client_rect();
        let height = window().inner_height().ok().and_then(|h| h.as_f64()).unwrap_or(600.0);
        shown.set(entries.run(()));
        // Where there is no room below, it opens upwards.
        let upwards = place.bottom() + 220.0 > height;
        let y = if upwards { height - place.top() } else { place.bottom() };
        let width = window().inner_width().ok().and_then(|w| w.as_f64()).unwrap_or(1_000.0);
        opened.set(Some((width - place.right(), y, upwards)));
        request_animation_frame(move || move_focus(list, Move::First));
    };
    let on_key = move |event: web_sys::KeyboardEvent| {
        let to = match event.key().as_str() {
            "ArrowDown" => Move::Next,
            "ArrowUp" => Move::Previous,
            "Home" => Move::First,
            "End" => Move::Last,
            "Escape" => {
                event.stop_propagation();
                close(true);
                return;
            }
            "Tab" => {
                close(false);
                return;
            }
            _ => {
                event.stop_propagation();
                return;
            }
        };
        event.prevent_default();
        event.stop_propagation();
        move_focus(list, to);
    };
    // A key that comes before the menu has the focus is for the menu, and not for the table around it.
    let on_button_key = move |event: web_sys::KeyboardEvent| {
        if opened.with_untracked(Option::is_some)
            && matches!(event.key().as_str(), "ArrowDown" | "ArrowUp" | "Home" | "End" | "Escape")
        {
            on_key(event);
        }
    };
    let on_focus_out = move |event: web_sys::FocusEvent| {
        let to = event.related_target().and_then(|to| to.dyn_into::<web_sys::Node>().ok());
        let inside = list.get_untracked().is_some_and(|list| list.contains(to.as_ref()));
        if !inside {
            opened.set(None);
        }
    };
    let entry_view = move |entry: MenuEntry| {
        let MenuEntry { label, enabled, apart, checked, run } = entry;
        view! {
            {apart.then(|| view! { <div class="dropdown-divider" role="separator"></div> })}
            <button
                type="button"
                class="dropdown-item"
                role=if checked.is_some() { "menuitemcheckbox" } else { "menuitem" }
                aria-checked=checked.map(|on| on.to_string())
                tabindex="-1"
                disabled=!enabled
                on:click=move |_| {
                    close(true);
                    run();
                }
            >
                {checked
                    .map(|on| {
                        view! { <span class="hdm-menu-mark">{on.then(|| Icon::Check.draw())}</span> }
                    })}
                {label}
            </button>
        }
    };
    view! {
        <button
            node_ref=button
            type="button"
            class="btn btn-icon btn-link btn-sm hdm-icon-button"
            aria-label=label
            title=label
            aria-haspopup="menu"
            aria-expanded=move || opened.with(Option::is_some).to_string()
            tabindex=tabindex
            data-focus=""
            on:keydown=on_button_key
            on:click=move |event| {
                event.stop_propagation();
                if opened.with_untracked(Option::is_some) { close(true) } else { open() }
            }
        >
            {icon.draw()}
        </button>
        <Show when=move || opened.with(Option::is_some)>
            <div
                node_ref=list
                class="dropdown-menu hdm-menu"
                role="menu"
                aria-label=label
                style:right=move || opened.get().map(|(x, _, _)| format!("{x}px"))
                style:top=move || opened.get().and_then(|(_, y, up)| (!up).then(|| format!("{y}px")))
                style:bottom=move || opened.get().and_then(|(_, y, up)| up.then(|| format!("{y}px")))
                on:keydown=on_key
                on:focusout=on_focus_out
            >
                {move || shown.get().into_iter().map(entry_view).collect_view()}
            </div>
        </Show>
    }
}

#[derive(Clone, Copy)]
enum Move {
    First,
    Last,
    Next,
    Previous,
}

fn move_focus(list: NodeRef<html::Div>, to: Move) {
    let Some(list) = list.get_untracked() else { return };
    let Ok(items) = list.query_selector_all("[role^=menuitem]:not(:disabled)") else { return };
    let count = items.length();
    if count == 0 {
        let _ = list.set_attribute("tabindex", "-1");
        let _ = list.focus();
        return;
    }
    let active = document().active_element();
    let now = (0..count).find(|at| {
        items
            .get(*at)
            .is_some_and(|item| active.as_ref().is_some_and(|active| active.is_same_node(Some(&item))))
    });
    let next = match (to, now) {
        (Move::First, _) | (Move::Next, None) => 0,
        (Move::Last, _) | (Move::Previous, None) => count - 1,
        (Move::Next, Some(now)) => (now + 1) % count,
        (Move::Previous, Some(now)) => (now + count - 1) % count,
    };
    if let Some(item) = items.get(next).and_then(|item| item.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = item.focus();
    }
}
