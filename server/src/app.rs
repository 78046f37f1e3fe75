//! What all handlers share, and the routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use hdm_shared::plugin::{MAX_PREFERENCES_BYTES, ManifestFetch};
use tokio::sync::Semaphore;

use crate::api;
use crate::assets::{Assets, MANIFEST, serve};
use crate::changes::Feed;
use crate::clock::Clock;
use crate::config::Config;
use crate::fetches::Fetches;
use crate::metrics::Metrics;
use crate::problem::Failure;
use crate::session::Table;
use crate::token::Keys;
use crate::upstream::Upstream;
use crate::vcenters::Vcenters;
use crate::{guard, headers, menu, metrics};

/// The largest body of an ordinary request, in bytes: a user's preferences.
const MAX_BODY_BYTES: usize = MAX_PREFERENCES_BYTES;
/// Of a menu's question: 2,000 objects.
const MAX_MENU_BYTES: usize = 512 << 10;
/// Of a request for migrations: 500 VMs, each with a target and a network for each adapter.
const MAX_BATCH_BYTES: usize = 4 << 20;
/// How many requests of callers who have a session are answered at once.
const MAX_REQUESTS: usize = 512;
/// How many requests of callers who want one.
const MAX_STRANGERS: usize = 128;
/// How many menus are decided at once, those included that nobody waits for any more.
const MAX_DECIDING: usize = 64;

/// What the handlers share.
pub struct App {
    /// The manifest's version.
    pub version: String,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The configuration.
    pub config: Config,
    /// Files for everybody.
    pub assets: Assets,
    /// The users' sessions.
    pub table: Arc<Table>,
    /// Signs and checks tokens.
    pub keys: Arc<Keys>,
    /// The vCenters that are known.
    pub vcenters: Arc<Vcenters>,
    /// The appliance.
    pub upstream: Arc<Upstream>,
    /// Its migrations.
    pub feed: Arc<Feed>,
    /// Who fetched the manifest.
    pub fetches: Fetches,
    /// Numbers.
    pub metrics: Metrics,
    /// Which VM a migration is of: that never changes.
    pub subjects: api::Subjects,
    /// How much more may be done at once.
    pub permits: Permits,
}

/// How much more may be done at once.
pub struct Permits {
    /// Requests of callers who have a session.
    pub known: Semaphore,
    /// Requests of callers who want one.
    pub strangers: Semaphore,
    /// Menus being decided.
    pub deciding: Arc<Semaphore>,
}

impl Default for Permits {
    fn default() -> Self {
        Self {
            known: Semaphore::new(MAX_REQUESTS),
            strangers: Semaphore::new(MAX_STRANGERS),
            deciding: Arc::new(Semaphore::new(MAX_DECIDING)),
        }
    }
}

/// The state of every handler.
pub type Shared = State<Arc<App>>;

/// All routes but those of the loopback listener.
pub fn router(app: Arc<App>) -> Router {
    let pages = Router::new()
        .route("/api/session", post(api::session::exchange))
        .route("/api/changes", get(api::changes::show))
        .route("/api/migrations", get(api::migrations::history).post(large(api::batch::start)))
        .route("/api/migrations/actions", post(large(api::actions::act)))
        .route("/api/migrations/{id}", get(api::migrations::detail))
        .route("/api/vms", get(api::vms::list))
        .route("/api/clouds", get(api::clouds::list))
        .route("/api/plan", post(large(api::batch::plan)))
        .route("/api/wave", post(large(api::wave::read)))
        .route("/api/samples", get(api::samples::series))
        .route("/api/events", get(api::events::list))
        .route("/api/dashboard", get(api::dashboard::show))
        .route(
            "/api/preferences",
            get(api::preferences::read).put(api::preferences::write).delete(api::preferences::reset),
        )
        .route("/api/vcenters", get(api::vcenters::list).post(api::vcenters::add))
        .route("/api/vcenters/{id}", put(api::vcenters::edit).delete(api::vcenters::remove))
        .route("/api/vcenters/{id}/check", post(api::vcenters::check))
        .route("/api/vcenters/{id}/offer", get(api::vcenters::whole))
        .route("/api/vcenters/{id}/released", get(api::vcenters::released).put(large(api::vcenters::release)))
        .route("/dyn/vm/menu", post(menu_body(menu::vm)))
        .route("/dyn/cluster/menu", post(menu_body(menu::cluster)))
        .layer(middleware::from_fn(api::reply::finish))
        .layer(middleware::from_fn_with_state(app.clone(), guard::check));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/", get(async || Failure::not_found("The pages are opened from the vSphere Client.")))
        .route("/{*name}", get(file))
        .merge(pages)
        .fallback(async || Failure::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || Failure::no_such_method())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(middleware::from_fn_with_state(app.clone(), headers::add))
        .with_state(app)
}

fn large<H, T>(handler: H) -> impl Handler<T, Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    handler.layer(DefaultBodyLimit::max(MAX_BATCH_BYTES))
}

fn menu_body<H, T>(handler: H) -> impl Handler<T, Arc<App>>
where
    H: Handler<T, Arc<App>>,
    T: 'static,
{
    handler.layer(DefaultBodyLimit::max(MAX_MENU_BYTES))
}

/// A file, without a session.
async fn file(
    State(app): Shared,
    peer: Option<axum::Extension<ConnectInfo<std::net::SocketAddr>>>,
    method: Method,
    request: HeaderMap,
    name: Result<Path<String>, PathRejection>,
) -> Response {
    // What is not UTF-8 is no file's name.
    let found = name.ok().and_then(|Path(name)| Some((app.assets.get(&name)?, name)));
    let Some((asset, name)) = found else {
        return Failure::not_found("There is no such file.").into_response();
    };
    // A question for its headers alone does not fetch it.
    if name == MANIFEST && method == Method::GET {
        let agent = request.get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        app.fetches.note(ManifestFetch {
            version: app.version.clone(),
            at: app.clock.now(),
            from: peer.map_or_else(|| "unknown".into(), |peer| peer.0.0.ip().to_string()),
            agent: agent.unwrap_or_default().into_owned(),
        });
    }
    serve(asset, &request)
}
