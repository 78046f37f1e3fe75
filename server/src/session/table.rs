//! The sessions that are held.
//!
//! One for each pair of a Client's token (by its hash) and a vCenter, shared by all of that user's frames.
//! When there are too many, the one used least recently goes, but never one that answers a request just now.
//! What goes is logged out.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::{BoxFuture, Shared};
use futures_util::{FutureExt, StreamExt, stream};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{Error, Secret};
use uuid::Uuid;

use super::budget::Budget;
use super::rights::Rights;
use super::user::{Gate, UserSession};
use crate::clock::Clock;
use crate::menu::Kinds;
use crate::problem::Failure;
use crate::token::Keys;
use crate::vcenters::{Vcenter, Vcenters};

/// The table's limits.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How many sessions are held.
    pub sessions: usize,
    /// After how long without a request a session is ended.
    pub idle: Duration,
    /// How long it is believed, when a page exchanges its token, that the Client's session lives.
    pub proof: Duration,
    /// The same for a menu, which is answered from memory; it is proved again beforehand, while nobody waits.
    pub menu_proof: Duration,
    /// How long a token that was refused is refused without asking.
    pub refused: Duration,
    /// How often a second vCenters are asked for tickets for tokens of which nothing is known.
    pub tickets_per_second: u32,
    /// How often at once.
    pub tickets_at_once: u32,
    /// How often a second for tokens that have a session: guessing others must not keep their users out.
    pub renewals_per_second: u32,
    /// How often at once.
    pub renewals_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 256,
            idle: Duration::from_secs(600),
            proof: Duration::from_secs(30),
            menu_proof: Duration::from_secs(300),
            refused: Duration::from_secs(10),
            tickets_per_second: 20,
            tickets_at_once: 100,
            renewals_per_second: 100,
            renewals_at_once: 1_000,
        }
    }
}

/// How many refused tokens are remembered.
const MAX_REFUSED: usize = 4_096;
/// How many exchanges are under way at once for tokens of which nothing is known.
const MAX_UNDER_WAY: usize = 64;
/// How many clouds are linked at once for one user.
const LINKED_AT_ONCE: usize = 8;
/// How long it is believed that a cloud is not linked. Every exchange of a page asks again.
const UNLINKED_BELIEVED: Duration = Duration::from_secs(3_600);
/// How long all sessions together may take to end when the process ends.
const CLOSING: Duration = Duration::from_secs(5);

/// What a session is known by: the hash of the Client's token, and the vCenter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    token: [u8; 32],
    guid: String,
}

impl Key {
    fn new(token: &Secret, guid: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.reveal().as_bytes()).as_ref());
        Self { token: hash, guid: guid.to_owned() }
    }
}

/// A user's session at one vCenter, with what is remembered of it.
pub struct Held {
    /// Its name in tokens, the same at every instance.
    pub id: Uuid,
    /// The user, as vCenter names it.
    pub user: String,
    /// The vCenter.
    pub vcenter: Arc<Vcenter>,
    /// What vCenter is asked through.
    pub session: Box<dyn UserSession>,
    /// What the user may do.
    pub rights: Rights,
    /// What is known of the VMs that menus were opened on.
    pub kinds: Kinds,
    key: Key,
    /// The vCenter whose Client the user is logged in to.
    home: Mutex<Option<String>>,
    in_flight: AtomicUsize,
    used_ms: AtomicU64,
    proved_ms: AtomicU64,
}

impl Held {
    fn home(&self) -> Option<String> {
        self.home.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember_home(&self, guid: &str) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = Some(guid.to_owned());
    }
}

/// What is known of a user's way to a cloud.
pub enum Link {
    /// The cloud is linked with the Client's vCenter, and this is the user's session there.
    Linked(InUse),
    /// It is not linked: the user is nobody there.
    Unlinked,
    /// Nobody knows: the Client's vCenter or the cloud could not be asked, or not in time.
    Unknown,
}

/// An exchange that somebody has begun. Whoever wants the same waits for it too.
type UnderWay = Shared<BoxFuture<'static, Result<InUse, Failure>>>;

/// Takes an exchange off the list when it ends, however it ends.
struct Ending {
    table: Arc<Table>,
    key: Key,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.table.lock().under_way.remove(&self.key);
    }
}

/// A session while a request uses it.
pub struct InUse {
    held: Arc<Held>,
    clock: Arc<dyn Clock>,
}

impl InUse {
    fn new(held: Arc<Held>, clock: &Arc<dyn Clock>) -> Self {
        held.in_flight.fetch_add(1, Ordering::AcqRel);
        held.used_ms.store(millis(clock.uptime()), Ordering::Release);
        Self { held, clock: clock.clone() }
    }
}

impl Deref for InUse {
    type Target = Held;
    fn deref(&self) -> &Held {
        &self.held
    }
}

impl Clone for InUse {
    fn clone(&self) -> Self {
        Self::new(self.held.clone(), &self.clock)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.held.used_ms.store(millis(self.clock.uptime()), Ordering::Release);
        self.held.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[derive(Default)]
struct Inner {
    by_id: HashMap<Uuid, Arc<Held>>,
    refused: HashMap<Key, Duration>,
    under_way: HashMap<Key, UnderWay>,
    /// When it was found out that a cloud is not linked, for tokens that have a session.
    unlinked: HashMap<Key, Duration>,
}

impl Inner {
    /// Whether there is a session of a token.
    fn knows(&self, token: &[u8; 32]) -> bool {
        self.by_id.values().any(|held| held.key.token == *token)
    }
}

/// The table.
pub struct Table {
    gate: Arc<dyn Gate>,
    vcenters: Arc<Vcenters>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    keys: Arc<Keys>,
    strangers: Budget,
    renewals: Budget,
    inner: Mutex<Inner>,
}

impl Table {
    /// An empty table.
    pub fn new(
        gate: Arc<dyn Gate>,
        vcenters: Arc<Vcenters>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        keys: Arc<Keys>,
    ) -> Self {
        let strangers = Budget::new(limits.tickets_per_second, limits.tickets_at_once);
        let renewals = Budget::new(limits.renewals_per_second, limits.renewals_at_once);
        Self { gate, vcenters, clock, limits, keys, strangers, renewals, inner: Mutex::default() }
    }

    /// The session for a token, which is made if there is none. It is certain that the Client's session
    /// lived at most [`Limits::proof`] ago. `client` is the vCenter in whose Client the page is, if that is
    /// known.
    pub async fn exchange(
        self: &Arc<Self>,
        vcenter: &Arc<Vcenter>,
        token: &Secret,
        client: Option<&Arc<Vcenter>>,
    ) -> Result<InUse, Failure> {
        self.exchange_at(vcenter, token, &self.home(vcenter, token, client)).await
    }

    /// Opens sessions at the clouds that are linked with the Client's vCenter, which has just proved the
    /// token. Nobody else is asked whether one is: no cloud sees a token that may not be meant for it.
    pub async fn link(self: &Arc<Self>, session: &Held, token: &Secret) {
        let Some(home) = session.home().and_then(|guid| self.vcenters.get(&guid)) else { return };
        let clouds = self.vcenters.all().into_iter().filter(|vcenter| vcenter.role == VcenterRole::Cloud);
        let link = async |cloud: Arc<Vcenter>| {
            if let Err(failure) = self.exchange_at(&cloud, token, &home).await {
                tracing::debug!(cloud = %cloud.id, detail = failure.problem.detail, "there is no session at a cloud");
            }
        };
        stream::iter(clouds).map(link).buffer_unordered(LINKED_AT_ONCE).collect::<()>().await;
    }

    /// The same user's session at another vCenter, if there is one.
    pub fn linked(&self, session: &Held, guid: &str) -> Option<InUse> {
        let vcenter = self.vcenters.get(guid)?;
        self.held(&Key { token: session.key.token, guid: vcenter.guid.clone() }, &vcenter)
    }

    /// What is known of the way of a session's user to a cloud.
    pub fn link_of(&self, session: &Held, cloud: &Vcenter) -> Link {
        if let Some(linked) = self.linked(session, &cloud.guid) {
            return Link::Linked(linked);
        }
        let key = Key { token: session.key.token, guid: cloud.guid.clone() };
        let found = self.lock().unlinked.get(&key).copied();
        let believed = |at| self.clock.uptime().saturating_sub(at) < UNLINKED_BELIEVED;
        if found.is_some_and(believed) { Link::Unlinked } else { Link::Unknown }
    }

    /// The session for a token if it is held and need not be proved, for a menu. The flag says that it should be
    /// proved soon.
    pub fn warm(&self, vcenter: &Arc<Vcenter>, token: &Secret) -> Option<(InUse, bool)> {
        let held = self.held(&Key::new(token, &vcenter.guid), vcenter)?;
        let age = self.since_proof(&held);
        let soon = age >= self.limits.menu_proof * 4 / 5;
        (age < self.limits.menu_proof).then_some((held, soon))
    }

    /// Whether there is a session of a token.
    pub fn knows(&self, token: &Secret) -> bool {
        self.lock().knows(&Key::new(token, "").token)
    }

    /// The session that a token of ours names.
    pub fn enter(&self, id: Uuid) -> Option<InUse> {
        let inner = self.lock();
        Some(InUse::new(inner.by_id.get(&id)?.clone(), &self.clock))
    }

    /// How many sessions are held.
    pub fn len(&self) -> usize {
        self.lock().by_id.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name that the session of a token at a vCenter has, whether there is one or not.
    pub fn id_of(&self, token: &Secret, guid: &str) -> Uuid {
        self.id(&Key::new(token, guid))
    }

    /// Ends a session, whoever uses it. Another one that has taken its place stays.
    pub fn end(&self, session: &Held) {
        let gone = {
            let mut inner = self.lock();
            let is_it =
                inner.by_id.get(&session.id).is_some_and(|held| std::ptr::eq(Arc::as_ptr(held), session));
            if is_it { inner.by_id.remove(&session.id) } else { None }
        };
        gone.into_iter().for_each(log_out);
    }

    /// Ends what nobody has used for a while, and what is at a vCenter that is no longer `current`.
    pub fn sweep(&self, current: impl Fn(&Vcenter) -> bool) {
        let now = self.clock.uptime();
        let gone: Vec<Arc<Held>> = {
            let mut inner = self.lock();
            inner.refused.retain(|_, until| *until > now);
            let idle = |held: &Held| {
                held.in_flight.load(Ordering::Acquire) == 0
                    && now.saturating_sub(Duration::from_millis(held.used_ms.load(Ordering::Acquire)))
                        >= self.limits.idle
            };
            let gone: Vec<Uuid> = inner
                .by_id
                .values()
                .filter(|held| idle(held) || !current(&held.vcenter))
                .map(|held| held.id)
                .collect();
            let gone = gone.into_iter().filter_map(|id| inner.by_id.remove(&id)).collect();
            let tokens: HashSet<[u8; 32]> = inner.by_id.values().map(|held| held.key.token).collect();
            inner.unlinked.retain(|key, _| tokens.contains(&key.token));
            gone
        };
        gone.into_iter().for_each(log_out);
    }

    /// Ends all sessions, and waits for that a little.
    pub async fn close(&self) {
        let all: Vec<Arc<Held>> = {
            let mut inner = self.lock();
            inner.by_id.drain().map(|(_, held)| held).collect()
        };
        let ends = all.iter().map(|held| held.session.end());
        if tokio::time::timeout(CLOSING, futures_util::future::join_all(ends)).await.is_err() {
            tracing::info!("some users' sessions end by themselves");
        }
    }

    /// The vCenter whose Client the token comes from, the only one that it is shown to: the one that has
    /// proved it before, or else the one in whose Client the page is. If neither is known it is the one that
    /// the page is about, which that Client shows, and which is linked with it if it is not the same.
    fn home(&self, vcenter: &Arc<Vcenter>, token: &Secret, client: Option<&Arc<Vcenter>>) -> Arc<Vcenter> {
        let token = Key::new(token, "").token;
        let proved = {
            let inner = self.lock();
            inner.by_id.values().filter(|held| held.key.token == token).find_map(|held| held.home())
        };
        let proved = proved.and_then(|guid| self.vcenters.get(&guid));
        proved.or_else(|| client.cloned()).unwrap_or_else(|| vcenter.clone())
    }

    /// The session for a token that is shown to its home. It is made and proved in a task of its own, which
    /// goes on when nobody waits for it any more: a session that vCenter has opened must not be lost.
    async fn exchange_at(
        self: &Arc<Self>,
        vcenter: &Arc<Vcenter>,
        token: &Secret,
        home: &Arc<Vcenter>,
    ) -> Result<InUse, Failure> {
        let key = Key::new(token, &vcenter.guid);
        let held = self.held(&key, vcenter);
        if let Some(held) = &held
            && self.since_proof(held) < self.limits.proof
        {
            return Ok(held.clone());
        }
        self.begin(key, vcenter, token, home)?.await
    }

    fn begin(
        self: &Arc<Self>,
        key: Key,
        vcenter: &Arc<Vcenter>,
        token: &Secret,
        home: &Arc<Vcenter>,
    ) -> Result<UnderWay, Failure> {
        let now = self.clock.uptime();
        let mut inner = self.lock();
        if let Some(under_way) = inner.under_way.get(&key) {
            return Ok(under_way.clone());
        }
        if inner.refused.get(&key).is_some_and(|until| *until > now) {
            return Err(Failure::client_session());
        }
        let admitted = if inner.knows(&key.token) {
            self.renewals.take(now)
        } else {
            inner.under_way.len() < MAX_UNDER_WAY && self.strangers.take(now)
        };
        if !admitted {
            return Err(Failure::busy("Many sessions are being opened. The page asks again by itself."));
        }
        let ending = Ending { table: self.clone(), key: key.clone() };
        let (vcenter, token, home) = (vcenter.clone(), token.clone(), home.clone());
        let task = tokio::spawn(async move {
            let Ending { table, key } = &ending;
            table.prove(key, &vcenter, &token, &home).await
        });
        let under_way = async move {
            task.await
                .unwrap_or_else(|error| Err(Failure::internal(format!("No session was opened: {error}."))))
        };
        let under_way = under_way.boxed().shared();
        inner.under_way.insert(key, under_way.clone());
        Ok(under_way)
    }

    /// Asks for a ticket, even if the session is there: the answer says whether the Client's session lives.
    /// Uses it if the session is not there.
    async fn prove(
        &self,
        key: &Key,
        vcenter: &Arc<Vcenter>,
        token: &Secret,
        home: &Arc<Vcenter>,
    ) -> Result<InUse, Failure> {
        let held = self.held(key, vcenter);
        let ticket = match self.gate.ticket(home, &vcenter.guid, token).await {
            Ok(ticket) => ticket,
            Err(error) => {
                self.note_unlinked(key, home, &error);
                if key.guid == home.guid && matches!(error, Error::TokenRefused { .. }) {
                    self.end_all_of(&key.token);
                }
                return Err(self.refuse(key, held, error));
            }
        };
        self.lock().unlinked.remove(key);
        if let Some(held) = held {
            held.remember_home(&home.guid);
            held.proved_ms.store(millis(self.clock.uptime()), Ordering::Release);
            return Ok(held);
        }
        match self.gate.open(vcenter, &ticket).await {
            Ok((session, user)) => {
                let held = self.insert(key.clone(), vcenter, session, user)?;
                held.remember_home(&home.guid);
                Ok(held)
            }
            Err(error) => Err(self.refuse(key, None, error)),
        }
    }

    /// Ends all sessions of a token that the vCenter it comes from knows no more.
    fn end_all_of(&self, token: &[u8; 32]) {
        let of_it: Vec<Arc<Held>> =
            self.lock().by_id.extract_if(|_, held| held.key.token == *token).map(|(_, held)| held).collect();
        of_it.into_iter().for_each(log_out);
    }

    /// A vCenter that knows a token and gives no ticket for another vCenter is not linked with it. What it
    /// answers then is not documented; status 500 counts as a refusal too.
    fn note_unlinked(&self, key: &Key, home: &Vcenter, error: &Error) {
        let refused = matches!(error, Error::TokenRefused { .. } | Error::Busy { status: 500, .. });
        let mut inner = self.lock();
        if refused && key.guid != home.guid && inner.knows(&key.token) {
            inner.unlinked.insert(key.clone(), self.clock.uptime());
        }
    }

    /// The Client's session has ended, or cannot be asked about now.
    fn refuse(&self, key: &Key, held: Option<InUse>, error: Error) -> Failure {
        if !matches!(error, Error::TokenRefused { .. }) {
            return error.into();
        }
        if let Some(held) = held {
            self.end(&held);
        }
        let now = self.clock.uptime();
        let mut inner = self.lock();
        if inner.refused.len() >= MAX_REFUSED {
            inner.refused.clear();
        }
        inner.refused.insert(key.clone(), now + self.limits.refused);
        error.into()
    }

    fn insert(
        &self,
        key: Key,
        vcenter: &Arc<Vcenter>,
        session: Box<dyn UserSession>,
        user: String,
    ) -> Result<InUse, Failure> {
        let now_ms = millis(self.clock.uptime());
        let id = self.id(&key);
        let held = Arc::new(Held {
            id,
            user,
            vcenter: vcenter.clone(),
            session,
            // Any beginning will do, as long as that of another instance is likely to be another.
            rights: Rights::beginning_at(i64::from(Uuid::new_v4().as_bytes()[0]) * 4),
            kinds: Kinds::default(),
            key,
            home: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            used_ms: AtomicU64::new(now_ms),
            proved_ms: AtomicU64::new(now_ms),
        });
        let mut inner = self.lock();
        let evicted = if inner.by_id.len() >= self.limits.sessions && !inner.by_id.contains_key(&id) {
            let idle = inner.by_id.values().filter(|held| held.in_flight.load(Ordering::Acquire) == 0);
            let oldest = idle.min_by_key(|held| held.used_ms.load(Ordering::Acquire)).map(|held| held.id);
            let Some(oldest) = oldest else {
                drop(inner);
                log_out(held);
                return Err(Failure::busy(
                    "All sessions of the plugin server are in use. The page asks again by itself.",
                ));
            };
            inner.by_id.remove(&oldest)
        } else {
            None
        };
        // At the same vCenter as it was known before, or nobody would have opened another one.
        let replaced = inner.by_id.insert(id, held.clone());
        let used = InUse::new(held, &self.clock);
        drop(inner);
        evicted.into_iter().chain(replaced).for_each(log_out);
        tracing::info!(user = used.user, vcenter = %used.vcenter.id, "a user's session is open");
        Ok(used)
    }

    /// The session with a key, if it is at the vCenter as it is known now.
    fn held(&self, key: &Key, vcenter: &Arc<Vcenter>) -> Option<InUse> {
        let id = self.id(key);
        let inner = self.lock();
        let held = inner.by_id.get(&id)?;
        (*held.vcenter == **vcenter).then(|| InUse::new(held.clone(), &self.clock))
    }

    fn id(&self, key: &Key) -> Uuid {
        self.keys.session_id(&key.token, &key.guid)
    }

    fn since_proof(&self, held: &Held) -> Duration {
        let proved = Duration::from_millis(held.proved_ms.load(Ordering::Acquire));
        self.clock.uptime().saturating_sub(proved)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a session out while nobody waits for it.
fn log_out(held: Arc<Held>) {
    tracing::info!(user = held.user, vcenter = %held.vcenter.id, "a user's session is ended");
    tokio::spawn(async move { held.session.end().await });
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(any(test, feature = "testing"))]
#[path = "table_testing.rs"]
pub mod testing;

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
