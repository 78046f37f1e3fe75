//! Cancelling at every step: before the point of no return everything is as it was; after it, a person
//! decides and nothing is deleted.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{busy_vm, vm};
use hdm_tests::product::migrate_to;
use hdm_tests::{Appliance, Lab, Outcome, Site, wait};
use serde_json::{Value, json};

/// A call of each step that can be held up, so that the cancel comes while the step runs: on the cloud's side
/// or not, which call of the method, and the step.
const BEFORE_THE_COMMIT: [(bool, &str, u32, &str); 10] = [
    (false, "CreateTask", 1, "open-tasks"),
    (false, "ShutdownGuest", 1, "stop-source"),
    (false, "MoveIntoResourcePool", 1, "park-source"),
    (false, "CreateSnapshot_Task", 1, "snapshot-source"),
    (false, "ExportSnapshot", 1, "transfer"),
    (true, "ImportVApp", 1, "transfer"),
    (true, "HttpNfcLeaseComplete", 1, "transfer"),
    // Completes the copy, whose boot order no import carries.
    (true, "ReconfigVM_Task", 1, "complete-target"),
    (false, "ReconfigVM_Task", 1, "disconnect-source"),
    // Connects the copy.
    (true, "ReconfigVM_Task", 2, "connect-target"),
];

/// The same where the cluster has no DRS: the notes take the place of the pool.
const WITHOUT_DRS: [(bool, &str, u32, &str); 5] = [
    (false, "PowerOffVM_Task", 1, "stop-source"),
    (false, "ReconfigVM_Task", 1, "park-source"),
    (true, "ImportVApp", 1, "transfer"),
    (false, "ReconfigVM_Task", 2, "disconnect-source"),
    (true, "ReconfigVM_Task", 2, "connect-target"),
];

/// The same while the source is put away.
const AT_THE_END: [(bool, &str, u32, &str); 3] = [
    (false, "RemoveSnapshot_Task", 1, "retire-source"),
    (false, "MoveIntoResourcePool", 2, "retire-source"),
    (false, "ReconfigVM_Task", 2, "retire-source"),
];

/// Asks to cancel a migration while a call is held up; returns its id and what was answered.
async fn cancel_during(
    lab: &Lab,
    appliance: &Appliance,
    arguments: &[&str],
    (cloud, method, nth, step): (bool, &str, u32, &str),
) -> (String, Outcome) {
    let site = if cloud { &lab.cloud } else { &lab.onprem };
    let on = json!({"method": method, "user_agent": "HDM/", "nth": nth});
    appliance.cancel_during(site, &on, step, arguments).await
}

/// As many VMs that run as there are cases, and their names.
fn busy_vms(count: usize, cluster: &str) -> (Vec<String>, Value) {
    let names: Vec<_> = (0..count).map(|n| format!("vm-{n}")).collect();
    let vms = names.iter().map(|name| {
        let mut busy = busy_vm(name, &[3]);
        busy["cluster"] = json!(cluster);
        busy
    });
    (names.clone(), vms.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_any_step_before_the_commit_runs() {
    let (names, vms) = busy_vms(BEFORE_THE_COMMIT.len(), "C0");
    let lab = Lab::start(vms).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, held) in names.iter().zip(BEFORE_THE_COMMIT) {
        let arguments = migrate_to(name, "C0", &["--power-on"]);
        let (id, answered) = cancel_during(&lab, &appliance, &arguments, held).await;
        answered.ok();

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{held:?}: {end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_vm_that_stays_in_its_pool_and_is_not_to_be_powered_on() {
    let (names, vms) = busy_vms(WITHOUT_DRS.len(), "C1");
    let lab = Lab::start(vms).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, held) in names.iter().zip(WITHOUT_DRS) {
        let arguments = migrate_to(name, "C1", &["--shutdown", "hard"]);
        let (id, answered) = cancel_during(&lab, &appliance, &arguments, held).await;
        answered.ok();

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{held:?}: {end}");
        judge(&lab, &before, &[]).await;
    }
}

/// Makes every read of a site slow, so that a step which only reads can be met, and cancels in that step.
async fn cancel_in(appliance: &Appliance, site: &Site, vm: &str, step: &str) -> (String, Outcome) {
    let on = json!({"method": "RetrievePropertiesEx", "user_agent": "HDM/", "times": 500});
    let fault = site.arm(json!({"on": on, "do": {"delay_ms": 300}})).await;
    let id = appliance.migrate(vm, &["--power-on"]).await;
    wait::until("the step begins", async || {
        let now = appliance.status(&id).await;
        assert_ne!(now["state"], "done", "{step} was missed: {now}");
        if now["step"] == step { Ok(()) } else { Err(now) }
    })
    .await;
    let answered = appliance.hdm(&["cancel", &id]).await;
    site.delete(&format!("/faults/{fault}")).await;
    (id, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_step_only_looks() {
    let lab = Lab::start(json!([busy_vm("vm-0", &[1]), busy_vm("vm-1", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, step) in [("vm-0", "recheck"), ("vm-1", "verify-source")] {
        let (id, answered) = cancel_in(&appliance, &lab.onprem, name, step).await;
        answered.ok();
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "cancelled", "{step}: {end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_copy_is_powered_on_or_awaited_leaves_the_choice_to_a_person() {
    let lab = Lab::start(json!([busy_vm("vm-0", &[1]), busy_vm("vm-1", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let arguments = migrate_to("vm-0", "C0", &["--power-on"]);
    let held = (true, "PowerOnVM_Task", 1, "power-on-target");
    let (first, answered) = cancel_during(&lab, &appliance, &arguments, held).await;
    answered.ok();
    assert_eq!(appliance.settled(&first).await["state"], "needs-operator");
    let (second, answered) = cancel_in(&appliance, &lab.cloud, "vm-1", "await-tools").await;
    answered.ok();
    assert_eq!(appliance.settled(&second).await["state"], "needs-operator");

    let now = Truth::of(&lab).await;
    for name in ["vm-0", "vm-1"] {
        let (source, target) = (now.onprem.vm(name), now.cloud.vm(name));
        assert!(!source.is_on() && !source.would_connect(), "{source:?}");
        assert!(target.is_on() && target.would_connect(), "{target:?}");
    }
    appliance.finish_by_retry(&first).await;
    appliance.finish_by_retry(&second).await;
    judge(&lab, &before, &[Moved::on("vm-0"), Moved::on("vm-1")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_source_is_put_away_is_refused() {
    let (names, vms) = busy_vms(AT_THE_END.len(), "C0");
    let lab = Lab::start(vms).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, held) in names.iter().zip(AT_THE_END) {
        let arguments = migrate_to(name, "C0", &["--power-on"]);
        let (id, answered) = cancel_during(&lab, &appliance, &arguments, held).await;
        assert_eq!(answered.code, 3, "{held:?}: {answered:?}");
        assert!(answered.stderr.contains("moved already"), "{held:?}: {answered:?}");

        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{held:?}: {end}");
    }
    let moved: Vec<_> = names.iter().map(|name| Moved::on(name)).collect();
    judge(&lab, &before, &moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_tasks_are_closed_is_refused() {
    let lab = Lab::start(json!([vm("vm-0", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let on = json!({"method": "SetTaskState", "user_agent": "HDM/", "times": 99});
    lab.onprem.arm(json!({"on": on, "do": {"delay_ms": 700}})).await;
    let id = appliance.migrate("vm-0", &[]).await;
    wait::until("the tasks are closed", async || {
        let now = appliance.status(&id).await;
        assert_ne!(now["state"], "done", "the step was missed: {now}");
        if now["step"] == "close-tasks" { Ok(()) } else { Err(now) }
    })
    .await;
    let answered = appliance.hdm(&["cancel", &id]).await;
    assert_eq!(answered.code, 3, "{answered:?}");
    assert_eq!(appliance.settled(&id).await["state"], "done");
    judge(&lab, &before, &[Moved::off("vm-0")]).await;
}

/// The unwinding waits for the vCenter, and is not told to have ended before it has.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_vcenter_is_waited_for() {
    let lab = Lab::start(json!([busy_vm("vm-0", &[3]), busy_vm("vm-1", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (name, site) in [("vm-0", &lab.cloud), ("vm-1", &lab.onprem)] {
        let stop = json!({"stop": {"down_ms": 4_000}});
        let on = json!({"method": "CreateTask", "user_agent": "HDM/", "nth": 1});
        site.arm(json!({"on": on, "do": stop})).await;
        let id = appliance.migrate(name, &["--power-on"]).await;
        let waiting = wait::until("the outage is shown", async || {
            let now = appliance.status(&id).await;
            if now["state"] == "waiting" { Ok(now) } else { Err(now) }
        })
        .await;
        assert_eq!(waiting["waiting_for"], site.ready.name, "{waiting}");
        appliance.hdm(&["cancel", &id]).await.ok();

        let end = appliance.settled(&id).await;

        assert_eq!(end["state"], "cancelled", "{end}");
        judge(&lab, &before, &[]).await;
    }
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
    judge(&lab, &before, &[Moved::off("vm-0")]).await;
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
    let moved: Vec<_> = (0..9).map(|n| Moved::off(&format!("vm-{n}"))).collect();
    judge(&lab, &before, &moved).await;
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
