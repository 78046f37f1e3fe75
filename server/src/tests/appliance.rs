//! An appliance in memory that answers over TLS as the real one does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hdm_shared::changes::ChangePage;
use hdm_shared::migration::MigrationView;
use hdm_vsphere::Thumbprint;
use serde_json::{Value, json};

pub const TOKEN: &str = "appliance-token";

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub user: Option<String>,
    pub key: Option<String>,
    pub body: Value,
}

#[derive(Default)]
pub struct World {
    pub vcenters: Vec<Value>,
    pub migrations: Vec<MigrationView>,
    pub cursor: i64,
    pub vms: Vec<Value>,
    pub events: Vec<Value>,
    pub dashboard: Value,
    pub offers: Vec<Value>,
    pub plan: Value,
    /// What comes of each action on a migration.
    pub outcome: Value,
    pub asked: Vec<Asked>,
    /// What is asked below these paths is answered with status 500.
    pub broken: Vec<&'static str>,
    /// Nothing is answered.
    pub silent: bool,
}

pub struct Appliance {
    pub address: SocketAddr,
    pub thumbprint: Thumbprint,
    pub world: Arc<Mutex<World>>,
    certificate: (String, String),
    handle: Mutex<Handle<SocketAddr>>,
}

impl Appliance {
    pub async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let thumbprint = Thumbprint::sha256_of(made.cert.der());
        let certificate = (made.cert.pem(), made.signing_key.serialize_pem());
        let world = Arc::new(Mutex::new(World { cursor: 1, dashboard: json!(null), ..World::default() }));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Mutex::new(Handle::new());
        let appliance = Self { address, thumbprint, world, certificate, handle };
        appliance.serve(listener).await;
        appliance
    }

    /// Ends it as a crash would.
    pub fn stop(&self) {
        self.handle.lock().unwrap().shutdown();
    }

    /// Starts it again at its old address.
    pub async fn start_again(&self) {
        *self.handle.lock().unwrap() = Handle::new();
        let listener = loop {
            match std::net::TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.serve(listener).await;
    }

    pub fn change(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }

    /// What was asked of it by a method at a path.
    pub fn asked(&self, method: &Method, path: &str) -> Vec<Asked> {
        let world = self.world.lock().unwrap();
        world.asked.iter().filter(|asked| asked.method == *method && asked.path == path).cloned().collect()
    }

    /// All that was asked of it.
    pub fn all_asked(&self) -> Vec<Asked> {
        self.world.lock().unwrap().asked.clone()
    }

    async fn serve(&self, listener: std::net::TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (certificate, key) = self.certificate.clone();
        let tls = RustlsConfig::from_pem(certificate.into(), key.into()).await.unwrap();
        let app = Router::new().fallback(answer).with_state(self.world.clone()).into_make_service();
        let handle = self.handle.lock().unwrap().clone();
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap().handle(handle.clone());
        tokio::spawn(server.serve(app));
        handle.listening().await.unwrap();
    }
}

async fn answer(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 8 << 20).await.unwrap();
    if world.lock().unwrap().silent {
        std::future::pending::<()>().await;
    }
    respond(&mut world.lock().unwrap(), &parts.method, &parts.uri, &parts.headers, &body)
}

fn respond(world: &mut World, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
    let header = |name: &str| headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
    if header("authorization") != Some(format!("Bearer {TOKEN}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let path = uri.path().strip_prefix("/api/v1").unwrap_or_default();
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    world.asked.push(Asked {
        method: method.clone(),
        path: path.into(),
        query: uri.query().unwrap_or_default().into(),
        user: header("hdm-acting-user"),
        key: header("idempotency-key"),
        body: asked.clone(),
    });
    if world.broken.iter().any(|broken| path.starts_with(broken)) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let parameter = |name: &str| -> Vec<String> {
        let all = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        all.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    };
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let value = match (method.as_str(), parts.as_slice()) {
        ("GET", ["vcenters"]) => json!(world.vcenters),
        ("GET", ["changes"]) => {
            let since: i64 = parameter("since")[0].parse().unwrap();
            let new = since < world.cursor;
            json!(ChangePage {
                cursor: world.cursor,
                reset: since == 0,
                more: false,
                migrations: if new { world.migrations.clone() } else { Vec::new() },
                appliance: hdm_shared::changes::ApplianceState::default(),
            })
        }
        ("GET", ["migrations"]) => {
            let ids = parameter("ids");
            let named = |view: &&MigrationView| {
                ids.is_empty() || ids[0].split(',').any(|id| id == view.id.to_string())
            };
            json!(world.migrations.iter().filter(named).collect::<Vec<_>>())
        }
        ("GET", ["migrations", id]) => {
            let found = world.migrations.iter().find(|view| view.id.to_string() == **id);
            match found {
                Some(view) => json!(view),
                None => return problem(404),
            }
        }
        ("GET", ["migrations", id, "log"]) => {
            let of = world.migrations.iter().find(|view| view.id.to_string() == **id);
            let name = of.map(|view| view.vm_name.clone()).unwrap_or_default();
            json!([{"seq": 1, "at": "2026-01-01T00:00:00Z", "kind": "note", "step": null,
                "message": format!("'{name}' is looked at.")}])
        }
        ("POST", ["migrations", "actions"]) => {
            let outcome = |id: &Value| json!({"migration": id, "problem": world.outcome});
            json!({"outcomes": asked["migrations"].as_array().unwrap().iter().map(outcome).collect::<Vec<_>>()})
        }
        ("GET", ["vms"]) => {
            let (named, cluster) = (parameter("vm"), parameter("cluster_id"));
            let wanted = |vm: &&Value| {
                (named.is_empty() || named.iter().any(|id| vm["vm"]["moid"] == **id))
                    && cluster.iter().all(|id| vm["cluster_id"] == **id)
            };
            let number = |name: &str| parameter(name)[0].parse::<usize>().unwrap();
            let vms: Vec<&Value> = world.vms.iter().filter(wanted).collect();
            let part: Vec<_> = vms.iter().skip(number("offset")).take(number("limit")).collect();
            json!({"total": vms.len(), "vms": part})
        }
        ("GET", ["events"]) => {
            let before: i64 = parameter("before").first().map_or(i64::MAX, |text| text.parse().unwrap());
            let limit: usize = parameter("limit")[0].parse().unwrap();
            let mut events: Vec<&Value> =
                world.events.iter().filter(|event| event["seq"].as_i64().unwrap() < before).collect();
            let skip = events.len().saturating_sub(limit);
            json!({"events": events.split_off(skip)})
        }
        ("GET", ["offers"]) => json!(world.offers),
        ("GET", ["samples"]) => json!({"step_seconds": 20, "samples": [], "threshold_percent": 80.0}),
        ("GET", ["dashboard"]) => world.dashboard.clone(),
        ("POST", ["batches", "plan"]) => world.plan.clone(),
        ("POST", ["batches"]) => json!(world.migrations[..1]),
        (_, ["preferences", ..]) => json!({"skip_instructions": true}),
        ("POST", ["vcenters"]) => world.vcenters[0].clone(),
        ("PUT" | "POST" | "GET", ["vcenters", ..]) => json!({}),
        ("DELETE", ["vcenters", _]) => return StatusCode::NO_CONTENT.into_response(),
        _ => return problem(404),
    };
    Json(value).into_response()
}

fn problem(status: u16) -> Response {
    let body =
        json!({"type": "urn:hdm:problem:not-found", "title": "Not found", "status": status, "detail": "No."});
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}
