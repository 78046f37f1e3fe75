//! The appliance's API: HTTPS, JSON, a token for the operator and one for the plugin server ([`caller`]).
//!
//! Everything lies below `/api/v1` and is described by `/api/v1/openapi.json`. What goes wrong is told as a
//! problem document (RFC 9457). `/healthz` needs no token; `/metrics` does.

mod actions;
mod batches;
mod caller;
mod changes;
mod dashboard;
mod doors;
mod events;
mod inventory;
mod limits;
mod migrations;
mod offers;
mod openapi;
mod plugin;
#[cfg(test)]
mod plugin_tests;
mod preferences;
mod problem;
mod query;
mod report;
mod samples;
mod stream;
mod support;
#[cfg(test)]
mod tests;
mod vcenter_edit;
mod vcenters;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use hdm_shared::about::About;
use tokio::sync::Semaphore;

use crate::cold::Cold;
use crate::engine::{Clock, Engine};
use crate::recent_log::RecentLog;
use crate::sites::Sites;
use crate::store::{Once, Store};

pub use caller::{ACTING_USER, MAX_USER_CHARS};
pub use doors::{Door, FIRST_REQUEST, NEXT_REQUEST, Refusals};
pub use openapi::document;
#[cfg(any(test, feature = "testing"))]
pub(crate) use plugin::{fuzz_registration, is_asked};
pub use problem::ApiError;
pub use stream::MAX_STREAMS;

/// The largest request body, in bytes: a thousand VMs, each with a target and options of its own.
const MAX_BODY_BYTES: usize = 4 << 20;

/// How much of a refused request's path is logged, in characters.
const MAX_LOGGED_PATH_CHARS: usize = 200;

/// What the handlers share.
pub struct Api {
    /// Drives the migrations.
    pub engine: Engine<Cold>,
    /// The database.
    pub store: Store,
    /// The vCenters.
    pub sites: Arc<Sites>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How many attempts a migration has.
    pub attempts: u32,
    /// What the operator's calls carry.
    pub token: String,
    /// What the plugin server's calls carry, if it has a credential.
    pub plugin_token: Option<String>,
    /// Use above this is shown as too much, in percent.
    pub usage_threshold_percent: f64,
    /// Requests with a key for actions that are being carried out.
    pub acting: Mutex<HashSet<Once>>,
    /// How many more streams may be opened.
    pub streams: Arc<Semaphore>,
    /// Logs who is refused.
    pub refusals: Refusals,
    /// What the appliance has logged last.
    pub log: RecentLog,
    /// What the appliance is; without the time, which goes on.
    pub about: About,
}

type Shared = State<Arc<Api>>;

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let guarded = Router::new()
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/api/v1/vcenters", get(vcenters::list).post(vcenters::add))
        .route("/api/v1/vcenters/{id}", put(vcenter_edit::edit).delete(vcenters::remove))
        .route("/api/v1/vcenters/{id}/offer", get(offers::whole))
        .route("/api/v1/vcenters/{id}/released", get(offers::released).put(offers::release))
        .route("/api/v1/vcenters/{id}/check", post(vcenters::check))
        .route(
            "/api/v1/vcenters/{id}/plugin",
            get(plugin::status).put(plugin::register).delete(plugin::unregister),
        )
        .route("/api/v1/vms", get(inventory::vms))
        .route("/api/v1/clouds", get(inventory::clouds))
        .route("/api/v1/offers", get(offers::list))
        .route("/api/v1/dashboard", get(dashboard::show))
        .route("/api/v1/samples", get(samples::series))
        .route("/api/v1/changes", get(changes::page))
        .route("/api/v1/batches", post(batches::start))
        .route("/api/v1/batches/plan", post(batches::plan))
        .route("/api/v1/migrations/actions", post(actions::act))
        .route("/api/v1/migrations", get(migrations::list).post(migrations::start))
        .route("/api/v1/migrations/plan", post(migrations::plan))
        .route("/api/v1/migrations/{id}", get(migrations::show))
        .route("/api/v1/migrations/{id}/log", get(migrations::log))
        .route("/api/v1/migrations/{id}/stream", get(stream::migration))
        .route("/api/v1/migrations/{id}/cancel", post(migrations::cancel))
        .route("/api/v1/migrations/{id}/pause", post(migrations::pause))
        .route("/api/v1/migrations/{id}/resume", post(migrations::resume))
        .route("/api/v1/migrations/{id}/retry", post(migrations::retry))
        .route("/api/v1/limit", get(limits::show).put(limits::set))
        .route("/api/v1/migrations/{id}/limit", put(limits::set_for))
        .route("/api/v1/migrations/{id}/dismiss", post(actions::dismiss))
        .route(
            "/api/v1/preferences/{vcenter}/{user}",
            get(preferences::show).put(preferences::set).delete(preferences::forget),
        )
        .route("/api/v1/report", get(report::show))
        .route("/api/v1/about", get(support::about))
        .route("/api/v1/log", get(support::log))
        .route("/api/v1/sources/release", post(migrations::release))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/stream", get(stream::events))
        .route("/metrics", get(crate::metrics::show))
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(api.clone(), check_token));
    Router::new()
        .route("/healthz", get(healthz))
        .method_not_allowed_fallback(not_allowed)
        .merge(guarded)
        .fallback(async || {
            ApiError::not_found("There is nothing at this address. /api/v1/openapi.json lists what there is.")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}

async fn check_token(State(api): Shared, mut request: Request, next: Next) -> Response {
    let caller = match caller::identify(&api, request.method(), request.headers()) {
        Ok(caller) => caller,
        Err(error) => {
            let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
            let path: String = request.uri().path().chars().take(MAX_LOGGED_PATH_CHARS).collect();
            api.refusals.log(peer, format!("{} {path}: {}", request.method(), error.0.detail));
            return error.into_response();
        }
    };
    if request.method() != Method::GET {
        tracing::info!(user = caller.user(), method = %request.method(), path = request.uri().path(), "asked");
    }
    request.extensions_mut().insert(caller);
    hdm_doors::answered(request, doors::BODY, |request| next.run(request)).await
}

/// Whether the appliance can work: its database answers.
async fn healthz(State(api): Shared) -> Result<&'static str, ApiError> {
    api.store.ping().await?;
    Ok("ok\n")
}

async fn not_allowed() -> ApiError {
    ApiError::method_not_allowed(
        "This address does not take that method. /api/v1/openapi.json lists what each one takes.",
    )
}
