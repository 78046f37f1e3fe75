//! The plugin server before a real appliance and simulated vCenters whose roles bite.

#![allow(clippy::unwrap_used, reason = "tests")]

mod rights;

use hdm_tests::lab::{Lab, Site, vm};
use hdm_tests::plugin::{PluginServer, log_in};
use hdm_tests::product::Appliance;
use hdm_tests::wait;
use hdm_vsphere::{ClientSessions, Endpoint, Error, Limits, Secret};
use reqwest::Method;
use serde_json::{Value, json};

const ADMINISTRATOR: &str = "administrator@vsphere.local";
const OLGA: &str = "olga@vsphere.local";
const VERA: &str = "vera@vsphere.local";
const PASSWORD: &str = "lab-Passw0rd";
/// In every name that Olga must not see.
const HIDDEN: &str = "secret";

/// Two VMs in the folder Prod, two in Test. Olga may move what is in Prod and sees nothing else; Vera may look
/// at the cluster.
fn two_folders() -> Value {
    let hidden = |name: &str| {
        let mut vm = vm(name, &[1]);
        vm["folder"] = json!("Test");
        vm
    };
    json!([vm("shown-1", &[1]), vm("shown-2", &[1]), hidden("secret-1"), hidden("secret-2")])
}

async fn lab(vms: Value) -> Lab {
    let user = |name: &str| json!({"name": name, "password": PASSWORD, "groups": []});
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/client");
    let extra = json!({
        "client": {"dir": dir},
        "link": {},
        "users": [user(OLGA), user(VERA)],
        "roles": [
            {"name": "HDM user", "privileges": ["HDM.View", "HDM.Migrate"]},
            {"name": "HDM viewer", "privileges": ["HDM.View"]}
        ],
        "permissions": [
            {"path": "/DC0/vm/Prod", "principal": OLGA, "role": "HDM user", "propagate": true},
            {"path": "/DC0/host/C0", "principal": VERA, "role": "HDM viewer", "propagate": true}
        ]
    });
    Lab::start_with(vms, extra).await
}

struct Setting {
    lab: Lab,
    appliance: Appliance,
    server: PluginServer,
    guid: String,
    vms: Vec<Value>,
}

impl Setting {
    async fn new() -> Self {
        Self::with(two_folders()).await
    }

    async fn with(vms: Value) -> Self {
        let lab = lab(vms).await;
        let appliance = Appliance::start(&lab).await;
        let server = PluginServer::start("server", &appliance, None).await;
        let known = appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
        let onprem = known.as_array().unwrap().iter().find(|one| one["id"] == "onprem").unwrap();
        let guid = onprem["instance_uuid"].as_str().unwrap().to_owned();
        let listed = appliance.hdm(&["-o", "json", "vms"]).await.ok().json();
        let vms = listed["vms"].as_array().or(listed.as_array()).unwrap().clone();
        Self { lab, appliance, server, guid, vms }
    }

    fn moid(&self, name: &str) -> String {
        let found = self.vms.iter().find(|vm| vm["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        found["vm"]["moid"].as_str().unwrap().to_owned()
    }

    fn cluster(&self) -> String {
        self.vms[0]["cluster_id"].as_str().unwrap().to_owned()
    }

    async fn token(&self, user: &str) -> String {
        log_in(&self.lab.onprem, user, PASSWORD).await
    }

    async fn grant(&self, user: &str, object: Option<(&str, &str)>) -> Value {
        self.server.exchange(&self.token(user).await, &self.guid, object).await.ok().json()
    }

    /// A migration through the plugin, as a wizard asks for it.
    async fn migrate(&self, grant: &Value, vm: &str) -> Value {
        let body = self.batch(grant, vm).await;
        self.server.call(grant, Method::POST, "api/migrations", Some(&body)).await.ok().json()[0].clone()
    }

    async fn batch(&self, grant: &Value, vm: &str) -> Value {
        let offers =
            self.server.get(grant, &format!("api/clouds?vm={}", self.moid("shown-1"))).await.ok().json();
        let cluster =
            &offers[0]["clusters"].as_array().unwrap().iter().find(|c| c["name"] == "C0").unwrap().clone();
        let network = |name: &str| {
            let all = cluster["networks"].as_array().unwrap();
            all.iter().find(|network| network["name"] == name).unwrap()["id"].clone()
        };
        json!({"cloud": "cloud", "items": [{"vm": self.moid(vm), "target": {
            "cluster": cluster["id"], "datastore": cluster["datastores"][0]["id"],
            "networks": {"VM Network": network("VM Network")}}}]})
    }
}

fn names(answer: &Value) -> Vec<String> {
    let all = answer["migrations"].as_array().or(answer.as_array()).cloned().unwrap_or_default();
    let mut names: Vec<String> =
        all.iter().map(|view| view["vm_name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn each_user_sees_and_does_what_vcenter_permits() {
    let s = Setting::new().await;
    // One is moved from the command line, so that there is something to hide.
    let secret = s.appliance.migrate("secret-1", &[]).await;
    let shown = s.moid("shown-1");
    let olga = s.grant(OLGA, Some(("VirtualMachine", &shown))).await;
    assert_eq!(olga["privileges"], json!(["HDM.View", "HDM.Migrate"]), "{olga}");
    let moved = s.migrate(&olga, "shown-1").await;
    assert_eq!(moved["requested_by"], olga["user"]);
    assert!(olga["user"].as_str().unwrap().contains("olga"), "{olga}");
    let id = moved["id"].as_str().unwrap();
    assert_eq!(s.appliance.settled(id).await["state"], "done");
    assert_eq!(s.appliance.settled(&secret).await["state"], "done");

    let admin = s.grant(ADMINISTRATOR, None).await;
    let told = wait::until("both are told", async || {
        let page = s.server.get(&admin, "api/changes?since=0").await.ok().json();
        if names(&page) == ["secret-1", "shown-1"] { Ok(page) } else { Err(page) }
    })
    .await;
    assert_eq!(told["appliance"]["away_since"], json!(null));
    let vera = s.grant(VERA, Some(("ClusterComputeResource", &s.cluster()))).await;
    assert_eq!(vera["privileges"], json!(["HDM.View"]));
    assert_eq!(names(&s.server.get(&vera, "api/changes?since=0").await.json()), ["secret-1", "shown-1"]);
    let body = s.batch(&olga, "shown-2").await;
    assert_eq!(s.server.call(&vera, Method::POST, "api/migrations", Some(&body)).await.status, 403);

    let (hidden, cluster) = (s.moid("secret-1"), s.cluster());
    let paths = [
        "api/changes?since=0".to_owned(),
        format!("api/changes?since=0&cluster={cluster}"),
        format!("api/changes?since=0&vm={hidden}"),
        "api/migrations?since_ms=0".into(),
        format!("api/migrations/{secret}"),
        format!("api/vms?cluster={cluster}"),
        format!("api/vms?vm={shown}&vm={hidden}"),
        "api/clouds".into(),
        "api/events?limit=1000".into(),
        "api/dashboard".into(),
        "api/preferences".into(),
        "api/samples?cloud=cloud".into(),
        "api/vcenters".into(),
    ];
    for path in &paths {
        let answer = s.server.get(&olga, path).await;
        assert!(answer.status < 500, "{path}: {answer:?}");
        let says = if path.starts_with("api/clouds") { "" } else { HIDDEN };
        assert!(says.is_empty() || !answer.text.contains(says), "{path}: {answer:?}");
    }
    assert_eq!(names(&s.server.get(&olga, "api/changes?since=0").await.json()), ["shown-1"]);
    assert_eq!(names(&s.server.get(&olga, "api/migrations?since_ms=0").await.json()), ["shown-1"]);
    assert!(s.server.get(&admin, "api/events?limit=1000").await.text.contains(HIDDEN));
    assert!(s.server.get(&olga, "api/events?limit=1000").await.text.contains("shown-1"));
    let shown_page = s.server.get(&olga, "api/changes?since=0").await.json();
    let body = json!({"action": "dismiss", "migrations": [secret, id]});
    let report = s.server.call(&olga, Method::POST, "api/migrations/actions", Some(&body)).await.ok().json();
    assert_eq!(report["outcomes"][0]["problem"]["status"], 404, "{report}");
    assert_eq!(report["outcomes"][1]["problem"], json!(null), "{report}");
    wait::until("a page that shows it is told that it was dismissed", async || {
        let path = format!("api/changes?since={}", shown_page["cursor"]);
        let page = s.server.get(&olga, &path).await.ok().json();
        if page["migrations"][0]["dismissed"] == true { Ok(()) } else { Err(page) }
    })
    .await;
    let refused = json!({"cloud": "cloud", "items": [{"vm": s.moid("secret-2")}]});
    for path in ["api/plan", "api/migrations"] {
        let answer = s.server.call(&olga, Method::POST, path, Some(&refused)).await;
        assert!(answer.status == 403 && !answer.text.contains(HIDDEN), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn menus_ask_vcenter_in_the_users_name() {
    let s = Setting::new().await;
    let (olga, vera) = (s.token(OLGA).await, s.token(VERA).await);
    let (shown, hidden) = (s.moid("shown-1"), s.moid("secret-1"));
    // The first answer may be that of a deadline.
    let settled = async |token: &str, vm: &str, wanted: (bool, bool)| {
        wait::until("the menu is right", async || {
            let got = s.server.vm_menu(token, &s.guid, vm).await;
            if got == wanted { Ok(()) } else { Err(got) }
        })
        .await;
    };
    settled(&olga, &shown, (true, true)).await;
    settled(&olga, &hidden, (false, true)).await;
    settled(&vera, &shown, (false, true)).await;
    let body = json!({"objectIds": [format!("urn:vmomi:VirtualMachine:{shown}:{}", s.guid)]});
    let headers = [("vmware-api-session-id", "guess")];
    assert_eq!(s.server.send(Method::POST, "dyn/vm/menu", &headers, Some(&body)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_with_the_clients_and_are_unknown_elsewhere() {
    let mut s = Setting::new().await;
    let token = s.token(ADMINISTRATOR).await;
    let first = s.server.exchange(&token, &s.guid, None).await.ok().json();
    assert_eq!(s.server.exchange("guess", &s.guid, None).await.status, 401);
    assert_eq!(s.server.exchange(&token, "00000000-0000-0000-0000-000000000000", None).await.status, 403);
    // The cloud is not linked with the vCenter the user is logged in to.
    let known = s.appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
    let cloud = known.as_array().unwrap().iter().find(|one| one["id"] == "cloud").unwrap();
    let cloud = cloud["instance_uuid"].as_str().unwrap();
    assert_eq!(s.server.exchange(&token, cloud, None).await.status, 401);

    let second = PluginServer::start("second", &s.appliance, Some(&s.server.signing_key())).await;
    let answer = second.get(&first, "api/changes?since=0").await;
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (401, Some("urn:hdm:problem:session-unknown"))
    );
    let there = second.exchange(&token, &s.guid, None).await.ok().json();
    second.get(&there, "api/changes?since=0").await.ok();

    s.server.kill().await;
    s.server.start_process().await;
    assert_eq!(s.server.get(&first, "api/changes?since=0").await.status, 401);
    let again = wait::until("the page has a session again", async || {
        let answer = s.server.exchange(&token, &s.guid, None).await;
        if answer.status == 200 { Ok(answer.json()) } else { Err(answer) }
    })
    .await;
    s.server.get(&again, "api/changes?since=0").await.ok();

    let late = s.token(ADMINISTRATOR).await;
    s.lab.onprem.delete("/client/sessions").await;
    let answer = s.server.exchange(&late, &s.guid, None).await;
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (401, Some("urn:hdm:problem:client-session"))
    );
    for secret in [&token, &late] {
        assert!(!s.server.log().contains(secret.as_str()), "a token is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clone_ticket_opens_one_session_and_no_other() {
    let s = Setting::new().await;
    let ready = &s.lab.onprem.ready;
    let endpoint = Endpoint {
        name: "onprem".into(),
        url: ready.url.parse().unwrap(),
        thumbprint: ready.sha256.parse().unwrap(),
    };
    let sessions = ClientSessions::new(endpoint, Limits::default(), "HDM-test".into()).unwrap();
    let token = Secret::new(s.token(OLGA).await);
    let ticket = sessions.ticket(&token, &s.guid).await.unwrap();
    let (session, user) = sessions.open(&ticket).await.unwrap();
    assert!(user.eq_ignore_ascii_case(OLGA), "{user}");
    for after in ["its session lives", "its session has ended"] {
        let again = sessions.open(&ticket).await.map(|(_, user)| user);
        assert!(matches!(again, Err(Error::TokenRefused { .. })), "{after}: {again:?}");
        session.logout().await.unwrap();
    }
    // The Client's own session is still there, and gives the next.
    let next = sessions.ticket(&token, &s.guid).await.unwrap();
    sessions.open(&next).await.unwrap().0.logout().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_of_a_linked_cloud_has_a_session_there_too() {
    let s = Setting::new().await;
    let (cloud, onprem): (&Site, &Site) = (&s.lab.cloud, &s.lab.onprem);
    onprem.put("/client/linked", json!([{"url": cloud.ready.url, "sha256": cloud.ready.sha256}])).await;
    let known = s.appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
    let listed = known.as_array().unwrap().iter().find(|one| one["id"] == "cloud").unwrap();
    let guid = listed["instance_uuid"].as_str().unwrap();
    let token = s.token(OLGA).await;
    let shown = s.moid("shown-1");
    let here = s.server.exchange(&token, &s.guid, Some(("VirtualMachine", &shown))).await.ok().json();
    let there = s.server.exchange(&token, guid, None).await.ok().json();
    assert_eq!(there["vcenter"], "cloud");
    // Olga sees one folder of the cloud, with what is above it, and no cluster.
    let offers = s.server.get(&here, "api/clouds").await.ok().json();
    assert_eq!(offers[0]["clusters"], json!([]), "{offers}");
    let folders = offers[0]["folders"].as_array().unwrap();
    let paths: Vec<&str> = folders.iter().map(|folder| folder["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/DC0/vm", "/DC0/vm/Prod", "/DC0/vm/Prod/Web"]);
    // Nor does she move anything to a cluster that she does not see, whatever she calls it.
    let admin = s.grant(ADMINISTRATOR, None).await;
    let whole = s.batch(&admin, "shown-1").await;
    for cluster in [whole["items"][0]["target"]["cluster"].clone(), json!("C0"), json!(null)] {
        let mut body = whole.clone();
        body["items"][0]["target"]["cluster"] = cluster.clone();
        let plan = s.server.call(&here, Method::POST, "api/plan", Some(&body)).await.ok().text;
        let code = plan.contains("target-not-released") || plan.contains("cluster-unknown");
        assert!(code || plan.contains("cluster-missing"), "{cluster}: {plan}");
        assert!(!plan.contains("/DC0/host"), "{cluster}: {plan}");
        let started = s.server.call(&here, Method::POST, "api/migrations", Some(&body)).await;
        assert!(started.status == 422 && !started.text.contains("/DC0/host"), "{cluster}: {started:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_is_killed_is_told_and_its_return_is_noticed_within_seconds() {
    let mut s = Setting::new().await;
    let grant = s.grant(ADMINISTRATOR, None).await;
    let away = async |s: &Setting| {
        let page = s.server.get(&grant, "api/changes?since=0").await.ok().json();
        page["appliance"]["away_since"].is_string()
    };
    wait::until("the appliance is there", async || if away(&s).await { Err("away") } else { Ok(()) }).await;
    s.appliance.kill().await;
    wait::until("it is told that it is away", async || if away(&s).await { Ok(()) } else { Err("there") })
        .await;
    assert_eq!(s.server.get(&grant, "api/dashboard").await.status, 503);
    s.appliance.start_process(&[]).await;
    let back = std::time::Instant::now();
    wait::until("it is told that it is back", async || if away(&s).await { Err("away") } else { Ok(()) })
        .await;
    assert!(back.elapsed().as_secs() < 5, "it took {:?}", back.elapsed());
}
