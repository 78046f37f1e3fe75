//! A panel beside the list it belongs to.
//!
//! It takes the focus when it opens, closes by Escape, and gives the focus back to what opened it.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::Icon;
use crate::grid;
use crate::i18n::t;

/// A panel.
#[component]
pub fn Panel(
    /// Its heading.
    #[prop(into)]
    title: Signal<String>,
    /// Its name to a screen reader; the heading, if absent.
    #[prop(optional, into)]
    label: Option<Signal<String>>,
    /// A class of its own.
    #[prop(optional)]
    class: &'static str,
    /// What stands beside the heading.
    #[prop(optional, into)]
    mark: ViewFn,
    #[prop(into)] close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let panel = NodeRef::<html::Section>::new();
    let heading = NodeRef::<html::H2>::new();
    let opener = StoredValue::new_local(focused());
    Effect::new(move || {
        let Some(heading) = heading.get() else { return };
        // Where there is no room beside the list, the panel is below it.
        let options = web_sys::ScrollIntoViewOptions::new();
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        if let Some(panel) = panel.get_untracked() {
            panel.scroll_into_view_with_scroll_into_view_options(&options);
        }
        // A panel that was open before the page was reloaded was opened by nobody.
        if opener.with_value(Option::is_some) {
            let _ = heading.focus();
        }
    });
    on_cleanup(move || {
        let inside = panel.try_get_untracked().flatten().is_some_and(|panel| {
            document().active_element().is_some_and(|active| panel.contains(Some(&active)))
        });
        if inside {
            give_back(opener.try_with_value(Clone::clone).flatten());
        }
    });
    let on_key = move |event: web_sys::KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            close.run(());
        }
    };
    view! {
        <section
            node_ref=panel
            class=format!("hdm-details {class}")
            aria-label=move || label.unwrap_or(title).get()
            on:keydown=on_key
        >
            <div class="hdm-details-head">
                <h2 node_ref=heading tabindex="-1">{title}</h2>
                {mark.run()}
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button"
                    aria-label=t::common::close()
                    title=t::common::close()
                    on:click=move |_| close.run(())
                >
                    {Icon::Cross.draw()}
                </button>
            </div>
            <div class="hdm-details-body">{children()}</div>
        </section>
    }
}

/// What has the focus now, if anything has.
fn focused() -> Option<HtmlElement> {
    let active = document().active_element()?;
    active.dyn_into::<HtmlElement>().ok().filter(|active| active.tag_name() != "BODY")
}

/// Focuses what opened a panel; if that is no more, the list's own place.
fn give_back(opener: Option<HtmlElement>) {
    match opener.filter(|opener| opener.is_connected()) {
        Some(opener) => drop(opener.focus()),
        None => grid::focus_first(),
    }
}
