//! The answer to the vSphere Client's question which items of a menu to show.
//!
//! The browser waits for it with the menu open, so it comes from memory: the user's session, what the user
//! may do, what kind of VM it is, what is in flight. What is old is told and asked anew, for the next menu.
//! What has to be asked first gets a deadline; past it the
//! action is enabled, and the wizard says what is wrong. Nothing is allowed here: whoever opens the wizard is
//! checked again.
//!
//! | Situation | `visible` | `relevant` |
//! |---|---|---|
//! | permitted; in flight; too many; of several vCenters; unknown in time | yes | yes |
//! | not permitted: greyed out (vSphere Client 8.0.3 and later; before, it is not shown) | no | yes |
//! | a template, HDM's own VM, not a vCenter to move from: not shown | no | no |

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use hdm_shared::ObjectId;
use hdm_shared::plugin::menu::{
    CLUSTER_MIGRATE, ClientObject, MAX_OBJECTS, MenuAnswer, MenuItem, MenuQuestion, VM_MIGRATE,
};
use hdm_shared::plugin::{CLIENT_SESSION, EXTENSION_KEY, MAX_SELECTED, Privilege, SESSION_UNKNOWN};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{Error, MoRef, Secret, VmKind};

use crate::api::{client, client_token};
use crate::app::{App, Shared};
use crate::problem::Failure;
use crate::session::rights::{Answer, Mask};
use crate::session::{InUse, UserSession};
use crate::vcenters::Vcenter;

/// How long a menu waits for what is not in memory.
const DEADLINE: Duration = Duration::from_millis(900);
/// How long a VM's kind is believed.
const KIND_BELIEVED: Duration = Duration::from_secs(300);
/// How many kinds are remembered in a session.
const MAX_KINDS: usize = 5_000;

/// `POST dyn/vm/menu`.
pub async fn vm(
    State(app): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<MenuAnswer>, Failure> {
    answer(app, &headers, body, VM_MIGRATE, "VirtualMachine").await
}

/// `POST dyn/cluster/menu`.
pub async fn cluster(
    State(app): Shared,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<MenuAnswer>, Failure> {
    answer(app, &headers, body, CLUSTER_MIGRATE, "ClusterComputeResource").await
}

/// How an action is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Enabled,
    Disabled,
    Absent,
}

async fn answer(
    app: Arc<App>,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
    item: &'static str,
    kind: &'static str,
) -> Result<Json<MenuAnswer>, Failure> {
    let token = client_token(headers)?;
    let body = match body {
        // So many objects that the question is not even read: the wizard refuses them with words.
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => return Ok(enabled(item)),
        body => body?,
    };
    let question: MenuQuestion = serde_json::from_slice(&body)
        .map_err(|error| Failure::bad_request(format!("The question cannot be read: {error}.")))?;
    let selected = Selection::read(&question, kind);
    app.feed.look();
    let Ok(permit) = app.permits.deciding.clone().try_acquire_owned() else { return Ok(enabled(item)) };
    let client = client(headers, &app.vcenters);
    // Goes on when the deadline has passed, so that the next menu finds it in memory.
    let deciding = tokio::spawn(async move {
        let _permit = permit;
        decide(app, token, client, selected).await
    });
    let shown = match tokio::time::timeout(DEADLINE, deciding).await {
        Ok(Ok(Err(failure))) if failure.is(CLIENT_SESSION) => return Err(failure),
        Ok(Ok(Ok(shown))) => shown,
        _ => Shown::Enabled,
    };
    Ok(told(item, shown))
}

fn told(item: &str, shown: Shown) -> Json<MenuAnswer> {
    let (visible, relevant) = match shown {
        Shown::Enabled => (true, true),
        Shown::Disabled => (false, true),
        Shown::Absent => (false, false),
    };
    let items = vec![MenuItem { id: item.into(), visible, relevant }];
    Json(MenuAnswer { api_version: "1.0.0".into(), dynamic_items: items })
}

/// The answer to a question that nobody has looked at.
pub fn enabled(item: &str) -> Json<MenuAnswer> {
    told(item, Shown::Enabled)
}

/// The item that an address is asked about.
pub fn item_at(path: &str) -> Option<&'static str> {
    match path {
        "/dyn/vm/menu" => Some(VM_MIGRATE),
        "/dyn/cluster/menu" => Some(CLUSTER_MIGRATE),
        _ => None,
    }
}

/// What is selected.
#[derive(Debug, PartialEq, Eq)]
enum Selection {
    /// These objects of one vCenter; its instance UUID may be unknown.
    Of(Option<String>, BTreeSet<MoRef>),
    /// Something that is refused with words later.
    Odd,
}

impl Selection {
    fn read(question: &MenuQuestion, kind: &str) -> Self {
        if question.object_ids.is_empty() || question.object_ids.len() > MAX_OBJECTS.min(MAX_SELECTED) {
            return Self::Odd;
        }
        let mut guids = BTreeSet::new();
        let mut objects = BTreeSet::new();
        for text in &question.object_ids {
            match ClientObject::parse(text) {
                Some(object) if object.kind == kind => {
                    guids.insert(object.vc_guid);
                    objects.insert(MoRef::new(object.kind, object.id));
                }
                _ => return Self::Odd,
            }
        }
        match guids.pop_first() {
            Some(guid) if guids.is_empty() => Self::Of(guid, objects),
            _ => Self::Odd,
        }
    }
}

async fn decide(
    app: Arc<App>,
    token: Secret,
    client: Option<Arc<Vcenter>>,
    selected: Selection,
) -> Result<Shown, Failure> {
    let Selection::Of(guid, objects) = selected else { return Ok(Shown::Enabled) };
    let vcenter = match guid {
        Some(guid) => app.vcenters.get(&guid),
        None => app.vcenters.only_source(),
    };
    let Some(vcenter) = vcenter else {
        // The table may not have been read yet; the wizard says so.
        return Ok(if app.vcenters.all().is_empty() { Shown::Enabled } else { Shown::Absent });
    };
    let objects: Vec<MoRef> = objects.into_iter().collect();
    let session = enter(&app, &vcenter, token.clone(), client.clone()).await?;
    match decide_in(&app, &session, &objects).await {
        // vCenter was restarted, or somebody ended the session: another one knows.
        Err(failure) if failure.is(SESSION_UNKNOWN) => {
            app.table.end(&session);
            drop(session);
            let session = enter(&app, &vcenter, token, client).await?;
            decide_in(&app, &session, &objects).await
        }
        decided => decided,
    }
}

async fn decide_in(app: &Arc<App>, session: &InUse, objects: &[MoRef]) -> Result<Shown, Failure> {
    let vcenter = &session.vcenter;
    if vcenter.role != VcenterRole::Source {
        return Ok(Shown::Absent);
    }
    let now = app.clock.uptime();
    let movable: Vec<&MoRef> = if objects.iter().all(|object| object.kind == "VirtualMachine") {
        // Not knowing the kind is no reason to hide the action.
        let kinds = session.kinds.of(session.session.as_ref(), objects, now).await.unwrap_or_default();
        objects.iter().filter(|vm| kinds.get(vm).is_none_or(is_movable)).collect()
    } else {
        objects.iter().collect()
    };
    if movable.is_empty() {
        return Ok(Shown::Absent);
    }
    let rights = match session.rights.lately(&movable, wanted(), now) {
        Some((rights, old)) => {
            if old {
                ask_anew(app, session, movable.iter().map(|&object| object.clone()).collect());
            }
            rights
        }
        None => session.rights.of(session.session.as_ref(), movable.iter().copied(), wanted(), now).await?,
    };
    let holds =
        |vm: &MoRef, privilege| matches!(rights.get(vm), Some(Answer::Holds(mask)) if mask.has(privilege));
    if let [one] = movable.as_slice() {
        let subject = ObjectId { vcenter: vcenter.id.clone(), moid: one.id.clone() };
        if holds(one, Privilege::View) && app.feed.memory().in_flight(&subject) {
            return Ok(Shown::Enabled);
        }
    }
    let permitted = movable.iter().all(|vm| holds(vm, Privilege::Migrate));
    Ok(if permitted { Shown::Enabled } else { Shown::Disabled })
}

/// Asks what the user may do, for the next menu.
fn ask_anew(app: &Arc<App>, session: &InUse, objects: Vec<MoRef>) {
    let Ok(permit) = app.permits.deciding.clone().try_acquire_owned() else { return };
    let (app, session) = (app.clone(), session.clone());
    tokio::spawn(async move {
        let _permit = permit;
        let now = app.clock.uptime();
        let asked = session.rights.of(session.session.as_ref(), &objects, wanted(), now).await;
        if let Err(failure) = asked.map_err(Failure::from)
            && failure.is(SESSION_UNKNOWN)
        {
            app.table.end(&session);
        }
    });
}

/// What is asked about the objects of a menu.
fn wanted() -> Mask {
    Mask::of(|p| p == Privilege::View || p == Privilege::Migrate)
}

/// The user's session: the one that is held, or a new one.
async fn enter(
    app: &Arc<App>,
    vcenter: &Arc<Vcenter>,
    token: Secret,
    client: Option<Arc<Vcenter>>,
) -> Result<InUse, Failure> {
    let Some((session, prove_soon)) = app.table.warm(vcenter, &token) else {
        return app.table.exchange(vcenter, &token, client.as_ref()).await;
    };
    if prove_soon {
        let (app, vcenter) = (app.clone(), vcenter.clone());
        tokio::spawn(async move {
            if let Err(failure) = app.table.exchange(&vcenter, &token, client.as_ref()).await {
                tracing::debug!(detail = failure.problem.detail, "a session could not be proved");
            }
        });
    }
    Ok(session)
}

fn is_movable(kind: &VmKind) -> bool {
    !kind.template && kind.managed_by.as_deref() != Some(EXTENSION_KEY)
}

/// What is known of the VMs that menus were opened on, in one session.
#[derive(Debug, Default)]
pub struct Kinds {
    known: Mutex<HashMap<MoRef, (VmKind, Duration)>>,
}

impl Kinds {
    async fn of(
        &self,
        session: &dyn UserSession,
        vms: &[MoRef],
        now: Duration,
    ) -> Result<HashMap<MoRef, VmKind>, Error> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            for vm in vms {
                match known.get(vm) {
                    Some((kind, at)) if now.saturating_sub(*at) < KIND_BELIEVED => {
                        found.insert(vm.clone(), kind.clone());
                    }
                    _ => missing.push(vm.clone()),
                }
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let read = session.kinds(&missing).await?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + read.len() > MAX_KINDS {
            known.clear();
        }
        for (vm, kind) in read {
            known.insert(vm.clone(), (kind.clone(), now));
            found.insert(vm, kind);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read(ids: &[&str]) -> Selection {
        let object_ids = ids.iter().map(|&id| id.to_owned()).collect();
        let question = MenuQuestion { api_version: "1.0.0".into(), object_ids, locale: String::new() };
        Selection::read(&question, "VirtualMachine")
    }

    #[test]
    fn a_selection_is_of_one_vcenter_or_left_to_the_wizard() {
        let vm = |n: u32| MoRef::new("VirtualMachine", format!("vm-{n}"));
        assert_eq!(
            read(&["urn:vmomi:VirtualMachine:vm-1:AB", "urn:vmomi:VirtualMachine:vm-2:ab"]),
            Selection::Of(Some("ab".into()), [vm(1), vm(2)].into())
        );
        assert_eq!(read(&["urn:vmomi:VirtualMachine:vm-1"]), Selection::Of(None, [vm(1)].into()));
        assert_eq!(
            read(&["urn:vmomi:VirtualMachine:vm-1:a", "urn:vmomi:VirtualMachine:vm-1:b"]),
            Selection::Odd
        );
        assert_eq!(read(&["urn:vmomi:HostSystem:host-1:a"]), Selection::Odd);
        assert_eq!((read(&[]), read(&["x"])), (Selection::Odd, Selection::Odd));
        let many: Vec<String> = (0..501).map(|n| format!("urn:vmomi:VirtualMachine:vm-{n}:a")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(&many), Selection::Odd);
        assert_ne!(read(&many[1..]), Selection::Odd);
    }

    #[test]
    fn templates_and_what_hdm_manages_are_not_moved() {
        let kind = |template, owner: Option<&str>| VmKind { template, managed_by: owner.map(str::to_owned) };
        assert!(is_movable(&kind(false, None)) && is_movable(&kind(false, Some("com.example"))));
        assert!(!is_movable(&kind(true, None)) && !is_movable(&kind(false, Some("com.hdm.plugin"))));
    }
}
