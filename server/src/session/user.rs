//! What is asked of vCenter in a user's session.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use hdm_shared::plugin::Privilege;
use hdm_vsphere::{ClientSessions, Error, Limits, MoRef, Secret, Session, VmKind};

use super::rights::{Answer, Mask};
use crate::vcenters::Vcenter;

/// How many objects one question to vCenter may be about.
const CHUNK: usize = 250;
/// About how few objects it is not worth asking first which can be read.
const FEW: usize = 4;
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
/// What is held on objects that are all there.
type AllHeld = Vec<(MoRef, Vec<String>)>;

/// The questions of which an answer about many objects is made.
trait Questions: Clone + Send + Sync {
    /// What is held on each of them. Fails as a whole if one of them is gone or hidden.
    fn held<'a>(
        &'a self,
        objects: &'a [MoRef],
        asked: &'a [&'static str],
    ) -> BoxFuture<'a, Result<AllHeld, Error>>;

    /// Which of them can be read. Hidden ones come with `false`, and what is gone is left out.
    fn readable<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, bool)>, Error>>;
}

impl Questions for Session {
    fn held<'a>(
        &'a self,
        objects: &'a [MoRef],
        asked: &'a [&'static str],
    ) -> BoxFuture<'a, Result<AllHeld, Error>> {
        self.held_privileges(objects, asked).boxed()
    }

    fn readable<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, bool)>, Error>> {
        Session::readable(self, objects).boxed()
    }
}

/// Asks about many objects.
async fn held_by_parts(
    session: &impl Questions,
    objects: &[MoRef],
    asked: Arc<[&'static str]>,
) -> Result<Vec<HeldOn>, Error> {
    let chunks: Vec<Vec<MoRef>> = objects.chunks(CHUNK).map(<[MoRef]>::to_vec).collect();
    let ask = |chunk| held_by_part(session.clone(), chunk, asked.clone());
    stream::iter(chunks.into_iter().map(ask)).buffered(AT_ONCE).try_concat().await
}

/// Asks about some objects. vCenter refuses the whole question if one of them is gone or hidden. Then it is found
/// out which can be read: nothing is held on the others, and the question is put again about these. What is not
/// even spoken of, and the last few, are sorted out one by one: the one that vCenter names is taken out, and the
/// rest is asked in two halves.
async fn held_by_part(
    session: impl Questions,
    objects: Vec<MoRef>,
    asked: Arc<[&'static str]>,
) -> Result<Vec<HeldOn>, Error> {
    let mut answers = Vec::with_capacity(objects.len());
    let mut sorted = objects.len() <= FEW;
    let mut parts = vec![objects];
    while let Some(mut part) = parts.pop() {
        let error = match session.held(&part, &asked).await {
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
        if !std::mem::replace(&mut sorted, true) {
            let readable: HashMap<MoRef, bool> = session.readable(&part).await?.into_iter().collect();
            let (spoken_of, rest): (Vec<_>, Vec<_>) =
                part.into_iter().partition(|object| readable.contains_key(object));
            let (shown, hidden): (Vec<_>, Vec<_>) =
                spoken_of.into_iter().partition(|object| readable.get(object) == Some(&true));
            answers.extend(hidden.into_iter().map(|object| (object, Some(Vec::new()))));
            parts.extend([shown, rest].into_iter().filter(|part| !part.is_empty()));
            continue;
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use hdm_vsphere::Fault;

    use super::*;

    /// A vCenter as its documentation describes it: one object that is hidden or gone spoils a question.
    #[derive(Clone)]
    struct Strict {
        hidden: fn(usize) -> bool,
        gone: fn(usize) -> bool,
        calls: Arc<Mutex<usize>>,
    }

    fn number(object: &MoRef) -> usize {
        object.id.strip_prefix("vm-").unwrap().parse().unwrap()
    }

    impl Questions for Strict {
        fn held<'a>(
            &'a self,
            objects: &'a [MoRef],
            asked: &'a [&'static str],
        ) -> BoxFuture<'a, Result<AllHeld, Error>> {
            *self.calls.lock().unwrap() += 1;
            let fault = |object: &MoRef| {
                let n = number(object);
                let kind = if (self.gone)(n) {
                    "ManagedObjectNotFound"
                } else if (self.hidden)(n) {
                    "NoPermission"
                } else {
                    return None;
                };
                let detail = BTreeMap::from([("obj".to_owned(), object.id.clone())]);
                let fault = Fault { kind: kind.into(), message: String::new(), detail };
                Some(Error::Fault { operation: String::new(), object: String::new(), fault })
            };
            let held: Vec<String> = asked.iter().map(|&id| id.to_owned()).collect();
            let answer = match objects.iter().find_map(fault) {
                Some(fault) => Err(fault),
                None => Ok(objects.iter().map(|object| (object.clone(), held.clone())).collect()),
            };
            async move { answer }.boxed()
        }

        fn readable<'a>(&'a self, objects: &'a [MoRef]) -> BoxFuture<'a, Result<Vec<(MoRef, bool)>, Error>> {
            *self.calls.lock().unwrap() += 1;
            let there = objects.iter().filter(|object| !(self.gone)(number(object)));
            let read = there.map(|object| (object.clone(), !(self.hidden)(number(object)))).collect();
            async move { Ok(read) }.boxed()
        }
    }

    async fn ask(count: usize, hidden: fn(usize) -> bool, gone: fn(usize) -> bool) -> ([usize; 3], usize) {
        let vcenter = Strict { hidden, gone, calls: Arc::default() };
        let objects: Vec<MoRef> =
            (0..count).map(|n| MoRef::new("VirtualMachine", format!("vm-{n}"))).collect();
        let answers = held_by_parts(&vcenter, &objects, [SEE].into()).await.unwrap();
        let mut counted = [0; 3];
        for (object, held) in answers {
            let n = number(&object);
            let (at, wanted) = match (gone(n), hidden(n)) {
                (true, _) => (2, None),
                (_, true) => (1, Some(Vec::new())),
                _ => (0, Some(vec![SEE.to_owned()])),
            };
            assert_eq!(held, wanted, "{object}");
            counted[at] += 1;
        }
        let calls = *vcenter.calls.lock().unwrap();
        (counted, calls)
    }

    #[tokio::test]
    async fn hidden_objects_cost_three_questions_for_each_part_however_many_they_are() {
        let none = |_: usize| false;
        assert_eq!(ask(10_000, |n| n % 2 == 0, none).await, ([5_000, 5_000, 0], 3 * 10_000 / CHUNK));
        assert_eq!(ask(1_000, none, none).await, ([1_000, 0, 0], 1_000 / CHUNK), "one if nothing is hidden");
    }

    #[tokio::test]
    async fn each_object_is_answered_about_once_whatever_is_hidden_or_gone() {
        let (counted, calls) = ask(500, |n| n % 3 == 0, |n| n % 100 == 1).await;
        assert_eq!(counted, [329, 166, 5]);
        assert!(calls < 50, "{calls}");
        let (counted, _) = ask(5, |n| n == 1, |n| n == 2).await;
        assert_eq!(counted, [3, 1, 1]);
        assert_eq!(ask(250, |_| true, |_| false).await, ([0, 250, 0], 2));
    }
}
