//! Calls to the appliance: under the plugin server's own credential, in the name of the user who asked.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use hdm_shared::changes::ApplianceState;
use hdm_shared::problem::Problem;
use hdm_vsphere::{Secret, Thumbprint};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::clock::Clock;
use crate::problem::Failure;

/// For the TCP and TLS handshakes.
const CONNECT: Duration = Duration::from_secs(3);
/// For an ordinary call.
pub const CALL: Duration = Duration::from_secs(15);
/// For one that looks at many VMs: 500 of them are read whole.
pub const LONG_CALL: Duration = Duration::from_secs(60);
/// The largest answer, in bytes: 10,000 VMs with their findings.
const MAX_ANSWER_BYTES: usize = 48 << 20;

/// Names the user in whose name a call is made. The appliance believes it of the plugin server alone.
const ACTING_USER: &str = "hdm-acting-user";

/// The appliance.
pub struct Upstream {
    http: reqwest::Client,
    base: Url,
    token: Secret,
    state: RwLock<ApplianceState>,
    clock: Arc<dyn Clock>,
}

/// One call.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(String, String)>,
    user: Option<String>,
    key: Option<String>,
    body: Option<Bytes>,
    timeout: Duration,
}

impl Call {
    /// A call of an address below `/api/v1`; each segment is escaped.
    pub fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query: Vec::new(),
            user: None,
            key: None,
            body: None,
            timeout: CALL,
        }
    }

    /// A call that reads.
    pub fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path)
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// In a user's name.
    #[must_use]
    pub fn by(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// With a key under which a repetition is recognised.
    #[must_use]
    pub fn once(mut self, key: Option<String>) -> Self {
        self.key = key;
        self
    }

    /// With a body.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        let text = serde_json::to_vec(body).map_err(|e| Failure::internal(e.to_string()))?;
        self.body = Some(text.into());
        Ok(self)
    }

    /// With a body that is JSON already.
    #[must_use]
    pub fn raw(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }

    /// With more time than usual.
    #[must_use]
    pub fn long(mut self) -> Self {
        self.timeout = LONG_CALL;
        self
    }
}

/// Why there is nobody to call.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The address is none.
    #[error("'{0}' is not the address of an appliance: use https://host:port")]
    BadUrl(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] hdm_vsphere::Error),
}

impl Upstream {
    /// Prepares it; nothing is sent yet.
    pub fn new(
        url: &str,
        thumbprint: Thumbprint,
        token: Secret,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let bad = || UpstreamError::BadUrl(url.to_owned());
        let base = Url::parse(url).map_err(|_| bad())?;
        if base.scheme() != "https" || base.cannot_be_a_base() {
            return Err(bad());
        }
        let http = hdm_vsphere::client(thumbprint, CONNECT)?;
        Ok(Self { http, base, token, state: RwLock::default(), clock })
    }

    /// Whether the appliance answers, as far as is known.
    pub fn state(&self) -> ApplianceState {
        self.state.read().map(|state| state.clone()).unwrap_or_default()
    }

    /// It has answered.
    pub fn came(&self) {
        let Ok(mut state) = self.state.write() else { return };
        if state.away_since.is_some() {
            tracing::info!("the appliance answers again");
            *state = ApplianceState::default();
        }
    }

    /// It has not.
    pub fn left(&self, reason: String) {
        let Ok(mut state) = self.state.write() else { return };
        if state.away_since.is_none() {
            tracing::warn!(reason, "the appliance is away");
            state.away_since = Some(self.clock.now());
        }
        state.reason = Some(reason);
    }

    /// Makes a call and reads its answer. While the appliance is away nothing is sent: whoever follows its
    /// changes notices when it is back.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let (_, body) = self.send(call).await?;
        read(&body)
    }

    /// The same for an answer that is passed on as it is.
    pub async fn send(&self, call: Call) -> Result<(StatusCode, Bytes), Failure> {
        let state = self.state();
        if state.away_since.is_some() {
            return Err(Failure::appliance_away(&state));
        }
        self.try_send(call).await
    }

    /// The same, whether it is away or not.
    pub async fn try_send(&self, call: Call) -> Result<(StatusCode, Bytes), Failure> {
        let timeout = call.timeout;
        let request = self.request(call)?;
        let answered = tokio::time::timeout(timeout, async {
            let response = request.send().await?;
            let status = response.status();
            let mut body = BytesMut::new();
            let mut stream = response.bytes_stream();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk?;
                if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                    return Ok(None);
                }
                body.extend_from_slice(&chunk);
            }
            Ok::<_, reqwest::Error>(Some((status, body.freeze())))
        })
        .await;
        match answered {
            Err(_) => Err(Failure::too_slow()),
            Ok(Err(error)) => {
                let reason = format!("{} cannot be reached: {}.", self.address(), innermost(&error));
                if error.is_connect() {
                    self.left(reason.clone());
                }
                let state = ApplianceState { away_since: Some(self.clock.now()), reason: Some(reason) };
                Err(Failure::appliance_away(&state))
            }
            Ok(Ok(None)) => Err(Failure::internal(format!(
                "The appliance's answer is larger than {MAX_ANSWER_BYTES} bytes."
            ))),
            Ok(Ok(Some((status, body)))) if status.is_success() => {
                self.came();
                Ok((status, body))
            }
            Ok(Ok(Some((StatusCode::UNAUTHORIZED, _)))) => {
                let reason = format!(
                    "{} refuses the plugin server's credential. Copy the appliance's plugin-server.toml anew.",
                    self.address()
                );
                self.left(reason);
                Err(Failure::appliance_away(&self.state()))
            }
            Ok(Ok(Some((status, body)))) => Err(match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => Failure::relayed(problem),
                Err(_) => Failure::internal(format!("The appliance answered with HTTP status {status}.")),
            }),
        }
    }

    fn request(&self, call: Call) -> Result<reqwest::RequestBuilder, Failure> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut request = self.http.request(call.method, url).bearer_auth(self.token.reveal());
        if let Some(user) = call.user {
            let value = HeaderValue::from_bytes(user.as_bytes())
                .map_err(|_| Failure::bad_request("The user's name cannot be sent."))?;
            request = request.header(ACTING_USER, value);
        }
        if let Some(key) = call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = call.body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        Ok(request)
    }

    fn address(&self) -> String {
        format!("The appliance at {}", self.base.origin().ascii_serialization())
    }
}

/// Reads an answer.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::internal(format!(
            "The appliance's answer cannot be understood ({error}). Update appliance and plugin server to the same \
             version."
        ))
    })
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
