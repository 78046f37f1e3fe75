//! What stands where there is nothing: why, and the next step.

use leptos::prelude::*;

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
