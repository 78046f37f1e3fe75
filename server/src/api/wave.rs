//! `POST api/wave`: a list of VMs that somebody pastes or opens in the wizard is read.
//!
//! Nothing is looked up here: names stay names, and the page, which knows the VMs that its user may see, finds them.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use hdm_shared::wave::{MAX_TEXT_BYTES, WaveText};
use hdm_wave::Kind;
use tokio::sync::Mutex;

use super::{Caller, reply};
use crate::problem::Failure;

/// What a list says, or its mistakes with their places.
pub async fn read(
    _caller: Caller,
    headers: HeaderMap,
    body: Result<Json<WaveText>, JsonRejection>,
) -> Result<Response, Failure> {
    /// What a list is read into is larger than its text: one at a time, also if nobody waits for it any more.
    static ONE: Mutex<()> = Mutex::const_new(());
    let Json(WaveText { text }) = body?;
    if text.len() > MAX_TEXT_BYTES {
        let detail =
            format!("The list has {} bytes, and at most {MAX_TEXT_BYTES} are read. Divide it.", text.len());
        return Err(Failure::bad_request(detail));
    }
    let one = ONE.lock().await;
    let reading = tokio::task::spawn_blocking(move || {
        let _one = one;
        hdm_wave::read(&text, Kind::of(&text))
    });
    let wave = reading.await.map_err(|error| Failure::internal(error.to_string()))?;
    reply::json(&headers, &wave)
}
