//! Guests that really run: shut down, moved, and seen up again.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{guest, vm};
use hdm_tests::{Appliance, Lab, wait};
use serde_json::json;

/// How often HDM called a method of a site that writes.
async fn called(site: &hdm_tests::Site, method: &str) -> u64 {
    site.writes().await.into_iter().find(|(name, _)| name == method).map_or(0, |(_, count)| count)
}

#[tokio::test(flavor = "multi_thread")]
async fn is_shut_down_moved_and_awaited() {
    let lab = Lab::start(json!([guest("web-01")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    lab.onprem.exec("web-01", "echo written before the move >/marker; sync").await;

    let id = appliance.migrate("web-01", &["--power-on"]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    let target = lab.cloud.dump().await.vm("web-01").clone();
    assert!(target.is_on(), "{target:?}");
    let known = lab.cloud.exec("web-01", "cat /marker").await;
    assert_eq!(known.trim(), "written before the move");
    assert_eq!(called(&lab.onprem, "ShutdownGuest").await, 1, "the guest was asked");
    assert_eq!(called(&lab.onprem, "PowerOffVM_Task").await, 0, "and obeyed");
    judge(&lab, &before, &[Moved::on("web-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_does_not_obey_is_powered_off_in_time() {
    let lab = Lab::start(json!([guest("web-01")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    // Its programs are all one, which finds itself in /proc, or else by the program's name.
    let deaf = "umount -l /proc; rm -f /bin/poweroff /sbin/poweroff";
    lab.onprem.exec("web-01", deaf).await;

    let id = appliance.migrate("web-01", &["--shutdown-timeout", "10"]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    assert_eq!(called(&lab.onprem, "ShutdownGuest").await, 1);
    assert_eq!(called(&lab.onprem, "PowerOffVM_Task").await, 1);
    judge(&lab, &before, &[Moved::off("web-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_is_cancelled_runs_again_at_the_source() {
    let lab = Lab::start(json!([guest("web-01")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    lab.onprem.exec("web-01", "echo still here >/marker; sync").await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 1_000_000}, "do": {"stall_ms": 2_000}});
    let fault = lab.cloud.arm(rule).await;

    let id = appliance.migrate("web-01", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;
    appliance.hdm(&["cancel", &id]).await.ok();
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "cancelled", "{end}");
    assert_eq!(lab.onprem.exec("web-01", "cat /marker").await.trim(), "still here");
    judge(&lab, &before, &[]).await;
}

/// Its first boot at the target ends at once, as after an update that wants a restart.
const GOES_OFF_ONCE: &str = "[ -e /sbin/init.real ] || mv /sbin/init /sbin/init.real; printf '%s\n' '#!/bin/busybox sh' \
    'export PATH=/bin:/sbin' 'mount -t proc proc /proc' 'mount -o remount,rw /' \
    'if [ ! -e /went-off ]; then touch /went-off; sync; mount -o remount,ro /; poweroff -f; fi' \
    'exec /sbin/init.real' >/sbin/init; chmod +x /sbin/init; sync";

#[tokio::test(flavor = "multi_thread")]
async fn that_goes_off_is_restarted_only_if_that_was_asked_for() {
    let lab = Lab::start(json!([guest("web-01"), guest("web-02")])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    for vm in ["web-01", "web-02"] {
        lab.onprem.exec(vm, GOES_OFF_ONCE).await;
    }

    let restarted = appliance.migrate("web-01", &["--power-on", "--restart-guest", "1"]).await;
    let left = appliance.migrate("web-02", &["--power-on"]).await;
    let (restarted, left) = (appliance.settled(&restarted).await, appliance.settled(&left).await);

    assert_eq!(restarted["state"], "done", "{restarted}");
    assert_eq!(left["state"], "needs-operator", "{left}");
    let error = left["error"].as_str().unwrap();
    assert!(error.contains("web-02") && error.contains("went off"), "{error}");
    let now = Truth::of(&lab).await;
    let source = now.onprem.vm("web-02");
    assert!(!source.is_on() && !source.would_connect(), "the source stays off: {source:?}");
    assert!(!now.cloud.vm("web-02").is_on());
    lab.cloud.post("/vms/web-02/act", json!({"do": "power_on"})).await;
    lab.cloud.exec("web-02", "true").await;
    appliance.finish_by_retry(left["id"].as_str().unwrap()).await;
    judge(&lab, &before, &[Moved::on("web-01"), Moved::on("web-02")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_vcenter_asks_a_question_waits_for_the_answer() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let question = "Did you move or copy this virtual machine?";
    let rule = json!({"on": {"method": "PowerOnVM_Task"}, "do": {"task": "ask", "message": question}});
    lab.cloud.arm(rule).await;

    let id = appliance.migrate("db-01", &["--power-on"]).await;
    let asked = wait::until("the question is shown", async || {
        let now = appliance.status(&id).await;
        now["question"].as_str().map(str::to_owned).ok_or(now)
    })
    .await;
    assert!(asked.contains(question) && asked.contains("1: I moved it"), "{asked}");
    lab.cloud.post("/vms/db-01/act", json!({"do": "answer"})).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    assert!(end["question"].is_null(), "{end}");
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}
