//! The plugin server's HTTP API, as `hdm_shared::plugin` lists it.
//!
//! Every address is relative to the page. A request names the vCenter it is about, and carries that vCenter's
//! grant; see [`session`].

mod failure;
mod fetch;
mod session;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use failure::Failure;
pub use fetch::escape;
use fetch::{Method, Outgoing, Reply};
use hdm_shared::plugin::CLIENT_TOKEN_HEADER;
pub use session::{Guid, grant, sign_in};

use crate::{json, sdk};

/// An answer, or word that it is the one already known.
pub enum Fresh<T> {
    /// It is new; with its tag, to be sent next time.
    New(T, Option<String>),
    /// Nothing has changed.
    Same,
}

/// Reads something.
pub async fn read<T: DeserializeOwned>(guid: &Guid, path: &str) -> Result<T, Failure> {
    parse(&authorized(guid, Outgoing::new(Method::Get, path)).await?)
}

/// Reads something that is asked for again and again, unless it is still what `tag` belongs to.
pub async fn poll<T: DeserializeOwned>(
    guid: &Guid,
    path: &str,
    tag: Option<&str>,
) -> Result<Fresh<T>, Failure> {
    conditional(guid, Outgoing::new(Method::Get, path).within(fetch::POLLED_MS), tag).await
}

/// Reads something unless it is still what `tag` belongs to.
pub async fn read_if_changed<T: DeserializeOwned>(
    guid: &Guid,
    path: &str,
    tag: Option<&str>,
) -> Result<Fresh<T>, Failure> {
    conditional(guid, Outgoing::new(Method::Get, path), tag).await
}

async fn conditional<T: DeserializeOwned>(
    guid: &Guid,
    mut outgoing: Outgoing,
    tag: Option<&str>,
) -> Result<Fresh<T>, Failure> {
    if let Some(tag) = tag {
        outgoing = outgoing.with("If-None-Match", tag);
    }
    let reply = authorized(guid, outgoing).await?;
    if reply.status == 304 { Ok(Fresh::Same) } else { Ok(Fresh::New(parse(&reply)?, reply.tag.clone())) }
}

/// Asks for something to be done. `once` makes that the same request, sent twice, is carried out once.
pub async fn write<B: Serialize, T: DeserializeOwned>(
    guid: &Guid,
    method: &str,
    path: &str,
    body: &B,
    once: Option<&str>,
) -> Result<T, Failure> {
    let method = match method {
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => Method::Post,
    };
    let text = json::write(body).map_err(Failure::Nonsense)?;
    let mut outgoing = Outgoing::new(method, path).json(text);
    if let Some(key) = once {
        outgoing = outgoing.with("Idempotency-Key", key);
    }
    let reply = authorized(guid, outgoing).await?;
    if reply.text.is_empty() {
        // What answers nothing is read as `null`.
        return json::read("null").map_err(Failure::Nonsense);
    }
    parse(&reply)
}

fn parse<T: DeserializeOwned>(reply: &Reply) -> Result<T, Failure> {
    json::read(&reply.text).map_err(Failure::Nonsense)
}

/// Sends a request with the vCenter's grant. If the server does not know the session any more, the Client's
/// token is exchanged again and the request is repeated, once. It then carries the Client's token too: another
/// instance of the server than the one that exchanged it may answer, and opens a session of its own with it.
async fn authorized(guid: &Guid, outgoing: Outgoing) -> Result<Reply, Failure> {
    let grant = session::grant(guid).await?;
    let bearer = |token: &str| format!("Bearer {token}");
    match fetch::send(&outgoing.clone().with("Authorization", &bearer(&grant.token))).await {
        Err(Failure::SessionUnknown) => {
            session::forget(guid, &grant);
            let grant = session::grant(guid).await?;
            let mut again = outgoing.with("Authorization", &bearer(&grant.token));
            if let Some(token) = sdk::session_token().await {
                again = again.with(CLIENT_TOKEN_HEADER, &token);
            }
            match fetch::send(&again).await {
                Err(Failure::SessionUnknown) => Err(Failure::SessionEnded),
                other => other,
            }
        }
        other => other,
    }
}

/// A key that is used for one request and its repetitions.
pub fn idempotency_key() -> String {
    let crypto = js_sys::Reflect::get(&js_sys::global(), &"crypto".into()).ok();
    let random = crypto.and_then(|crypto| {
        let function: js_sys::Function =
            wasm_bindgen::JsCast::dyn_into(js_sys::Reflect::get(&crypto, &"randomUUID".into()).ok()?).ok()?;
        function.call0(&crypto).ok()?.as_string()
    });
    random.unwrap_or_else(|| format!("{}-{}", js_sys::Date::now(), js_sys::Math::random()))
}
