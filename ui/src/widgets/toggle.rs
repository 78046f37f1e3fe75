//! A switch.

use leptos::prelude::*;

/// A switch with its name.
#[component]
pub fn Toggle(id: &'static str, label: String, on: RwSignal<bool>) -> impl IntoView {
    view! {
        <div class="clr-form-control hdm-toggle">
            <div class="clr-toggle-wrapper">
                <input
                    id=id
                    type="checkbox"
                    role="switch"
                    class="clr-toggle"
                    prop:checked=on
                    on:change=move |event| on.set(event_target_checked(&event))
                />
                <label for=id class="clr-control-label">{label}</label>
            </div>
        </div>
    }
}
