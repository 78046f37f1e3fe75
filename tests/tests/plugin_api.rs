//! The appliance as the plugin server uses it: by a credential of its own, for a vCenter user, by managed object ids.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use reqwest::{Certificate, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const ANN: &str = "VSPHERE.LOCAL\\Ann";

/// The plugin server, as far as the appliance knows it.
struct Plugin {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Plugin {
    fn of(lab: &Lab) -> Self {
        let folder = lab.directory.path().join("appliance");
        let profile = std::fs::read_to_string(folder.join("plugin-server.toml")).unwrap();
        let value = |key: &str| {
            let line = profile.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {key} in {profile}")).trim().trim_matches('"').to_owned()
        };
        assert_eq!(value("thumbprint").len(), 95, "a SHA-256 thumbprint");
        let pem = std::fs::read(folder.join("tls/certificate.pem")).unwrap();
        let certificate = Certificate::from_pem(&pem).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
        Self { http, url: value("url"), token: value("token") }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/api/v1{path}", self.url);
        self.http.request(method, url).bearer_auth(&self.token).header("HDM-Acting-User", ANN)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = answer(self.ask(Method::GET, path)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// The one of a list that has this name.
fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let all = list.as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no '{name}' in {list}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_where_each_vm_and_each_adapter_shall_and_is_followed_to_its_end() {
    let mut web = vm("web-01", &[2]);
    let mut second = web["nics"][0].clone();
    second["mac"] = json!("00:50:56:0a:0b:0c");
    web["nics"].as_array_mut().unwrap().push(second);
    let lab = Lab::start(json!([web, vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let plugin = Plugin::of(&lab);

    let cluster_of = |name: &str| before.onprem.vm(name).moid.clone();
    let (web, db) = (cluster_of("web-01"), cluster_of("db-01"));
    let page = plugin.get(&format!("/vms?vm={web}&vm={db}")).await;
    assert_eq!(page["total"], 2);
    let shown = named(&page["vms"], "web-01");
    let labels: Vec<&str> =
        shown["adapters"].as_array().unwrap().iter().map(|nic| nic["label"].as_str().unwrap()).collect();
    assert_eq!(labels.len(), 2, "{shown}");
    assert_eq!(shown["adapters"][1]["network"], "VM Network");
    let cluster = shown["cluster_id"].as_str().unwrap();
    assert_eq!(plugin.get(&format!("/vms?cluster_id={cluster}&vm={web}")).await["total"], 1);
    assert_eq!(plugin.get("/vms?cluster_id=domain-none").await["total"], 0);

    let offers = plugin.get("/offers").await;
    assert_eq!((&offers[0]["vcenter"], &offers[0]["unavailable"]), (&json!("cloud"), &Value::Null));
    let c0 = named(&offers[0]["clusters"], "C0");
    assert!(c0["cpus_total"].as_u64().unwrap() > 0 && c0["memory_total_mib"].as_u64().unwrap() > 0, "{c0}");
    let lan = |name: &str| named(&c0["networks"], name)["id"].clone();
    let target = |datastore: &str| {
        json!({
            "cluster": c0["id"], "datastore": named(&c0["datastores"], datastore)["id"],
            "networks": {"VM Network": lan("VM Network")}
        })
    };
    let mut own = target("ds0");
    own["adapters"] = json!({labels[1]: lan("Prod LAN")});
    let batch = json!({"source": "onprem", "cloud": "cloud", "items": [
        {"vm": web, "target": own, "options": {"rename": "web-01c"}},
        {"vm": db, "target": target("ds1")}
    ]});

    // What is not released cannot be chosen, and nothing of the batch is begun.
    let only = json!({"datastores": [named(&c0["datastores"], "ds0")["id"]]});
    let release = |body: &Value| plugin.ask(Method::PUT, "/vcenters/cloud/released").json(body);
    assert_eq!(answer(release(&only)).await.0, StatusCode::OK);
    let offered = plugin.get("/offers").await;
    let datastores = &named(&offered[0]["clusters"], "C0")["datastores"];
    assert_eq!(datastores.as_array().unwrap().len(), 1, "{datastores}");
    // Whoever releases is shown all, so that what was withheld can be released again.
    let whole = plugin.get("/vcenters/cloud/offer").await;
    assert_eq!(named(&whole["clusters"], "C0")["datastores"].as_array().unwrap().len(), 2, "{whole}");
    let post = || plugin.ask(Method::POST, "/batches").header("Idempotency-Key", "night-1").json(&batch);
    let (status, problem) = answer(post()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["findings"][0]["code"], "target-not-released", "{problem}");
    assert_eq!(plugin.get("/migrations").await, json!([]));
    assert_eq!(answer(release(&json!({}))).await.0, StatusCode::OK);

    let (status, plan) = answer(plugin.ask(Method::POST, "/batches/plan").json(&batch)).await;
    assert_eq!(status, StatusCode::OK, "{plan}");
    assert_eq!(plan["vms"][0]["target"][format!("adapter {}", labels[1])], "Prod LAN", "{plan}");
    let (status, begun) = answer(post()).await;
    assert_eq!(status, StatusCode::CREATED, "{begun}");
    let (status, again) = answer(post()).await;
    assert_eq!((status, &again[1]["id"]), (StatusCode::CREATED, &begun[1]["id"]), "{again}");

    let mut cursor = 0;
    let mut known = std::collections::BTreeMap::new();
    wait::until("both are done", async || {
        let page = plugin.get(&format!("/changes?since={cursor}")).await;
        cursor = page["cursor"].as_i64().unwrap();
        for view in page["migrations"].as_array().unwrap() {
            known.insert(view["id"].to_string(), view["state"].as_str().unwrap().to_owned());
        }
        if known.len() == 2 && known.values().all(|state| state == "done") {
            Ok(())
        } else {
            Err(known.clone())
        }
    })
    .await;
    let (status, _) = answer(plugin.ask(Method::POST, "/migrations/actions").json(&json!({
        "action": "dismiss", "migrations": [begun[0]["id"]]
    })))
    .await;
    assert_eq!(status, StatusCode::OK);
    let page = plugin.get(&format!("/changes?since={cursor}")).await;
    assert_eq!(page["migrations"][0]["dismissed"], true, "{page}");

    let web = Moved::off("web-01").named("web-01c").with_adapter_on(1, "Prod LAN");
    judge(&lab, &before, &[web, Moved::off("db-01")]).await;
    let cloud = lab.cloud.dump().await;
    let networks: Vec<&str> = cloud.vm("web-01c").nics.iter().map(|nic| nic.network.as_str()).collect();
    assert_eq!(networks, ["VM Network", "Prod LAN"], "each adapter is on its own network");
    let events = plugin.get("/events").await;
    let events = events["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["user"] == ANN && event["migration"] == begun[0]["id"]));
    drop(appliance);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_is_watched_and_its_password_is_changed_only_to_one_that_works() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let plugin = Plugin::of(&lab);
    let views = plugin.get("/vcenters").await;
    assert_eq!(views[0]["instance_uuid"].as_str().map(str::len), Some(36), "{views}");

    let put = |body: Value| plugin.ask(Method::PUT, "/vcenters/cloud").json(&body);
    let (ready, account) = (&lab.cloud.ready, &lab.cloud.account);
    let (status, problem) = answer(put(json!({"password": "wrong"}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["type"], "urn:hdm:problem:login");
    let other = "00:".repeat(31) + "00";
    let (status, problem) = answer(put(json!({"thumbprint": other}))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(&ready.sha256), "{problem}");
    assert_eq!(answer(put(json!({"user": "somebody"}))).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(
        answer(plugin.ask(Method::PUT, "/vcenters/nowhere").json(&json!({}))).await.0,
        StatusCode::NOT_FOUND
    );
    let both = json!({"user": account.user, "password": account.password, "thumbprint": ready.sha1});
    let (status, view) = answer(put(both)).await;
    assert_eq!((status, &view["thumbprint"]), (StatusCode::OK, &json!(ready.sha1)), "{view}");

    let board = wait::until("the dashboard shows both sites", async || {
        let shown = plugin.get("/dashboard").await;
        let both = shown["on_premise"][0]["name"] == "C0" && shown["off_premise"][0]["name"] == "C0";
        if both && shown["troubles"] == json!([]) { Ok(shown) } else { Err(shown) }
    })
    .await;
    let c0 = board["off_premise"][0]["id"].as_str().unwrap();
    wait::until("the cloud has been sampled", async || {
        let series = plugin.get(&format!("/samples?cloud=cloud&cluster={c0}")).await;
        assert_eq!((&series["step_seconds"], &series["threshold_percent"]), (&json!(20), &json!(80.0)));
        let sample = series["samples"][0].clone();
        if sample["at_ms"].as_i64().is_some_and(|at| at % 20_000 == 0) { Ok(()) } else { Err(series) }
    })
    .await;
    drop(appliance);
}
