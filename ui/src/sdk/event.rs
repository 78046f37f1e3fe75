//! What the Client tells while a page is open. There is no way to stop listening: a page ends with its frame.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::{call1, get};

fn listen(name: &str, told: impl FnMut(JsValue) + 'static) {
    let callback = Closure::<dyn FnMut(JsValue)>::new(told).into_js_value();
    let _ = call1("event", name, callback.unchecked_ref());
}

/// The user pressed the Client's refresh button.
pub fn on_global_refresh(mut told: impl FnMut() + 'static) {
    listen("onGlobalRefresh", move |_| told());
}

/// The theme is another now; its name is `light` or `dark`.
pub fn on_theme_changed(mut told: impl FnMut(String) + 'static) {
    listen("onThemeChanged", move |theme| {
        if let Some(name) = get(&theme, "name").and_then(|name| name.as_string()) {
            told(name);
        }
    });
}

/// The user changed how dates are shown.
pub fn on_date_format_changed(mut told: impl FnMut() + 'static) {
    listen("onDateTimeFormatChanged", move |_| told());
}
