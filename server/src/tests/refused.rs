//! Tokens that are not what they seem, and what is refused before anybody else is asked.

use axum::body::Body;
use axum::http::{Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hdm_shared::plugin::{Privilege, SESSION_UNKNOWN};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::setting::{CLOUD, ONPREM, Setting, id, only, vm};
use crate::token::{Claims, Keys};

async fn refused(s: &Setting, token: &str, why: &str) {
    let bearer = format!("Bearer {token}");
    for path in ["/api/changes?since=0", "/api/events"] {
        let answer = s.send(Method::GET, path, &[("authorization", &bearer)], None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.kind().as_str()),
            (401, SESSION_UNKNOWN),
            "{why}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_genuine_token_of_another_user_or_vcenter_than_its_session_is_refused() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let now = s.app.clock.now();
    let session = s.app.keys.check(&grant.token, now).unwrap().clone;
    let sign =
        |user: &str, guid: &str| s.app.keys.sign(&Claims::new(user, guid, session, None, now)).unwrap();
    let well = format!("Bearer {}", sign("root", ONPREM));
    assert_eq!(s.send(Method::GET, "/api/events", &[("authorization", &well)], None).await.status, 200);
    refused(&s, &sign("olga", ONPREM), "another user").await;
    refused(&s, &sign("root", CLOUD), "another vCenter").await;
}

#[tokio::test]
async fn forged_tokens_are_refused_at_every_page() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let now = s.app.clock.now();
    let claims = s.app.keys.check(&grant.token, now).unwrap();
    let other = Keys::parse(&Keys::generate().unwrap()).unwrap();
    refused(&s, &other.sign(&claims).unwrap(), "another key").await;
    let parts: Vec<&str> = grant.token.split('.').collect();
    for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS256","typ":"JWT"}"#] {
        let header = URL_SAFE_NO_PAD.encode(header);
        for signature in ["", parts[2]] {
            refused(&s, &format!("{header}.{}.{signature}", parts[1]), "another algorithm").await;
        }
    }
    refused(&s, &format!("{}.{}.", parts[0], parts[1]), "no signature").await;
}

#[tokio::test]
async fn what_a_user_may_not_do_never_reaches_the_appliance() {
    let s = Setting::new().await;
    let viewer = s.log_in("vera");
    viewer.grant(&vm(1), only(&[Privilege::View]));
    let grant = s.grant("vera", Some(&vm(1))).await;
    let batch = json!({"cloud": "cloud", "items": [{"vm": "vm-1"}]});
    let cloud = json!({"id": "new", "role": "cloud", "url": "https://new", "user": "u", "password": "p", "thumbprint": null});
    let act = json!({"action": "cancel", "migrations": [id(1), id(2)]});
    for (method, path, body) in [
        (Method::POST, "/api/plan", Some(batch.clone())),
        (Method::POST, "/api/migrations", Some(batch)),
        (Method::POST, "/api/migrations/actions", Some(act)),
        (Method::POST, "/api/vcenters", Some(cloud)),
        (Method::PUT, "/api/vcenters/cloud", Some(json!({}))),
        (Method::DELETE, "/api/vcenters/cloud", None),
        (Method::POST, "/api/vcenters/cloud/check", None),
        (Method::PUT, "/api/vcenters/cloud/released", Some(json!({}))),
    ] {
        s.call(&grant, method, path, body).await;
    }
    let asked = s.appliance.world.lock().unwrap().asked.clone();
    let writes: Vec<_> = asked.iter().filter(|asked| asked.method != Method::GET).collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test]
async fn a_cloud_that_there_is_not_is_refused_without_a_list_of_those_that_there_are() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    for cloud in ["nowhere", "onprem"] {
        let body = json!({"cloud": cloud, "items": [{"vm": "vm-1"}]});
        let answer = s.call(&grant, Method::POST, "/api/plan", Some(body)).await;
        assert_eq!(answer.status, 400);
        assert!(answer.json()["detail"].as_str().unwrap().contains("There is no cloud"), "{answer:?}");
    }
    assert!(s.appliance.asked(&Method::POST, "/batches/plan").is_empty());
}

#[tokio::test]
async fn numbers_are_told_on_the_loopback_address_and_pages_are_not() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let inner = crate::metrics::router(s.app.clone());
    let ask = async |path: &str| {
        let request = Request::get(path).header("authorization", format!("Bearer {}", grant.token));
        let answer = inner.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, text) = ask("/metrics").await;
    assert!(status.is_success() && text.contains("hdm_server_sessions "), "{text}");
    assert!(!text.contains("root") && !text.contains(&grant.token), "neither users nor tokens");
    let (status, text) = ask("/manifest-fetches").await;
    assert!(status.is_success() && serde_json::from_str::<Value>(&text).unwrap()["fetches"].is_array());
    for page in ["/api/changes?since=0", "/api/session", "/index.html", "/plugin.json", "/dyn/vm/menu"] {
        assert_eq!(ask(page).await.0, 404, "{page}");
    }
    for inner in ["/metrics", "/manifest-fetches"] {
        assert_eq!(s.get(&grant, inner).await.status, 404, "{inner} is not for everybody");
    }
}
