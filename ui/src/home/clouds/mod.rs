//! Administration > Clouds: where virtual machines can be moved to.

mod form;
mod released;

use hdm_shared::plugin::Privilege;
use hdm_shared::vcenter::{VcenterRole, VcenterView};
use leptos::prelude::*;
use serde::de::IgnoredAny;

use self::form::{CloudForm, Subject};
use self::released::Released;
use crate::api::{self, Failure, Guid};
use crate::format;
use crate::i18n::t;
use crate::page::context::Context;
use crate::page::live::Live;
use crate::widgets::question::Asked;
use crate::widgets::{Alert, Empty, Icon, Level, Loading, Menu, MenuEntry, Question, Unknown, ask};

/// How often the list is read anew while the page is seen: a cloud that was just added connects.
const EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// What stands beside the list.
#[derive(Clone, Debug, PartialEq)]
enum Beside {
    Nothing,
    Add,
    Edit(VcenterView),
    Release(VcenterView),
}

/// What the page's parts share.
#[derive(Clone, Copy)]
struct State {
    guid: StoredValue<Guid>,
    clouds: RwSignal<Vec<VcenterView>>,
    beside: RwSignal<Beside>,
    /// Why the list could not be read last.
    unread: RwSignal<Option<Failure>>,
    /// Why the last action was refused; the next one clears it.
    refused: RwSignal<Option<Failure>>,
    loaded: RwSignal<bool>,
    asked: RwSignal<Option<Asked>>,
}

impl State {
    /// Reads the list, unless the page has been left meanwhile.
    fn read(self) {
        let Some(guid) = self.guid.try_get_value() else { return };
        leptos::task::spawn_local(async move {
            match api::read::<Vec<VcenterView>>(&guid, "api/vcenters").await {
                Ok(all) => {
                    let clouds = all.into_iter().filter(|v| v.role == VcenterRole::Cloud).collect();
                    let _ = self.clouds.try_set(clouds);
                    let _ = self.unread.try_set(None);
                    let _ = self.loaded.try_set(true);
                }
                // What was shown stays.
                Err(failure) => {
                    let _ = self.unread.try_set(Some(failure));
                }
            }
        });
    }

    fn remove(self, cloud: VcenterView) {
        let title = t::clouds::remove_title(&cloud.id);
        let path = format!("api/vcenters/{}", cloud.id);
        let run = move || {
            let Some(guid) = self.guid.try_get_value() else { return };
            let path = path.clone();
            self.refused.set(None);
            leptos::task::spawn_local(async move {
                let answer: Result<IgnoredAny, Failure> = api::write(&guid, "DELETE", &path, &(), None).await;
                match answer {
                    Ok(_) => self.read(),
                    Err(failure) => {
                        let _ = self.refused.try_set(Some(failure));
                    }
                }
            });
        };
        ask(self.asked, false, title, t::clouds::remove_text(&cloud.id), t::clouds::remove().to_owned(), run);
    }
}

#[component]
pub(super) fn Clouds() -> impl IntoView {
    let live = expect_context::<Live>();
    let state = State {
        guid: StoredValue::new(expect_context::<Context>().guid()),
        clouds: RwSignal::default(),
        beside: RwSignal::new(Beside::Nothing),
        unread: RwSignal::new(None),
        refused: RwSignal::new(None),
        loaded: RwSignal::new(false),
        asked: RwSignal::new(None),
    };
    Effect::new(move || {
        live.again.track();
        state.read();
    });
    let timer = set_interval_with_handle(
        move || {
            if !document().hidden() {
                state.read();
            }
        },
        EVERY,
    );
    on_cleanup(move || {
        if let Ok(timer) = timer {
            timer.clear();
        }
    });
    let may = Memo::new(move |_| state.guid.with_value(|guid| live.may_in(guid, Privilege::Administer)));
    let list = move || !state.clouds.with(Vec::is_empty);
    view! {
        <section class="hdm-in-progress" aria-label=t::home::clouds()>
            <h2>{t::clouds::title()}</h2>
            {move || state.refused.get().map(|f| view! { <Alert level=Level::Danger>{f.words()}</Alert> })}
            {move || state.unread.get().map(|f| view! { <Alert level=Level::Warning>{f.words()}</Alert> })}
            <Show when=move || live.loaded.get() && !may.get()>
                <Alert level=Level::Info>{t::clouds::not_permitted()}</Alert>
            </Show>
            <div class="hdm-toolbar">
                <button
                    type="button"
                    class="btn btn-sm btn-link"
                    disabled=move || !may.get()
                    on:click=move |_| state.beside.set(Beside::Add)
                >
                    {t::clouds::add()}
                </button>
                <button
                    type="button"
                    class="btn btn-icon btn-link btn-sm hdm-icon-button hdm-count"
                    aria-label=t::common::refresh()
                    title=t::common::refresh()
                    on:click=move |_| state.read()
                >
                    {Icon::Refresh.draw()}
                </button>
            </div>
            <div class="hdm-split">
                <div class="hdm-cloud-list">
                    <Show when=list fallback=move || view! { <NoCloud state/> }>
                        <List state may/>
                    </Show>
                </div>
                {move || match state.beside.get() {
                    Beside::Nothing => ().into_any(),
                    Beside::Add => view! { <CloudForm state subject=Subject::New/> }.into_any(),
                    Beside::Edit(cloud) => view! { <CloudForm state subject=Subject::Known(Box::new(cloud))/> }.into_any(),
                    Beside::Release(cloud) => view! { <Released state cloud/> }.into_any(),
                }}
            </div>
            <Question asked=state.asked/>
        </section>
    }
}

#[component]
fn NoCloud(state: State) -> impl IntoView {
    move || {
        if state.loaded.get() {
            let (title, hint) = (t::clouds::empty_title().to_owned(), t::clouds::empty_hint().to_owned());
            view! { <Empty title hint/> }.into_any()
        } else if state.unread.with(Option::is_some) {
            view! { <Unknown/> }.into_any()
        } else {
            view! { <Loading/> }.into_any()
        }
    }
}

#[component]
fn List(state: State, may: Memo<bool>) -> impl IntoView {
    let line = move |cloud: VcenterView| {
        let live = cloud.state == "live";
        let label = t::clouds::actions_of(&cloud.id);
        let subject = cloud.clone();
        let entries = move |()| {
            let set = |beside: Beside| move || state.beside.set(beside.clone());
            let removed = subject.clone();
            let mut all = vec![
                MenuEntry::new(t::clouds::edit(), set(Beside::Edit(subject.clone()))),
                MenuEntry::new(t::clouds::released(), set(Beside::Release(subject.clone()))),
                MenuEntry::new(t::clouds::remove(), move || state.remove(removed.clone())),
            ];
            for entry in &mut all {
                entry.enabled = may.get_untracked();
            }
            if let Some(last) = all.last_mut() {
                last.apart = true;
            }
            all
        };
        view! {
            <tr>
                <td class="left"><b>{cloud.id.to_string()}</b></td>
                <td class="left">{cloud.url}</td>
                <td class="left">{cloud.user}</td>
                <td class="left">{cloud.version.unwrap_or_default()}</td>
                <td>{cloud.vms.map(format::integer)}</td>
                <td class="left">
                    <span class=if live { "label label-success" } else { "label label-warning" }>
                        <span class="text">{state_words(&cloud.state)}</span>
                    </span>
                </td>
                <td><Menu label icon=Icon::Dots entries/></td>
            </tr>
        }
    };
    view! {
        <table class="table hdm-clouds" aria-label=t::clouds::title()>
            <thead>
                <tr>
                    <th scope="col" class="left">{t::clouds::name()}</th>
                    <th scope="col" class="left">{t::clouds::url()}</th>
                    <th scope="col" class="left">{t::clouds::user()}</th>
                    <th scope="col" class="left">{t::clouds::version()}</th>
                    <th scope="col">{t::clouds::vms()}</th>
                    <th scope="col" class="left">{t::migration::state()}</th>
                    <th scope="col">{t::migration::actions()}</th>
                </tr>
            </thead>
            <tbody>
                // A line that says the same as before stays, with the focus and the menu that may be in it.
                <For each=move || state.clouds.get() key=|cloud| format!("{cloud:?}") children=line/>
            </tbody>
        </table>
    }
}

fn state_words(state: &str) -> String {
    match state {
        "live" => t::clouds::state_live().to_owned(),
        "connecting" => t::clouds::state_connecting().to_owned(),
        "stale" => t::clouds::state_stale().to_owned(),
        other => other.to_owned(),
    }
}
