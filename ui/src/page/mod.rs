//! From the first line to a page: the Client's API, the language, the theme, what the page is about.

mod app;
pub mod context;
pub mod live;
pub mod memory;
pub mod prefs;
pub mod rights;
pub mod theme;
pub mod unread;

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::i18n::{self, Language, t};
use crate::route::Route;
use crate::sdk;
use context::Context;

/// Draws the view of an address, one of those that the program has.
pub type Views = fn(RwSignal<Route>) -> AnyView;

/// Begins.
pub fn start(views: Views) {
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
        // What is shown stays where it is, but nothing of it is followed any more.
        boot_says(t::trouble::crashed());
    }));
    wasm_bindgen_futures::spawn_local(async move {
        if sdk::initialize().await.is_err() {
            boot_says(t::trouble::no_client());
            return;
        }
        theme::follow();
        // What is shown was formatted once: the page is drawn anew, and remembers where it was.
        sdk::on_date_format_changed(|| {
            let _ = window().location().reload();
        });
        load_language().await;
        match Context::find().await {
            Some(context) => {
                boot_is_over();
                leptos::mount::mount_to_body(move || view! { <app::App context views/> });
            }
            None => boot_says(t::trouble::no_page()),
        }
    });
}

async fn load_language() {
    let language = Language::of_locale(&sdk::locale().unwrap_or_default());
    let file = match language.file() {
        None => None,
        Some(path) => fetch_text(&path).await,
    };
    i18n::use_language(language, file.as_deref());
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("lang", i18n::language().code());
    }
}

async fn fetch_text(path: &str) -> Option<String> {
    let answer = wasm_bindgen_futures::JsFuture::from(window().fetch_with_str(path)).await.ok()?;
    let response: web_sys::Response = answer.dyn_into().ok()?;
    if !response.ok() {
        return None;
    }
    wasm_bindgen_futures::JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}

/// Puts a sentence where the page would be.
fn boot_says(sentence: &str) {
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.set_text_content(Some(sentence));
        let _ = boot.set_attribute("role", "alert");
        let _ = boot.remove_attribute("hidden");
    }
}

/// Hides it for as long as nothing is wrong; what is said later stands above the page.
fn boot_is_over() {
    if let Some(boot) = document().get_element_by_id("boot") {
        let _ = boot.set_attribute("hidden", "");
        boot.set_class_name("hdm-boot hdm-crashed");
    }
}
