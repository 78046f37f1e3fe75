//! Step 2: how the virtual machines are moved. What is not there yet says why.

use leptos::prelude::*;

use crate::i18n::t;

#[component]
pub fn Type() -> impl IntoView {
    let choice = |id: &'static str, name: &'static str, text: &'static str, available: bool| {
        let described = format!("{id}-text");
        view! {
            <div class="hdm-choice" class:hdm-unavailable=!available>
                <div class="clr-radio-wrapper">
                    <input
                        id=id
                        type="radio"
                        name="hdm-type"
                        class="clr-radio"
                        checked=available
                        disabled=!available
                        aria-describedby=described.clone()
                    />
                    <label for=id class="clr-control-label">{name}</label>
                </div>
                <p id=described>
                    {text} {(!available).then(|| view! { <br/> <span>{t::kind::unavailable()}</span> })}
                </p>
            </div>
        }
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::kind::title()}</h2>
        <div role="radiogroup" aria-labelledby="hdm-step-title">
            {choice("hdm-type-try", t::kind::trial(), t::kind::trial_text(), false)}
            {choice("hdm-type-warm", t::kind::warm(), t::kind::warm_text(), false)}
            {choice("hdm-type-cold", t::kind::cold_long(), t::kind::cold_text(), true)}
        </div>
    }
}
