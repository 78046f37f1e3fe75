//! What other people do while a migration runs: to the source, to the copy, to the vCenters' accounts and
//! tasks.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{busy_vm, vm};
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// An export holds its VM: whoever powers it on meanwhile is refused by vCenter, and the migration goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_to_be_powered_on_during_the_transfer() {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let stall = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 2_000}});
    let fault = lab.cloud.arm(stall).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;

    let refusal = lab.onprem.refuses("/vms/db-01/act", json!({"do": "power_on"})).await;

    assert!(!lab.onprem.dump().await.vm("db-01").is_on(), "the lease holds it: {refusal}");
    let end = appliance.settled(&id).await;
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}

/// Migrates db-01, which somebody powers on between the snapshot and the export, when nothing holds it yet; how that ends.
async fn powered_on_before_the_transfer(lab: &Lab, appliance: &Appliance) -> Value {
    let held = lab.onprem.hold(&json!({"method": "ExportSnapshot", "user_agent": "HDM/"})).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    lab.onprem.meanwhile(&held, lab.onprem.post("/vms/db-01/act", json!({"do": "power_on"}))).await;
    appliance.settled(&id).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_powered_on_before_the_transfer() {
    let lab = Lab::start(json!([vm("db-01", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let end = powered_on_before_the_transfer(&lab, &appliance).await;

    assert_eq!(end["state"], "failed", "{end}");
    let error = end["error"].as_str().unwrap();
    assert!(error.contains("db-01") && error.contains("powered on"), "it says what happened: {error}");
    let mut left = before;
    left.onprem.vms[0].power = "poweredOn".into();
    judge(&lab, &left, &[]).await;
}

/// Its guest has shut down as it was asked: nobody waits for it to do so again, which here it has five minutes for.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_whose_guest_has_shut_down_and_that_is_powered_on() {
    let lab = Lab::start(json!([busy_vm("db-01", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let end = powered_on_before_the_transfer(&lab, &appliance).await;

    assert_eq!(end["state"], "failed", "{end}");
    judge(&lab, &before, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_while_the_copy_runs_is_refused() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    assert_eq!(appliance.settled(&id).await["state"], "done");

    let refused = appliance.hdm(&["source", "release", "db-01"]).await;

    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("db-01") && refused.stderr.contains("owered o"), "{refused:?}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
    lab.cloud.post("/vms/db-01/act", json!({"do": "power_off"})).await;
    appliance.hdm(&["source", "release", "db-01"]).await.ok();
    let now = Truth::of(&lab).await;
    assert!(now.onprem.vm("db-01").would_connect() && !now.cloud.vm("db-01").would_connect());
}

/// Nothing is lost and nothing is given up while HDM cannot log in; it goes on once it can.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_changed_and_changed_back() {
    let lab = Lab::start(json!([busy_vm("db-01", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let on = json!({"method": "ImportVApp", "user_agent": "HDM/"});
    let fault = lab.cloud.arm(json!({"on": on, "do": {"delay_ms": 1_500}})).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;
    let account = &lab.cloud.account;
    lab.cloud.post("/password", json!({"user": account.user, "password": "another"})).await;
    lab.cloud.post("/sessions/expire", json!({})).await;
    let told = wait::until("it is told", async || {
        let now = appliance.status(&id).await;
        now["error"].as_str().map(str::to_owned).ok_or(now)
    })
    .await;
    assert!(told.contains("cloud") && told.contains("login"), "it says whose login is refused: {told}");
    lab.cloud.post("/password", json!({"user": account.user, "password": account.password})).await;

    let end = appliance.settled(&id).await;

    match end["state"].as_str().unwrap() {
        "done" => judge(&lab, &before, &[Moved::on("db-01")]).await,
        "failed" => judge(&lab, &before, &[]).await,
        _ => panic!("{end}"),
    }
}

/// A vCenter forgets a task soon after its end; the inventory tells what it did.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_vanish_as_soon_as_they_end() {
    let lab = Lab::start(json!([busy_vm("db-01", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let forgetting = async {
        loop {
            lab.onprem.post("/tasks/forget", json!({})).await;
            lab.cloud.post("/tasks/forget", json!({})).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let migration = async {
        let id = appliance.migrate("db-01", &["--power-on"]).await;
        appliance.settled(&id).await
    };
    let end = tokio::select! {
        end = migration => end,
        () = forgetting => unreachable!("it goes on for ever"),
    };
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_end_late() {
    let lab = Lab::start(json!([busy_vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let late = |method: &str| json!({"on": {"method": method, "user_agent": "HDM/"}, "do": {"task": "late", "delay_ms": 1_500}});
    let mut faults = Vec::new();
    for method in ["CreateSnapshot_Task", "ReconfigVM_Task", "RemoveSnapshot_Task"] {
        faults.push((&lab.onprem, lab.onprem.arm(late(method)).await));
    }
    for method in ["ReconfigVM_Task", "PowerOnVM_Task"] {
        faults.push((&lab.cloud, lab.cloud.arm(late(method)).await));
    }
    let id = appliance.migrate("db-01", &["--power-on"]).await;

    let end = appliance.settled(&id).await;

    for (site, fault) in faults {
        assert_eq!(site.fired(&fault).await, 1);
    }
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_hangs() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::init(lab.directory.path()).await;
    appliance.set(&[("task_seconds", 3)]);
    let appliance = appliance.run(&[]).await;
    appliance.add(&lab.onprem, "source").await;
    appliance.add(&lab.cloud, "cloud").await;
    let on = json!({"method": "CreateSnapshot_Task", "user_agent": "HDM/"});
    let fault = lab.onprem.arm(json!({"on": on, "do": {"task": "hang"}})).await;
    let id = appliance.migrate("db-01", &[]).await;
    lab.onprem.has_fired(&fault).await;

    let end = appliance.settled(&id).await;

    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(2)), "{end}");
    // The task that hangs is vCenter's own and stays; all else is as it should be.
    wait::until("nothing else is left", async || {
        let found = hdm_tests::judge::faults(&before, &Truth::of(&lab).await, &[Moved::off("db-01")]);
        let others: Vec<_> = found.into_iter().filter(|f| !f.contains("CreateSnapshot_Task")).collect();
        if others.is_empty() { Ok(()) } else { Err(others) }
    })
    .await;
}
