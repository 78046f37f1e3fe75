//! Cancelling at every step: before the point of no return everything is as it was; after it, a person
//! decides and nothing is deleted.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, Outcome, Site};
use serde_json::{Value, json};

/// A call of each step that can be held up, so that the cancel comes while the step runs: on the cloud's side
/// or not, and which call of the method.
const BEFORE_THE_COMMIT: [(bool, &str, u32); 10] = [
    (false, "CreateTask", 1),
    (false, "ShutdownGuest", 1),
    (false, "MoveIntoResourcePool", 1),
    (false, "CreateSnapshot_Task", 1),
    (false, "ExportSnapshot", 1),
    (true, "ImportVApp", 1),
    (true, "HttpNfcLeaseComplete", 1),
    // Completes the copy, whose boot order no import carries.
    (true, "ReconfigVM_Task", 1),
    (false, "ReconfigVM_Task", 1),
    // Connects the copy.
    (true, "ReconfigVM_Task", 2),
];

/// The same while the source is put away.
const AT_THE_END: [(bool, &str, u32); 3] =
    [(false, "RemoveSnapshot_Task", 1), (false, "MoveIntoResourcePool", 2), (false, "ReconfigVM_Task", 2)];

/// A VM that runs, with Tools, and has something for every step to do.
fn running(name: &str) -> Value {
    let mut running = vm(name, &[3]);
    running["power"] = json!("on");
    running["tools"] = json!(true);
    running["boot_order"] = json!(["nic-0", "disk-0"]);
    running
}

/// Asks to cancel a migration while a call is held up; returns its id and what was answered.
async fn cancel_during(
    lab: &Lab,
    appliance: &Appliance,
    vm: &str,
    held: (bool, &str, u32),
) -> (String, Outcome) {
    let (cloud, method, nth) = held;
    let site = if cloud { &lab.cloud } else { &lab.onprem };
    let on = json!({"method": method, "user_agent": "HDM/", "nth": nth});
    let fault = site.arm(json!({"on": on, "do": {"delay_ms": 1_000}})).await;
    let id = appliance.migrate(vm, &["--power-on"]).await;
    site.has_fired(&fault).await;
    let answered = appliance.hdm(&["cancel", &id]).await;
    (id, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_any_step_before_the_commit_runs() {
    let names: Vec<_> = (0..BEFORE_THE_COMMIT.len()).map(|n| format!("vm-{n}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| running(name)).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, held) in names.iter().zip(BEFORE_THE_COMMIT) {
        let (id, answered) = cancel_during(&lab, &appliance, name, held).await;
        answered.ok();

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{held:?}: {end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_copy_is_powered_on_leaves_the_choice_to_a_person() {
    let lab = Lab::start(json!([running("vm-0")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let (id, answered) = cancel_during(&lab, &appliance, "vm-0", (true, "PowerOnVM_Task", 1)).await;
    answered.ok();

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "needs-operator", "{end}");
    let now = Truth::of(&lab).await;
    let (source, target) = (now.onprem.vm("vm-0"), now.cloud.vm("vm-0"));
    assert!(!source.is_on() && !source.would_connect(), "{source:?}");
    assert!(target.is_on() && target.would_connect(), "{target:?}");
    appliance.finish_by_retry(&id).await;
    judge(&lab, &before, &["vm-0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_source_is_put_away_is_refused() {
    let names: Vec<_> = (0..AT_THE_END.len()).map(|n| format!("vm-{n}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| running(name)).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, held) in names.iter().zip(AT_THE_END) {
        let (id, answered) = cancel_during(&lab, &appliance, name, held).await;
        assert_ne!(answered.code, 0, "{held:?}: {answered:?}");
        assert!(answered.stderr.contains("moved already"), "{held:?}: {answered:?}");

        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{held:?}: {end}");
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    judge(&lab, &before, &names).await;
}

/// The migration's own task, or that of its attempt.
async fn task(site: &Site, id: &str, of_attempt: bool) -> String {
    let tasks = site.dump().await.tasks;
    let ours = tasks.iter().find(|task| {
        task.activation_id.starts_with(id) && task.state == "running" && task.parent.is_empty() != of_attempt
    });
    ours.unwrap_or_else(|| panic!("no task of {id} in {tasks:?}")).moid.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_list_of_tasks_of_either_vcenter() {
    let lab = Lab::start(json!([vm("vm-0", &[6]), vm("vm-1", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (n, site) in [&lab.onprem, &lab.cloud].into_iter().enumerate() {
        let rule = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 2_500}});
        let fault = lab.cloud.arm(rule).await;
        let id = appliance.migrate(&format!("vm-{n}"), &[]).await;
        lab.cloud.has_fired(&fault).await;
        site.post(&format!("/tasks/{}/cancel", task(site, &id, false).await), json!({})).await;

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_attempt_makes_the_next_one_begin() {
    let lab = Lab::start(json!([vm("vm-0", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 2_500}});
    let fault = lab.cloud.arm(rule).await;
    let id = appliance.migrate("vm-0", &[]).await;
    lab.cloud.has_fired(&fault).await;
    lab.onprem.post(&format!("/tasks/{}/cancel", task(&lab.onprem, &id, true).await), json!({})).await;

    let end = appliance.settled(&id).await;

    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(2)), "{end}");
    judge(&lab, &before, &["vm-0"]).await;
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
    appliance.finish_by_retry(&id).await;
    assert_eq!(end["committed"], true);
}
