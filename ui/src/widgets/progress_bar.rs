//! A bar with its percentage in words.

use leptos::prelude::*;

use crate::format;

/// A bar. `share` is from 0 to 1; `None` while it is not known how much there is to do.
#[component]
pub fn ProgressBar(#[prop(into)] share: Signal<Option<f64>>, label: String) -> impl IntoView {
    let width = move || format!("{:.1}%", share.get().unwrap_or_default() * 100.0);
    let now = move || share.get().map(|share| format!("{:.0}", share * 100.0));
    view! {
        <span class="hdm-progress">
            <span
                class="hdm-progress-track"
                role="progressbar"
                aria-label=label
                aria-valuemin="0"
                aria-valuemax="100"
                aria-valuenow=now
            >
                <span class="hdm-progress-bar" style:width=width></span>
            </span>
            <span class="hdm-progress-text">{move || share.get().map(format::percent)}</span>
        </span>
    }
}
