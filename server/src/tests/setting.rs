//! A plugin server with everything around it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::{Privilege, SessionGrant};
use hdm_shared::problem::Finding;
use hdm_vsphere::{MoRef, Secret};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::appliance::{Appliance, TOKEN};
use crate::api::Subjects;
use crate::app::{App, Permits, router};
use crate::assets::Assets;
use crate::changes::Feed;
use crate::clock::ManualClock;
use crate::config::Config;
use crate::fetches::Fetches;
use crate::metrics::Metrics;
use crate::session::rights::Mask;
use crate::session::table::testing::{FakeGate, FakeSession};
use crate::session::{Limits, Table};
use crate::testing::migration;
use crate::token::Keys;
use crate::upstream::Upstream;
use crate::vcenters::Vcenters;

pub const ONPREM: &str = "11111111-aaaa-4000-8000-000000000001";
pub const CLOUD: &str = "22222222-bbbb-4000-8000-000000000002";
/// In every name that the user with one folder must not see.
pub const HIDDEN: &str = "secret";

pub struct Setting {
    pub appliance: Arc<Appliance>,
    pub gate: Arc<FakeGate>,
    pub clock: Arc<ManualClock>,
    pub app: Arc<App>,
    key: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn vm(n: u32) -> MoRef {
    MoRef::new("VirtualMachine", format!("vm-{n}"))
}

pub fn cluster() -> MoRef {
    MoRef::new("ClusterComputeResource", "domain-c1")
}

pub fn root() -> MoRef {
    MoRef::new("Folder", "group-d1")
}

pub fn only(privileges: &[Privilege]) -> Mask {
    Mask::of(|privilege| privileges.contains(&privilege))
}

/// A migration of a VM; an even one is hidden.
pub fn of_vm(n: u32) -> MigrationView {
    let name = if n.is_multiple_of(2) { format!("{HIDDEN}-{n}") } else { format!("shown-{n}") };
    let mut view = migration(u128::from(n), &format!("vm-{n}"));
    let warning =
        Finding::warning("tags-not-carried", &name, format!("'{name}' has tags."), "Set them again.");
    (view.vm_name, view.target_name) = (name.clone(), name.clone());
    (view.error, view.warnings) = (Some(format!("'{name}' was refused.")), vec![warning]);
    (view.question, view.waiting_for) = (Some(format!("Was '{name}' moved?")), Some(format!("'{name}'")));
    view
}

pub fn id(n: u32) -> MigrationId {
    MigrationId(Uuid::from_u128(n.into()))
}

impl Setting {
    /// Ten VMs in one cluster, each being migrated; those with odd numbers are in the folder that everybody
    /// sees.
    pub async fn new() -> Self {
        let appliance = Arc::new(Appliance::start().await);
        let thumbprint = "00:".repeat(31) + "00";
        let vcenter = |id: &str, role: &str, guid: &str| {
            json!({"id": id, "role": role, "url": format!("https://{id}.example.org/sdk"), "user": "u",
                   "thumbprint": thumbprint, "instance_uuid": guid, "state": "live", "version": null,
                   "since": null, "vms": 1})
        };
        let listed = |n: u32| {
            let name = of_vm(n).vm_name;
            json!({"vm": {"vcenter": "onprem", "moid": format!("vm-{n}")}, "name": name,
                   "path": format!("/DC0/vm/{name}"), "cluster": "C0", "cluster_id": "domain-c1", "adapters": [],
                   "powered_on": false, "cpus": 1, "memory_mib": 64, "disks": 1, "capacity_bytes": 1, "findings": []})
        };
        let event = |n: u32| {
            json!({"seq": n, "at": "2026-01-01T00:00:00Z", "type_id": "com.hdm.migration.Started", "severity": "info",
                   "object": of_vm(n).vm_name, "operation": "Cold migration", "user": "ann",
                   "message": format!("'{}'", of_vm(n).vm_name), "migration": id(n), "migration_seq": 1, "arguments": {}})
        };
        let of_vcenter = json!({"seq": 11, "at": "2026-01-01T00:00:00Z", "type_id": "com.hdm.vcenter.Added",
            "severity": "info", "object": HIDDEN, "operation": "vCenter", "user": "u", "message": HIDDEN,
            "migration": null, "migration_seq": null, "arguments": {}});
        let card = |vcenter: &str, id: &str, name: &str| {
            json!({"vcenter": vcenter, "id": id, "name": name, "path": format!("/DC0/host/{name}"), "vms": 10,
                   "trouble": null})
        };
        appliance.change(|world| {
            world.vcenters = vec![vcenter("onprem", "source", ONPREM), vcenter("cloud", "cloud", CLOUD)];
            world.migrations = (1..=10).map(of_vm).collect();
            world.vms = (1..=10).map(listed).collect();
            world.events = (1..=10).map(event).chain([of_vcenter]).collect();
            world.dashboard = json!({
                "on_premise": [card("onprem", "domain-c1", "C0"), card("onprem", "domain-c2", HIDDEN)],
                "off_premise": [card("cloud", "domain-c1", "Cloud")], "troubles": [HIDDEN]});
        });
        let key = Keys::generate().unwrap();
        Self::beside(appliance, Arc::default(), Arc::default(), key).await
    }

    /// Another instance: the same appliance and the same key.
    pub async fn second(&self) -> Self {
        Self::beside(self.appliance.clone(), self.gate.clone(), self.clock.clone(), self.key.clone()).await
    }

    async fn beside(
        appliance: Arc<Appliance>,
        gate: Arc<FakeGate>,
        clock: Arc<ManualClock>,
        key: String,
    ) -> Self {
        let vcenters = Arc::new(Vcenters::default());
        let keys = Arc::new(Keys::parse(&key).unwrap());
        let limits = Limits::default();
        let table = Table::new(gate.clone(), vcenters.clone(), clock.clone(), limits, keys.clone());
        let table = Arc::new(table);
        let url = format!("https://{}", appliance.address);
        let upstream = Upstream::new(&url, appliance.thumbprint, Secret::new(TOKEN), clock.clone());
        let upstream = Arc::new(upstream.unwrap());
        let feed = Feed::new(upstream.clone(), vcenters.clone(), table.clone(), clock.clone());
        let mut assets = Assets::default();
        assets.add("plugin.json", &b"{}"[..]);
        assets.add("index.html", "<p>hello</p>".repeat(100).into_bytes());
        let app = Arc::new(App {
            version: "0.9.0".into(),
            clock: clock.clone(),
            config: Config::default(),
            assets,
            table,
            keys,
            vcenters,
            upstream,
            feed: Arc::new(feed),
            fetches: Fetches::open("0.9.0", None),
            metrics: Metrics::default(),
            subjects: Subjects::default(),
            permits: Permits::default(),
        });
        app.feed.round().await;
        Self { appliance, gate, clock, app, key }
    }

    pub fn router(&self) -> Router {
        router(self.app.clone())
    }

    /// Everything but what the user may do, which is nothing yet.
    pub fn log_in(&self, user: &str) -> FakeSession {
        self.gate.log_in(&format!("token-of-{user}"), user)
    }

    /// A user who may do everything.
    pub fn administrator(&self) -> FakeSession {
        let session = self.log_in("root");
        (1..=10).map(vm).chain([cluster(), root()]).for_each(|object| session.grant(&object, Mask::ALL));
        session
    }

    /// A user who sees and may move the VMs with odd numbers, and nothing else.
    pub fn of_one_folder(&self) -> FakeSession {
        let session = self.log_in("olga");
        let mask = only(&[Privilege::View, Privilege::Migrate]);
        (1..=9).step_by(2).for_each(|n| session.grant(&vm(n), mask));
        session
    }

    /// Exchanges a user's token about an object.
    pub async fn grant(&self, user: &str, object: Option<&MoRef>) -> SessionGrant {
        let answer = self.exchange(&format!("token-of-{user}"), ONPREM, object).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.text).unwrap()
    }

    pub async fn exchange(&self, token: &str, guid: &str, object: Option<&MoRef>) -> Answer {
        let body = json!({"vc_guid": guid, "object": object, "page_version": "0.9.0"});
        self.send(Method::POST, "/api/session", &[("vmware-api-session-id", token)], Some(body)).await
    }

    pub async fn get(&self, grant: &SessionGrant, path: &str) -> Answer {
        self.call(grant, Method::GET, path, None).await
    }

    pub async fn call(
        &self,
        grant: &SessionGrant,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let token = format!("Bearer {}", grant.token);
        self.send(method, path, &[("authorization", &token)], body).await
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.router().oneshot(request.body(body).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned() }
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

/// Waits until something that happens by itself has happened.
pub async fn until(happened: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("it happens in time");
}
