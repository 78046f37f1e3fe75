//! The panel in which virtual machines are chosen by a list that is pasted or opened.

use hdm_shared::wave::{MAX_TEXT_BYTES, Wave, WaveText};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlInputElement;

use super::state::Wizard;
use crate::api;
use crate::format;
use crate::i18n::t;
use crate::model::selection::Selection;
use crate::model::wizard::wave::{Taken, Wrong, look_up};
use crate::widgets::{Alert, Level, Panel};

/// So many mistakes are listed; who has mended these sees the next.
const LISTED: usize = 100;

/// The list in the making. It outlives the panel, so that a look at something else does not lose it.
#[derive(Clone, Copy)]
pub struct List {
    /// Whether its panel is open.
    pub open: RwSignal<bool>,
    text: RwSignal<String>,
    /// What is wrong with it, line by line.
    wrong: RwSignal<Vec<String>>,
    /// What could be chosen nevertheless.
    rest: RwSignal<Vec<Taken>>,
    /// Whether it is being read.
    reading: RwSignal<bool>,
}

impl List {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            open: RwSignal::new(false),
            text: RwSignal::default(),
            wrong: RwSignal::default(),
            rest: RwSignal::default(),
            reading: RwSignal::new(false),
        }
    }

    fn write(self, text: String) {
        self.wrong.set(Vec::new());
        self.rest.set(Vec::new());
        self.text.set(text);
    }

    /// Has it read, and says what is wrong or chooses what it names.
    fn take(self, wizard: Wizard, choose: Callback<Vec<Taken>>) {
        let text = self.text.get_untracked();
        if self.reading.get_untracked() {
            return;
        }
        self.write(text.clone());
        if text.len() > MAX_TEXT_BYTES {
            self.wrong.set(vec![t::vms::list_large(format::bytes(MAX_TEXT_BYTES as u64))]);
            return;
        }
        self.reading.set(true);
        let guid = wizard.guid.get_value();
        leptos::task::spawn_local(async move {
            let answer = api::write(&guid, "POST", "api/wave", &WaveText { text: text.clone() }, None).await;
            if self.reading.try_set(false).is_some() || self.text.get_untracked() != text {
                return;
            }
            let wave: Wave = match answer {
                Ok(wave) => wave,
                Err(failure) => return self.wrong.set(vec![failure.words()]),
            };
            if !wave.mistakes.is_empty() {
                self.wrong.set(wave.mistakes.iter().map(mistake_words).collect());
                return;
            }
            let offer = untrack(|| wizard.offer());
            let reading = wizard.vms.with_untracked(|vms| {
                wizard.draft.with_untracked(|draft| look_up(&wave, vms, draft, offer.as_ref()))
            });
            if reading.wrong.is_empty() {
                return choose.run(reading.taken);
            }
            let words = reading
                .wrong
                .iter()
                .map(|(line, wrong)| t::vms::list_line(format::integer(*line), wrong_words(wrong)));
            self.wrong.set(words.collect());
            self.rest.set(reading.taken);
        });
    }
}

#[component]
pub fn ListPanel(
    wizard: Wizard,
    list: List,
    selection: RwSignal<Selection<String>>,
    only_selected: RwSignal<bool>,
) -> impl IntoView {
    let choose = Callback::new(move |taken: Vec<Taken>| {
        wizard.draft.update(|draft| draft.take_over(&taken));
        selection.update(|selection| selection.set_all(taken.into_iter().map(|taken| taken.moid), true));
        only_selected.set(true);
        list.write(String::new());
        list.open.set(false);
    });
    let opened = move |event: web_sys::Event| {
        let input = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        let Some(file) = input.as_ref().and_then(HtmlInputElement::files).and_then(|files| files.get(0))
        else {
            return;
        };
        if file.size() > u32::try_from(MAX_TEXT_BYTES).map_or(f64::MAX, f64::from) {
            list.write(String::new());
            list.wrong.set(vec![t::vms::list_large(format::bytes(MAX_TEXT_BYTES as u64))]);
            return;
        }
        leptos::task::spawn_local(async move {
            let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
            // The same file may be opened again after it was mended.
            if let Some(input) = input {
                input.set_value("");
            }
            if !list.open.is_disposed() {
                list.write(text.unwrap_or_default());
            }
        });
    };
    let wrong = move || {
        let wrong = list.wrong.get();
        (!wrong.is_empty()).then(|| {
            let count = wrong.len();
            let lines = wrong.into_iter().take(LISTED).map(|words| view! { <li>{words}</li> }).collect_view();
            view! {
                <Alert level=Level::Danger>{t::vms::list_wrong(count as u64)}</Alert>
                <ul id="hdm-list-wrong" class="hdm-words">
                    {lines}
                    {(count > LISTED).then(|| view! { <li>"…"</li> })}
                </ul>
            }
        })
    };
    view! {
        // Its button says with dots that more is asked; here it is.
        <Panel title=t::vms::list_open().trim_end_matches(['…', ' ']) close=move |()| list.open.set(false)>
            <form
                class="hdm-form"
                on:submit=move |event| {
                    event.prevent_default();
                    list.take(wizard, choose);
                }
            >
                <p id="hdm-list-hint">{t::vms::list_hint()}</p>
                {wrong}
                <div class="hdm-field">
                    <label for="hdm-list-text" class="clr-control-label">
                        {t::vms::list_text()}
                    </label>
                    <textarea
                        id="hdm-list-text"
                        class="clr-textarea hdm-list-text"
                        rows="9"
                        spellcheck="false"
                        wrap="off"
                        aria-describedby="hdm-list-hint"
                        aria-invalid=move || list.wrong.with(|wrong| !wrong.is_empty()).then_some("true")
                        prop:value=list.text
                        on:input=move |event| list.write(event_target_value(&event))
                    ></textarea>
                </div>
                <div class="hdm-buttons">
                    <label class="btn btn-sm btn-outline hdm-file">
                        {t::vms::list_file()}
                        <input
                            id="hdm-list-file"
                            type="file"
                            class="clr-sr-only"
                            accept=".csv,.txt,.tsv,.yaml,.yml,text/plain,text/csv"
                            on:change=opened
                        />
                    </label>
                    {move || {
                        let rest = list.rest.with(Vec::len);
                        (rest > 0)
                            .then(|| {
                                view! {
                                    <button
                                        type="button"
                                        class="btn btn-sm btn-outline"
                                        on:click=move |_| choose.run(list.rest.get_untracked())
                                    >
                                        {t::vms::list_rest(rest as u64)}
                                    </button>
                                }
                            })
                    }}
                    <button
                        type="submit"
                        class="btn btn-sm btn-primary"
                        disabled=move || list.reading.get() || list.text.with(|text| text.trim().is_empty())
                    >
                        {t::vms::list_take()}
                    </button>
                </div>
            </form>
        </Panel>
    }
}

fn mistake_words(mistake: &hdm_shared::wave::Mistake) -> String {
    let what = format!("{} {}", mistake.what, mistake.remedy);
    match mistake.at {
        Some(at) => t::vms::list_line_column(format::integer(at.line), format::integer(at.column), what),
        None => what,
    }
}

fn wrong_words(wrong: &Wrong) -> String {
    match wrong {
        Wrong::NoVm(name) => t::vms::list_no_vm(name),
        Wrong::Several(name) => t::vms::list_several(name),
        Wrong::Blocked(name, why) => t::vms::list_blocked(name, why),
        Wrong::Twice(name) => t::vms::list_twice(name),
        Wrong::OtherVcenter(name) => t::vms::list_vcenter(name),
        Wrong::NotOffered(name) => t::vms::list_not_offered(name),
        Wrong::NoAdapter(name) => t::vms::list_no_adapter(name),
        Wrong::OnlyTyped(column) => t::vms::list_typed(column),
    }
}
