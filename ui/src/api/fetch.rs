//! One request, with a deadline.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestCache, RequestCredentials, RequestInit, Response};

use super::failure::Failure;

/// How long an answer may take that is asked for again and again.
pub const POLLED_MS: i32 = 20_000;
/// How long anything else that is read may take.
const READ_MS: i32 = 60_000;
/// How long something may take that is done: longer than the server waits for a plan of 500 VMs.
const DONE_MS: i32 = 90_000;

/// What is done.
#[derive(Clone, Copy, Debug)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Outgoing {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
    deadline_ms: i32,
}

impl Outgoing {
    /// A request for a path relative to the page.
    pub fn new(method: Method, path: &str) -> Self {
        let deadline_ms = if matches!(method, Method::Get) { READ_MS } else { DONE_MS };
        Self { method, path: path.to_owned(), headers: Vec::new(), body: None, deadline_ms }
    }

    /// With another deadline.
    pub fn within(mut self, deadline_ms: i32) -> Self {
        self.deadline_ms = deadline_ms;
        self
    }

    /// With a header.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With a body.
    pub fn json(mut self, body: String) -> Self {
        self.body = Some(body);
        self.with("Content-Type", "application/json")
    }
}

/// An answer: 2xx or 304.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub tag: Option<String>,
    pub text: String,
}

/// Sends a request.
pub async fn send(outgoing: &Outgoing) -> Result<Reply, Failure> {
    let away = |_: JsValue| Failure::ServerAway;
    let window = web_sys::window().ok_or(Failure::ServerAway)?;
    let headers = Headers::new().map_err(away)?;
    headers.set("Accept", "application/json, application/problem+json").map_err(away)?;
    for (name, value) in &outgoing.headers {
        headers.set(name, value).map_err(away)?;
    }
    let controller = AbortController::new().map_err(away)?;
    let init = RequestInit::new();
    init.set_method(outgoing.method.word());
    init.set_headers(&headers);
    // No cookie is ever needed, and the vCenter's own are not ours to send.
    init.set_credentials(RequestCredentials::SameOrigin);
    init.set_cache(RequestCache::NoStore);
    let signal = controller.signal();
    init.set_signal(Some(&signal));
    if let Some(body) = &outgoing.body {
        init.set_body(&JsValue::from_str(body));
    }
    // Dropped with its timer: one that is never called would stay for as long as the page.
    let abort = Closure::once(move || controller.abort());
    let timer = window
        .set_timeout_with_callback_and_timeout_and_arguments_0(
            abort.as_ref().unchecked_ref(),
            outgoing.deadline_ms,
        )
        .map_err(away)?;
    let answer = exchange(&window, &outgoing.path, &init).await;
    window.clear_timeout_with_handle(timer);
    drop(abort);
    let reply = answer.map_err(|_| if signal.aborted() { Failure::TooSlow } else { Failure::ServerAway })?;
    match reply.status {
        200..=299 | 304 => Ok(reply),
        status => Err(Failure::of_answer(status, &reply.text)),
    }
}

async fn exchange(window: &web_sys::Window, path: &str, init: &RequestInit) -> Result<Reply, JsValue> {
    let response: Response = JsFuture::from(window.fetch_with_str_and_init(path, init)).await?.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    let tag = response.headers().get("ETag").ok().flatten();
    Ok(Reply { status: response.status(), tag, text })
}

/// What a random path parameter looks like in an address.
pub fn escape(value: &str) -> String {
    js_sys::encode_uri_component(value).into()
}
