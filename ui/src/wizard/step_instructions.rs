//! Step 1: what happens, in few words.

use leptos::prelude::*;

use super::state::Wizard;
use crate::i18n::t;

#[component]
pub fn Instructions(wizard: Wizard) -> impl IntoView {
    let skip = move |event: web_sys::Event| {
        leptos::task::spawn_local(wizard.keep_skipping(event_target_checked(&event)));
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::instructions::title()}</h2>
        <p>{t::instructions::intro()}</p>
        <ol class="hdm-instructions">
            <li>{t::instructions::one()}</li>
            <li>{t::instructions::two()}</li>
            <li>{t::instructions::three()}</li>
            <li>{t::instructions::four()}</li>
        </ol>
        <p>{t::instructions::before()}</p>
        <div class="clr-checkbox-wrapper hdm-skip">
            <input
                id="hdm-skip"
                type="checkbox"
                class="clr-checkbox"
                prop:checked=move || wizard.preferences.with(|preferences| preferences.skip_instructions)
                on:change=skip
            />
            <label for="hdm-skip" class="clr-control-label">{t::instructions::skip()}</label>
        </div>
    }
}
