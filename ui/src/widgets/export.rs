//! A text that can be taken along: to be seen, copied, and saved where the browser lets the page.
//!
//! The Client's frame is sandboxed without `allow-downloads`; there a download does nothing but write into the
//! browser's console, and nothing tells the page. Hence the text itself, selected, and a button that copies it.

use js_sys::Array;
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, HtmlDocument, Url};

use super::Window;
use crate::i18n::t;

/// A file that the page made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Export {
    name: &'static str,
    kind: &'static str,
    text: String,
}

/// What the page offers to be taken along; one for all its parts.
#[derive(Clone, Copy)]
pub struct Exports(RwSignal<Option<Export>>);

impl Exports {
    /// Makes it known to all parts of the page.
    pub fn provide() {
        provide_context(Self(RwSignal::new(None)));
    }

    /// Offers a text.
    pub fn offer(self, name: &'static str, kind: &'static str, text: String) {
        self.0.set(Some(Export { name, kind, text }));
    }
}

/// The window in which it is offered.
#[component]
pub fn ExportWindow() -> impl IntoView {
    let Exports(offered) = expect_context::<Exports>();
    move || offered.get().map(|export| view! { <Shown offered export/> })
}

#[component]
fn Shown(offered: RwSignal<Option<Export>>, export: Export) -> impl IntoView {
    let area = NodeRef::<html::Textarea>::new();
    let said = RwSignal::new("");
    let Export { name, kind, text } = export;
    let select = move || {
        if let Some(area) = area.get_untracked() {
            let _ = area.focus();
            area.select();
        }
    };
    Effect::new(move || {
        if area.get().is_some() {
            request_animation_frame(select);
        }
    });
    let copy = move |_| {
        select();
        // The newer way asks for a permission that a frame may lack.
        let copied = document().unchecked_into::<HtmlDocument>().exec_command("copy");
        said.set(if copied == Ok(true) { t::export::copied() } else { t::export::not_copied() });
    };
    // A byte order mark is for files.
    let shown = text.trim_start_matches('\u{feff}').to_owned();
    let close = move || offered.set(None);
    view! {
        <Window labelled_by="hdm-export-title" close=move |()| close()>
            <h2 id="hdm-export-title">{name}</h2>
            <p>{t::export::hint()}</p>
            <textarea
                node_ref=area
                class="clr-textarea hdm-export-text"
                aria-label=name
                rows="14"
                readonly
                spellcheck="false"
                wrap="off"
                prop:value=shown
            ></textarea>
            <div class="hdm-buttons">
                <span class="hdm-quiet hdm-said" role="status">{said}</span>
                <button type="button" class="btn btn-outline" on:click=move |_| close()>
                    {t::common::close()}
                </button>
                <button type="button" class="btn btn-outline" on:click=move |_| save(name, kind, &text)>
                    {t::export::download()}
                </button>
                <button type="button" class="btn btn-primary" on:click=copy>
                    {t::export::copy()}
                </button>
            </div>
        </Window>
    }
}

/// Lets the browser save a text as a file.
fn save(name: &str, kind: &str, text: &str) {
    let _ = try_save(name, kind, text);
}

fn try_save(name: &str, kind: &str, text: &str) -> Result<(), JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options)?;
    let address = Url::create_object_url_with_blob(&blob)?;
    let link: HtmlAnchorElement = document().create_element("a")?.dyn_into()?;
    link.set_href(&address);
    link.set_download(name);
    link.click();
    Url::revoke_object_url(&address)
}
