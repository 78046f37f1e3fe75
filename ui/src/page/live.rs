//! Live data: one poller a page asks what has changed, every two seconds while the page is seen.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hdm_shared::changes::ChangePage;
use hdm_shared::plugin::Privilege;
use jiff::Timestamp;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::context::Context;
use crate::api::{self, Failure, Fresh, Guid};
use crate::format;
use crate::model::changes::{Changes, Known};

/// How often a page that is seen asks.
const SEEN: Duration = Duration::from_secs(2);
/// How often a page that is not seen asks.
const HIDDEN: Duration = Duration::from_secs(10);
/// How fine the page's clock is: it moves what depends on the time of day, not what is measured.
const CLOCK_SECONDS: i64 = 10;

/// Something is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// The vCenter concerned.
    pub guid: Guid,
    /// What.
    pub failure: Failure,
    /// Since when.
    pub since: Timestamp,
}

/// What is known of the vCenters' sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rights {
    /// The user, as the first vCenter names it.
    pub user: String,
    /// Names of the vCenters in HDM, by UUID.
    pub vcenters: Vec<(Guid, String)>,
    /// Privileges on the page's object, or on the root folder.
    pub privileges: Vec<Privilege>,
    /// Whether the server is of another version than the page.
    pub stale_page: bool,
}

impl Rights {
    /// A vCenter's name in HDM, or its UUID while that is not known.
    pub fn name<'a>(&'a self, guid: &'a Guid) -> &'a str {
        self.vcenters.iter().find(|(known, _)| known == guid).map_or(guid, |(_, name)| name)
    }

    /// Whether the user has a privilege. While nothing is known nothing is granted.
    pub fn has(&self, privilege: Privilege) -> bool {
        self.privileges.contains(&privilege)
    }
}

/// What the page follows.
#[derive(Clone, Copy)]
pub struct Live {
    /// All migrations told so far; never emptied by a failure.
    pub known: RwSignal<Arc<Known>>,
    /// Whether everything has been told at least once.
    pub loaded: RwSignal<bool>,
    /// What cannot be reached, one entry for each vCenter concerned.
    pub troubles: RwSignal<Vec<Trouble>>,
    /// Sessions.
    pub rights: RwSignal<Rights>,
    /// The time, to ten seconds.
    pub clock: RwSignal<Timestamp>,
}

struct Poller {
    context: Context,
    live: Live,
    changes: Changes,
    tags: HashMap<Guid, String>,
    told: HashMap<Guid, bool>,
    away: HashMap<Guid, (Failure, Option<Timestamp>)>,
    timer: Option<TimeoutHandle>,
    busy: bool,
    again: bool,
}

thread_local! {
    static POLLER: RefCell<Option<Poller>> = const { RefCell::new(None) };
}

impl Live {
    /// Begins to follow.
    pub fn follow(context: &Context) -> Self {
        let live = Self {
            known: RwSignal::new(Arc::default()),
            loaded: RwSignal::new(false),
            troubles: RwSignal::new(Vec::new()),
            rights: RwSignal::new(Rights::default()),
            clock: RwSignal::new(format::now()),
        };
        POLLER.set(Some(Poller {
            context: context.clone(),
            live,
            changes: Changes::default(),
            tags: HashMap::new(),
            told: HashMap::new(),
            away: HashMap::new(),
            timer: None,
            busy: false,
            again: false,
        }));
        let seen = Closure::<dyn Fn()>::new(|| {
            if !document().hidden() {
                refresh();
            }
        });
        let callback = seen.into_js_value();
        let _ = document().add_event_listener_with_callback("visibilitychange", callback.unchecked_ref());
        crate::sdk::on_global_refresh(refresh);
        refresh();
        live
    }

    /// Whether the appliance can be asked to do something now.
    pub fn can_act(&self) -> bool {
        self.troubles.with(Vec::is_empty) && self.loaded.get()
    }

    /// Whether the user has a privilege.
    pub fn may(&self, privilege: Privilege) -> bool {
        self.rights.with(|rights| rights.has(privilege))
    }
}

/// Asks now.
pub fn refresh() {
    let begin = POLLER.with_borrow_mut(|poller| {
        let Some(poller) = poller else { return false };
        if let Some(timer) = poller.timer.take() {
            timer.clear();
        }
        poller.again = poller.busy;
        !std::mem::replace(&mut poller.busy, true)
    });
    if begin {
        wasm_bindgen_futures::spawn_local(ask_all());
    }
}

async fn ask_all() {
    let Some((guids, filter)) = POLLER.with_borrow(|poller| {
        poller.as_ref().map(|poller| (poller.context.guids.clone(), poller.context.filter()))
    }) else {
        return;
    };
    let mut more = false;
    for guid in &guids {
        let (cursor, tag) = POLLER.with_borrow(|poller| {
            let poller = poller.as_ref();
            let cursor = poller.map_or(0, |poller| poller.changes.cursor(guid));
            (cursor, poller.and_then(|poller| poller.tags.get(guid).cloned()))
        });
        let path = format!("api/changes?since={cursor}{filter}");
        let answer = api::read_if_changed::<ChangePage>(guid, &path, tag.as_deref()).await;
        let answered = answer.is_ok();
        more |= take(guid, answer);
        if answered {
            learn_rights(guid).await;
        }
    }
    if guids.is_empty() {
        POLLER.with_borrow(|poller| poller.iter().for_each(|poller| poller.live.loaded.set(true)));
    }
    schedule(more);
}

/// Takes an answer in; says whether more is waiting.
fn take(guid: &Guid, answer: Result<Fresh<ChangePage>, Failure>) -> bool {
    POLLER.with_borrow_mut(|poller| {
        let Some(poller) = poller else { return false };
        let live = poller.live;
        let mut more = false;
        let failure = match answer {
            // As it was: an appliance that was away is away still.
            Ok(Fresh::Same) => poller.away.get(guid).cloned(),
            Ok(Fresh::New(page, tag)) => {
                let away = page.appliance.away_since.map(|since| {
                    (Failure::ApplianceAway(page.appliance.reason.clone().unwrap_or_default()), Some(since))
                });
                more = page.more;
                match tag {
                    Some(tag) => poller.tags.insert(guid.clone(), tag),
                    None => poller.tags.remove(guid),
                };
                // While the appliance is away its list may be empty: what was shown stays.
                let worth_it = away.is_none() || !page.migrations.is_empty();
                if worth_it && poller.changes.apply(guid, page) {
                    live.known.set(Arc::new(poller.changes.all()));
                }
                if worth_it {
                    poller.told.insert(guid.clone(), !more);
                }
                match away.clone() {
                    Some(away) => poller.away.insert(guid.clone(), away),
                    None => poller.away.remove(guid),
                };
                away
            }
            Err(failure) => {
                // What is shown stays; the next answer must not be "the same as before".
                poller.tags.remove(guid);
                Some((failure, None))
            }
        };
        note(live, guid, failure);
        if poller.context.guids.iter().all(|guid| poller.told.get(guid) == Some(&true)) {
            live.loaded.set(true);
        }
        let now = format::now();
        if now.as_second() - live.clock.get_untracked().as_second() >= CLOCK_SECONDS {
            live.clock.set(now);
        }
        more
    })
}

fn note(live: Live, guid: &Guid, failure: Option<(Failure, Option<Timestamp>)>) {
    let before = live.troubles.get_untracked();
    let mut after: Vec<Trouble> = before.iter().filter(|trouble| trouble.guid != *guid).cloned().collect();
    if let Some((failure, since)) = failure {
        let earlier = before.iter().find(|trouble| trouble.guid == *guid).map(|trouble| trouble.since);
        let since = since.or(earlier).unwrap_or_else(format::now);
        after.push(Trouble { guid: guid.clone(), failure, since });
    }
    if before != after {
        live.troubles.set(after);
    }
}

/// What a grant says of the user.
async fn learn_rights(guid: &Guid) {
    let Ok(grant) = api::grant(guid).await else { return };
    POLLER.with_borrow(|poller| {
        let Some(poller) = poller else { return };
        let first = poller.context.guids.first() == Some(guid);
        let mut rights = poller.live.rights.get_untracked();
        rights.vcenters.retain(|(known, _)| known != guid);
        rights.vcenters.push((guid.clone(), grant.vcenter.to_string()));
        rights.vcenters.sort();
        rights.stale_page |= grant.server_version != env!("CARGO_PKG_VERSION");
        if first {
            rights.user.clone_from(&grant.user);
            rights.privileges.clone_from(&grant.privileges);
        }
        if poller.live.rights.get_untracked() != rights {
            poller.live.rights.set(rights);
        }
    });
}

fn schedule(more: bool) {
    POLLER.with_borrow_mut(|poller| {
        let Some(poller) = poller else { return };
        poller.busy = false;
        let wait = match (more || std::mem::take(&mut poller.again), document().hidden()) {
            (true, _) => Duration::ZERO,
            (false, true) => HIDDEN,
            (false, false) => SEEN,
        };
        poller.timer = set_timeout_with_handle(refresh, wait).ok();
    });
}
