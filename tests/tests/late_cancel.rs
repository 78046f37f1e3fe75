//! A cancel from a vCenter's list of tasks that comes at the last moment, or too late.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, Site};
use serde_json::{Value, json};

/// An appliance that looks at its tasks every three seconds, as installed ones do.
async fn appliance(lab: &Lab) -> Appliance {
    let appliance = Appliance::init(lab.directory.path()).await;
    let file = lab.directory.path().join("appliance/hdm.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("poll_max_ms = 500", "poll_max_ms = 10000")).unwrap();
    let appliance = appliance.run(&[]).await;
    appliance.add(&lab.onprem, "source").await;
    appliance.add(&lab.cloud, "cloud").await;
    appliance
}

/// Cancels the migration's own task at a site.
async fn cancel_task(site: &Site, id: &str) {
    let tasks = site.dump().await.tasks;
    let own = |task: &&hdm_tests::dump::Task| {
        task.activation_id.starts_with(id) && task.state == "running" && task.parent.is_empty()
    };
    let task = tasks.iter().find(own).unwrap_or_else(|| panic!("no task of {id} in {tasks:?}"));
    site.post(&format!("/tasks/{}/cancel", task.moid), json!({})).await;
}

fn ordered(name: &str) -> Value {
    let mut ordered = vm(name, &[1]);
    ordered["boot_order"] = json!(["nic-0", "disk-0"]);
    ordered
}

#[tokio::test(flavor = "multi_thread")]
async fn during_the_last_step_before_the_commit_is_heard() {
    let lab = Lab::start(json!([ordered("vm-0"), ordered("vm-1")])).await;
    let before = Truth::of(&lab).await;
    let appliance = appliance(&lab).await;
    for (n, site) in [&lab.onprem, &lab.cloud].into_iter().enumerate() {
        let on = json!({"method": "ReconfigVM_Task", "user_agent": "HDM/", "nth": 2});
        let fault = lab.cloud.arm(json!({"on": on, "do": {"delay_ms": 1_500}})).await;
        let id = appliance.migrate(&format!("vm-{n}"), &["--power-on"]).await;
        lab.cloud.has_fired(&fault).await;
        cancel_task(site, &id).await;

        let end = appliance.settled(&id).await;

        assert_eq!((&end["state"], &end["committed"]), (&json!("cancelled"), &json!(false)), "{end}");
        judge(&lab, &before, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_is_answered_once() {
    let lab = Lab::start(json!([ordered("vm-0")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let on = |nth: u32| json!({"method": "PowerOnVM_Task", "user_agent": "HDM/", "nth": nth});
    let refused = json!({"on": on(1), "do": {"delay_ms": 2_000, "fault": "InvalidHostState"}});
    let fault = lab.cloud.arm(refused).await;
    let id = appliance.migrate("vm-0", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;
    cancel_task(&lab.onprem, &id).await;
    let end = appliance.settled(&id).await;
    assert_eq!(end["state"], "needs-operator", "{end}");
    assert!(end["error"].as_str().unwrap().contains("asked to cancel"), "{end}");

    // Long enough for the task to be looked at again and again.
    lab.cloud.arm(json!({"on": on(1), "do": {"delay_ms": 2_000}})).await;
    appliance.finish_by_retry(&id).await;

    judge(&lab, &before, &[Moved::on("vm-0")]).await;
}
