//! What changes something.

use axum::http::Method;
use hdm_shared::plugin::{FORBIDDEN, Privilege};
use hdm_shared::wave::{MAX_TEXT_BYTES, Position, Wave};
use serde_json::json;

use super::setting::{Setting, id, only, vm};

#[tokio::test]
async fn each_migration_is_acted_on_or_refused_by_itself_in_the_users_name() {
    let s = Setting::new().await;
    let olga = s.of_one_folder();
    olga.grant(&vm(3), only(&[Privilege::View]));
    let grant = s.grant("olga", None).await;
    let token = format!("Bearer {}", grant.token);
    let asked = [id(1), id(2), id(3), id(77), id(5)];
    let body = json!({"action": "cancel", "migrations": asked});
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k1")];
    let answer = s.send(Method::POST, "/api/migrations/actions", &headers, Some(body)).await;
    let report = answer.json();
    let status = |n: usize| report["outcomes"][n]["problem"]["status"].as_u64();
    assert_eq!((0..5).map(status).collect::<Vec<_>>(), [None, Some(404), Some(403), Some(404), None]);
    assert_eq!(report["outcomes"][2]["problem"]["type"], FORBIDDEN);
    let relayed = s.appliance.asked(&Method::POST, "/migrations/actions");
    assert_eq!(relayed.len(), 1);
    assert_eq!(relayed[0].body["migrations"], json!([id(1), id(5)]));
    assert_eq!(relayed[0].user.as_deref(), Some("olga"));
    let key = relayed[0].key.clone().unwrap();
    assert!(key.len() == 64 && key != "k1", "each user has keys of his own");
}

#[tokio::test]
async fn what_does_not_exist_is_asked_for_together_and_once_a_minute() {
    let s = Setting::new().await;
    s.log_in("nobody");
    let grant = s.grant("nobody", None).await;
    let nowhere: Vec<_> = (1_000..1_500).map(id).collect();
    let ask = async || {
        let body = json!({"action": "cancel", "migrations": nowhere});
        let report = s.call(&grant, Method::POST, "/api/migrations/actions", Some(body)).await.json();
        assert_eq!(report["outcomes"][499]["problem"]["status"], 404);
        s.appliance.all_asked().iter().filter(|asked| asked.path.starts_with("/migrations")).count()
    };
    assert_eq!((ask().await, ask().await), (2, 2));
    s.pass(61);
    let grant = s.grant("nobody", None).await;
    let body = json!({"action": "cancel", "migrations": nowhere});
    s.call(&grant, Method::POST, "/api/migrations/actions", Some(body)).await;
    let asked = s.appliance.asked(&Method::GET, "/migrations");
    assert_eq!(asked.len(), 4);
}

#[tokio::test]
async fn a_request_for_migrations_names_each_vm_so_that_it_is_no_other() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let item = |vm: &str| json!({"vm": vm});
    let ask = async |body| s.call(&grant, Method::POST, "/api/migrations", Some(body)).await;
    let well = ask(json!({"cloud": "cloud", "items": [item("vm-1"), item("onprem:vm-3")]})).await;
    assert_eq!(well.status, 201, "{well:?}");
    let relayed = s.appliance.asked(&Method::POST, "/batches");
    assert_eq!((&relayed[0].body["source"], relayed[0].user.as_deref()), (&json!("onprem"), Some("olga")));
    assert_eq!(relayed[0].body["items"][0]["vm"], "onprem:vm-1");
    assert_eq!(relayed[0].body["items"][1]["vm"], "onprem:vm-3");

    let hidden = ask(json!({"cloud": "cloud", "items": [item("vm-1"), item("vm-2")]})).await;
    assert_eq!((hidden.status.as_u16(), hidden.kind().as_str()), (403, FORBIDDEN));
    assert_eq!(hidden.json()["findings"][0]["object"], "vm-2");
    for (bad, status) in [
        (json!({"cloud": "cloud", "items": []}), 400),
        (json!({"cloud": "cloud", "items": [item("/DC0/vm/shown-1")]}), 400),
        (json!({"cloud": "cloud", "items": [item("other:vm-1")]}), 400),
        (json!({"cloud": "nowhere", "items": [item("vm-1")]}), 400),
        (json!({"cloud": "onprem", "items": [item("vm-1")]}), 400),
        (json!({"source": "other", "cloud": "cloud", "items": [item("vm-1")]}), 400),
        (json!({"cloud": "cloud", "items": vec![item("vm-1"); 501]}), 400),
        (json!({"cloud": "cloud", "unknown": 1, "items": [item("vm-1")]}), 400),
    ] {
        assert_eq!(ask(bad.clone()).await.status, status, "{bad}");
    }
    assert_eq!(s.appliance.asked(&Method::POST, "/batches").len(), 1, "nothing else was passed on");
}

#[tokio::test]
async fn whoever_may_see_may_not_move() {
    let s = Setting::new().await;
    let viewer = s.log_in("vera");
    (1..=10).for_each(|n| viewer.grant(&vm(n), only(&[Privilege::View])));
    let grant = s.grant("vera", Some(&vm(1))).await;
    assert_eq!(grant.privileges, [Privilege::View]);
    let body = json!({"cloud": "cloud", "items": [{"vm": "vm-1"}]});
    for path in ["/api/plan", "/api/migrations"] {
        assert_eq!(s.call(&grant, Method::POST, path, Some(body.clone())).await.kind(), FORBIDDEN);
    }
    assert_eq!(s.get(&grant, "/api/clouds").await.kind(), FORBIDDEN);
}

#[tokio::test]
async fn clouds_are_administered_by_administrators_and_sources_not_at_all() {
    let s = Setting::new().await;
    s.administrator();
    s.of_one_folder();
    let (root, olga) = (s.grant("root", None).await, s.grant("olga", None).await);
    let add = |role: &str| json!({"id": "new", "role": role, "url": "https://new", "user": "u", "password": "p", "thumbprint": null});
    assert_eq!(s.call(&olga, Method::POST, "/api/vcenters", Some(add("cloud"))).await.kind(), FORBIDDEN);
    assert_eq!(s.call(&root, Method::POST, "/api/vcenters", Some(add("source"))).await.status, 400);
    assert_eq!(s.call(&root, Method::POST, "/api/vcenters", Some(add("cloud"))).await.status, 200);
    assert_eq!(s.appliance.asked(&Method::POST, "/vcenters")[0].user.as_deref(), Some("root"));
    for (method, path) in [
        (Method::DELETE, ""),
        (Method::PUT, ""),
        (Method::PUT, "/released"),
        (Method::POST, "/check"),
        (Method::GET, "/offer"),
    ] {
        let body = (method == Method::PUT).then(|| json!({}));
        let at = |id: &str| format!("/api/vcenters/{id}{path}");
        assert_eq!(s.call(&olga, method.clone(), &at("cloud"), body.clone()).await.kind(), FORBIDDEN);
        assert_eq!(s.call(&root, method.clone(), &at("onprem"), body.clone()).await.status, 404);
        assert_eq!(s.call(&root, method.clone(), &at("nothing"), body.clone()).await.status, 404);
        let done = s.call(&root, method, &at("cloud"), body).await;
        assert!(done.status.is_success(), "{done:?}");
    }
    assert_eq!(s.get(&root, "/api/vcenters").await.json()[0]["user"], "u");
}

#[tokio::test]
async fn preferences_are_the_users_own() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", None).await;
    assert_eq!(s.get(&grant, "/api/preferences").await.json()["skip_instructions"], true);
    // What is not named stays as it is.
    let body = json!({"columns": {"summary": ["vm"]}});
    let set = s.call(&grant, Method::PUT, "/api/preferences", Some(body)).await;
    assert_eq!(set.status, 200);
    assert_eq!(
        (&set.json()["skip_instructions"], &set.json()["columns"]["summary"]),
        (&json!(true), &json!(["vm"]))
    );
    let wrong = s.call(&grant, Method::PUT, "/api/preferences", Some(json!({"columns": 3}))).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(
        s.call(&grant, Method::DELETE, "/api/preferences", None).await.json()["skip_instructions"],
        false
    );
    let written = s.appliance.asked(&Method::PUT, "/preferences/onprem/olga");
    assert_eq!((written.len(), written[0].user.as_deref()), (1, Some("olga")));
}

#[tokio::test]
async fn a_list_is_read_with_its_mistakes_and_nothing_is_asked_for_it() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let text = "vm\tpower-on\tcpu\nweb-01\tyes\t4\nweb-02\t\ttwo\n";
    let answer = s.call(&grant, Method::POST, "/api/wave", Some(json!({"text": text}))).await;
    let wave: Wave = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(wave.rows[0].said.options.cpus, Some(4));
    assert_eq!(wave.mistakes[0].at, Some(Position { line: 3, column: 3 }));
    let large = "x".repeat(MAX_TEXT_BYTES + 1);
    let answer = s.call(&grant, Method::POST, "/api/wave", Some(json!({"text": large}))).await;
    assert_eq!(answer.status, 400);
    let asked = s.appliance.all_asked();
    assert!(asked.iter().all(|asked| asked.method == Method::GET), "{asked:?}");
}
