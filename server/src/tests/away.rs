//! The appliance goes and comes back.

use axum::http::Method;
use hdm_shared::plugin::APPLIANCE_AWAY;
use serde_json::json;

use super::setting::Setting;

#[tokio::test]
async fn pages_keep_what_they_know_hear_since_when_and_go_on_by_themselves() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let first = s.get(&grant, "/api/changes?since=0").await.json();
    assert_eq!(first["appliance"]["away_since"], json!(null));
    s.appliance.stop();
    s.app.feed.round().await;
    let gone = s.get(&grant, &format!("/api/changes?since={}", first["cursor"])).await.json();
    assert!(gone["appliance"]["away_since"].is_string(), "{gone}");
    assert!(gone["appliance"]["reason"].as_str().unwrap().contains("cannot be reached"), "{gone}");
    assert_eq!(gone["reset"], false);
    let since = gone["appliance"]["away_since"].clone();
    s.pass(20);
    s.app.feed.round().await;
    let still = s.get(&grant, "/api/changes?since=0").await.json();
    assert_eq!(still["appliance"]["away_since"], since, "since when, not when it was last noticed");
    assert_eq!(
        still["migrations"].as_array().unwrap().len(),
        10,
        "a page that is reloaded sees what is known"
    );
    for (method, path, body) in [
        (Method::GET, "/api/events", None),
        (Method::GET, "/api/clouds", None),
        (Method::POST, "/api/plan", Some(json!({"cloud": "cloud", "items": [{"vm": "vm-1"}]}))),
        (
            Method::POST,
            "/api/migrations/actions",
            Some(json!({"action": "cancel", "migrations": ["00000000-0000-0000-0000-000000000001"]})),
        ),
    ] {
        let answer = s.call(&grant, method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (503, APPLIANCE_AWAY), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail.matches("Cannot connect with the appliance").count(), 1, "{detail}");
    }
    s.appliance.start_again().await;
    s.app.feed.round().await;
    let back = s.get(&grant, &format!("/api/changes?since={}", still["cursor"])).await.json();
    assert_eq!((back["appliance"]["away_since"].clone(), back["reset"].clone()), (json!(null), json!(false)));
    assert_eq!(s.get(&grant, "/api/events").await.status, 200);
}

#[tokio::test]
async fn an_appliance_that_is_silent_is_away_within_five_seconds_and_back_with_the_next_round() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    s.appliance.change(|world| world.silent = true);
    // The list of vCenters is due too.
    s.pass(60);
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    s.app.feed.round().await;
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    tokio::time::resume();
    let page = s.get(&grant, "/api/changes?since=0").await.json();
    assert!(page["appliance"]["away_since"].is_string(), "{page}");
    s.appliance.change(|world| world.silent = false);
    s.app.feed.round().await;
    let page = s.get(&grant, "/api/changes?since=0").await.json();
    assert_eq!(page["appliance"]["away_since"], json!(null));
}

#[tokio::test]
async fn unknown_vcenters_are_looked_for_at_most_every_two_seconds_also_while_that_fails() {
    let s = Setting::new().await;
    s.administrator();
    s.appliance.change(|world| world.broken.push("/vcenters"));
    let before = s.appliance.asked(&Method::GET, "/vcenters").len();
    for n in 0..20 {
        s.pass(1);
        let guid = format!("33333333-cccc-4000-8000-0000000000{n:02}");
        assert!(!s.exchange("token-of-root", &guid, None).await.status.is_success());
        s.exchange("token-of-root", &guid, None).await;
    }
    let asked = s.appliance.asked(&Method::GET, "/vcenters").len() - before;
    assert!((9..=10).contains(&asked), "{asked}");
}

#[tokio::test]
async fn a_server_that_starts_without_its_appliance_says_so() {
    let s = Setting::new().await;
    s.administrator();
    s.appliance.stop();
    let second = s.second().await;
    let answer = second.exchange("token-of-root", super::setting::ONPREM, None).await;
    assert_eq!((answer.status.as_u16(), answer.kind().as_str()), (503, APPLIANCE_AWAY));
    s.appliance.start_again().await;
    second.app.feed.round().await;
    let grant = second.grant("root", None).await;
    assert_eq!(
        second.get(&grant, "/api/changes?since=0").await.json()["migrations"].as_array().unwrap().len(),
        10
    );
}

#[tokio::test]
async fn a_cursor_that_another_instance_gave_is_waited_for_a_moment() {
    let s = Setting::new().await;
    s.administrator();
    let second = s.second().await;
    let (here, there) = (s.grant("root", None).await, second.grant("root", None).await);
    s.appliance.change(|world| world.cursor += 1);
    second.app.feed.round().await;
    let ahead = second.get(&there, "/api/changes?since=0").await.json();
    let cursor = ahead["cursor"].as_i64().unwrap();
    assert!(cursor > s.get(&here, "/api/changes?since=0").await.json()["cursor"].as_i64().unwrap());
    let path = format!("/api/changes?since={cursor}");
    let feed = s.app.feed.clone();
    let (page, _) = tokio::join!(s.get(&here, &path), async move { feed.round().await });
    assert_eq!(page.json()["cursor"].as_i64().unwrap() / 1_024, cursor / 1_024);
}
