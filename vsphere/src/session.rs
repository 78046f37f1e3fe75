//! One login at one vCenter, and the mechanism every call goes through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::Method;
use tokio::sync::{Mutex, OnceCell, RwLock, Semaphore};

use crate::MoRef;
use crate::error::{Error, Fault};
use crate::wire::{
    Answer, Endpoint, Http, HttpAnswer, Limits, Node, RestAuth, Secret, Service, XmlWriter, envelope,
    read_answer, storage_envelope,
};

/// A user name and its password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Such as `administrator@vsphere.local`.
    pub user: String,
    /// Never shown.
    pub password: Secret,
}

/// What a vCenter says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Such as `VMware vCenter Server 8.0.2 build-…`.
    pub full_name: String,
    /// Such as `8.0.2`.
    pub version: String,
    /// Build number.
    pub build: String,
    /// Such as `8.0.2.0`.
    pub api_version: String,
    /// Identifies the vCenter for ever.
    pub instance_uuid: String,
    /// `vpx` for a vCenter; anything else is no vCenter.
    pub product_line: String,
}

/// A login that a vCenter knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its key.
    pub key: String,
    /// Its user.
    pub user: String,
    /// The user agent it was opened with.
    pub user_agent: String,
    /// When it was opened.
    pub login_time: Option<Timestamp>,
}

/// The objects every operation begins with (`ServiceContent` of the API).
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) about: About,
    pub(crate) root_folder: MoRef,
    pub(crate) property_collector: MoRef,
    pub(crate) view_manager: MoRef,
    pub(crate) session_manager: MoRef,
    pub(crate) authorization_manager: Option<MoRef>,
    pub(crate) event_manager: MoRef,
    pub(crate) task_manager: MoRef,
    pub(crate) extension_manager: MoRef,
    pub(crate) ovf_manager: MoRef,
}

/// How a session comes into being.
enum Access {
    /// By a login, and by another whenever vCenter has lost it.
    Password(Credentials),
    /// As a clone of somebody's session. Nobody can clone it again, so one that is lost is lost.
    Clone,
}

/// Asked before each login; `false` keeps a former owner from coming back.
pub type LoginGate = Arc<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

struct Shared {
    http: Http,
    access: Access,
    content: OnceCell<Content>,
    /// When the last login was refused, for whoever logs in: one at a time.
    login: Mutex<Option<Instant>>,
    state: RwLock<State>,
    user_agent: String,
    /// A login may have been opened whose key nobody knows: its answer was lost, or nobody waited for it.
    stray: AtomicBool,
    gate: std::sync::RwLock<Option<LoginGate>>,
    calls: Semaphore,
}

/// The current login. `generation` grows with each, so that of many calls that find the session lost only
/// the first logs in again.
#[derive(Default)]
struct State {
    generation: u64,
    cookie: Option<String>,
    key: Option<String>,
}

/// A login at a vCenter. Clones share it. It logs in when first needed, and once more in a call that finds
/// the session lost; [`Session::logout`] ends it.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("endpoint", self.endpoint()).finish_non_exhaustive()
    }
}

/// How long a login that was refused is not tried again with the same password. vCenter locks an account after five
/// refusals within three minutes, unless it is configured otherwise.
const AFTER_REFUSAL: Duration = Duration::from_secs(90);

const SERVICE_INSTANCE: &str = "ServiceInstance";

impl Session {
    /// Prepares a session; nothing is sent yet. `user_agent` is kept by vCenter with the login.
    pub fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        limits: Limits,
        user_agent: String,
    ) -> Result<Self, Error> {
        let http = Http::new(endpoint, limits, user_agent.clone())?;
        Ok(Self::with(http, Access::Password(credentials), user_agent))
    }

    fn with(http: Http, access: Access, user_agent: String) -> Self {
        let calls = Semaphore::new(http.limits().concurrent_calls);
        Self {
            shared: Arc::new(Shared {
                http,
                access,
                content: OnceCell::new(),
                login: Mutex::new(None),
                state: RwLock::default(),
                user_agent,
                stray: AtomicBool::new(false),
                gate: std::sync::RwLock::new(None),
                calls,
            }),
        }
    }

    /// Makes a session of a clone ticket; the text is its user's name. The ticket is used up, whatever
    /// comes of it. A cloned session does not log in again: once vCenter has ended it, every call fails
    /// with [`Error::SessionLost`].
    pub async fn from_clone_ticket(
        endpoint: Endpoint,
        ticket: &Secret,
        limits: Limits,
        user_agent: String,
    ) -> Result<(Self, String), Error> {
        let http = Http::new(endpoint, limits, user_agent.clone())?;
        let session = Self::with(http, Access::Clone, user_agent);
        let manager = session.content().await?.session_manager.clone();
        let operation = "CloneSession";
        let body = envelope(operation, &manager, |w| w.value("cloneTicket", ticket.reveal()));
        let answer =
            session.shared.http.post(Service::Vim, operation, None, body, session.limits().call).await?;
        let (state, node) =
            session.opened(operation, &manager, answer).map_err(|e| match e.fault_kind() {
                Some("InvalidLogin") => Error::TokenRefused { vcenter: session.name().to_owned() },
                _ => e,
            })?;
        let user = node.string("returnval.userName");
        if user.is_empty() {
            return Err(Self::protocol(operation, "it names no user"));
        }
        *session.shared.state.write().await = State { generation: 1, ..state };
        Ok((session, user))
    }

    /// Sets what is asked before each login; without a gate every login is allowed.
    pub fn set_login_gate(&self, gate: LoginGate) {
        if let Ok(mut slot) = self.shared.gate.write() {
            *slot = Some(gate);
        }
    }

    /// Where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        self.shared.http.endpoint()
    }

    /// Logs in, unless that has been done, and returns the session's key.
    pub async fn login(&self) -> Result<String, Error> {
        let generation = self.shared.state.read().await.generation;
        if let Some(key) = self.session_key().await {
            return Ok(key);
        }
        self.log_in_after(generation).await
    }

    /// The key of the current login.
    pub async fn session_key(&self) -> Option<String> {
        self.shared.state.read().await.key.clone()
    }

    /// Ends the login. A session that vCenter no longer knows is no error.
    pub async fn logout(&self) -> Result<(), Error> {
        let manager = self.content().await?.session_manager.clone();
        let cookie = {
            let mut state = self.shared.state.write().await;
            state.key = None;
            state.generation += 1;
            state.cookie.take()
        };
        let Some(cookie) = cookie else { return Ok(()) };
        match self.send("Logout", &manager, |_| {}, Some(cookie), self.limits().call).await {
            Err(e) if e.fault_kind() != Some("NotAuthenticated") => Err(e),
            _ => Ok(()),
        }
    }

    /// What the vCenter says of itself. Needs no login.
    pub async fn about(&self) -> Result<About, Error> {
        Ok(self.content().await?.about.clone())
    }

    /// The vCenter's clock.
    pub async fn current_time(&self) -> Result<Timestamp, Error> {
        let this = MoRef::new(SERVICE_INSTANCE, SERVICE_INSTANCE);
        let answer = self.call("CurrentTime", &this, |_| {}).await?;
        answer.parsed("returnval").ok_or_else(|| Error::Protocol {
            operation: "CurrentTime".into(),
            detail: "there is no time in it".into(),
        })
    }

    /// All logins the vCenter knows, ours included (`Sessions.TerminateSession` is needed to see them).
    pub async fn sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        let manager = self.content().await?.session_manager.clone();
        let read = self.read_properties(&manager, &["sessionList"]).await?;
        let list = read.get("sessionList");
        Ok(list.map_or_else(Vec::new, |list| list.all("UserSession").map(session_info).collect()))
    }

    /// Ends logins by key. Those already gone are no error.
    pub async fn terminate_sessions(&self, keys: &[String]) -> Result<(), Error> {
        let manager = self.content().await?.session_manager.clone();
        for key in keys {
            let ended = self.call("TerminateSession", &manager, |w| w.value("sessionId", key)).await;
            match ended {
                Err(e) if e.fault_kind() != Some("NotFound") => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Which of these privileges our user lacks on an object.
    pub async fn missing_privileges(
        &self,
        entity: &MoRef,
        privileges: &[&str],
    ) -> Result<Vec<String>, Error> {
        let Some(manager) = self.content().await?.authorization_manager.clone() else {
            return Ok(Vec::new());
        };
        let key = self.login().await?;
        let answer = self
            .call("HasPrivilegeOnEntities", &manager, |w| {
                w.moref("entity", entity);
                w.value("sessionId", &key);
                for privilege in privileges {
                    w.value("privId", privilege);
                }
            })
            .await?;
        let granted: Vec<String> = answer
            .all("returnval")
            .flat_map(|entity| entity.all("privAvailability"))
            .filter(|privilege| privilege.flag("isGranted"))
            .map(|privilege| privilege.string("privId"))
            .collect();
        Ok(privileges
            .iter()
            .filter(|id| !granted.iter().any(|g| g == *id))
            .map(|id| (*id).to_owned())
            .collect())
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.shared.http.limits()
    }

    pub(crate) fn name(&self) -> &str {
        &self.endpoint().name
    }

    pub(crate) async fn content(&self) -> Result<&Content, Error> {
        self.shared
            .content
            .get_or_try_init(|| async {
                let this = MoRef::new(SERVICE_INSTANCE, SERVICE_INSTANCE);
                let operation = "RetrieveServiceContent";
                let answer = self.send(operation, &this, |_| {}, None, self.limits().call).await?;
                answer.child("returnval").and_then(content).ok_or_else(|| Error::Protocol {
                    operation: operation.into(),
                    detail: "parts are missing".into(),
                })
            })
            .await
    }

    /// Makes a call as our user and returns `<OperationResponse>`.
    pub(crate) async fn call(
        &self,
        operation: &str,
        this: &MoRef,
        arguments: impl FnOnce(&mut XmlWriter),
    ) -> Result<Node, Error> {
        self.call_within(operation, this, self.limits().call, arguments).await
    }

    /// The same with a limit on its time other than the usual one.
    pub(crate) async fn call_within(
        &self,
        operation: &str,
        this: &MoRef,
        timeout: Duration,
        arguments: impl FnOnce(&mut XmlWriter),
    ) -> Result<Node, Error> {
        // On the heap: every verb awaits this, and what awaits verbs is deep already.
        Box::pin(self.call_with(operation, this, timeout, envelope(operation, this, arguments))).await
    }

    async fn call_with(
        &self,
        operation: &str,
        this: &MoRef,
        timeout: Duration,
        body: String,
    ) -> Result<Node, Error> {
        // Only an answer of NotAuthenticated leads to a second sending: the first had no effect then.
        let (generation, cookie) = {
            let state = self.shared.state.read().await;
            (state.generation, state.cookie.clone())
        };
        let (generation, cookie) = if let Some(cookie) = cookie {
            (generation, cookie)
        } else {
            self.log_in_after(generation).await?;
            self.current_cookie().await?
        };
        if self.shared.stray.swap(false, Ordering::Relaxed) {
            Box::pin(self.end_strays()).await;
        }
        match self.send_body(operation, this, body.clone(), Some(cookie), timeout).await {
            Err(e) if e.fault_kind() == Some("NotAuthenticated") => {
                self.log_in_after(generation).await?;
                let (_, cookie) = self.current_cookie().await?;
                match self.send_body(operation, this, body, Some(cookie), timeout).await {
                    Err(e) if e.fault_kind() == Some("NotAuthenticated") => {
                        Err(Error::SessionLost { vcenter: self.name().to_owned() })
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    /// Ends logins with our user agent other than the current one. What cannot be asked now is asked before
    /// the next call.
    async fn end_strays(&self) {
        let ended = async {
            let own = self.login().await?;
            let strays: Vec<String> = self
                .sessions()
                .await?
                .into_iter()
                .filter(|known| known.user_agent == self.shared.user_agent && known.key != own)
                .map(|known| known.key)
                .collect();
            self.terminate_sessions(&strays).await?;
            Ok::<_, Error>(strays.len())
        };
        match ended.await {
            Ok(count) => {
                tracing::debug!(vcenter = self.name(), count, "ended logins whose answers were lost");
            }
            Err(error) if error.is_passing() => self.shared.stray.store(true, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(vcenter = self.name(), %error, "a login whose answer was lost ends by itself");
            }
        }
    }

    /// Makes a call whose answer is one reference.
    pub(crate) async fn call_for_moref(
        &self,
        operation: &str,
        this: &MoRef,
        arguments: impl FnOnce(&mut XmlWriter),
    ) -> Result<MoRef, Error> {
        let answer = self.call(operation, this, arguments).await?;
        answer.moref_at("returnval").ok_or_else(|| Error::Protocol {
            operation: operation.into(),
            detail: "there is no reference in it".into(),
        })
    }

    /// Makes a call of the storage policies' service under our session.
    pub(crate) async fn storage_call(
        &self,
        operation: &str,
        this: &MoRef,
        arguments: impl FnOnce(&mut XmlWriter),
    ) -> Result<Node, Error> {
        self.login().await?;
        let (_, cookie) = self.current_cookie().await?;
        let body = storage_envelope(&cookie, operation, this, arguments);
        let _permit = self.shared.calls.acquire().await.ok();
        let http = &self.shared.http;
        let answer = http.post(Service::Storage, operation, None, body, self.limits().call).await?;
        self.answer(operation, this, &answer.body, answer.status)
    }

    /// Opens a session of the REST API, for calls whose results vary with our user alone. Close it again.
    pub(crate) async fn rest_login(&self) -> Result<RestSession<'_>, Error> {
        self.login().await?;
        let Access::Password(Credentials { user, password }) = &self.shared.access else {
            return Err(Error::SessionLost { vcenter: self.name().to_owned() });
        };
        let auth = RestAuth::Basic(user, password.reveal());
        let answer = self.shared.http.rest(Method::POST, REST_SESSION, auth, None).await?;
        let id =
            answer["value"].as_str().ok_or_else(|| Self::protocol(REST_SESSION, "there is no id in it"))?;
        Ok(RestSession { session: self, id: id.to_owned() })
    }

    async fn current_cookie(&self) -> Result<(u64, String), Error> {
        let state = self.shared.state.read().await;
        let cookie = state.cookie.clone();
        cookie
            .map(|cookie| (state.generation, cookie))
            .ok_or_else(|| Error::SessionLost { vcenter: self.name().to_owned() })
    }

    /// Logs in, unless somebody has since `generation`.
    async fn log_in_after(&self, generation: u64) -> Result<String, Error> {
        let manager = self.content().await?.session_manager.clone();
        let mut refused = self.shared.login.lock().await;
        {
            let state = self.shared.state.read().await;
            if let Some(key) = state.key.as_ref().filter(|_| state.generation != generation) {
                return Ok(key.clone());
            }
        }
        let gate = self.shared.gate.read().ok().and_then(|gate| gate.clone());
        if let Some(gate) = gate
            && !gate().await
        {
            return Err(Error::Fenced { vcenter: self.name().to_owned() });
        }
        let Access::Password(Credentials { user, password }) = &self.shared.access else {
            return Err(Error::SessionLost { vcenter: self.name().to_owned() });
        };
        let invalid = || Error::InvalidLogin { vcenter: self.name().to_owned(), user: user.clone() };
        if refused.is_some_and(|at| at.elapsed() < AFTER_REFUSAL) {
            return Err(invalid());
        }
        let body = envelope("Login", &manager, |w| {
            w.value("userName", user);
            w.value("password", password.reveal());
        });
        // Until an answer says otherwise there may be a login, also if nobody waits for the answer any more. After
        // a login that was lost the vCenter may still hold the old one.
        let lost_one = self.shared.state.read().await.key.is_some();
        let was_stray = self.shared.stray.swap(true, Ordering::Relaxed);
        let sent = self.shared.http.post(Service::Vim, "Login", None, body, self.limits().call).await;
        let no_login = match &sent {
            Ok(answer) => {
                (400..600).contains(&answer.status)
                    && answer.cookie.is_none()
                    && answer.body.contains("Fault>")
            }
            Err(error) => !error.maybe_took_effect(),
        };
        if no_login {
            self.shared.stray.store(was_stray, Ordering::Relaxed);
        }
        let (opened, node) = self.opened("Login", &manager, sent?).map_err(|e| match e.fault_kind() {
            Some("InvalidLogin" | "NoPermission") => {
                *refused = Some(Instant::now());
                invalid()
            }
            _ => e,
        })?;
        *refused = None;
        let mut state = self.shared.state.write().await;
        *state = State { generation: state.generation + 1, ..opened };
        self.shared.stray.store(was_stray || lost_one, Ordering::Relaxed);
        tracing::debug!(vcenter = self.name(), "logged in");
        Ok(node.string("returnval.key"))
    }

    /// What a call answered that opens a session: its cookie and key, and the answer as such.
    fn opened(&self, operation: &str, manager: &MoRef, answer: HttpAnswer) -> Result<(State, Node), Error> {
        let node = self.answer(operation, manager, &answer.body, answer.status)?;
        let key = node.string("returnval.key");
        if key.is_empty() {
            return Err(Self::protocol(operation, "there is no session key in it"));
        }
        let cookie = answer.cookie.ok_or_else(|| Self::protocol(operation, "it set no cookie"))?;
        Ok((State { generation: 0, cookie: Some(cookie), key: Some(key) }, node))
    }

    async fn send(
        &self,
        operation: &str,
        this: &MoRef,
        arguments: impl FnOnce(&mut XmlWriter),
        cookie: Option<String>,
        timeout: Duration,
    ) -> Result<Node, Error> {
        self.send_body(operation, this, envelope(operation, this, arguments), cookie, timeout).await
    }

    async fn send_body(
        &self,
        operation: &str,
        this: &MoRef,
        body: String,
        cookie: Option<String>,
        timeout: Duration,
    ) -> Result<Node, Error> {
        // A long poll holds no permit: it would keep others from calling for half a minute.
        let long = timeout > self.limits().call;
        let _permit = if long { None } else { self.shared.calls.acquire().await.ok() };
        let answer = self.shared.http.post(Service::Vim, operation, cookie.as_deref(), body, timeout).await?;
        self.answer(operation, this, &answer.body, answer.status)
    }

    fn answer(&self, operation: &str, this: &MoRef, body: &str, status: u16) -> Result<Node, Error> {
        // Faults come with status 500 and an envelope; proxies and services that start answer without one.
        match read_answer(body, self.limits()) {
            Ok(Answer::Response(node)) => Ok(node),
            Ok(Answer::Fault(fault)) => Err(Error::Fault {
                operation: operation.to_owned(),
                object: format!("{} in {}", this, self.name()),
                fault,
            }),
            Err(_) if status >= 400 => {
                Err(Error::Busy { vcenter: self.name().to_owned(), operation: operation.into(), status })
            }
            Err(detail) => Err(Error::Protocol { operation: operation.into(), detail }),
        }
    }

    /// A fault of our own making, in the shape of the server's.
    pub(crate) fn protocol(operation: &str, detail: impl Into<String>) -> Error {
        Error::Protocol { operation: operation.into(), detail: detail.into() }
    }

    /// Turns "the object is gone" into `None`.
    pub(crate) fn unless_gone<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e) if e.is_gone() => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// Where sessions of the REST API are made (vSphere Automation API: `com.vmware.cis.session`).
const REST_SESSION: &str = "/rest/com/vmware/cis/session";

/// A session of the REST API.
pub(crate) struct RestSession<'a> {
    session: &'a Session,
    id: String,
}

impl RestSession<'_> {
    /// Makes a call and returns the `value` of its answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Error> {
        let _permit = self.session.shared.calls.acquire().await.ok();
        let auth = RestAuth::Session(&self.id);
        let mut answer = self.session.shared.http.rest(method, path, auth, body).await?;
        Ok(answer["value"].take())
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        if let Err(error) = self.call(Method::DELETE, REST_SESSION, None).await {
            tracing::debug!(%error, "the REST session ends by itself");
        }
    }
}

impl Fault {
    /// Whether the object itself is meant to be gone.
    pub fn is_gone(&self) -> bool {
        self.kind == "ManagedObjectNotFound"
    }
}

fn content(node: &Node) -> Option<Content> {
    let about = node.child("about")?;
    Some(Content {
        about: About {
            full_name: about.string("fullName"),
            version: about.string("version"),
            build: about.string("build"),
            api_version: about.string("apiVersion"),
            instance_uuid: about.string("instanceUuid"),
            product_line: about.string("productLineId"),
        },
        root_folder: node.moref_at("rootFolder")?,
        property_collector: node.moref_at("propertyCollector")?,
        view_manager: node.moref_at("viewManager")?,
        session_manager: node.moref_at("sessionManager")?,
        authorization_manager: node.moref_at("authorizationManager"),
        event_manager: node.moref_at("eventManager")?,
        task_manager: node.moref_at("taskManager")?,
        extension_manager: node.moref_at("extensionManager")?,
        ovf_manager: node.moref_at("ovfManager")?,
    })
}

fn session_info(node: &Node) -> SessionInfo {
    SessionInfo {
        key: node.string("key"),
        user: node.string("userName"),
        user_agent: node.string("userAgent"),
        login_time: node.parsed("loginTime"),
    }
}
