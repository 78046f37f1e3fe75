//! What passes within minutes costs no attempt.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab};
use serde_json::json;

/// A vCenter that has restarted has forgotten its leases; that it was away may be noticed only when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_vcenter_that_restarts_during_the_transfer() {
    let lab = Lab::start(json!([vm("vm-0", &[6]), vm("vm-1", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for (n, (site, on)) in [(&lab.onprem, "export"), (&lab.cloud, "import")].into_iter().enumerate() {
        let stop = json!({"stop": {"down_ms": 50, "leave_half_made": true}});
        let fault = site.arm(json!({"on": {"nfc": on, "after_bytes": 2_000_000}, "do": stop})).await;
        let id = appliance.migrate(&format!("vm-{n}"), &[]).await;

        let end = appliance.settled(&id).await;

        assert_eq!(site.fired(&fault).await, 1, "{on}");
        assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{on}: {end}");
    }
    judge(&lab, &before, &[Moved::off("vm-0"), Moved::off("vm-1")]).await;
}

/// What an appliance that has just started does not know yet of a vCenter is not absent there.
#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_read_slowly_after_a_restart() {
    let steps = ["stop-source", "park-source", "transfer", "retire-source"];
    let names: Vec<_> = (0..steps.len()).map(|n| format!("vm-{n}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| vm(name, &[1])).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    for (name, step) in names.iter().zip(steps) {
        appliance.stop().await;
        appliance.start_process(&[("HDM_KILL_AT", &format!("before:{step}"))]).await;
        let id = appliance.migrate(name, &[]).await;
        appliance.is_killed(&id).await;
        let slow = json!({"on": {"method": "CreateFilter", "user_agent": "HDM/"}, "do": {"delay_ms": 2_500}});
        let faults = [lab.onprem.arm(slow.clone()).await, lab.cloud.arm(slow).await];
        appliance.start_process(&[]).await;

        let end = appliance.settled(&id).await;

        assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{step}: {end}");
        assert_eq!(lab.onprem.fired(&faults[0]).await + lab.cloud.fired(&faults[1]).await, 2, "{step}");
    }
    let moved: Vec<_> = names.iter().map(|name| Moved::off(name)).collect();
    judge(&lab, &before, &moved).await;
}

/// An import that vCenter is still at work on, after whoever asked for it has died, makes its VM later. Until it
/// has had its time nobody may say that nothing is left.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_slower_than_the_appliance_restarts() {
    const SLOW: Duration = Duration::from_secs(9);
    let lab = Lab::start(json!([vm("vm-0", &[1])])).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let slow = json!({"on": {"method": "ImportVApp"}, "do": {"delay_ms": SLOW.as_millis()}});
    let fault = lab.cloud.arm(slow).await;
    let id = appliance.migrate("vm-0", &[]).await;
    lab.cloud.has_fired(&fault).await;
    let asked = Instant::now();
    appliance.kill().await;
    appliance.start_process(&[]).await;
    appliance.hdm(&["cancel", &id]).await.ok();

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "cancelled", "{end}");
    assert!(asked.elapsed() + Duration::from_secs(1) >= SLOW, "it was believed before it could be known");
    assert!(!Truth::of(&lab).await.cloud.has("vm-0"));
    judge(&lab, &before, &[]).await;
}
