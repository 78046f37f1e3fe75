//! A choice in which something may have to be mended.

use leptos::prelude::*;

use crate::widgets::form::{Choice, Select};

/// A [`Select`] that says below it what is wrong with what is chosen, and to a screen reader at it. Apart from the
/// usual one, of which the other pages have many and none that is ever wrong: their program would grow by it.
#[component]
pub fn MendedSelect(
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
    /// Why what is chosen cannot be; empty if it can.
    #[prop(into)]
    wrong: Signal<String>,
) -> impl IntoView {
    let error_id = format!("{id}-error");
    let (field, described) = (id.clone(), error_id.clone());
    Effect::new(move || {
        let is_wrong = wrong.with(|wrong| !wrong.is_empty());
        let Some(field) = document().get_element_by_id(&field) else { return };
        for (name, value) in [("aria-invalid", "true"), ("aria-describedby", &*described)] {
            let _ = if is_wrong { field.set_attribute(name, value) } else { field.remove_attribute(name) };
        }
    });
    view! {
        <div>
            <Select id label value choices on_choice bare/>
            <span id=error_id class="hdm-short">{wrong}</span>
        </div>
    }
}
