//! Small parts that pages are made of. Styles are Clarity's classes wherever it has one.

pub mod alert;
pub mod empty;
pub mod export;
pub mod form;
pub mod icon;
pub mod menu;
pub mod panel;
pub mod progress_bar;
pub mod question;
pub mod state_label;
pub mod tabs;
pub mod toggle;
pub mod window;

pub use alert::{Alert, Level};
pub use empty::{Empty, Loading, Unknown};
pub use export::{ExportWindow, Exports};
pub use icon::Icon;
pub use menu::{Menu, MenuEntry};
pub use panel::Panel;
pub use progress_bar::ProgressBar;
pub use question::{Question, ask};
pub use state_label::StateLabel;
pub use tabs::{TabPanel, Tabs};
pub use toggle::Toggle;
pub use window::Window;

use leptos::prelude::{document, request_animation_frame};
use wasm_bindgen::JsCast;

/// Focuses the first field that is marked as wrong, once it is.
pub fn focus_wrong() {
    request_animation_frame(|| {
        if let Ok(Some(field)) = document().query_selector("[aria-invalid=true]")
            && let Ok(field) = field.dyn_into::<web_sys::HtmlElement>()
        {
            let _ = field.focus();
            // What is said below it is to be seen, too.
            let options = web_sys::ScrollIntoViewOptions::new();
            options.set_block(web_sys::ScrollLogicalPosition::Center);
            field.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });
}

/// Focuses an element by its id, if it is there.
pub fn focus(id: &str) {
    if let Some(element) = document().get_element_by_id(id)
        && let Ok(element) = element.dyn_into::<web_sys::HtmlElement>()
    {
        let _ = element.focus();
    }
}
