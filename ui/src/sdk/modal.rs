//! Dialogs that the Client draws.

use std::cell::RefCell;

use hdm_shared::plugin::menu::ClientObject;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;

use super::{call0, call1, function};

/// Opens one of our pages in a dialog about some objects; says whether the Client could.
pub fn open_modal(address: &str, title: &str, (width, height): (u32, u32), objects: &[ClientObject]) -> bool {
    if function("modal", "open").is_none() {
        return false;
    }
    let contexts: Array = objects.iter().map(|o| object(&[("id", o.to_string().into())])).collect();
    let options = object(&[
        ("url", address.into()),
        ("title", title.into()),
        ("accessibilityTitle", title.into()),
        ("size", object(&[("width", width.into()), ("height", height.into())])),
        ("closable", true.into()),
        ("contextObjects", contexts.into()),
    ]);
    call1("modal", "open", &options).is_some()
}

/// Closes the dialog the page is in.
pub fn close_modal() {
    let _ = call0("modal", "close");
}

/// Sets the title of the dialog the page is in.
pub fn set_title(title: &str) {
    let options = object(&[("title", title.into())]);
    let _ = call1("modal", "setOptions", &options);
}

/// A question with two answers.
pub struct Confirmation {
    /// What it is about.
    pub title: String,
    /// What would happen.
    pub content: String,
    /// The button that does it.
    pub yes: String,
    /// The button that does not.
    pub no: String,
}

fn object(pairs: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (key, value) in pairs {
        let _ = Reflect::set(&object, &(*key).into(), value);
    }
    object.into()
}

thread_local! {
    static ANSWERED: RefCell<Option<Closure<dyn FnMut()>>> = const { RefCell::new(None) };
}

/// Lets the Client ask; says whether it could. `confirmed` is called if the answer is yes.
pub fn confirm(question: &Confirmation, confirmed: impl FnOnce() + 'static) -> bool {
    if function("modal", "openConfirmationModal").is_none() {
        return false;
    }
    let answered = Closure::once(confirmed);
    let callback = answered.as_ref().clone();
    // One question is open at a time; that of a question which was answered with no goes with the next.
    ANSWERED.replace(Some(answered));
    let yes = object(&[
        ("label", question.yes.as_str().into()),
        ("type", "PRIMARY".into()),
        ("style", "DANGER".into()),
        ("callback", callback),
    ]);
    let no = object(&[("label", question.no.as_str().into()), ("type", "SECONDARY".into())]);
    let options = object(&[
        ("title", question.title.as_str().into()),
        ("content", question.content.as_str().into()),
        ("alertLevel", "WARNING".into()),
        ("buttons", Array::of2(&no, &yes).into()),
    ]);
    call1("modal", "openConfirmationModal", &options).is_some()
}
