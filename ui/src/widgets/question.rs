//! A question before something is done that undoes work.
//!
//! In a view the Client asks, in a window of its own; inside a dialog, or in a Client that cannot, the page
//! asks where it stands.

use std::sync::Arc;

use leptos::prelude::*;

use super::Window;
use crate::i18n::t;
use crate::sdk::{self, Confirmation};

/// A question that waits for its answer on the page.
#[derive(Clone)]
pub struct Asked {
    title: String,
    content: String,
    yes: String,
    run: Arc<dyn Fn() + Send + Sync>,
}

/// Asks; `run` is called if the answer is yes. `on_page` holds the question if the page must ask itself.
pub fn ask(
    on_page: RwSignal<Option<Asked>>,
    in_dialog: bool,
    title: String,
    content: String,
    yes: String,
    run: impl Fn() + Send + Sync + 'static,
) {
    let run: Arc<dyn Fn() + Send + Sync> = Arc::new(run);
    if !in_dialog {
        let question = Confirmation {
            title: title.clone(),
            content: content.clone(),
            yes: yes.clone(),
            no: t::common::no().to_owned(),
        };
        let confirmed = run.clone();
        if sdk::confirm(&question, move || confirmed()) {
            return;
        }
    }
    on_page.set(Some(Asked { title, content, yes, run }));
}

/// Where the page's own question is shown.
#[component]
pub fn Question(asked: RwSignal<Option<Asked>>) -> impl IntoView {
    move || {
        asked.get().map(|question| {
            let Asked { title, content, yes, run } = question;
            let confirm = move |_| {
                asked.set(None);
                run();
            };
            view! {
                <Window
                    role="alertdialog"
                    labelled_by="hdm-question-title"
                    close=move |()| asked.set(None)
                >
                    <h2 id="hdm-question-title">{title}</h2>
                    <p>{content}</p>
                    // The first button gets the focus: nothing is undone by a key pressed too often.
                    <div class="hdm-buttons">
                        <button type="button" class="btn btn-outline" on:click=move |_| asked.set(None)>
                            {t::common::no()}
                        </button>
                        <button type="button" class="btn btn-danger" on:click=confirm>
                            {yes}
                        </button>
                    </div>
                </Window>
            }
        })
    }
}
