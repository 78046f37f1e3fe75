//! A window over the page, by the browser's own `dialog`: it holds the focus, and gives it back when it closes.

use leptos::html;
use leptos::prelude::*;

/// A window; shown for as long as it is in the page.
#[component]
pub fn Window(
    /// `dialog`, or `alertdialog` for what must be answered.
    #[prop(default = "dialog")]
    role: &'static str,
    /// The id of the element that names it.
    labelled_by: &'static str,
    /// What Escape does.
    #[prop(into)]
    close: Callback<()>,
    children: Children,
) -> impl IntoView {
    let window = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        if let Some(window) = window.get() {
            let _ = window.show_modal();
        }
    });
    // The focus goes back only from a window that is closed before it is removed.
    on_cleanup(move || {
        if let Some(Some(window)) = window.try_get_untracked() {
            window.close();
        }
    });
    view! {
        <dialog
            node_ref=window
            class="hdm-window"
            role=role
            aria-labelledby=labelled_by
            on:cancel=move |event: web_sys::Event| {
                event.prevent_default();
                close.run(());
            }
        >
            {children()}
        </dialog>
    }
}
