//! Going back: the source of a migration is released, and only one copy can ever come up.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// Migrates `db-01`, whose copy cannot be powered on, and returns the id of the migration that waits for a
/// person.
async fn stuck(lab: &Lab, appliance: &Appliance) -> String {
    let never = json!({"on": {"method": "PowerOnVM_Task", "times": 99}, "do": {"task": "fail", "task_fault": "InvalidHostState"}});
    lab.cloud.arm(never).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    let end = appliance.settled(&id).await;
    assert_eq!(end["state"], "needs-operator", "{end}");
    lab.cloud.delete("/faults").await;
    id
}

fn error(view: &Value) -> &str {
    view["error"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn ends_a_migration_that_waits_for_a_person() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = stuck(&lab, &appliance).await;

    appliance.hdm(&["source", "release", "db-01"]).await.ok();

    let end = appliance.status(&id).await;
    assert_eq!(end["state"], "cancelled", "{end}");
    assert!(error(&end).contains("is released") && error(&end).contains("is kept"), "{end}");
    let now = Truth::of(&lab).await;
    let (then, source, copy) = (before.onprem.vm("db-01"), now.onprem.vm("db-01"), now.cloud.vm("db-01"));
    assert!(source.would_connect() && source.pool == then.pool && source.snapshots.is_empty(), "{source:?}");
    assert_eq!(source.annotation, then.annotation);
    assert!(!copy.is_on() && !copy.would_connect(), "{copy:?}");
    for site in [&now.onprem, &now.cloud] {
        let open: Vec<_> = site.tasks.iter().filter(|t| t.activation_id.starts_with(&id)).collect();
        assert!(
            !open.is_empty() && open.iter().all(|t| t.state == "error" || t.state == "success"),
            "{open:?}"
        );
    }
    wait::until("both vCenters tell of it", async || {
        let now = Truth::of(&lab).await;
        let told = |events: &[hdm_tests::dump::Event]| {
            events.iter().any(|e| e.kind.ends_with("SourceReleased") && e.message.contains(&id))
        };
        if told(&now.onprem.events) && told(&now.cloud.events) { Ok(()) } else { Err(now.cloud.events) }
    })
    .await;
    // The VM is free to be moved again, and the ended migration cannot power its copy on any more.
    let again = appliance.migrate("db-01", &["--rename", "db-02", "--mac", "new"]).await;
    let end = appliance.settled(&again).await;
    assert_eq!(end["state"], "done", "{end}");
    assert!(!Truth::of(&lab).await.cloud.vm("db-01").is_on());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_vm_that_was_moved_twice_looks_at_both_copies() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let first = appliance.migrate("db-01", &[]).await;
    assert_eq!(appliance.settled(&first).await["state"], "done");
    appliance.hdm(&["source", "release", "db-01"]).await.ok();
    let second = appliance.migrate("db-01", &["--rename", "db-02", "--mac", "new"]).await;
    assert_eq!(appliance.settled(&second).await["state"], "done");

    lab.cloud.post("/vms/db-01/act", json!({"do": "power_on"})).await;
    let refused = appliance.hdm(&["source", "release", "db-01"]).await;

    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.stderr.contains("/db-01") && refused.stderr.contains("not powered off"), "{refused:?}");
    let source = Truth::of(&lab).await.onprem.vm("db-01").clone();
    assert!(!source.would_connect(), "{source:?}");
    lab.cloud.post("/vms/db-01/act", json!({"do": "power_off"})).await;
    appliance.hdm(&["source", "release", &first]).await.ok();
    let now = Truth::of(&lab).await;
    assert!(now.onprem.vm("db-01").would_connect());
    assert!(now.cloud.vms.iter().all(|copy| !copy.would_connect()), "{:?}", now.cloud.vms);
}

/// Somebody powers the copy on in the cloud while its adapters are being connected, and the migration is
/// cancelled: two VMs must not answer under one address.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_source_by_undoing_waits_while_the_copy_runs() {
    let mut ordered = vm("db-01", &[1]);
    ordered["boot_order"] = json!(["nic-0", "disk-0"]);
    let lab = Lab::start(json!([ordered])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let on = json!({"method": "ReconfigVM_Task", "user_agent": "HDM/", "nth": 2});
    let held = lab.cloud.hold(&on).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    let cancel = async {
        lab.cloud.post("/vms/db-01/act", json!({"do": "power_on"})).await;
        appliance.hdm(&["cancel", &id]).await
    };
    lab.cloud.meanwhile(&held, cancel).await.ok();

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "needs-operator", "{end}");
    assert!(error(&end).contains("not powered off"), "{end}");
    let now = Truth::of(&lab).await;
    let (source, copy) = (now.onprem.vm("db-01"), now.cloud.vm("db-01"));
    assert!(!source.is_on() && !source.would_connect(), "{source:?}");
    assert!(copy.is_on(), "{copy:?}");
    lab.cloud.post("/vms/db-01/act", json!({"do": "power_off"})).await;
    appliance.hdm(&["retry", &id]).await.ok();
    assert_eq!(appliance.settled(&id).await["state"], "cancelled");
    judge(&lab, &before, &[]).await;
}
