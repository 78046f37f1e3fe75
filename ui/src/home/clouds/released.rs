//! What of a cloud may be chosen in the wizard.

use hdm_shared::cloud::{CloudOffer, ReleasedObjects};
use hdm_shared::vcenter::VcenterView;
use leptos::prelude::*;

use super::{Beside, State};
use crate::api::{self, Failure};
use crate::i18n::t;
use crate::model::sorted::sorted;
use crate::widgets::{Alert, Level, Panel};

/// The kinds of objects, in the order of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Clusters,
    Folders,
    Datastores,
    Networks,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Clusters, Self::Folders, Self::Datastores, Self::Networks];

    fn words(self) -> &'static str {
        match self {
            Self::Clusters => t::clouds::released_clusters(),
            Self::Folders => t::clouds::released_folders(),
            Self::Datastores => t::clouds::released_datastores(),
            Self::Networks => t::clouds::released_networks(),
        }
    }

    fn of(self, released: &mut ReleasedObjects) -> &mut Option<Vec<String>> {
        match self {
            Self::Clusters => &mut released.clusters,
            Self::Folders => &mut released.folders,
            Self::Datastores => &mut released.datastores,
            Self::Networks => &mut released.networks,
        }
    }

    /// What can be released: id and path.
    fn offered(self, offer: &CloudOffer) -> Vec<(String, String)> {
        let named = |o: &hdm_shared::cloud::OfferedObject| (o.id.clone(), o.path.clone());
        let all: Vec<_> = match self {
            Self::Clusters => offer.clusters.iter().map(|c| named(&c.object)).collect(),
            Self::Folders => offer.folders.iter().map(named).collect(),
            Self::Datastores => {
                offer.clusters.iter().flat_map(|c| c.datastores.iter().map(|d| named(&d.object))).collect()
            }
            Self::Networks => offer.clusters.iter().flat_map(|c| c.networks.iter().map(named)).collect(),
        };
        let mut all = sorted(&all, |a, b| a.1.cmp(&b.1));
        all.dedup();
        all
    }
}

#[component]
pub(super) fn Released(state: State, cloud: VcenterView) -> impl IntoView {
    let path = StoredValue::new(format!("api/vcenters/{}/released", cloud.id));
    let whole = StoredValue::new(format!("api/vcenters/{}/offer", cloud.id));
    let released = RwSignal::new(ReleasedObjects::default());
    let offer = RwSignal::new(None::<CloudOffer>);
    let failure = RwSignal::new(None::<Failure>);
    let saving = RwSignal::new(false);
    // What is not known cannot be changed: an empty list would allow everything.
    let ready = move || offer.with(Option::is_some) && !saving.get();
    let read = move || {
        let known = (state.guid.try_get_value(), path.try_get_value(), whole.try_get_value());
        let (Some(guid), Some(path), Some(whole)) = known else { return };
        leptos::task::spawn_local(async move {
            let now: Result<ReleasedObjects, Failure> = api::read(&guid, &path).await;
            match (now, api::read::<CloudOffer>(&guid, &whole).await) {
                (Ok(now), Ok(whole)) => {
                    let _ = released.try_set(now);
                    let _ = offer.try_set(Some(whole));
                }
                (Err(reason), _) | (_, Err(reason)) => {
                    let _ = failure.try_set(Some(reason));
                }
            }
        });
    };
    read();
    let save = move |objects: ReleasedObjects, then_close: bool| {
        if !untrack(ready) {
            return;
        }
        saving.set(true);
        let (guid, path) = (state.guid.get_value(), path.get_value());
        leptos::task::spawn_local(async move {
            let answer: Result<ReleasedObjects, Failure> =
                api::write(&guid, "PUT", &path, &objects, None).await;
            let _ = saving.try_set(false);
            match answer {
                Err(reason) => {
                    let _ = failure.try_set(Some(reason));
                }
                Ok(_) if then_close => {
                    let _ = state.beside.try_set(Beside::Nothing);
                }
                Ok(_) => read(),
            }
        });
    };
    let group = move |kind: Kind| {
        let choice = move |(object, path): (String, String)| {
            let (asked, changed) = (object.clone(), object);
            let on = move || {
                let mut now = released.get();
                kind.of(&mut now).as_ref().is_none_or(|ids| ids.contains(&asked))
            };
            let change = move |event: web_sys::Event| {
                let checked = event_target_checked(&event);
                released.update(|now| {
                    let all = offer
                        .with_untracked(|offer| offer.as_ref().map(|o| kind.offered(o)).unwrap_or_default());
                    let ids = kind.of(now).get_or_insert_with(|| all.into_iter().map(|(id, _)| id).collect());
                    ids.retain(|id| *id != changed);
                    if checked {
                        ids.push(changed.clone());
                    }
                });
            };
            view! {
                <li>
                    <label class="hdm-check">
                        <input type="checkbox" prop:checked=on on:change=change/>
                        <span>{path}</span>
                    </label>
                </li>
            }
        };
        let all = offer.with(|offer| offer.as_ref().map(|o| kind.offered(o)).unwrap_or_default());
        view! {
            <fieldset class="hdm-released">
                <legend>{kind.words()}</legend>
                <ul>{all.into_iter().map(choice).collect_view()}</ul>
            </fieldset>
        }
    };
    let title = t::clouds::released_title(&cloud.id);
    view! {
        <Panel title=Signal::stored(title) close=move |()| state.beside.set(Beside::Nothing)>
            <form
                class="hdm-form"
                on:submit=move |event| {
                    event.prevent_default();
                    save(released.get_untracked(), true);
                }
            >
                <p>{t::clouds::released_text()}</p>
                {move || failure.get().map(|f| view! { <Alert level=Level::Danger>{f.words()}</Alert> })}
                {move || Kind::ALL.map(group).into_iter().collect_view()}
                <div class="hdm-buttons">
                    <button
                        type="button"
                        class="btn btn-sm btn-outline"
                        disabled=move || !ready()
                        on:click=move |_| save(ReleasedObjects::default(), false)
                    >
                        {t::clouds::released_all()}
                    </button>
                    <button type="submit" class="btn btn-sm btn-primary" disabled=move || !ready()>
                        {t::clouds::save()}
                    </button>
                </div>
            </form>
        </Panel>
    }
}
