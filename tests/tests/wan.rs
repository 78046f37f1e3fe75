//! The link between the sites, and the room at its far end.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// Waits until the migration shows what it is waited for.
async fn until(appliance: &Appliance, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, async || {
        let now = appliance.status(id).await;
        if is(&now) { Ok(now) } else { Err(now) }
    })
    .await
}

fn transferred(migration: &Value) -> u64 {
    migration["disks"][0]["position_bytes"].as_u64().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thin_link_that_is_cut_and_mended() {
    let lab = Lab::start_with(json!([vm("db-01", &[6])]), json!({"link": {}})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    // 6 MiB take 5 s at this bandwidth, and every answer a while.
    lab.cloud.shape_link(json!({"bandwidth_mbit": 10, "delay_ms": 50})).await;

    let id = appliance.migrate("db-01", &[]).await;
    until(&appliance, &id, "the transfer runs", |now| transferred(now) > 1 << 20).await;
    lab.cloud.shape_link(json!({"cut": true})).await;
    let waiting = until(&appliance, &id, "the cut is shown", |now| now["state"] == "waiting").await;
    assert_eq!(waiting["waiting_for"], "cloud", "{waiting}");
    assert!(waiting["waiting_since"].is_string(), "{waiting}");
    // The lease of the import runs out meanwhile, so that what has arrived is lost.
    wait::until("the import's lease is gone", async || {
        let leases = lab.cloud.dump().await.leases;
        if leases.is_empty() { Ok(()) } else { Err(leases) }
    })
    .await;
    lab.cloud.shape_link(json!({})).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_datastore_that_fills_up_and_is_freed() {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 1_500}});
    lab.cloud.arm(rule).await;

    let id = appliance.migrate("db-01", &[]).await;
    until(&appliance, &id, "the transfer runs", |now| transferred(now) > 0).await;
    lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": 0})).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "failed", "{end}");
    let error = end["error"].as_str().unwrap();
    assert!(error.contains("ds0") && error.contains("space"), "it says what is full: {error}");
    judge(&lab, &before, &[]).await;

    lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": -1})).await;
    let again = wait::until("the room is seen", async || {
        let tried = appliance.hdm(&["-o", "json", "retry", &id]).await;
        if tried.code == 0 { Ok(tried.json()) } else { Err(tried) }
    })
    .await;
    let id = again[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {again}"));
    let end = appliance.settled(id).await;
    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}
