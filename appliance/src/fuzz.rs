//! What the fuzz targets in `appliance/fuzz` do with their input, and its replay: whatever is asked of the API is
//! answered, and what is wrong with it told as a problem that the caller can mend; whatever a host or a vCenter says of a
//! transfer or of the registration is taken for what it is. The corpora are committed beside the targets.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use hdm_shared::MigrationId;
use hdm_shared::batch::BatchRequest;
use hdm_shared::migration::{ColdRequest, MigrationState};
use hdm_shared::plugin::registration::RegisterPlugin;
use hdm_shared::problem::Problem;
use hdm_shared::schedule::{DailyWindow, Schedule};
use hdm_shared::testing::WrittenRequest;
use hdm_shared::vcenter::{AddVcenter, VcenterRole};
use hdm_vsphere::Endpoint;
use jiff::Timestamp;
use jiff::civil::time;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use uuid::Uuid;

use crate::api::{MAX_STREAMS, fuzz_registration, is_asked, router};
use crate::cold::{self, fuzz_leases, fuzz_plan, test_input};
use crate::engine::Clock;
use crate::store::{Line, NewWorkflow, Store, StoreError, VcenterRecord};
use crate::testing::{self, Database, ManualClock, OPERATOR};

/// The largest input, in bytes: what is larger says nothing that is new.
const MAX_BYTES: usize = 64 << 10;
/// The largest answer, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

thread_local! {
    /// What the next request is asked of: the same for each, so that an input does again what it has done once.
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// The API with two vCenters that cannot be used and a migration in each state that none drives.
struct Stage {
    router: Router,
    _database: Database,
}

/// Requests of the API, one after the other, with lines of `--` between.
pub fn requests(data: &[u8]) {
    if data.len() > MAX_BYTES {
        return;
    }
    RUNTIME.with(|runtime| {
        STAGE.with_borrow_mut(|kept| {
            let mut changed = false;
            for request in requests_of(data) {
                changed |= runtime.block_on(async {
                    if kept.is_none() {
                        *kept = Some(Stage::new().await);
                    }
                    kept.as_ref().unwrap().ask(request).await
                });
            }
            if changed {
                *kept = None;
            }
        });
    });
}

fn requests_of(mut data: &[u8]) -> Vec<&[u8]> {
    const BETWEEN: &[u8] = b"\n--\n";
    let mut requests = Vec::new();
    while let Some(at) = data.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        requests.push(&data[..at]);
        data = &data[at + BETWEEN.len()..];
    }
    requests.push(data);
    requests
}

impl Stage {
    async fn new() -> Self {
        let database = Database::sqlite();
        let store = database.open().await;
        let clock = Arc::new(ManualClock::new());
        fill(&store, clock.now()).await;
        let api = testing::api(store, clock, MAX_STREAMS);
        Self { router: router(Arc::new(api)), _database: database }
    }

    /// Asks for one thing; says whether something may have been changed by it.
    async fn ask(&self, text: &[u8]) -> bool {
        let Some(written) = WrittenRequest::read(text) else { return false };
        let mut request = Request::builder().method(written.method).uri(written.path);
        for (name, value) in &written.headers {
            request = request.header(*name, *value);
        }
        if !written.has("authorization") {
            request = request.header(header::AUTHORIZATION, format!("Bearer {OPERATOR}"));
        }
        if !written.has("content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let Ok(request) = request.body(Body::from(written.body.to_vec())) else { return false };
        // A fuzzer must not knock at addresses that it makes up.
        if asks_elsewhere(written.body) {
            return false;
        }
        // No vCenter is there to accept it for.
        let batch = serde_json::from_slice::<BatchRequest>(written.body).ok();
        let cold = || cold::batch(serde_json::from_slice::<ColdRequest>(written.body).ok()?).ok();
        if let Some(batch) = batch.or_else(cold) {
            fuzz_plan(&batch);
        }
        let changes = *request.method() != Method::GET;
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
        if kind.as_ref().is_some_and(|kind| kind == "text/event-stream") {
            return changes;
        }
        let body = axum::body::to_bytes(answer.into_body(), MAX_ANSWER_BYTES).await.unwrap();
        if status.is_client_error() || status.is_server_error() {
            assert_eq!(kind.unwrap(), "application/problem+json", "{status}");
            // To a question for its headers alone there is no body.
            if written.method == "HEAD" && body.is_empty() {
                return changes;
            }
            let problem: Problem = serde_json::from_slice(&body).unwrap();
            assert_eq!(problem.status, status.as_u16());
            // No vCenter can be asked here; all else that goes wrong is what the caller has asked for.
            let vcenter = status == StatusCode::BAD_GATEWAY && problem.kind == "urn:hdm:problem:vcenter";
            assert!(status.is_client_error() || vcenter, "{problem:?}");
            assert!(!problem.detail.is_empty() && !problem.title.is_empty(), "{problem:?}");
        }
        changes && !status.is_client_error()
    }
}

/// Whether a body names a server that would be looked at; whether its address is one has been found out by that.
fn asks_elsewhere(body: &[u8]) -> bool {
    let vcenter = serde_json::from_slice::<AddVcenter>(body).ok();
    vcenter.is_some_and(|asked| Endpoint::parse_url(&asked.url).is_ok())
        || serde_json::from_slice::<RegisterPlugin>(body).is_ok_and(|asked| is_asked(&asked.url))
}

async fn fill(store: &Store, now: Timestamp) {
    for (id, role) in [("onprem", VcenterRole::Source), ("cloud", VcenterRole::Cloud)] {
        let record = VcenterRecord {
            id: id.parse().unwrap(),
            role,
            // Where nobody listens.
            url: "https://127.0.0.1:1/sdk".into(),
            user: "hdm".into(),
            sealed_password: String::new(),
            thumbprint: ["AA"; 32].join(":"),
            instance_uuid: id.into(),
            added_at: now,
        };
        store.add_vcenter(&record).await.unwrap();
    }
    let states = [
        MigrationState::Queued,
        MigrationState::Paused,
        MigrationState::NeedsOperator,
        MigrationState::Done,
        MigrationState::Cancelled,
        MigrationState::Failed,
    ];
    let night =
        DailyWindow { from: time(22, 0, 0, 0), until: time(5, 0, 0, 0), time_zone: "Europe/Berlin".into() };
    let new: Vec<_> = (1_u128..)
        .zip(states)
        .map(|(n, _)| {
            let mut input = test_input();
            input.source.moid = format!("vm-{n}");
            let schedule = (n == 2).then(|| Schedule { daily: Some(night.clone()), ..Schedule::default() });
            input.request.schedule.clone_from(&schedule);
            NewWorkflow {
                id: MigrationId(Uuid::from_u128(n)),
                kind: "cold",
                input: serde_json::to_string(&input).unwrap(),
                memo: "{}".into(),
                queue_line: "onprem/C0".into(),
                schedule,
                first_line: line(),
            }
        })
        .collect();
    store.queue_workflows::<StoreError>(now, |_| Ok(new)).await.unwrap();
    for (n, state) in (1_u128..).zip(states).skip(1) {
        let id = MigrationId(Uuid::from_u128(n));
        assert!(store.change_state(id, MigrationState::Queued, state, line(), now).await.unwrap());
    }
}

fn line() -> Line {
    Line { kind: "note", step: None, message: "Accepted.".into(), event: None }
}

/// What vCenters and hosts tell of the leases of a transfer, of the files that passed, and of HDM's registration.
pub fn told(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let told = hdm_vsphere::fuzz::told(text);
    told.extensions.iter().for_each(fuzz_registration);
    for export in &told.leases {
        for import in &told.leases {
            fuzz_leases(&export.devices, &import.devices, &told.manifest);
        }
    }
}

#[cfg(test)]
mod tests {
    use hdm_vsphere::fuzz::replay;

    use super::*;

    #[test]
    fn the_corpus_of_requests_is_answered() {
        assert!(replay(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/requests"), requests) > 10);
    }

    #[test]
    fn the_corpus_of_what_hosts_tell_is_survived() {
        assert!(replay(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/told"), told) > 10);
    }
}
