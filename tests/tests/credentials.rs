//! A vCenter whose password or certificate is changed while HDM is at work there.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::product::Outcome;
use hdm_tests::{Appliance, Lab, secret, wait};
use serde_json::json;

/// A migration whose transfer is under way over a thin link.
async fn moving(lab: &Lab, appliance: &Appliance) -> String {
    lab.cloud.shape_link(json!({"bandwidth_mbit": 20})).await;
    let id = appliance.migrate("vm-0", &[]).await;
    wait::until("the transfer is under way", async || {
        let now = appliance.status(&id).await;
        if now["step"] == "transfer" { Ok(()) } else { Err(now) }
    })
    .await;
    id
}

/// Waits until the migration waits for a person at a vCenter, and returns what it says of it.
async fn waits_for(appliance: &Appliance, id: &str, vcenter: &str) -> String {
    let way_out = format!("hdm vcenter update {vcenter}");
    wait::until("it waits", async || {
        let now = appliance.status(id).await;
        let why = now["error"].as_str().unwrap_or_default().to_owned();
        let waits = now["state"] == "waiting" && now["waiting_for"] == vcenter;
        if waits && why.contains(&way_out) { Ok(why) } else { Err(now) }
    })
    .await
}

fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 3, "{outcome:?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "'{word}' is missing in {outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_waited_for_and_costs_no_attempt() {
    let lab = Lab::start_with(json!([vm("vm-0", &[16])]), json!({"link": {}})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = moving(&lab, &appliance).await;
    let user = &lab.onprem.account.user;
    lab.onprem.post("/password", json!({"user": user, "password": "new-Passw0rd"})).await;
    lab.onprem.post("/sessions/expire", json!({})).await;
    lab.cloud.shape_link(json!({})).await;

    waits_for(&appliance, &id, "onprem").await;
    let update = ["vcenter", "update", "onprem", "--password-stdin"];
    refused(&appliance.hdm_with_input(&update, "not-the-password").await, &["onprem", "password"]);
    refused(&appliance.hdm(&["vcenter", "update", "onprem"]).await, &["--password-stdin", "--thumbprint"]);
    refused(&appliance.hdm(&["vcenter", "update", "onprem", "--user", "else@lab"]).await, &["password"]);
    appliance.hdm_with_input(&update, "new-Passw0rd").await.ok();

    let end = appliance.settled(&id).await;
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    judge(&lab, &before, &[Moved::off("vm-0")]).await;
    let token = std::fs::read_to_string(appliance.directory().join("token")).unwrap();
    assert!(!appliance.log().contains(token.trim()), "the log holds the token");
    for password in [&lab.onprem.account.password, "new-Passw0rd", "not-the-password"] {
        assert_eq!(secret::found_below(appliance.directory(), password), [""; 0]);
        let events = appliance.hdm(&["-o", "json", "events"]).await.ok().stdout;
        for told in [appliance.metrics().await, events] {
            assert_eq!(secret::found_in(told.as_bytes(), password), [""; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_waited_for_until_a_person_trusts_it() {
    let lab = Lab::start_with(json!([vm("vm-0", &[16])]), json!({"link": {}})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = moving(&lab, &appliance).await;
    let renewed = lab.cloud.post("/certificate/renew", json!({})).await;
    let thumbprint = renewed["sha256"].as_str().unwrap_or_else(|| panic!("{renewed}")).to_owned();
    lab.cloud.post("/stop", json!({"down_ms": 50})).await;
    lab.cloud.shape_link(json!({})).await;

    let why = waits_for(&appliance, &id, "cloud").await;
    assert!(why.contains(&thumbprint) && why.contains("--thumbprint"), "{why}");
    let update = ["vcenter", "update", "cloud", "--thumbprint"];
    refused(
        &appliance.hdm(&[&update[..], &[lab.cloud.ready.sha256.as_str()]].concat()).await,
        &[&thumbprint],
    );
    appliance.hdm(&[&update[..], &[thumbprint.as_str()]].concat()).await.ok();

    let end = appliance.settled(&id).await;
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    judge(&lab, &before, &[Moved::off("vm-0")]).await;
}
