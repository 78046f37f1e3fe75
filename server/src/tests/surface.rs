//! What every answer has and has not, and who gets in.

use axum::http::Method;
use hdm_shared::plugin::{CLIENT_SESSION, Privilege, SESSION_UNKNOWN, SessionGrant};
use serde_json::json;

use super::setting::{CLOUD, HIDDEN, ONPREM, Setting, cluster, id, vm};
use crate::session::Link;

/// Every route with its methods.
const ROUTES: [(&str, &[&str]); 26] = [
    ("/", &["GET"]),
    ("/healthz", &["GET"]),
    ("/index.html", &["GET"]),
    ("/api/session", &["POST"]),
    ("/api/changes?since=0", &["GET"]),
    ("/api/migrations?since_ms=0", &["GET", "POST"]),
    ("/api/migrations/actions", &["POST"]),
    ("/api/migrations/00000000-0000-0000-0000-000000000001", &["GET"]),
    ("/api/vms?cluster=domain-c1", &["GET"]),
    ("/api/clouds", &["GET"]),
    ("/api/plan", &["POST"]),
    ("/api/wave", &["POST"]),
    ("/api/samples?cloud=cloud", &["GET"]),
    ("/api/events", &["GET"]),
    ("/api/dashboard", &["GET"]),
    ("/api/preferences", &["GET", "PUT", "DELETE"]),
    ("/api/vcenters", &["GET", "POST"]),
    ("/api/vcenters/cloud", &["PUT", "DELETE"]),
    ("/api/vcenters/cloud/check", &["POST"]),
    ("/api/vcenters/cloud/offer", &["GET"]),
    ("/api/vcenters/cloud/released", &["GET", "PUT"]),
    ("/dyn/vm/menu", &["POST"]),
    ("/dyn/cluster/menu", &["POST"]),
    // Not routes, but answered too.
    ("/plugin.json", &["GET"]),
    ("/no-such-file", &["GET"]),
    ("/api/no/such/thing", &["GET", "POST"]),
];

#[test]
fn the_list_of_routes_is_whole() {
    let routes = include_str!("../app.rs").matches(".route(").count();
    assert_eq!(routes, ROUTES.len() - 3, "a route was added or removed: change the list above too");
}

#[tokio::test]
async fn without_a_session_there_are_files_and_health_and_nothing_sets_cookies_or_opens_to_other_sites() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let token = format!("Bearer {}", grant.token);
    for (path, methods) in ROUTES {
        for method in methods.iter().copied().chain(["OPTIONS", "PATCH", "HEAD"]) {
            for headers in
                [vec![], vec![("authorization", token.as_str()), ("origin", "https://evil.example")]]
            {
                let with_session = !headers.is_empty();
                let method: Method = method.parse().unwrap();
                let body = [Method::POST, Method::PUT].contains(&method).then(|| json!({}));
                let answer = s.send(method.clone(), path, &headers, body).await;
                let what = format!("{method} {path} with a session: {with_session}: {answer:?}");
                for (name, _) in &answer.headers {
                    let name = name.as_str();
                    assert!(name != "set-cookie" && !name.starts_with("access-control-"), "{what}");
                }
                assert!(answer.headers.contains_key("content-security-policy"), "{what}");
                assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{what}");
                assert!(answer.headers.contains_key("cache-control"), "{what}");
                assert!(!answer.headers.contains_key("x-frame-options"), "{what}");
                let public = ["/healthz", "/index.html", "/plugin.json"].contains(&path);
                if !with_session {
                    assert_eq!(
                        answer.status.is_success(),
                        public && [Method::GET, Method::HEAD].contains(&method),
                        "{what}"
                    );
                }
                assert_ne!(answer.status, 500, "{what}");
                assert!(!answer.text.contains(&grant.token), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn the_policy_names_the_vcenters_and_the_manifests_fetches_are_noted() {
    let s = Setting::new().await;
    let answer = s.send(Method::GET, "/plugin.json", &[("user-agent", "vCenter")], None).await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(
        answer.headers["content-security-policy"],
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
         font-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'self' \
         https://onprem.example.org"
    );
    s.send(Method::HEAD, "/plugin.json", &[("user-agent", "curl")], None).await;
    let fetches = s.app.fetches.all();
    assert_eq!((fetches.version.as_str(), fetches.fetches.len()), ("0.9.0", 1));
    assert_eq!(fetches.fetches[0].agent, "vCenter");
}

#[tokio::test]
async fn only_a_token_that_the_vcenter_knows_and_a_vcenter_that_we_know_give_a_session() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", Some(&vm(1))).await;
    assert_eq!((grant.user.as_str(), grant.vcenter.as_str()), ("root", "onprem"));
    assert_eq!((grant.expires_in_seconds, grant.server_version.as_str()), (300, crate::VERSION));
    assert_eq!(grant.privileges, Privilege::ALL);
    assert_eq!(s.exchange("token-of-root", &ONPREM.to_uppercase(), None).await.status, 200);

    let stranger = s.exchange("guess", ONPREM, None).await;
    assert_eq!((stranger.status.as_u16(), stranger.kind().as_str()), (401, CLIENT_SESSION));
    let none =
        s.send(Method::POST, "/api/session", &[], Some(json!({"vc_guid": ONPREM, "page_version": ""}))).await;
    assert_eq!((none.status.as_u16(), none.kind().as_str()), (401, CLIENT_SESSION));
    let elsewhere = s.exchange("token-of-root", "33333333-cccc-4000-8000-000000000003", None).await;
    assert_eq!(elsewhere.status, 403, "{elsewhere:?}");
    let (tickets, _) = s.gate.count();
    for guid in ["", "../", "https://evil.example", &"x".repeat(4_000)] {
        assert_eq!(s.exchange("token-of-root", guid, None).await.status, 403, "{guid}");
    }
    assert_eq!(s.gate.count().0, tickets, "nobody was asked");
}

#[tokio::test]
async fn a_token_of_ours_is_good_for_five_minutes_here_and_unknown_to_another_instance() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    assert_eq!(s.get(&grant, "/api/changes?since=0").await.status, 200);
    let second = s.second().await;
    let answer = second.get(&grant, "/api/changes?since=0").await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (401, SESSION_UNKNOWN));
    let there = second.grant("root", None).await;
    assert_eq!(second.get(&there, "/api/changes?since=0").await.status, 200);
    s.pass(299);
    assert_eq!(s.get(&grant, "/api/changes?since=0").await.status, 200);
    s.pass(1);
    let answer = s.get(&grant, "/api/changes?since=0").await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (401, SESSION_UNKNOWN));
    for header in ["", "Bearer", "Bearer x", "Basic eDp4", &format!("bearer {}", grant.token)] {
        let answer = s.send(Method::GET, "/api/events", &[("authorization", header)], None).await;
        assert_eq!(answer.status, 401, "{header}");
    }
}

#[tokio::test]
async fn two_instances_may_be_asked_in_turns() {
    let s = Setting::new().await;
    s.administrator();
    let second = s.second().await;
    let grant = s.grant("root", None).await;
    let ours = format!("Bearer {}", grant.token);
    let ask = async |at: &Setting, theirs: Option<&str>| {
        let mut headers = vec![("authorization", ours.as_str())];
        headers.extend(theirs.map(|token| ("vmware-api-session-id", token)));
        let answer = at.send(Method::GET, "/api/changes?since=0", &headers, None).await;
        (answer.status.as_u16(), answer.json()["migrations"].as_array().map(Vec::len))
    };
    let (tickets, _) = s.gate.count();
    assert_eq!(ask(&second, None).await, (401, None));
    assert_eq!(ask(&second, Some("token-of-another")).await, (401, None));
    assert_eq!(s.gate.count().0, tickets, "nobody was asked about another token");
    assert_eq!(ask(&second, Some("token-of-root")).await, (200, Some(10)), "the page shows both, once");
    for _ in 0..3 {
        assert_eq!((ask(&s, None).await, ask(&second, None).await), ((200, Some(10)), (200, Some(10))));
    }
    assert_eq!(s.gate.count().1, 2, "each has a session of its own");
    let root = second
        .app
        .table
        .enter(second.app.keys.check(&grant.token, s.app.clock.now()).unwrap().clone)
        .unwrap();
    let cloud = second.app.vcenters.get(CLOUD).unwrap();
    assert!(matches!(second.app.table.link_of(&root, &cloud), Link::Unlinked), "it knows what is linked");
    s.gate.log_out("token-of-root");
    s.pass(300);
    assert_eq!(ask(&second, Some("token-of-root")).await.0, 401);
}

#[tokio::test]
async fn a_client_that_logs_out_is_out_within_six_minutes() {
    let s = Setting::new().await;
    s.administrator();
    let first = s.grant("root", None).await;
    s.gate.log_out("token-of-root");
    s.pass(29);
    // The proof is fresh enough to renew once more.
    let last = s.grant("root", None).await;
    let mut passed = 29;
    while s.get(&last, "/api/changes?since=0").await.status == 200 {
        s.pass(10);
        passed += 10;
        assert!(passed < 360, "after {passed} s there is still access");
    }
    assert_eq!(s.get(&first, "/api/changes?since=0").await.status, 401);
    let answer = s.exchange("token-of-root", ONPREM, None).await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (401, CLIENT_SESSION));
}

#[tokio::test]
async fn a_session_that_vcenter_ends_is_opened_again_by_the_next_exchange() {
    let s = Setting::new().await;
    let fake = s.administrator();
    let grant = s.grant("root", None).await;
    s.pass(31);
    fake.lose();
    let answer = s.get(&grant, "/api/changes?since=0").await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (401, SESSION_UNKNOWN));
    assert!(s.app.table.is_empty());
    s.administrator();
    let again = s.grant("root", None).await;
    assert_eq!(s.get(&again, "/api/changes?since=0").await.status, 200);
}

#[tokio::test]
async fn other_sites_and_other_bodies_are_refused_on_every_route_of_pages() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", Some(&cluster())).await;
    let token = format!("Bearer {}", grant.token);
    for (path, methods) in
        ROUTES.iter().filter(|(path, _)| path.starts_with("/api/") || path.starts_with("/dyn/"))
    {
        if *path == "/api/no/such/thing" {
            continue;
        }
        for method in *methods {
            let method: Method = method.parse().unwrap();
            let cross = [("authorization", token.as_str()), ("sec-fetch-site", "cross-site")];
            assert_eq!(s.send(method.clone(), path, &cross, None).await.status, 403, "{method} {path}");
            if ![Method::POST, Method::PUT].contains(&method) {
                continue;
            }
            let form =
                [("authorization", token.as_str()), ("content-type", "application/x-www-form-urlencoded")];
            assert_eq!(s.send(method.clone(), path, &form, None).await.status, 415, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_body_without_a_type_is_refused_however_it_comes() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    // As over HTTP/2: neither Content-Length nor Transfer-Encoding.
    let request = axum::http::Request::put("/api/vcenters/cloud")
        .header("authorization", format!("Bearer {}", grant.token))
        .body(axum::body::Body::from("{}"));
    let answer = tower::ServiceExt::oneshot(s.router(), request.unwrap()).await.unwrap();
    assert_eq!(answer.status(), 415);
    assert!(s.appliance.asked(&Method::PUT, "/vcenters/cloud").is_empty());
}

#[tokio::test]
async fn callers_without_a_session_keep_nobody_out() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let _strangers = s.app.permits.strangers.try_acquire_many(128).unwrap();
    assert_eq!(s.exchange("guess", ONPREM, None).await.status, 429);
    assert_eq!(s.get(&grant, "/api/changes?since=0").await.status, 200);
    s.pass(60);
    assert_eq!(s.exchange("token-of-root", ONPREM, None).await.status, 200, "a renewal");
    let _known = s.app.permits.known.try_acquire_many(512).unwrap();
    assert_eq!(s.get(&grant, "/api/changes?since=0").await.status, 429);
    assert_eq!(
        s.send(Method::GET, "/api/changes?since=0", &[], None).await.status,
        401,
        "refused before that"
    );
    assert_eq!(s.send(Method::POST, "/api/session", &[], Some(json!({}))).await.kind(), CLIENT_SESSION);
}

#[tokio::test]
async fn a_problem_has_the_status_of_its_answer() {
    let s = Setting::new().await;
    for (method, path) in
        [(Method::PATCH, "/healthz"), (Method::GET, "/no-%ff-file"), (Method::GET, "/api/events")]
    {
        let answer = s.send(method, path, &[], None).await;
        assert_eq!(answer.json()["status"], answer.status.as_u16(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_words() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let large = json!({"columns": {"a": ["x".repeat(70_000)]}});
    let answer = s.call(&grant, Method::PUT, "/api/preferences", Some(large)).await;
    assert_eq!((answer.status.as_u16(), answer.json()["title"].as_str()), (413, Some("Too large")));
}

#[tokio::test]
async fn whoever_may_do_everything_at_a_cloud_learns_and_changes_nothing() {
    let s = Setting::new().await;
    s.administrator();
    let answer = s.exchange("token-of-root", CLOUD, None).await;
    let grant: SessionGrant = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(grant.privileges, Privilege::ALL);
    let body = |path: &str| match path {
        "/api/plan" | "/api/migrations?since_ms=0" => {
            json!({"cloud": "cloud", "items": [{"vm": "vm-1", "target": {}, "options": {}}]})
        }
        "/api/migrations/actions" => json!({"action": "cancel", "migrations": [id(1), id(2)]}),
        "/api/vcenters" => {
            json!({"id": "new", "role": "cloud", "url": "https://new", "user": "u", "password": "p", "thumbprint": null})
        }
        _ => json!({}),
    };
    for (path, methods) in ROUTES.iter().filter(|(path, _)| path.starts_with("/api/")) {
        if path.starts_with("/api/session") || path.starts_with("/api/preferences") {
            continue;
        }
        for method in *methods {
            let method: Method = method.parse().unwrap();
            let sent = (method != Method::GET).then(|| body(path));
            let answer = s.call(&grant, method.clone(), path, sent).await;
            for said in [HIDDEN, "shown", "onprem", "example.org", "C0", "\"Cloud\"", "domain-c1"] {
                assert!(!answer.text.contains(said), "{method} {path} says {said}: {answer:?}");
            }
        }
    }
    let changed: Vec<_> = s.appliance.all_asked().into_iter().filter(|a| a.method != Method::GET).collect();
    assert!(changed.is_empty(), "{changed:?}");
}
