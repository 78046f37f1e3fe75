//! What vCenter takes away is gone, and what it hides is in no answer.

use std::time::{Duration, Instant};

use hdm_tests::lab::vm;
use hdm_tests::wait;
use reqwest::Method;
use serde_json::{Value, json};

use super::{ADMINISTRATOR, HIDDEN, OLGA, Setting, VERA, names};

/// How long what was taken away may still be believed.
const A_MINUTE: Duration = Duration::from_secs(60);

impl Setting {
    /// Gives a user another role on an object, or none.
    async fn set_role(&self, user: &str, path: &str, role: Option<&str>) {
        let permission = json!({"path": path, "principal": user, "role": role, "propagate": true});
        self.lab.onprem.put("/permissions", permission).await;
    }

    async fn act(&self, grant: &Value, action: &str, id: &str) -> Value {
        let body = json!({"action": action, "migrations": [id]});
        let answer = self.server.call(grant, Method::POST, "api/migrations/actions", Some(&body)).await;
        answer.ok().json()["outcomes"][0]["problem"]["status"].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_privilege_that_vcenter_takes_away_is_gone_within_a_minute() {
    let s = Setting::new().await;
    let (shown, cluster) = (s.moid("shown-1"), s.cluster());
    let olga = s.grant(OLGA, Some(("VirtualMachine", &shown))).await;
    let olgas_token = s.token(OLGA).await;
    let vera = s.grant(VERA, Some(("ClusterComputeResource", &cluster))).await;
    let id = s.migrate(&olga, "shown-1").await["id"].as_str().unwrap().to_owned();
    assert_eq!(s.appliance.settled(&id).await["state"], "done");
    let page = async |grant: &Value, since: &Value| {
        s.server.get(grant, &format!("api/changes?since={since}")).await.ok().json()
    };
    let told = async |grant: &Value| {
        wait::until("the row is told", async || {
            let page = page(grant, &json!(0)).await;
            if names(&page) == ["shown-1"] { Ok(page) } else { Err(page) }
        })
        .await
    };
    let (olgas, veras) = (told(&olga).await, told(&vera).await);
    assert!(olgas["view_only"].as_array().is_none_or(Vec::is_empty), "{olgas}");
    let detail = format!("api/migrations/{id}");
    s.server.get(&olga, &detail).await.ok();
    s.server.get(&vera, &detail).await.ok();
    let batch = s.batch(&olga, "shown-2").await;
    s.server.call(&olga, Method::POST, "api/plan", Some(&batch)).await.ok();

    // Olga may still look, Vera sees nothing of HDM any more; both stay logged in.
    s.set_role(OLGA, "/DC0/vm/Prod", Some("HDM viewer")).await;
    s.set_role(VERA, "/DC0/host/C0", Some("ReadOnly")).await;
    let since = Instant::now();
    let olgas = wait::until("Olga's page is told that it can only look", async || {
        let page = page(&olga, &olgas["cursor"]).await;
        if page["view_only"] == json!([id]) { Ok(page) } else { Err(page) }
    })
    .await;
    let gone = wait::until("Vera's page is told that the row is gone", async || {
        let page = page(&vera, &veras["cursor"]).await;
        if page["reset"] == true { Ok(page) } else { Err(page) }
    })
    .await;
    assert!(since.elapsed() < A_MINUTE, "it took {:?}", since.elapsed());
    assert_eq!((names(&olgas), names(&gone)), (vec!["shown-1".to_owned()], vec![]));
    assert_eq!(s.server.get(&olga, &detail).await.status, 200);
    assert_eq!(s.server.get(&vera, &detail).await.status, 404);
    assert_eq!(s.server.get(&vera, "api/migrations?since_ms=0").await.ok().json(), json!([]));
    assert!(!s.server.get(&vera, "api/events?limit=1000").await.ok().text.contains("shown-1"));
    assert_eq!(s.act(&olga, "dismiss", &id).await, 403);
    assert_eq!(s.act(&vera, "dismiss", &id).await, 404);
    // The other VM was asked about later, and its answer may be believed that much longer.
    let ask = async |path: &str| s.server.call(&olga, Method::POST, path, Some(&batch)).await.status;
    wait::until("nothing can be planned any more", async || match ask("api/plan").await {
        403 => Ok(()),
        status => Err(status),
    })
    .await;
    assert!(since.elapsed() < A_MINUTE, "it took {:?}", since.elapsed());
    assert_eq!(ask("api/migrations").await, 403);
    wait::until("the menu cannot be used any more", async || {
        let menu = s.server.vm_menu(&olgas_token, &s.guid, &shown).await;
        if menu == (false, true) { Ok(()) } else { Err(menu) }
    })
    .await;

    // Now there is nothing left that Olga sees.
    s.set_role(OLGA, "/DC0/vm/Prod", None).await;
    let since = Instant::now();
    wait::until("Olga's page is told that the row is gone", async || {
        let page = page(&olga, &olgas["cursor"]).await;
        if page["reset"] == true && names(&page).is_empty() { Ok(()) } else { Err(page) }
    })
    .await;
    assert!(since.elapsed() < A_MINUTE, "it took {:?}", since.elapsed());
    assert_eq!(s.server.get(&olga, &detail).await.status, 404);
    assert_eq!(s.act(&olga, "dismiss", &id).await, 404);
    assert_eq!(s.appliance.status(&id).await["dismissed"], false);
}

/// Everything that was answered to one user.
struct Heard<'a> {
    s: &'a Setting,
    grant: Value,
    answers: Vec<(String, u16, String)>,
}

impl Heard<'_> {
    async fn call(&mut self, method: Method, path: &str, body: Option<&Value>) -> (u16, String) {
        let answer = self.s.server.call(&self.grant, method.clone(), path, body).await;
        let what = format!("{method} {path} {}", body.map(Value::to_string).unwrap_or_default());
        self.answers.push((what, answer.status, answer.text.clone()));
        (answer.status, answer.text)
    }

    async fn get(&mut self, path: &str) -> (u16, String) {
        self.call(Method::GET, path, None).await
    }
}

/// A text as it is, with what was escaped for URLs and for JSON written out.
fn readings(text: &str) -> [String; 3] {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = escaped.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    let mut plain = String::new();
    let mut strings = vec![serde_json::from_str::<Value>(text).unwrap_or_default()];
    while let Some(value) = strings.pop() {
        match value {
            Value::String(text) => plain.extend([text.as_str(), "\n"]),
            Value::Array(all) => strings.extend(all),
            Value::Object(all) => {
                strings.extend(all.into_iter().flat_map(|(key, value)| [json!(key), value]));
            }
            _ => {}
        }
    }
    [text.to_owned(), String::from_utf8_lossy(&bytes).into_owned(), plain]
}

/// The routes of the plugin server that are read from, as its source has them.
fn routes() -> Vec<String> {
    let source = include_str!("../../../server/src/app.rs");
    let routes = source.split(".route(").skip(1).filter(|route| route.contains("get("));
    let paths = routes.map(|route| route.split('"').nth(1).unwrap().to_owned());
    paths.filter(|path| path.starts_with("/api/")).collect()
}

/// Whether a request is for a route; what is in braces may be anything.
fn is_of(route: &str, request: &str) -> bool {
    let path = request.split_once("GET ").map_or("", |(_, rest)| rest.split(['?', ' ']).next().unwrap_or(""));
    let (route, path): (Vec<&str>, Vec<&str>) =
        (route.trim_start_matches('/').split('/').collect(), path.split('/').collect());
    route.len() == path.len() && route.iter().zip(&path).all(|(r, p)| r.starts_with('{') || r == p)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_see_is_in_no_answer() {
    // Names that look different wherever they are escaped.
    let (same_mac, failed, same_name) = ("secret \"é\" mac", "secret+&é=failed", "secret\u{202f}<name>");
    let hidden = |name: &str| {
        let mut one = vm(name, &[1]);
        one["folder"] = json!("Test");
        one
    };
    let mut neighbour = hidden(same_mac);
    neighbour["nics"][0]["mac"] = vm("shown-1", &[1])["nics"][0]["mac"].clone();
    let vms = json!([
        vm("shown-1", &[1]),
        vm("shown-2", &[1]),
        vm("shown-3", &[24]),
        neighbour,
        hidden(failed),
        hidden(same_name)
    ]);
    let s = Setting::with(vms).await;
    let on = json!({"method": "CreateSnapshot_Task", "times": 9});
    let fault = s.lab.onprem.arm(json!({"on": on, "do": {"fault": "InsufficientResourcesFault"}})).await;
    let failed_id = s.appliance.migrate(failed, &[]).await;
    let after = s.appliance.settled(&failed_id).await;
    assert!(after["state"] == "failed" && after["error"].is_string(), "{after}");
    s.lab.onprem.delete(&format!("/faults/{fault}")).await;
    s.lab.cloud.shape_link(json!({"bandwidth_mbit": 1})).await;
    let mac_id = s.appliance.migrate(same_mac, &[]).await;
    let name_id = s.appliance.migrate(same_name, &["--rename", "shown-2"]).await;

    let grant = s.grant(OLGA, Some(("VirtualMachine", &s.moid("shown-1")))).await;
    let mut olga = Heard { s: &s, grant, answers: Vec::new() };
    // What stands in Olga's way is another's address and another's name; she learns that, and not whose.
    for (name, code) in [("shown-1", "mac-reserved"), ("shown-2", "name-reserved")] {
        let body = s.batch(&olga.grant, name).await;
        let (status, plan) = olga.call(Method::POST, "api/plan", Some(&body)).await;
        assert!(status == 200 && plan.contains(code), "{name}: {plan}");
        let (status, refused) = olga.call(Method::POST, "api/migrations", Some(&body)).await;
        assert!(status == 422 && refused.contains(code), "{name}: {refused}");
    }
    let body = s.batch(&olga.grant, "shown-3").await;
    let (status, accepted) = olga.call(Method::POST, "api/migrations", Some(&body)).await;
    assert!(matches!(status, 200..300), "{accepted}");
    let own = serde_json::from_str::<Value>(&accepted).unwrap()[0]["id"].as_str().unwrap().to_owned();
    // Of what is hidden nothing can be moved, nor acted on.
    let mut body = s.batch(&olga.grant, "shown-3").await;
    body["items"][0]["vm"] = json!(s.moid(same_mac));
    for path in ["api/plan", "api/migrations"] {
        assert_eq!(olga.call(Method::POST, path, Some(&body)).await.0, 403);
    }
    let all = [&failed_id, &mac_id, &name_id, &own];
    let everywhere = async |olga: &mut Heard<'_>| {
        let (cluster, shown) = (s.cluster(), s.moid("shown-1"));
        let mut paths: Vec<String> = [
            "changes?since=0",
            "changes?since=1",
            "migrations?since_ms=0",
            "clouds",
            "events?limit=1000",
            "events?severity=error",
            "dashboard",
            "preferences",
            "samples?cloud=cloud",
            "vcenters",
            "vcenters/cloud/offer",
            "vcenters/cloud/released",
        ]
        .map(|path| format!("api/{path}"))
        .to_vec();
        for vm in [same_mac, failed, same_name, "shown-1"] {
            let vm = s.moid(vm);
            paths.extend([
                format!("api/changes?since=0&vm={vm}"),
                format!("api/migrations?since_ms=0&vm={vm}"),
                format!("api/vms?vm={shown}&vm={vm}"),
                format!("api/clouds?vm={vm}"),
            ]);
        }
        paths.push(format!("api/vms?cluster={cluster}"));
        paths.push(format!("api/changes?since=0&cluster={cluster}"));
        paths.push(format!("api/migrations?since_ms=0&cluster={cluster}"));
        paths.extend(all.map(|id| format!("api/migrations/{id}")));
        for path in paths {
            let (status, text) = olga.get(&path).await;
            assert!(status < 500, "{path}: {text}");
        }
    };
    everywhere(&mut olga).await;
    for action in ["pause", "retry", "cancel", "dismiss"] {
        let body = json!({"action": action, "migrations": all});
        let (status, report) = olga.call(Method::POST, "api/migrations/actions", Some(&body)).await;
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(status, 200, "{report}");
        for n in 0..3 {
            assert_eq!(report["outcomes"][n]["problem"]["status"], 404, "{report}");
        }
    }
    assert_eq!(s.appliance.settled(&own).await["state"], "cancelled");
    s.lab.cloud.shape_link(json!({})).await;
    for id in [&mac_id, &name_id] {
        assert_eq!(s.appliance.settled(id).await["state"], "done");
    }
    // The address and the name are taken now, no longer only promised.
    for (name, code) in [("shown-1", "mac-in-use"), ("shown-2", "name-taken")] {
        let body = s.batch(&olga.grant, name).await;
        wait::until("the cloud's new VMs are known", async || {
            let (_, plan) = olga.call(Method::POST, "api/plan", Some(&body)).await;
            if plan.contains(code) { Ok(()) } else { Err(plan) }
        })
        .await;
    }
    everywhere(&mut olga).await;

    for route in routes() {
        let asked = olga.answers.iter().any(|(request, ..)| is_of(&route, request));
        assert!(asked, "{route} is read from: ask it here, too");
    }
    let words = [HIDDEN, "\"é\" mac", "&é=failed", "<name>"];
    let tells = |text: &str| readings(text).iter().any(|said| words.iter().any(|word| said.contains(word)));
    for (request, status, text) in &olga.answers {
        assert!(!tells(text), "{request}: {status}: {text}");
    }
    // Those who may see it are told: these answers could have told it.
    let admin = s.grant(ADMINISTRATOR, None).await;
    for path in ["api/changes?since=0", "api/migrations?since_ms=0", "api/events?limit=1000"] {
        assert!(tells(&s.server.get(&admin, path).await.ok().text), "{path}");
    }
}
