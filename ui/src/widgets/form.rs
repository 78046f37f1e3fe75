//! Fields.

use leptos::prelude::*;

use crate::i18n::t;

/// One choice of a [`Select`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its value.
    pub value: String,
    /// Its words.
    pub label: String,
}

impl Choice {
    /// A choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }
}

/// A line of text, with its error below it.
#[component]
pub fn Input(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    value: RwSignal<String>,
    #[prop(optional, into)] placeholder: String,
    #[prop(optional)] numeric: bool,
    #[prop(optional, into)] kind: Option<&'static str>,
    /// Why what is in it cannot be; empty if it can.
    #[prop(into)]
    wrong: Signal<String>,
) -> impl IntoView {
    let is_wrong = move || wrong.with(|wrong| !wrong.is_empty());
    let error_id = format!("{id}-error");
    let described = error_id.clone();
    view! {
        <div class="hdm-field" class:clr-error=is_wrong>
            <label for=id.clone() class="clr-control-label">{label}</label>
            <input
                id=id
                type=kind.unwrap_or("text")
                class="clr-input"
                inputmode=numeric.then_some("numeric")
                autocomplete="off"
                placeholder=placeholder
                aria-invalid=move || is_wrong().then_some("true")
                aria-describedby=move || is_wrong().then(|| described.clone())
                prop:value=value
                on:input=move |event| value.set(event_target_value(&event))
            />
            {move || is_wrong().then(|| view! { <span id=error_id.clone() class="hdm-short">{wrong}</span> })}
        </div>
    }
}

/// What a list is searched for.
#[component]
pub fn Search(text: RwSignal<String>) -> impl IntoView {
    view! {
        <input
            type="search"
            class="clr-input hdm-search"
            aria-label=t::common::search()
            placeholder=t::common::search()
            maxlength="100"
            prop:value=text
            on:input=move |event| text.set(event_target_value(&event))
        />
    }
}

/// A choice of several.
#[component]
pub fn Select(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    #[prop(into)] value: Signal<String>,
    #[prop(into)] choices: Signal<Vec<Choice>>,
    /// What happens when another is chosen.
    #[prop(into)]
    on_choice: Callback<String>,
    /// Whether the label is for screen readers only.
    #[prop(optional)]
    bare: bool,
) -> impl IntoView {
    let options = move || {
        let chosen = value.get();
        choices
            .get()
            .into_iter()
            .map(|choice| {
                let selected = choice.value == chosen;
                view! {
                    <option value=choice.value prop:selected=selected>
                        {choice.label}
                    </option>
                }
            })
            .collect_view()
    };
    view! {
        <div class="hdm-field">
            <label for=id.clone() class=if bare { "clr-sr-only" } else { "clr-control-label" }>{label}</label>
            <div class="clr-select-wrapper">
                <select
                    id=id
                    class="clr-select"
                    prop:value=value
                    on:change=move |event| on_choice.run(event_target_value(&event))
                >
                    {options}
                </select>
            </div>
        </div>
    }
}
