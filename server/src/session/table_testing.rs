//! A vCenter in memory, for tests of what stands before it.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{Endpoint, Error, MoRef, Secret, Thumbprint, VmKind};
use tokio::sync::Notify;

use crate::session::rights::{Answer, Mask};
use crate::session::user::{Gate, Opened, UserSession};
use crate::vcenters::Vcenter;

/// What a session of a user sees.
#[derive(Clone, Default)]
pub struct FakeSession {
    state: Arc<Mutex<FakeState>>,
}

#[derive(Default)]
struct FakeState {
    granted: HashMap<MoRef, Mask>,
    kinds: HashMap<MoRef, VmKind>,
    gone: HashSet<MoRef>,
    asked: Vec<Vec<MoRef>>,
    ended: usize,
    lost: bool,
    /// After how many more questions it is lost.
    losing: Option<usize>,
    /// What happens after the next question.
    then: Option<Box<dyn FnOnce() + Send>>,
    silent: Option<Arc<Notify>>,
}

impl FakeSession {
    pub fn grant(&self, object: &MoRef, mask: Mask) {
        self.state.lock().unwrap().granted.insert(object.clone(), mask);
    }

    pub fn kind(&self, vm: &MoRef, kind: VmKind) {
        self.state.lock().unwrap().kinds.insert(vm.clone(), kind);
    }

    pub fn remove(&self, object: &MoRef) {
        self.state.lock().unwrap().gone.insert(object.clone());
    }

    pub fn lose(&self) {
        self.state.lock().unwrap().lost = true;
    }

    pub fn lose_after(&self, questions: usize) {
        self.state.lock().unwrap().losing = Some(questions);
    }

    pub fn find(&self) {
        let mut state = self.state.lock().unwrap();
        (state.lost, state.losing) = (false, None);
    }

    /// Something that happens while the next question is answered.
    pub fn then(&self, happens: impl FnOnce() + Send + 'static) {
        self.state.lock().unwrap().then = Some(Box::new(happens));
    }

    /// Questions about rights are not answered until [`Self::speak`].
    pub fn silence(&self) {
        self.state.lock().unwrap().silent = Some(Arc::default());
    }

    pub fn speak(&self) {
        if let Some(silent) = self.state.lock().unwrap().silent.take() {
            silent.notify_waiters();
        }
    }

    pub fn asked(&self) -> Vec<Vec<MoRef>> {
        self.state.lock().unwrap().asked.clone()
    }

    pub fn ended(&self) -> usize {
        self.state.lock().unwrap().ended
    }
}

impl UserSession for FakeSession {
    fn root(&self) -> BoxFuture<'_, Result<MoRef, Error>> {
        async { Ok(MoRef::new("Folder", "group-d1")) }.boxed()
    }

    fn held<'a>(
        &'a self,
        objects: &'a [MoRef],
        privileges: Mask,
    ) -> BoxFuture<'a, Result<Vec<(MoRef, Answer)>, Error>> {
        async move {
            let silent = self.state.lock().unwrap().silent.clone();
            if let Some(silent) = silent {
                silent.notified().await;
            }
            let then = self.state.lock().unwrap().then.take();
            if let Some(happens) = then {
                happens();
            }
            let mut state = self.state.lock().unwrap();
            state.lost |= state.losing == Some(0);
            if state.lost {
                return Err(Error::SessionLost { vcenter: "fake".into() });
            }
            state.losing = state.losing.map(|left| left - 1);
            state.asked.push(objects.to_vec());
            let answer = |object: &MoRef| {
                if state.gone.contains(object) {
                    return Answer::Gone;
                }
                let granted = state.granted.get(object).copied().unwrap_or_default();
                Answer::Holds(Mask::of(|p| privileges.has(p) && granted.has(p)))
            };
            Ok(objects.iter().map(|object| (object.clone(), answer(object))).collect())
        }
        .boxed()
    }

    fn kinds<'a>(&'a self, vms: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, VmKind)>, Error>> {
        async move {
            let state = self.state.lock().unwrap();
            Ok(vms.iter().map(|vm| (vm.clone(), state.kinds.get(vm).cloned().unwrap_or_default())).collect())
        }
        .boxed()
    }

    fn seen<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<HashSet<MoRef>, Error>> {
        async move {
            let state = self.state.lock().unwrap();
            if state.lost {
                return Err(Error::SessionLost { vcenter: "fake".into() });
            }
            Ok(objects.iter().filter(|object| !state.gone.contains(object)).cloned().collect())
        }
        .boxed()
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        async { self.state.lock().unwrap().ended += 1 }.boxed()
    }
}

/// Tokens that are good, and the sessions they lead to.
#[derive(Default)]
pub struct FakeGate {
    state: Mutex<GateState>,
}

/// Somebody logged in to the Client of one vCenter.
#[derive(Clone)]
struct Login {
    user: String,
    session: FakeSession,
    /// The vCenter whose Client it is; any if nothing is said.
    home: Option<String>,
    /// What it is linked with.
    linked: Vec<String>,
}

#[derive(Default)]
struct GateState {
    /// By token.
    good: HashMap<String, Login>,
    /// Ticket to token and the vCenter it is good at.
    tickets: HashMap<String, (String, String)>,
    /// Where tickets were asked for.
    asked: Vec<String>,
    given: usize,
    opened: usize,
    /// Cannot be reached.
    down: HashSet<String>,
    /// Does not answer until it is heard again.
    silent: HashMap<String, Arc<Notify>>,
}

impl FakeGate {
    /// A user who is logged in to the Client with a token that every vCenter knows.
    pub fn log_in(&self, token: &str, user: &str) -> FakeSession {
        self.log_in_at(token, user, None, &[])
    }

    /// A user whose token is known to one vCenter only, which gives tickets for those it is linked with too.
    pub fn log_in_at(&self, token: &str, user: &str, home: Option<&str>, linked: &[&str]) -> FakeSession {
        let session = FakeSession::default();
        let linked = linked.iter().map(|&guid| guid.to_owned()).collect();
        let home = home.map(str::to_owned);
        let login = Login { user: user.into(), session: session.clone(), home, linked };
        self.state.lock().unwrap().good.insert(token.into(), login);
        session
    }

    pub fn log_out(&self, token: &str) {
        self.state.lock().unwrap().good.remove(token);
    }

    /// Nobody reaches a vCenter any more.
    pub fn take_down(&self, vcenter: &str) {
        self.state.lock().unwrap().down.insert(vcenter.into());
    }

    /// A vCenter takes requests and does not answer them until [`Self::speak`].
    pub fn silence(&self, vcenter: &str) {
        self.state.lock().unwrap().silent.insert(vcenter.into(), Arc::default());
    }

    /// It answers again, what it was asked before too.
    pub fn speak(&self, vcenter: &str) {
        if let Some(silent) = self.state.lock().unwrap().silent.remove(vcenter) {
            silent.notify_waiters();
        }
    }

    async fn answered(&self, vcenter: &Vcenter) {
        let silent = self.state.lock().unwrap().silent.get(vcenter.id.as_str()).cloned();
        match silent {
            Some(silent) => silent.notified().await,
            None => tokio::task::yield_now().await,
        }
    }

    /// How many tickets were asked for, and how many were used.
    pub fn count(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.asked.len(), state.opened)
    }

    /// The vCenters at which tickets were asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

impl Gate for FakeGate {
    fn ticket<'a>(
        &'a self,
        at: &'a Vcenter,
        guid: &'a str,
        token: &'a Secret,
    ) -> BoxFuture<'a, Result<Secret, Error>> {
        async move {
            self.state.lock().unwrap().asked.push(at.id.to_string());
            self.answered(at).await;
            let mut state = self.state.lock().unwrap();
            if state.down.contains(at.id.as_str()) {
                return Err(Error::Timeout { vcenter: at.id.to_string(), operation: "ticket".into() });
            }
            let knows = state.good.get(token.reveal()).is_some_and(|login| match &login.home {
                None => at.guid == guid,
                Some(home) => at.guid == *home && (guid == home || login.linked.iter().any(|g| g == guid)),
            });
            if !knows {
                return Err(Error::TokenRefused { vcenter: at.id.to_string() });
            }
            state.given += 1;
            let ticket = format!("ticket-{}", state.given);
            state.tickets.insert(ticket.clone(), (token.reveal().to_owned(), guid.to_owned()));
            Ok(Secret::new(ticket))
        }
        .boxed()
    }

    fn open<'a>(&'a self, vcenter: &'a Vcenter, ticket: &'a Secret) -> BoxFuture<'a, Result<Opened, Error>> {
        async move {
            self.answered(vcenter).await;
            let mut state = self.state.lock().unwrap();
            if state.down.contains(vcenter.id.as_str()) {
                return Err(Error::Timeout { vcenter: vcenter.id.to_string(), operation: "open".into() });
            }
            state.opened += 1;
            let refused = || Error::TokenRefused { vcenter: vcenter.id.to_string() };
            let (token, guid) = state.tickets.remove(ticket.reveal()).ok_or_else(refused)?;
            if guid != vcenter.guid {
                return Err(refused());
            }
            let login = state.good.get(&token).cloned().ok_or_else(refused)?;
            Ok((Box::new(login.session) as Box<dyn UserSession>, login.user))
        }
        .boxed()
    }
}

/// A vCenter with a name and an instance UUID.
pub fn vcenter(id: &str, guid: &str, role: VcenterRole) -> Arc<Vcenter> {
    let endpoint = Endpoint {
        name: id.into(),
        url: Endpoint::parse_url(&format!("{id}.example.org")).unwrap(),
        thumbprint: Thumbprint::Sha256([0; 32]),
    };
    Arc::new(Vcenter { id: id.parse().unwrap(), role, endpoint, guid: guid.into() })
}
