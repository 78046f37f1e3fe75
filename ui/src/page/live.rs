//! Live data: each vCenter is asked what has changed, every two seconds while the page is seen.
//!
//! Each has a round of its own: one that is slow or away keeps no other waiting, and takes no possibility from
//! another's migrations.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hdm_shared::plugin::{Privilege, VisibleChanges};
use hdm_shared::{MigrationId, VcenterId};
use jiff::Timestamp;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::context::Context;
use super::rights::Rights;
use crate::api::{self, Failure, Fresh, Guid};
use crate::format;
use crate::model::changes::{Changes, Known};
use crate::model::sorted::gathered;

/// How often a page that is seen asks.
const SEEN: Duration = Duration::from_secs(2);
/// How often a page that is not seen asks.
const HIDDEN: Duration = Duration::from_secs(10);
/// How often a vCenter is asked about that is none of HDM's: it may become one.
const UNKNOWN: Duration = Duration::from_secs(60);
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

/// What the page follows.
#[derive(Clone, Copy)]
pub struct Live {
    /// All migrations told so far; never emptied by a failure.
    pub known: RwSignal<Arc<Known>>,
    /// Those that the user may look at, but not act on.
    view_only: RwSignal<Arc<BTreeSet<MigrationId>>>,
    /// Whether everything that can be told now has been told once.
    pub loaded: RwSignal<bool>,
    /// The vCenters that have told everything once.
    told: RwSignal<BTreeSet<Guid>>,
    /// What cannot be reached, one entry for each vCenter concerned.
    pub troubles: RwSignal<Vec<Trouble>>,
    /// Sessions.
    pub rights: RwSignal<Rights>,
    /// The vCenters to ask: those of the page, without those that HDM does not know.
    pub vcenters: RwSignal<Vec<Guid>>,
    /// Whether the page is about several vCenters.
    pub several: bool,
    /// Changes when everything that is read besides is worth reading anew: something that was away is back, or
    /// the user pressed the Client's refresh button.
    pub again: RwSignal<u32>,
    /// The time, to ten seconds.
    pub clock: RwSignal<Timestamp>,
}

/// The round of one vCenter.
#[derive(Default)]
struct Round {
    tag: Option<String>,
    away: Option<(Failure, Option<Timestamp>)>,
    timer: Option<TimeoutHandle>,
    busy: bool,
    again: bool,
}

struct Poller {
    context: Context,
    live: Live,
    changes: Changes,
    rounds: BTreeMap<Guid, Round>,
}

thread_local! {
    static POLLER: RefCell<Option<Poller>> = const { RefCell::new(None) };
}

impl Live {
    /// Begins to follow.
    pub fn follow(context: &Context) -> Self {
        let live = Self {
            known: RwSignal::new(Arc::default()),
            view_only: RwSignal::new(Arc::default()),
            loaded: RwSignal::new(context.guids.is_empty()),
            told: RwSignal::default(),
            troubles: RwSignal::new(Vec::new()),
            rights: RwSignal::new(Rights::default()),
            vcenters: RwSignal::new(context.guids.clone()),
            several: context.guids.len() > 1,
            again: RwSignal::new(0),
            clock: RwSignal::new(format::now()),
        };
        let rounds = gathered(context.guids.iter().map(|guid| (guid.clone(), Round::default())));
        POLLER.set(Some(Poller { context: context.clone(), live, changes: Changes::default(), rounds }));
        let seen = Closure::<dyn Fn()>::new(|| {
            if !document().hidden() {
                refresh();
            }
        });
        let callback = seen.into_js_value();
        let _ = document().add_event_listener_with_callback("visibilitychange", callback.unchecked_ref());
        crate::sdk::on_global_refresh(move || {
            live.read_again();
            refresh();
        });
        refresh();
        live
    }

    fn read_again(self) {
        self.again.update(|again| *again = again.wrapping_add(1));
    }

    /// Whether the appliance can be asked to do something now, by one of the vCenters at least.
    pub fn can_act(&self) -> bool {
        self.vcenters.with(|guids| guids.iter().any(|guid| self.can_act_in(guid)))
    }

    /// Whether it can be asked by this vCenter.
    pub fn can_act_in(&self, guid: &Guid) -> bool {
        self.told.with(|told| told.contains(guid))
            && !self.troubles.with(|troubles| troubles.iter().any(|trouble| trouble.guid == *guid))
    }

    /// Whether the user has a privilege in one of the vCenters.
    pub fn may(&self, privilege: Privilege) -> bool {
        self.rights.with(|rights| rights.has(privilege))
    }

    /// Whether the user has a privilege in a vCenter.
    pub fn may_in(&self, guid: &Guid, privilege: Privilege) -> bool {
        self.rights.with(|rights| rights.has_in(guid, privilege))
    }

    /// Whether the user may act on a migration of a vCenter: as the server says of what is in progress, and of
    /// anything else as the page's object has it.
    pub fn may_act(&self, guid: &Guid, id: MigrationId) -> bool {
        if self.known.with(|known| known.contains_key(&id)) {
            !self.view_only.with(|view_only| view_only.contains(&id))
        } else {
            self.may_in(guid, Privilege::Migrate)
        }
    }

    /// The vCenter of a name in HDM, if it is one of the page's.
    pub fn guid_of(&self, vcenter: &VcenterId) -> Option<Guid> {
        let known = self.rights.with(|rights| rights.guid(vcenter.as_str()));
        known.filter(|guid| self.vcenters.with(|guids| guids.contains(guid)))
    }
}

/// Asks all vCenters now.
pub fn refresh() {
    let guids: Vec<Guid> =
        POLLER.with_borrow(|poller| poller.iter().flat_map(|p| p.rounds.keys().cloned()).collect());
    guids.into_iter().for_each(ask_now);
}

fn ask_now(guid: Guid) {
    let begin = with_round(&guid, |_, round| {
        if let Some(timer) = round.timer.take() {
            timer.clear();
        }
        round.again = round.busy;
        !std::mem::replace(&mut round.busy, true)
    });
    if begin == Some(true) {
        wasm_bindgen_futures::spawn_local(ask(guid));
    }
}

fn with_round<T>(guid: &Guid, run: impl FnOnce(Live, &mut Round) -> T) -> Option<T> {
    POLLER.with_borrow_mut(|poller| {
        let poller = poller.as_mut()?;
        let live = poller.live;
        poller.rounds.get_mut(guid).map(|round| run(live, round))
    })
}

async fn ask(guid: Guid) {
    let question = POLLER.with_borrow(|poller| {
        let poller = poller.as_ref()?;
        let tag = poller.rounds.get(&guid)?.tag.clone();
        let (since, filter) = (poller.changes.cursor(&guid), poller.context.filter());
        Some((format!("api/changes?since={since}{filter}"), tag))
    });
    let Some((path, tag)) = question else { return };
    let answer = api::poll::<VisibleChanges>(&guid, &path, tag.as_deref()).await;
    let (answered, unknown) = (answer.is_ok(), matches!(answer, Err(Failure::VcenterUnknown(_))));
    let more = take(&guid, answer);
    if answered {
        learn_rights(&guid).await;
    }
    schedule(guid, more, unknown);
}

/// Takes an answer in; says whether more is waiting.
fn take(guid: &Guid, answer: Result<Fresh<VisibleChanges>, Failure>) -> bool {
    POLLER.with_borrow_mut(|poller| {
        let Some(poller) = poller else { return false };
        let Some(round) = poller.rounds.get_mut(guid) else { return false };
        let (live, now) = (poller.live, format::now());
        let mut more = false;
        let failure = match answer {
            // As it was: an appliance that was away is away still.
            Ok(Fresh::Same) => round.away.clone(),
            Ok(Fresh::New(told, tag)) => {
                let away = told.page.appliance.away_since.map(|since| {
                    let reason = told.page.appliance.reason.clone().unwrap_or_default();
                    (Failure::ApplianceAway(reason), Some(since))
                });
                more = told.page.more;
                round.tag = tag;
                // While the appliance is away its list may be empty: what was shown stays.
                if away.is_none() || !told.page.migrations.is_empty() {
                    if poller.changes.apply(guid, told, now) {
                        live.view_only.set(Arc::new(poller.changes.view_only()));
                        live.known.set(Arc::new(poller.changes.all()));
                    }
                    if !more && live.told.with_untracked(|told| !told.contains(guid)) {
                        live.told.update(|told| told.extend([guid.clone()]));
                    }
                }
                round.away.clone_from(&away);
                away
            }
            Err(failure) => {
                // What is shown stays; the next answer must not be "the same as before".
                round.tag = None;
                Some((failure, None))
            }
        };
        note(live, guid, failure);
        if live.loaded.with_untracked(|loaded| !loaded) && is_loaded(live, &poller.context.guids) {
            live.loaded.set(true);
        }
        if now.as_second() - live.clock.get_untracked().as_second() >= CLOCK_SECONDS {
            live.clock.set(now);
        }
        more
    })
}

/// Whether one vCenter at least has told everything, and of each other is known why it has not.
fn is_loaded(live: Live, guids: &[Guid]) -> bool {
    let told = live.told.get_untracked();
    let troubles = live.troubles.get_untracked();
    let settled = |guid: &Guid| told.contains(guid) || troubles.iter().any(|trouble| trouble.guid == *guid);
    !told.is_empty() && guids.iter().all(settled)
}

fn note(live: Live, guid: &Guid, failure: Option<(Failure, Option<Timestamp>)>) {
    let before = live.troubles.get_untracked();
    let earlier = before.iter().find(|trouble| trouble.guid == *guid);
    let unknown = matches!(failure, Some((Failure::VcenterUnknown(_), _)));
    if live.vcenters.with_untracked(|guids| guids.contains(guid) == unknown) {
        live.vcenters.update(|guids| {
            guids.retain(|known| known != guid);
            if !unknown {
                guids.push(guid.clone());
            }
        });
    }
    let back = earlier.is_some() && failure.is_none();
    let mut after: Vec<Trouble> = before.iter().filter(|trouble| trouble.guid != *guid).cloned().collect();
    if let Some((failure, since)) = failure {
        let since = since.or(earlier.map(|trouble| trouble.since)).unwrap_or_else(format::now);
        after.push(Trouble { guid: guid.clone(), failure, since });
    }
    if before != after {
        live.troubles.set(after);
    }
    if back {
        live.read_again();
    }
}

/// What a grant says of the user.
async fn learn_rights(guid: &Guid) {
    let Ok(grant) = api::grant(guid).await else { return };
    POLLER.with_borrow(|poller| {
        let Some(poller) = poller else { return };
        let before = poller.live.rights.get_untracked();
        let mut rights = before.clone();
        rights.learn(guid, &grant);
        if before != rights {
            poller.live.rights.set(rights);
        }
    });
}

fn schedule(guid: Guid, more: bool, unknown: bool) {
    with_round(&guid.clone(), |_, round| {
        round.busy = false;
        let wait = match (more || std::mem::take(&mut round.again), unknown, document().hidden()) {
            (true, ..) => Duration::ZERO,
            (false, true, _) => UNKNOWN,
            (false, false, true) => HIDDEN,
            (false, false, false) => SEEN,
        };
        round.timer = set_timeout_with_handle(move || ask_now(guid), wait).ok();
    });
}
