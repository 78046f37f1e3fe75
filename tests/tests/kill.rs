//! `kill -9` at every step, and in the middle of a transfer: the VM ends whole, in one place.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab};
use serde_json::json;

/// The steps of a cold migration without and with power-on, as `hdm status` names them.
const STEPS: [&str; 14] = [
    "recheck",
    "open-tasks",
    "stop-source",
    "park-source",
    "snapshot-source",
    "transfer",
    "complete-target",
    "verify-source",
    "disconnect-source",
    "connect-target",
    "power-on-target",
    "await-tools",
    "retire-source",
    "close-tasks",
];

#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_every_step() {
    let moments: Vec<(usize, String)> = STEPS
        .iter()
        .flat_map(|step| [format!("before:{step}"), format!("after:{step}")])
        .enumerate()
        .collect();
    let vms: Vec<_> = moments.iter().map(|(n, _)| vm(&format!("vm-{n:02}"), &[2, 1])).collect();
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    appliance.stop().await;

    let mut moved = Vec::new();
    for (n, moment) in &moments {
        let name = format!("vm-{n:02}");
        appliance.start_process(&[("HDM_KILL_AT", moment)]).await;
        let id = appliance.migrate(&name, &["--power-on"]).await;
        let status = appliance.ended().await;
        assert!(!status.success(), "{moment}: the process was to be killed");

        appliance.start_process(&[]).await;
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{moment}: {end}");
        moved.push(name);
        let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
        judge(&lab, &before, &moved).await;
        appliance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_two_disk_transfer() {
    for side in ["export", "import"] {
        let lab = Lab::start(json!([vm("db-01", &[8, 8])])).await;
        let before = Truth::of(&lab).await;
        let mut appliance = Appliance::start(&lab).await;
        let site = if side == "export" { &lab.onprem } else { &lab.cloud };
        let rule =
            json!({"on": {"nfc": side, "after_bytes": 3_000_000}, "do": {"kill_pid": appliance.pid()}});
        let fault = site.arm(rule).await;

        let id = appliance.migrate("db-01", &[]).await;
        appliance.ended().await;
        assert_eq!(site.fired(&fault).await, 1);

        appliance.start_process(&[]).await;
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{side}: {end}");
        judge(&lab, &before, &["db-01"]).await;
    }
}
