//! What stands where there is nothing: why, and the next step.

use leptos::prelude::*;

use crate::i18n::t;

/// An empty state.
#[component]
pub fn Empty(
    /// What is not there.
    title: String,
    /// Why, or what to do.
    hint: String,
    /// A button for the next step, if there is one.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="hdm-empty">
            <p class="hdm-empty-title">{title}</p>
            <p class="hdm-empty-hint">{hint}</p>
            {children.map(|children| children())}
        </div>
    }
}

/// What stands where nothing could be read yet.
#[component]
pub fn Unknown() -> impl IntoView {
    let (title, hint) = (t::progress::unknown_title().to_owned(), t::progress::unknown_hint().to_owned());
    view! { <Empty title hint/> }
}

/// What stands where something is being read.
#[component]
pub fn Loading() -> impl IntoView {
    view! {
        <p class="hdm-loading" role="status">
            <span class="spinner spinner-inline"></span>
            {t::common::loading()}
        </p>
    }
}
