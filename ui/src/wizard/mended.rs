//! A field in which something is to be mended.

use leptos::prelude::*;

/// Says what is wrong with a field below it, and to a screen reader at it. Apart from the field itself, of which the
/// other pages have many and none that is ever wrong.
#[component]
pub fn Mended(
    /// The field's id.
    #[prop(into)]
    id: String,
    /// What is wrong; empty if nothing is.
    #[prop(into)]
    wrong: Signal<String>,
    children: Children,
) -> impl IntoView {
    let error_id = format!("{id}-error");
    let described = error_id.clone();
    Effect::new(move || {
        let is_wrong = wrong.with(|wrong| !wrong.is_empty());
        let Some(field) = document().get_element_by_id(&id) else { return };
        for (name, value) in [("aria-invalid", "true"), ("aria-describedby", &*described)] {
            let _ = if is_wrong { field.set_attribute(name, value) } else { field.remove_attribute(name) };
        }
    });
    view! {
        <div>
            {children()}
            <span id=error_id class="hdm-short">{wrong}</span>
        </div>
    }
}
