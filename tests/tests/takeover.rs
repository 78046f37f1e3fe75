//! Two appliances on one PostgreSQL: what one leaves, the other finishes.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, postgres, wait};
use serde_json::{Value, json};

/// Two appliances that share a database, and know both sites.
async fn pair(lab: &Lab) -> (Appliance, Appliance) {
    let database = postgres::database().await;
    let first = Appliance::init_with(lab.directory.path().join("first"), &database).await;
    let second = Appliance::init_with(lab.directory.path().join("second"), &database).await;
    second.share_key_of(&first);
    let first = first.run(&[]).await;
    first.add(&lab.onprem, "source").await;
    first.add(&lab.cloud, "cloud").await;
    (first, second.run(&[]).await)
}

/// Migrates a VM with the first appliance and returns as soon as the fault is there.
async fn until_fault(lab: &Lab, first: &Appliance, rule: Value) -> String {
    let fault = lab.cloud.arm(rule).await;
    let id = first.migrate("db-01", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn from_one_that_was_killed() {
    let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
    let before = Truth::of(&lab).await;
    let (mut first, second) = pair(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 3_000_000}, "do": {"kill_pid": first.pid()}});

    let id = until_fault(&lab, &first, rule).await;
    first.ended().await;
    let end = second.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}

/// The worst kind: it does not know that it was away, and goes on where it was.
#[tokio::test(flavor = "multi_thread")]
async fn from_one_that_was_only_asleep() {
    let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
    let before = Truth::of(&lab).await;
    let (first, second) = pair(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 3_000_000}, "do": {"stall_ms": 2_000}});

    let id = until_fault(&lab, &first, rule).await;
    first.signal("STOP").await;
    wait::until("the second takes over", async || {
        let log = second.log();
        if log.contains(&id) { Ok(()) } else { Err(log) }
    })
    .await;
    first.signal("CONT").await;
    let end = second.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
    assert_eq!(first.status(&id).await["state"], "done", "the first sees it too");
    let again = Truth::of(&lab).await;
    assert_eq!(again.cloud.vms.len(), before.cloud.vms.len() + 1, "there is one target");
}
