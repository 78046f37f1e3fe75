//! Numbers for Prometheus, on the loopback listener.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Json;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::app::{App, Shared};
use crate::problem::Failure;

type Labels = Vec<(&'static str, String)>;

/// How long requests take, in seconds: a menu should be below 0.05.
const BUCKETS: [f64; 9] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0];

/// The numbers.
pub struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    sessions: Gauge,
    away: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("hdm_server");
        let requests = Family::default();
        registry.register("requests", "Requests answered, by address and status", requests.clone());
        let make: fn() -> Histogram = || Histogram::new(BUCKETS);
        let seconds = Family::new_with_constructor(make);
        registry.register("request_seconds", "How long answers took, by address", seconds.clone());
        let sessions = Gauge::default();
        registry.register("sessions", "Users' sessions that are held", sessions.clone());
        let away = Gauge::default();
        registry.register(
            "appliance_away_seconds",
            "How long the appliance has not answered; 0 while it does",
            away.clone(),
        );
        Self { registry, requests, seconds, sessions, away }
    }
}

/// Counts every request.
pub async fn count(State(app): Shared, request: Request, next: Next) -> Response {
    // Only addresses that there are become labels: a caller must not make new ones.
    let path = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    app.metrics.requests.get_or_create(&vec![("path", path.clone()), ("status", status)]).inc();
    app.metrics.seconds.get_or_create(&vec![("path", path)]).observe(begun.elapsed().as_secs_f64());
    response
}

/// The loopback listener's routes: `/metrics`, `/manifest-fetches` and `/healthz`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/metrics", get(show))
        .route("/manifest-fetches", get(async |State(app): Shared| Json(app.fetches.all())))
        .route("/healthz", get(async || "ok\n"))
        .with_state(app)
}

async fn show(State(app): Shared) -> Result<impl IntoResponse, Failure> {
    app.metrics.sessions.set(i64::try_from(app.table.len()).unwrap_or(i64::MAX));
    let away = app.upstream.state().away_since;
    let away = away.map_or(0.0, |since| app.clock.now().duration_since(since).as_secs_f64());
    app.metrics.away.set(away);
    let mut text = String::new();
    encode(&mut text, &app.metrics.registry).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
