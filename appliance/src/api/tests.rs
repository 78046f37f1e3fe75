//! The API over HTTP: every refusal is a problem document, streams stream, and limits hold.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_shared::problem::Problem;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{MAX_BODY_BYTES, router};
use crate::cold::FIRST_INPUT;
use crate::engine::Clock;
use crate::store::{Line, NewWorkflow, Store, StoreError};
use crate::testing::{self, Database, ManualClock, OPERATOR};

/// An API that listens, with no vCenter and nothing that drives.
struct Stage {
    url: String,
    store: Store,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    _database: Database,
}

impl Stage {
    async fn new(streams: usize) -> Self {
        let database = Database::sqlite();
        let store = database.open().await;
        let clock = Arc::new(ManualClock::new());
        let api = Arc::new(testing::api(store.clone(), clock.clone(), streams));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(api)).await });
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { url, store, clock, http, _database: database }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(OPERATOR)
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    async fn queue(&self, input: &str) -> MigrationId {
        let id = MigrationId(Uuid::now_v7());
        let new = NewWorkflow {
            id,
            kind: "cold",
            input: input.into(),
            memo: "{}".into(),
            queue_line: "c".into(),
            schedule: None,
            first_line: Line { kind: "accepted", step: None, message: "Accepted.".into(), event: None },
        };
        self.store.queue_workflows::<StoreError>(self.clock.now(), |_| Ok(vec![new])).await.unwrap();
        id
    }
}

/// Asserts that an answer is a problem of a status and a kind, and returns its detail.
async fn problem(answer: Response, status: u16, kind: &str) -> String {
    assert_eq!(answer.status().as_u16(), status, "{answer:?}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Problem = answer.json().await.unwrap();
    assert_eq!((problem.status, problem.kind), (status, format!("urn:hdm:problem:{kind}")));
    problem.detail
}

#[tokio::test]
async fn nothing_but_the_health_is_told_without_the_token() {
    let stage = Stage::new(1).await;
    for (path, token) in [("/metrics", ""), ("/api/v1/migrations", "wrong"), ("/api/v1/events/stream", "")] {
        let request = stage.http.get(format!("{}{path}", stage.url)).bearer_auth(token);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        problem(answer, 401, "unauthorized").await;
    }
    let health = stage.http.get(format!("{}/healthz", stage.url)).send().await.unwrap();
    assert_eq!((health.status().as_u16(), health.text().await.unwrap().as_str()), (200, "ok\n"));
    stage.store.close().await;
    problem(stage.get("/healthz").await, 503, "database").await;
}

#[tokio::test]
async fn metrics_count_what_has_not_ended() {
    let stage = Stage::new(1).await;
    stage.queue(FIRST_INPUT).await;
    let answer = stage.get("/metrics").await;
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    assert!(text.contains("hdm_migrations{state=\"queued\"} 1"), "{text}");
}

#[tokio::test]
async fn every_refusal_is_a_problem() {
    let stage = Stage::new(1).await;
    problem(stage.get("/api/v1/nothing").await, 404, "not-found").await;
    problem(stage.get("/nothing").await, 404, "not-found").await;
    let id = Uuid::nil();
    problem(stage.get(&format!("/api/v1/migrations/{id}")).await, 404, "not-found").await;
    problem(stage.get(&format!("/api/v1/migrations/{id}/stream")).await, 404, "not-found").await;
    problem(stage.get("/api/v1/migrations/web-01").await, 400, "bad-request").await;
    problem(stage.get("/api/v1/migrations/%ff").await, 400, "bad-request").await;
    let remove = stage.ask(Method::DELETE, "/api/v1/vcenters/%20%2f").send().await.unwrap();
    problem(remove, 400, "bad-request").await;
    problem(stage.get("/api/v1/migrations?limit=many").await, 400, "bad-request").await;
    problem(stage.get("/api/v1/events?since=1").await, 400, "bad-request").await;

    let deleted = stage.ask(Method::DELETE, "/api/v1/migrations").send().await.unwrap();
    assert!(deleted.headers()["allow"].to_str().unwrap().contains("GET"), "{deleted:?}");
    problem(deleted, 405, "method-not-allowed").await;
    let posted = stage.ask(Method::POST, "/healthz").send().await.unwrap();
    problem(posted, 405, "method-not-allowed").await;

    let post = |path: &str| stage.ask(Method::POST, path);
    let large = post("/api/v1/migrations").json(&json!({"vms": ["x".repeat(MAX_BODY_BYTES)]}));
    let detail = problem(large.send().await.unwrap(), 413, "too-large").await;
    assert!(detail.contains("4194304 bytes"), "{detail}");
    let text = post("/api/v1/migrations").body("vms").send().await.unwrap();
    problem(text, 415, "media-type").await;
    let wrong = post("/api/v1/migrations").json(&json!({"vm": "web-01"})).send().await.unwrap();
    problem(wrong, 400, "bad-request").await;
    let release = post("/api/v1/sources/release").json(&json!({"vm": "web-01"})).send().await.unwrap();
    let detail = problem(release, 404, "not-found").await;
    assert!(detail.contains("No migration has moved 'web-01'"), "{detail}");
}

#[tokio::test]
async fn a_migration_that_cannot_be_understood_hides_no_other() {
    let stage = Stage::new(1).await;
    let damaged = stage.queue("{}").await;
    let well = stage.queue(FIRST_INPUT).await;
    let listed: Value = stage.get("/api/v1/migrations").await.json().await.unwrap();
    let ids: Vec<_> =
        listed.as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [well.to_string()]);
    problem(stage.get(&format!("/api/v1/migrations/{damaged}")).await, 503, "database").await;
}

#[tokio::test]
async fn a_log_comes_in_pages() {
    let stage = Stage::new(1).await;
    let id = stage.queue(FIRST_INPUT).await;
    for what in ["pause", "resume"] {
        let path = format!("/api/v1/migrations/{id}/{what}");
        let done = stage.ask(Method::POST, &path).header("hdm-user", "ann").send().await.unwrap();
        assert_eq!(done.status(), 200);
    }
    let page = async |query: &str| -> Vec<String> {
        let path = format!("/api/v1/migrations/{id}/log{query}");
        let page: Value = stage.get(&path).await.json().await.unwrap();
        page.as_array().unwrap().iter().map(|l| l["message"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(page("").await.len(), 3);
    assert_eq!(page("?after=1&limit=1").await, ["Taken out of the queue by ann."]);
    assert!(page("?after=3").await.is_empty());
}

/// Reads a stream until what came contains a text.
async fn until(stream: &mut Response, wanted: &str) {
    let mut came = String::new();
    while !came.contains(wanted) {
        let chunk = stream.chunk().await.unwrap().unwrap_or_else(|| panic!("the stream ended: {came}"));
        came += &String::from_utf8_lossy(&chunk);
    }
}

#[tokio::test]
async fn streams_tell_changes_and_have_a_limit() {
    let stage = Stage::new(2).await;
    let id = stage.queue(FIRST_INPUT).await;
    let path = format!("/api/v1/migrations/{id}/stream");
    let mut migration = stage.get(&path).await;
    assert_eq!(migration.headers()["content-type"], "text/event-stream");
    until(&mut migration, "\"state\":\"queued\"").await;
    let mut events = stage.get("/api/v1/events/stream?after=0").await;
    problem(stage.get(&path).await, 503, "too-many").await;

    let cancel = format!("/api/v1/migrations/{id}/cancel");
    assert_eq!(stage.ask(Method::POST, &cancel).send().await.unwrap().status(), 200);
    until(&mut migration, "\"state\":\"cancelled\"").await;
    until(&mut events, "com.hdm.migration.Cancelled").await;
    while migration.chunk().await.unwrap().is_some() {}
    drop(events);
    // A stream that has ended gives its place back.
    until(&mut stage.get(&path).await, "\"state\":\"cancelled\"").await;
}
