//! Light and dark, as the Client has it.

use hdm_charts::Theme;
use leptos::prelude::*;

use crate::sdk;

thread_local! {
    static CURRENT: ArcRwSignal<Theme> = ArcRwSignal::new(Theme::Light);
}

/// Takes the Client's theme and follows it. A Client that does not tell (before 7.0 U1) is light.
pub fn follow() {
    apply(&sdk::theme().unwrap_or_else(|| "light".into()));
    sdk::on_theme_changed(|name| apply(&name));
}

/// The theme, for what is drawn in colours of its own.
pub fn current() -> RwSignal<Theme> {
    CURRENT.with(|current| RwSignal::from(current.clone()))
}

fn apply(name: &str) {
    let (theme, word) = if name == "dark" { (Theme::Dark, "dark") } else { (Theme::Light, "light") };
    if let Some(body) = document().body() {
        let _ = body.set_attribute("cds-theme", word);
    }
    CURRENT.with(|current| current.set(theme));
}
