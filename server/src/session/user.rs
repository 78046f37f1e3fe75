//! What is asked of vCenter in a user's session.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use hdm_shared::plugin::Privilege;
use hdm_vsphere::{ClientSessions, Error, Limits, MoRef, Secret, Session, VmKind};

use super::rights::{Answer, Mask};
use crate::vcenters::Vcenter;

/// How many objects one question to vCenter may be about.
const CHUNK: usize = 250;
/// The privilege to see an object.
const SEE: &str = "System.View";
/// How many questions are asked at once in one session.
const AT_ONCE: usize = 4;

/// A user's session at one vCenter.
pub trait UserSession: Send + Sync {
    /// The folder above everything.
    fn root(&self) -> BoxFuture<'_, Result<MoRef, Error>>;

    /// Which of these privileges the user holds, object by object, in any order.
    fn held<'a>(
        &'a self,
        objects: &'a [MoRef],
        privileges: Mask,
    ) -> BoxFuture<'a, Result<Vec<(MoRef, Answer)>, Error>>;

    /// What kind of VMs these are. Fails if one of them is gone or hidden.
    fn kinds<'a>(&'a self, vms: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, VmKind)>, Error>>;

    /// Which of these objects the user sees at all.
    fn seen<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<HashSet<MoRef>, Error>>;

    /// Ends it. What cannot be ended ends by itself.
    fn end(&self) -> BoxFuture<'_, ()>;
}

/// The way to a user's session.
pub trait Gate: Send + Sync {
    /// A clone ticket for a token of the vSphere Client, asked for `at` one vCenter and good at the one with
    /// an instance UUID: the proof that the Client's session lives.
    fn ticket<'a>(
        &'a self,
        at: &'a Vcenter,
        guid: &'a str,
        token: &'a Secret,
    ) -> BoxFuture<'a, Result<Secret, Error>>;

    /// Uses the ticket up: the session and its user's name.
    fn open<'a>(&'a self, vcenter: &'a Vcenter, ticket: &'a Secret) -> BoxFuture<'a, Result<Opened, Error>>;
}

/// A session and its user's name.
pub type Opened = (Box<dyn UserSession>, String);

/// The way to real vCenters.
#[derive(Debug)]
pub struct LiveGate {
    limits: Limits,
}

impl Default for LiveGate {
    fn default() -> Self {
        // A page waits for each answer.
        let second = std::time::Duration::from_secs(1);
        let limits =
            Limits { connect: 5 * second, call: 20 * second, concurrent_calls: 8, ..Limits::default() };
        Self { limits }
    }
}

impl LiveGate {
    fn at(&self, vcenter: &Vcenter) -> Result<ClientSessions, Error> {
        let agent = format!("HDM-plugin/{}", env!("CARGO_PKG_VERSION"));
        ClientSessions::new(vcenter.endpoint.clone(), self.limits.clone(), agent)
    }
}

impl Gate for LiveGate {
    fn ticket<'a>(
        &'a self,
        at: &'a Vcenter,
        guid: &'a str,
        token: &'a Secret,
    ) -> BoxFuture<'a, Result<Secret, Error>> {
        async move { self.at(at)?.ticket(token, guid).await }.boxed()
    }

    fn open<'a>(&'a self, vcenter: &'a Vcenter, ticket: &'a Secret) -> BoxFuture<'a, Result<Opened, Error>> {
        async move {
            let (session, user) = self.at(vcenter)?.open(ticket).await?;
            Ok((Box::new(session) as Box<dyn UserSession>, user))
        }
        .boxed()
    }
}

impl UserSession for Session {
    fn root(&self) -> BoxFuture<'_, Result<MoRef, Error>> {
        self.root_folder().boxed()
    }

    fn held<'a>(
        &'a self,
        objects: &'a [MoRef],
        privileges: Mask,
    ) -> BoxFuture<'a, Result<Vec<(MoRef, Answer)>, Error>> {
        async move {
            let asked = privileges.iter().map(Privilege::id).collect();
            let answer = |(object, held): (MoRef, Option<Vec<String>>)| {
                let mask = held.map(|ids| Mask::of(|p| ids.iter().any(|id| id == p.id())));
                (object, mask.map_or(Answer::Gone, Answer::Holds))
            };
            Ok(held_by_parts(self, objects, asked).await?.into_iter().map(answer).collect())
        }
        .boxed()
    }

    fn kinds<'a>(&'a self, vms: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, VmKind)>, Error>> {
        self.vm_kinds(vms).boxed()
    }

    fn seen<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<HashSet<MoRef>, Error>> {
        async move {
            let sees = |(object, held): (MoRef, Option<Vec<String>>)| {
                held.is_some_and(|held| held.iter().any(|id| id == SEE)).then_some(object)
            };
            Ok(held_by_parts(self, objects, [SEE].into()).await?.into_iter().filter_map(sees).collect())
        }
        .boxed()
    }

    fn end(&self) -> BoxFuture<'_, ()> {
        async move {
            if let Err(error) = self.logout().await {
                tracing::debug!(%error, "a user's session ends by itself");
            }
        }
        .boxed()
    }
}

/// What is held on an object; nothing at all if it is gone.
type HeldOn = (MoRef, Option<Vec<String>>);

/// Asks about many objects.
async fn held_by_parts(
    session: &Session,
    objects: &[MoRef],
    asked: Arc<[&'static str]>,
) -> Result<Vec<HeldOn>, Error> {
    let chunks: Vec<Vec<MoRef>> = objects.chunks(CHUNK).map(<[MoRef]>::to_vec).collect();
    let ask = |chunk| held_by_part(session.clone(), chunk, asked.clone());
    stream::iter(chunks.into_iter().map(ask)).buffered(AT_ONCE).try_concat().await
}

/// Asks about some objects. vCenter refuses the whole question if one of them is gone or hidden; then the one
/// it names is taken out, and the rest is asked in two halves.
async fn held_by_part(
    session: Session,
    objects: Vec<MoRef>,
    asked: Arc<[&'static str]>,
) -> Result<Vec<HeldOn>, Error> {
    let mut answers = Vec::with_capacity(objects.len());
    let mut parts = vec![objects];
    while let Some(mut part) = parts.pop() {
        let error = match session.held_privileges(&part, &asked).await {
            Ok(held) => {
                answers.extend(held.into_iter().map(|(object, ids)| (object, Some(ids))));
                continue;
            }
            Err(error) => error,
        };
        let answer = match error.fault_kind() {
            Some("ManagedObjectNotFound") => None,
            Some("NoPermission") => Some(Vec::new()),
            _ => return Err(error),
        };
        let named = error.fault().and_then(|fault| fault.detail.get("obj").or(fault.detail.get("object")));
        let culprit = named.and_then(|id| part.iter().position(|object| object.id == *id));
        if let Some(at) = culprit.or((part.len() == 1).then_some(0)) {
            answers.push((part.swap_remove(at), answer));
        }
        let rest = part.split_off(part.len() / 2);
        parts.extend([part, rest].into_iter().filter(|part| !part.is_empty()));
    }
    Ok(answers)
}
