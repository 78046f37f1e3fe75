//! Reading and writing JSON.
//!
//! In the browser its own parser reads: it is there already, while `serde_json`'s, with the tables and sentences that
//! numbers need, would be a tenth of the program that is fetched. On the host, where only tests run, `serde_json` does.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a value; the error says what is wrong, in English.
#[cfg(target_arch = "wasm32")]
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = js_sys::JSON::parse(text).map_err(|error| js_sys::Error::from(error).message())?;
    serde_wasm_bindgen::from_value(value).map_err(|error| error.to_string())
}

/// Reads a value; the error says what is wrong, in English.
#[cfg(not(target_arch = "wasm32"))]
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Writes a value; the error says what is wrong, in English.
pub fn write<T: Serialize>(value: &T) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}
