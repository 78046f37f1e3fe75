//! The API as the plugin server uses it, over HTTP, with no vCenter behind it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::batch::BatchRequest;
use hdm_shared::vcenter::VcenterRole;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{batches, router};
use crate::engine::SystemClock;
use crate::store::{Line, NewEvent, NewWorkflow, Queued, Store, StoreError, VcenterRecord};
use crate::testing::{self, Database, OPERATOR, PLUGIN};

const ANN: &str = "VSPHERE.LOCAL\\Ann";

struct Server {
    url: String,
    http: reqwest::Client,
    store: Store,
    _database: Database,
}

impl Server {
    async fn start() -> Self {
        let database = Database::sqlite();
        let store = database.open().await;
        let api = testing::api(store.clone(), Arc::new(SystemClock), 1);
        for (id, role) in [("onprem", VcenterRole::Source), ("cloud", VcenterRole::Cloud)] {
            let record = VcenterRecord {
                id: id.parse().unwrap(),
                role,
                url: "https://vc/sdk".into(),
                user: "hdm".into(),
                sealed_password: String::new(),
                thumbprint: String::new(),
                instance_uuid: id.into(),
                added_at: Timestamp::UNIX_EPOCH,
            };
            assert!(store.add_vcenter(&record).await.unwrap());
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router(Arc::new(api))).await });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url, http, store, _database: database }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// As the plugin server, for Ann.
    fn ann(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(PLUGIN).header("HDM-Acting-User", ANN)
    }

    async fn queue(&self, names: &[&str]) -> Vec<MigrationId> {
        let new: Vec<_> = names.iter().map(|name| workflow(name)).collect();
        let queued = self.store.queue_workflows::<StoreError>(Timestamp::now(), |_| Ok(new)).await.unwrap();
        queued.into_iter().map(|record| record.id).collect()
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

fn workflow(name: &str) -> NewWorkflow {
    let named = |kind: &str, id: &str| json!({"object": {"kind": kind, "id": id}, "name": id});
    let source = json!({"vcenter": "onprem", "moid": name});
    let input = json!({
        "source": source, "instance_uuid": "u", "vm_name": name, "vm_path": format!("/DC0/vm/{name}"),
        "source_cluster": named("ClusterComputeResource", "domain-c8"), "cloud": "cloud", "target_name": name,
        "place": {
            "datacenter": named("Datacenter", "datacenter-1"), "cluster": named("ClusterComputeResource", "domain-c1"),
            "host": null, "pool": named("ResourcePool", "resgroup-1"), "datastore": named("Datastore", "datastore-1"),
            "folder": named("Folder", "group-v1"), "networks": {}
        },
        "options": {}, "disks": [{"label": "Hard disk 1", "capacity_bytes": 1024}], "macs": [], "warnings": [],
        "requested_by": "ann", "request": {"vms": [name], "cloud": "cloud"}
    });
    NewWorkflow {
        id: MigrationId(Uuid::now_v7()),
        kind: "cold",
        input: input.to_string(),
        memo: "{}".into(),
        queue_line: "onprem/C0".into(),
        schedule: None,
        first_line: Line { kind: "accepted", step: None, message: "Accepted.".into(), event: None },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vcenter_users_name_is_believed_only_from_the_plugin_server() {
    let server = Server::start().await;
    let get = |token: &str| server.request(Method::GET, "/changes").bearer_auth(token);
    for token in ["", "wrong", "operator-toke"] {
        assert_eq!(answer(get(token)).await.0, StatusCode::UNAUTHORIZED, "{token:?}");
    }
    assert_eq!(answer(get(OPERATOR)).await.0, StatusCode::OK);
    assert_eq!(answer(get(PLUGIN)).await.0, StatusCode::OK, "its own questions name nobody");
    let (status, problem) = answer(get(OPERATOR).header("HDM-Acting-User", ANN)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");

    let id = server.queue(&["web"]).await[0];
    let pause =
        |token: &str| server.request(Method::POST, &format!("/migrations/{id}/pause")).bearer_auth(token);
    assert_eq!(answer(pause(PLUGIN)).await.0, StatusCode::BAD_REQUEST, "a change names who wants it");
    for wrong in ["a\u{1}b".to_owned(), "x".repeat(257)] {
        let header = reqwest::header::HeaderValue::from_bytes(wrong.as_bytes());
        let Ok(header) = header else { continue };
        assert_eq!(answer(pause(PLUGIN).header("HDM-Acting-User", header)).await.0, StatusCode::BAD_REQUEST);
    }
    // The plugin server's own header counts, and the other one not.
    let (status, _) = answer(pause(PLUGIN).header("HDM-Acting-User", ANN).header("HDM-User", "root")).await;
    assert_eq!(status, StatusCode::OK);
    let resume = server.request(Method::POST, &format!("/migrations/{id}/resume")).bearer_auth(OPERATOR);
    assert_eq!(answer(resume.header("HDM-User", ANN)).await.0, StatusCode::OK);
    let (_, log) =
        answer(server.request(Method::GET, &format!("/migrations/{id}/log")).bearer_auth(OPERATOR)).await;
    assert_eq!(log[1]["message"], format!("Taken out of the queue by {ANN}."));
    assert_eq!(log[2]["message"], format!("Put back into the queue by {ANN} (command line)."));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_beyond_ascii_arrive_whole() {
    let server = Server::start().await;
    let id = server.queue(&["web"]).await[0];
    let name = "VSPHERE.LOCAL\\Jürgen 東";
    let header = reqwest::header::HeaderValue::from_bytes(name.as_bytes()).unwrap();
    let pause = server.request(Method::POST, &format!("/migrations/{id}/pause")).bearer_auth(PLUGIN);
    assert_eq!(answer(pause.header("HDM-Acting-User", header)).await.0, StatusCode::OK);
    let log = server.store.log(id, 0, 10).await.unwrap();
    assert_eq!(log[1].message, format!("Taken out of the queue by {name}."));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_on_several_is_done_or_refused_for_each() {
    let server = Server::start().await;
    let ids = server.queue(&["web", "db", "mail"]).await;
    let nobody = MigrationId(Uuid::now_v7());
    let act = async |action: &str, migrations: &[MigrationId]| {
        let body = json!({"action": action, "migrations": migrations});
        let (status, report) = answer(server.ann(Method::POST, "/migrations/actions").json(&body)).await;
        assert_eq!(status, StatusCode::OK, "{report}");
        let outcomes = report["outcomes"].as_array().unwrap().clone();
        assert_eq!(outcomes.len(), migrations.len());
        outcomes.iter().map(|o| o["problem"]["status"].as_u64().unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!(act("pause", &[ids[0], nobody, ids[0], ids[1]]).await, [0, 404, 409, 0]);
    assert_eq!(act("resume", &[ids[0], ids[2]]).await, [0, 409]);
    assert_eq!(act("dismiss", &[ids[0]]).await, [409], "it has not ended");
    assert_eq!(act("cancel", &[ids[0]]).await, [0]);
    assert_eq!(act("dismiss", &[ids[0], ids[0]]).await, [0, 0]);
    let many = json!({"action": "pause", "migrations": vec![nobody; 501]});
    assert_eq!(
        answer(server.ann(Method::POST, "/migrations/actions").json(&many)).await.0,
        StatusCode::BAD_REQUEST
    );
    let (_, events) = answer(server.ann(Method::GET, "/events?limit=1")).await;
    let message = events["events"][0]["message"].as_str().unwrap();
    assert!(message.contains(&format!("Cancelled by {ANN}.")), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_under_a_key_is_done_once_and_reported_as_often_as_it_is_sent() {
    let server = Server::start().await;
    let ids = server.queue(&["web", "db"]).await;
    let act = async |action: &str, key: &str| {
        let body = json!({"action": action, "migrations": ids});
        let request =
            server.ann(Method::POST, "/migrations/actions").header("Idempotency-Key", key).json(&body);
        answer(request).await
    };
    let paused = act("pause", "k1").await;
    assert_eq!((paused.0, &paused.1["outcomes"][1]["problem"]), (StatusCode::OK, &Value::Null));
    assert_eq!(act("pause", "k1").await, paused, "the answer was lost, and it is sent again");
    assert_eq!(act("pause", "k2").await.1["outcomes"][0]["problem"]["status"], 409, "they are paused");
    assert_eq!(act("resume", "k1").await.0, StatusCode::UNPROCESSABLE_ENTITY, "another request");
    let (_, events) = answer(server.ann(Method::GET, "/events?limit=100")).await;
    let paused = |event: &&Value| event["type_id"].as_str().unwrap().ends_with("Paused");
    assert_eq!(events["events"].as_array().unwrap().iter().filter(paused).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_followed_from_page_to_page() {
    let server = Server::start().await;
    let ids = server.queue(&["web", "db"]).await;
    let page = async |query: &str| {
        let (status, page) = answer(server.ann(Method::GET, &format!("/changes{query}"))).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page
    };
    let first = page("").await;
    assert_eq!((&first["reset"], &first["more"]), (&json!(true), &json!(false)));
    assert_eq!(first["migrations"][0]["vm_name"], "web");
    assert_eq!(first["migrations"][0]["source_cluster_id"], "domain-c8");
    assert_eq!(first["migrations"][1]["queue_position"], 2);
    assert_eq!(first["appliance"]["away_since"], Value::Null);
    let cursor = first["cursor"].as_i64().unwrap();
    assert_eq!(page(&format!("?since={cursor}")).await["migrations"], json!([]));
    answer(server.ann(Method::POST, &format!("/migrations/{}/pause", ids[0]))).await;
    let next = page(&format!("?since={cursor}&limit=1")).await;
    assert_eq!((&next["reset"], &next["more"]), (&json!(false), &json!(true)));
    assert_eq!(next["migrations"][0]["state"], "paused");
    let last = page(&format!("?since={}&limit=1", next["cursor"])).await;
    assert_eq!(last["migrations"][0]["queue_position"], 1, "the other has moved up");
    assert_eq!(last["more"], false);
    assert_eq!(answer(server.ann(Method::GET, "/changes?since=x")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_repeats_a_batch_and_is_good_for_one_batch_only() {
    let server = Server::start().await;
    let body = json!({"cloud": "cloud", "items": [{"vm": "web"}]});
    let post = |key: &str, body: &Value| {
        server.ann(Method::POST, "/batches").header("Idempotency-Key", key).json(body)
    };
    for key in ["", "a b", &"k".repeat(129)] {
        assert_eq!(answer(post(key, &body)).await.0, StatusCode::BAD_REQUEST, "{key:?}");
    }
    // As if it had been accepted before: without a vCenter nothing is.
    let request: BatchRequest = serde_json::from_value(body.clone()).unwrap();
    let headers = [(batches::KEY.parse().unwrap(), "k-1".parse().unwrap())].into_iter().collect();
    let once = batches::once(&headers, ANN, &request).unwrap();
    let made = server
        .store
        .queue_once::<StoreError>(once.as_ref(), Timestamp::now(), |_| Ok(vec![workflow("web")]))
        .await
        .unwrap();
    let Queued::Now(made) = made else { panic!("{made:?}") };
    let (status, views) = answer(post("k-1", &body)).await;
    assert_eq!(status, StatusCode::CREATED, "{views}");
    assert_eq!((views.as_array().unwrap().len(), &views[0]["id"]), (1, &json!(made[0].id)));
    let other = json!({"cloud": "cloud", "items": [{"vm": "db"}]});
    let (status, problem) = answer(post("k-1", &other)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["type"], "urn:hdm:problem:idempotency-key-reused");
    let (status, problem) = answer(post("k-2", &other)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    let bob =
        server.request(Method::POST, "/batches").bearer_auth(PLUGIN).header("HDM-Acting-User", "CORP\\Bob");
    let (status, _) = answer(bob.header("Idempotency-Key", "k-1").json(&body)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "another user's key tells him nothing of hers");
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_are_each_users_own_and_bounded() {
    let server = Server::start().await;
    let path = format!("/preferences/onprem/{}", ANN.replace('\\', "%5C"));
    let (status, none) = answer(server.ann(Method::GET, &path)).await;
    assert_eq!((status, &none["skip_instructions"]), (StatusCode::OK, &json!(false)));
    let set = json!({"skip_instructions": true, "columns": {"vms": ["name"]}, "networks": {}});
    assert_eq!(answer(server.ann(Method::PUT, &path).json(&set)).await, (StatusCode::OK, set.clone()));
    assert_eq!(answer(server.ann(Method::GET, &path)).await.1, set);

    let large = json!({"columns": {"vms": ["n".repeat(70_000)]}});
    assert_eq!(answer(server.ann(Method::PUT, &path).json(&large)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for wrong in [json!([]), json!({"columns": 3})] {
        assert_eq!(answer(server.ann(Method::PUT, &path).json(&wrong)).await.0, StatusCode::BAD_REQUEST);
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let other = server.ann(method, "/preferences/onprem/CORP%5CBob").json(&set);
        assert_eq!(answer(other).await.0, StatusCode::FORBIDDEN);
    }
    let unknown = path.replace("onprem", "elsewhere");
    assert_eq!(answer(server.ann(Method::GET, &unknown)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(answer(server.ann(Method::DELETE, &path)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(answer(server.ann(Method::GET, &path)).await.1["skip_instructions"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_is_released_whole_until_somebody_says_otherwise() {
    let server = Server::start().await;
    let whole = json!({"clusters": null, "folders": null, "datastores": null, "networks": null});
    assert_eq!(answer(server.ann(Method::GET, "/vcenters/cloud/released")).await, (StatusCode::OK, whole));
    let some = json!({"clusters": ["domain-c1"], "folders": null, "datastores": [], "networks": null});
    let put =
        |id: &str, body: &Value| server.ann(Method::PUT, &format!("/vcenters/{id}/released")).json(body);
    assert_eq!(answer(put("cloud", &some)).await, (StatusCode::OK, some.clone()));
    assert_eq!(answer(server.ann(Method::GET, "/vcenters/cloud/released")).await.1, some);
    for (query, status) in [
        ("cloud=cloud", StatusCode::OK),
        ("cloud=cloud&cluster=domain-c1", StatusCode::OK),
        ("cloud=cloud&cluster=domain-c2", StatusCode::NOT_FOUND),
        ("cloud=onprem", StatusCode::NOT_FOUND),
        ("cloud=elsewhere", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(answer(server.ann(Method::GET, &format!("/samples?{query}"))).await.0, status, "{query}");
    }
    assert_eq!(answer(put("onprem", &some)).await.0, StatusCode::CONFLICT, "it is no cloud");
    assert_eq!(answer(put("nowhere", &some)).await.0, StatusCode::NOT_FOUND);
    for wrong in [json!({"clusters": [""]}), json!({"hosts": []}), json!({"folders": vec!["f"; 5_001]})] {
        assert_eq!(answer(put("cloud", &wrong)).await.0, StatusCode::BAD_REQUEST);
    }
    let (_, events) = answer(server.ann(Method::GET, "/events")).await;
    assert_eq!(events["events"][0]["user"], ANN);
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_vms_history_is_found_below_that_of_many_others() {
    let server = Server::start().await;
    server.queue(&["web"]).await;
    let others: Vec<String> = (0..=super::migrations::MAX_PAGE).map(|n| format!("other-{n}")).collect();
    server.queue(&others.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (asked, found) in [("web", json!("web")), ("we_", json!(null)), ("eb", json!(null))] {
        let (status, views) = answer(server.ann(Method::GET, &format!("/migrations?vm={asked}"))).await;
        assert_eq!((status, &views[0]["vm_name"]), (StatusCode::OK, &found), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_events_are_filtered() {
    let server = Server::start().await;
    let ids = server.queue(&["web", "db"]).await;
    answer(server.ann(Method::POST, &format!("/migrations/{}/cancel", ids[0]))).await;
    let found = async |path: &str| {
        let (status, views) = answer(server.ann(Method::GET, path)).await;
        assert_eq!(status, StatusCode::OK, "{views}");
        views
            .as_array()
            .unwrap()
            .iter()
            .map(|view| view["vm_name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found("/migrations").await, ["db", "web"]);
    assert_eq!(found("/migrations?since_ms=0").await, ["web"]);
    assert_eq!(found("/migrations?state=queued&state=running").await, ["db"]);
    assert_eq!(found("/migrations?vcenter=cloud&limit=1").await, ["db"]);
    assert_eq!(found("/migrations?vcenter=elsewhere").await, Vec::<String>::new());
    assert_eq!(found("/migrations?vcenter=onprem&vm=web").await, ["web"]);
    assert_eq!(found("/migrations?cluster_id=domain-c8&limit=1").await, ["db"]);
    assert_eq!(found("/migrations?cluster_id=domain-c9").await, Vec::<String>::new());
    let one =
        answer(server.ann(Method::GET, "/migrations?vm=web")).await.1[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(found(&format!("/migrations?ids={one},{}", Uuid::nil())).await, ["web"]);
    assert_eq!(found(&format!("/migrations?ids={}", Uuid::nil())).await, Vec::<String>::new());
    let lines = async |query: &str| {
        let (_, log) = answer(server.ann(Method::GET, &format!("/migrations/{one}/log?{query}"))).await;
        log.as_array().unwrap().iter().map(|line| line["seq"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let all = lines("").await;
    assert!(all.len() >= 2, "{all:?}");
    assert_eq!(lines("newest=true").await, all);
    assert_eq!(lines("newest=true&limit=1").await, all[all.len() - 1..]);
    for wrong in [
        "/migrations?state=x",
        "/migrations?since_ms=99999999999999999",
        "/migrations?ids=1,x",
        "/events?severity=bad",
    ] {
        assert_eq!(answer(server.ann(Method::GET, wrong)).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let event = NewEvent {
        type_id: "com.hdm.test".into(),
        severity: hdm_shared::event::EventSeverity::Error,
        object: "web".into(),
        operation: "test".into(),
        user: "ann".into(),
        message: "It broke.".into(),
    };
    server.store.add_event(&event, Timestamp::now()).await.unwrap();
    let (_, page) = answer(server.ann(Method::GET, "/events?severity=error&before=1000")).await;
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    assert_eq!(answer(server.ann(Method::GET, "/offers")).await, (StatusCode::OK, json!([])));
    let (_, dashboard) = answer(server.ann(Method::GET, "/dashboard")).await;
    assert_eq!(dashboard["troubles"], json!([]));
}
