//! Cancelling at every step: before the point of no return everything is as it was; after it, a person
//! decides and nothing is deleted.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::json;

/// A call of each step that can be held up, so that the cancel comes while the step runs.
const HOLDS: [(bool, &str); 7] = [
    (false, "CreateTask"),
    (false, "MoveIntoResourcePool"),
    (false, "CreateSnapshot_Task"),
    (false, "ExportSnapshot"),
    (true, "ImportVApp"),
    (true, "HttpNfcLeaseComplete"),
    (false, "ReconfigVM_Task"),
];

#[tokio::test(flavor = "multi_thread")]
async fn while_any_step_before_the_commit_runs() {
    let vms: Vec<_> = (0..HOLDS.len()).map(|n| vm(&format!("vm-{n}"), &[3])).collect();
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (n, (cloud, method)) in HOLDS.iter().enumerate() {
        let site = if *cloud { &lab.cloud } else { &lab.onprem };
        let fault = site
            .arm(json!({"on": {"method": method, "user_agent": "HDM/"}, "do": {"delay_ms": 1_000}}))
            .await;
        let id = appliance.migrate(&format!("vm-{n}"), &["--power-on"]).await;
        wait::until(
            "the step runs",
            async || if site.fired(&fault).await > 0 { Ok(()) } else { Err(*method) },
        )
        .await;
        appliance.hdm(&["cancel", &id]).await.ok();

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{method}: {end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_queued_it_can_be_paused_resumed_and_cancelled() {
    let vms: Vec<_> = (0..10).map(|n| vm(&format!("vm-{n}"), &[4])).collect();
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    lab.onprem
        .arm(json!({"on": {"method": "CreateSnapshot_Task", "times": 20}, "do": {"delay_ms": 2_000}}))
        .await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(appliance.migrate(&format!("vm-{n}"), &[]).await);
    }
    // At most eight run at once, so the last ones wait.
    let (ninth, tenth) = (&ids[8], &ids[9]);
    assert_eq!(appliance.status(ninth).await["state"], "queued");
    appliance.hdm(&["pause", ninth]).await.ok();
    assert_eq!(appliance.status(ninth).await["state"], "paused");
    appliance.hdm(&["cancel", tenth]).await.ok();
    appliance.hdm(&["resume", ninth]).await.ok();

    for (n, id) in ids.iter().enumerate() {
        let end = appliance.settled(id).await;
        assert_eq!(end["state"], if n == 9 { "cancelled" } else { "done" }, "{end}");
    }
    let moved: Vec<String> = (0..9).map(|n| format!("vm-{n}")).collect();
    judge(&lab, &before, &moved.iter().map(String::as_str).collect::<Vec<_>>()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_both_copies_are_kept() {
    let lab = Lab::start(json!([vm("web-01", &[2])])).await;
    let appliance = Appliance::start(&lab).await;
    lab.cloud
        .arm(json!({"on": {"method": "PowerOnVM_Task", "times": 99}, "do": {"task": "fail", "task_fault": "InvalidHostState"}}))
        .await;
    let id = appliance.migrate("web-01", &["--power-on"]).await;

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "needs-operator", "{end}");
    let now = Truth::of(&lab).await;
    let (source, target) = (now.onprem.vm("web-01"), now.cloud.vm("web-01"));
    assert!(!source.is_on() && !source.would_connect(), "the source cannot come up beside the target");
    assert!(target.would_connect());

    lab.cloud.delete("/faults").await;
    appliance.hdm(&["retry", &id]).await.ok();
    let end = wait::until("the retry ends", async || {
        let now = appliance.status(&id).await;
        if now["state"] == "done" { Ok(now) } else { Err(now) }
    })
    .await;
    assert_eq!(end["committed"], true);
}
