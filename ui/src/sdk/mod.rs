//! The vSphere Client's JavaScript API for remote plug-ins, `htmlClientSdk`.
//!
//! Thin, and careful: every function is looked up when it is used, because the pages run in Clients from 7.0
//! on and not each of them has each function (vSphere Client SDK, "JavaScript API"). What a Client does not
//! have answers `None`, and the page does without.

mod app;
mod event;
mod modal;

use js_sys::{Function, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

#[cfg(target_arch = "wasm32")]
pub use app::format_date_time;
pub use app::{
    ClientView, can_navigate, context_objects, locale, navigate_to, navigate_to_client, navigation_data,
    refresh_plugin_items, session_token, theme, vcenter_guids,
};
pub use event::{on_date_format_changed, on_global_refresh, on_theme_changed};
pub use modal::{Confirmation, close_modal, confirm, open_modal, set_title};

/// How long the Client may take to answer.
const DEADLINE_MS: i32 = 10_000;

fn root() -> Option<JsValue> {
    get(&js_sys::global(), "htmlClientSdk")
}

/// A property that is there.
fn get(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into()).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// A function of one part of the API, with the object it is called on.
fn function(part: &str, name: &str) -> Option<(JsValue, Function)> {
    let object = get(&root()?, part)?;
    let function = get(&object, name)?.dyn_into().ok()?;
    Some((object, function))
}

/// Calls a function without arguments.
fn call0(part: &str, name: &str) -> Option<JsValue> {
    let (object, function) = function(part, name)?;
    function.call0(&object).ok().filter(|value| !value.is_undefined() && !value.is_null())
}

/// Calls a function with one argument.
fn call1(part: &str, name: &str, argument: &JsValue) -> Option<JsValue> {
    let (object, function) = function(part, name)?;
    function.call1(&object, argument).ok()
}

/// Calls a function that answers through a callback; `None` if it is not there or does not answer in time.
async fn answered(part: &str, name: &str) -> Option<JsValue> {
    let (object, function) = function(part, name)?;
    let call = move |done: &Function| function.call1(&object, done).map(drop);
    wait_for(call).await.filter(|value| !value.is_undefined() && !value.is_null())
}

/// Waits for the callback handed to `start`, or for the deadline.
async fn wait_for(start: impl FnOnce(&Function) -> Result<(), JsValue>) -> Option<JsValue> {
    let mut start = Some(start);
    let promise = js_sys::Promise::new(&mut |resolve, reject| {
        let done = Closure::once_into_js(move |value: JsValue| {
            let _ = resolve.call1(&JsValue::UNDEFINED, &value);
        });
        let late = reject.clone();
        let timer = Closure::once_into_js(move || {
            let _ = late.call0(&JsValue::UNDEFINED);
        });
        if let Some(window) = web_sys::window() {
            let _ = window
                .set_timeout_with_callback_and_timeout_and_arguments_0(timer.unchecked_ref(), DEADLINE_MS);
        }
        if let Some(start) = start.take()
            && start(done.unchecked_ref()).is_err()
        {
            let _ = reject.call0(&JsValue::UNDEFINED);
        }
    });
    JsFuture::from(promise).await.ok()
}

/// Makes the API ready. Everything else may be used only afterwards.
///
/// # Errors
/// When the API is not there, or the Client does not answer in ten seconds.
pub async fn initialize() -> Result<(), NoClient> {
    let root = root().ok_or(NoClient)?;
    let initialize: Function = get(&root, "initialize").and_then(|f| f.dyn_into().ok()).ok_or(NoClient)?;
    wait_for(move |done| initialize.call1(&root, done).map(drop)).await.map(drop).ok_or(NoClient)
}

/// The page is not inside a vSphere Client, or the Client does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoClient;
