//! What a page remembers while the browser's tab is open: the last tab, filter, order and open row.
//!
//! Never a token, and nothing that outlives the tab: on the vCenter's origin, storage is not ours alone.

use leptos::prelude::window;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json;

/// Every key begins with this.
const PREFIX: &str = "com.hdm.";

/// What was remembered under a name.
pub fn recall<T: DeserializeOwned>(name: &str) -> Option<T> {
    let storage = window().session_storage().ok()??;
    json::read(&storage.get_item(&format!("{PREFIX}{name}")).ok()??).ok()
}

/// Remembers something; what cannot be remembered is not worth a word.
pub fn remember<T: Serialize>(name: &str, value: &T) {
    if let Ok(Some(storage)) = window().session_storage()
        && let Ok(text) = json::write(value)
    {
        let _ = storage.set_item(&format!("{PREFIX}{name}"), &text);
    }
}

/// Forgets something.
pub fn forget(name: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        let _ = storage.remove_item(&format!("{PREFIX}{name}"));
    }
}
