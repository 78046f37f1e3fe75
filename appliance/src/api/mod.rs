//! The appliance's API: HTTPS, JSON, one token.
//!
//! Everything lies below `/api/v1` and is described by `/api/v1/openapi.json`. What goes wrong is told as a
//! problem document (RFC 9457). `/healthz` needs no token; `/metrics` does.

mod events;
mod inventory;
mod migrations;
mod openapi;
mod plugin;
mod problem;
mod stream;
mod vcenters;

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::cold::Cold;
use crate::engine::{Clock, Engine};
use crate::sites::Sites;
use crate::store::Store;

pub use openapi::document;
pub use problem::ApiError;

/// The largest request body, in bytes: a thousand VM names.
const MAX_BODY_BYTES: usize = 1 << 20;

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
    /// What calls must carry.
    pub token: String,
}

type Shared = State<Arc<Api>>;

/// All routes.
pub fn router(api: Arc<Api>) -> Router {
    let guarded = Router::new()
        .route("/api/v1/openapi.json", get(openapi::show))
        .route("/api/v1/vcenters", get(vcenters::list).post(vcenters::add))
        .route("/api/v1/vcenters/{id}", axum::routing::delete(vcenters::remove))
        .route("/api/v1/vcenters/{id}/check", post(vcenters::check))
        .route(
            "/api/v1/vcenters/{id}/plugin",
            get(plugin::status).put(plugin::register).delete(plugin::unregister),
        )
        .route("/api/v1/vms", get(inventory::vms))
        .route("/api/v1/clouds", get(inventory::clouds))
        .route("/api/v1/migrations", get(migrations::list).post(migrations::start))
        .route("/api/v1/migrations/plan", post(migrations::plan))
        .route("/api/v1/migrations/{id}", get(migrations::show))
        .route("/api/v1/migrations/{id}/log", get(migrations::log))
        .route("/api/v1/migrations/{id}/stream", get(stream::migration))
        .route("/api/v1/migrations/{id}/cancel", post(migrations::cancel))
        .route("/api/v1/migrations/{id}/pause", post(migrations::pause))
        .route("/api/v1/migrations/{id}/resume", post(migrations::resume))
        .route("/api/v1/migrations/{id}/retry", post(migrations::retry))
        .route("/api/v1/sources/release", post(migrations::release))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/stream", get(stream::events))
        .route("/metrics", get(crate::metrics::show))
        .layer(middleware::from_fn_with_state(api.clone(), check_token));
    Router::new()
        .route("/healthz", get(healthz))
        .merge(guarded)
        .fallback(async || {
            ApiError::not_found("There is nothing at this address. /api/v1/openapi.json lists what there is.")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(api)
}

async fn check_token(State(api): Shared, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = given.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    if verify_slices_are_equal(token.as_bytes(), api.token.as_bytes()).is_err() {
        return ApiError::unauthorized().into_response();
    }
    next.run(request).await
}

/// Whether the appliance can work: its database answers.
async fn healthz(State(api): Shared) -> Response {
    match api.store.ping().await {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

/// On whose behalf a call is made: the header `HDM-User`, for logs and events. It grants nothing.
fn user(headers: &HeaderMap) -> String {
    let given = headers.get("hdm-user").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let clean: String = given.chars().filter(|c| !c.is_control()).take(64).collect();
    if clean.is_empty() { "api".into() } else { clean }
}
