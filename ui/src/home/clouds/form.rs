//! Adding a cloud, and changing how it is reached.
//!
//! The first try has no thumbprint: the appliance answers with the one that the vCenter shows. A person
//! compares it with the vCenter's own and confirms; then credentials are tried at once.

use hdm_shared::VcenterId;
use hdm_shared::vcenter::{AddVcenter, EditVcenter, VcenterRole, VcenterView};
use leptos::prelude::*;
use serde::de::IgnoredAny;

use super::{Beside, State};
use crate::api::{self, Failure};
use crate::i18n::t;
use crate::model::thumbprint::presented;
use crate::widgets::form::Input;
use crate::widgets::{Alert, Level, Panel, focus_wrong};

/// Whose form it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A cloud to be added.
    New,
    /// One that is known.
    Known(Box<VcenterView>),
}

#[component]
pub(super) fn CloudForm(state: State, subject: Subject) -> impl IntoView {
    let known = match &subject {
        Subject::New => None,
        Subject::Known(cloud) => Some((**cloud).clone()),
    };
    let text = |value: Option<String>| RwSignal::new(value.unwrap_or_default());
    let name = text(known.as_ref().map(|cloud| cloud.id.to_string()));
    let url = text(known.as_ref().map(|cloud| cloud.url.clone()));
    let user = text(known.as_ref().map(|cloud| cloud.user.clone()));
    let password = RwSignal::new(String::new());
    let shown = RwSignal::new(None::<String>);
    let refused = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let tried = RwSignal::new(false);
    let is_new = known.is_none();
    let words = |wrong: bool, words: &'static str| if wrong { words.to_owned() } else { String::new() };
    let bad_name = Signal::derive(move || {
        let wrong = tried.get() && is_new && name.get().trim().parse::<VcenterId>().is_err();
        words(wrong, t::clouds::wrong_name())
    });
    let empty = move |field: RwSignal<String>, needed: bool| {
        Signal::derive(move || {
            words(tried.get() && needed && field.with(|f| f.trim().is_empty()), t::clouds::required())
        })
    };
    let no_url = empty(url, true);
    let no_user = empty(user, true);
    let no_password = empty(password, is_new);
    let title = match &known {
        None => t::clouds::add().to_owned(),
        Some(cloud) => t::clouds::edit_title(&cloud.id),
    };
    let before = StoredValue::new(known);
    let send = move || {
        tried.set(true);
        let wrong = [bad_name, no_url, no_user, no_password];
        if untrack(|| wrong.iter().any(|wrong| !wrong.get().is_empty())) {
            focus_wrong();
            return;
        }
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        refused.set(None);
        let (guid, before) = (state.guid.get_value(), before.get_value());
        let thumbprint = shown.get_untracked();
        let some = |text: String| (!text.is_empty()).then_some(text);
        leptos::task::spawn_local(async move {
            let answer: Result<IgnoredAny, Failure> = match before {
                None => {
                    // The name was read above.
                    let Ok(id) = name.get_untracked().trim().parse() else { return };
                    let body = AddVcenter {
                        id,
                        role: VcenterRole::Cloud,
                        url: url.get_untracked().trim().to_owned(),
                        user: user.get_untracked().trim().to_owned(),
                        password: password.get_untracked(),
                        thumbprint,
                    };
                    api::write(&guid, "POST", "api/vcenters", &body, None).await
                }
                Some(cloud) => {
                    let body = EditVcenter {
                        user: Some(user.get_untracked().trim().to_owned()).filter(|user| *user != cloud.user),
                        password: some(password.get_untracked()),
                        thumbprint,
                    };
                    api::write(&guid, "PUT", &format!("api/vcenters/{}", cloud.id), &body, None).await
                }
            };
            if busy.try_set(false).is_some() {
                return;
            }
            match answer {
                Ok(_) => {
                    password.set(String::new());
                    state.beside.set(Beside::Nothing);
                    state.read();
                }
                Err(Failure::Refused(problem)) => match presented(&problem) {
                    // The first answer: compare, then confirm.
                    Some(thumbprint) => shown.set(Some(thumbprint)),
                    None => refused.set(Some(problem.detail)),
                },
                Err(failure) => refused.set(Some(failure.words())),
            }
        });
    };
    let close = move || state.beside.set(Beside::Nothing);
    view! {
        <Panel title=Signal::stored(title) class="hdm-form" close=move |()| close()>
            <form
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    send();
                }
            >
                {is_new
                    .then(|| {
                        view! {
                            <Input
                                id="hdm-cloud-name"
                                label=t::clouds::field_name()
                                value=name
                                wrong=bad_name
                            />
                            <Input
                                id="hdm-cloud-url"
                                label=t::clouds::field_url()
                                value=url
                                placeholder="https://vcenter.example.org"
                                wrong=no_url
                            />
                        }
                    })}
                <Input
                    id="hdm-cloud-user"
                    label=t::clouds::user()
                    value=user
                    wrong=no_user
                />
                <Input
                    id="hdm-cloud-password"
                    label=if is_new { t::clouds::password() } else { t::clouds::password_new() }
                    kind="password"
                    value=password
                    wrong=no_password
                />
                {move || {
                    shown
                        .get()
                        .map(|thumbprint| {
                            view! {
                                <Alert level=Level::Warning>
                                    {t::clouds::compare()} <code class="hdm-thumbprint">{thumbprint}</code>
                                </Alert>
                            }
                        })
                }}
                {move || refused.get().map(|words| view! { <Alert level=Level::Danger>{words}</Alert> })}
                <div class="hdm-buttons">
                    <button type="button" class="btn btn-sm btn-outline" on:click=move |_| close()>
                        {t::vms::cancel()}
                    </button>
                    <button type="submit" class="btn btn-sm btn-primary" disabled=busy>
                        {move || {
                            if busy.get() {
                                t::clouds::trying()
                            } else if shown.with(Option::is_some) {
                                t::clouds::trust()
                            } else if is_new {
                                t::clouds::add()
                            } else {
                                t::clouds::save()
                            }
                        }}
                    </button>
                </div>
            </form>
        </Panel>
    }
}
