//! How much is sent, and how many disks at once, over real connections.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// What has gone over the wire, as the product shows it.
fn wire(migration: &Value) -> u64 {
    migration["disks"][0]["wire_bytes"].as_u64().unwrap_or(0)
}

/// A mark that the lab's host sets once it has received a million bytes of a disk.
async fn a_million_bytes(lab: &Lab) -> String {
    let on = json!({"nfc": "import", "after_bytes": 1_000_000, "times": 99});
    lab.cloud.arm(json!({"on": on, "do": {"stall_ms": 1}})).await
}

async fn sends(appliance: &Appliance, id: &str) -> Value {
    wait::until("the transfer runs", async || {
        let now = appliance.status(id).await;
        if wire(&now) > 0 { Ok(now) } else { Err(now) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_runs_obeys_the_appliances_limit_across_a_restart() {
    let lab = Lab::start(json!([vm("vm-00", &[6])])).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    // 6 MiB would take more than an hour.
    let set = appliance.hdm(&["-o", "json", "limit", "--mbit-per-second", "0.01"]).await.ok().json();
    assert_eq!(set["mbit_per_second"], 0.01, "{set}");
    let much = a_million_bytes(&lab).await;
    let id = appliance.migrate("vm-00", &[]).await;
    sends(&appliance, &id).await;
    appliance.kill().await;
    appliance.start_process(&[]).await;
    assert_eq!(appliance.hdm(&["-o", "json", "limit"]).await.ok().json(), set, "a restart keeps it");
    let slow = sends(&appliance, &id).await;
    assert!(wire(&slow) < 1_000_000, "{slow:#}");
    assert_eq!(lab.cloud.fired(&much).await, 0, "the host has received more");

    let lifted = appliance.hdm(&["limit", "--mbit-per-second", "none"]).await.ok();

    assert!(lifted.stdout.contains("as much as it can"), "{lifted:?}");
    assert_eq!(appliance.settled(&id).await["state"], "done");
    lab.cloud.has_fired(&much).await;
    judge(&lab, &before, &[Moved::off("vm-00")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_migration_is_held_back_and_no_other() {
    let lab = Lab::start(json!([vm("vm-00", &[6]), vm("vm-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    appliance.hdm(&["limit", "--mbit-per-second", "0.01"]).await.ok();
    let held = appliance.migrate("vm-00", &[]).await;
    sends(&appliance, &held).await;
    appliance.hdm(&["limit", &held, "--mbit-per-second", "0.02"]).await.ok();
    appliance.hdm(&["limit", "--mbit-per-second", "none"]).await.ok();
    let free = appliance.migrate("vm-01", &[]).await;

    assert_eq!(appliance.settled(&free).await["state"], "done");
    let slow = appliance.status(&held).await;
    assert_eq!(
        (slow["state"].as_str(), slow["limit_mbit_per_second"].as_f64()),
        (Some("running"), Some(0.02))
    );
    assert!(wire(&slow) < 1 << 20, "{slow:#}");
    let shown = appliance.hdm(&["status", &held]).await.ok().stdout;
    assert!(shown.contains("limited to 0.02 Mbit/s"), "{shown}");
    appliance.hdm(&["limit", &held, "--mbit-per-second", "none"]).await.ok();

    let end = appliance.settled(&held).await;
    assert_eq!((end["state"].as_str(), end["attempt"].as_u64()), (Some("done"), Some(1)), "{end:#}");
    judge(&lab, &before, &[Moved::off("vm-00"), Moved::off("vm-01")]).await;
    let late = appliance.hdm(&["limit", &held, "--mbit-per-second", "1"]).await;
    assert_eq!(late.code, 3, "{late:?}");
    assert_eq!(appliance.hdm(&["limit", "--mbit-per-second", "0"]).await.code, 2);
}

/// Without a limit below the link's rate the calls that keep the leases alive queue behind the data, and end too
/// late.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_below_the_links_rate_leaves_room_for_what_keeps_the_leases_alive() {
    let names: Vec<String> = (0..8).map(|n| format!("vm-{n:02}")).collect();
    let vms: Vec<Value> = names.iter().map(|name| vm(name, &[12])).collect();
    let lab = Lab::start_with(json!(vms), json!({"link": {}})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    lab.cloud.shape_link(json!({"bandwidth_mbit": 20, "delay_ms": 20})).await;
    appliance.hdm(&["limit", "--mbit-per-second", "14"]).await.ok();
    let mut ids = Vec::new();
    for name in &names {
        ids.push(appliance.migrate(name, &[]).await);
    }
    for id in &ids {
        let end = appliance.settled(id).await;
        assert_eq!((end["state"].as_str(), end["attempt"].as_u64()), (Some("done"), Some(1)), "{end:#}");
    }
    let moved: Vec<_> = names.iter().map(|name| Moved::off(name)).collect();
    judge(&lab, &before, &moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disks_of_a_vm_go_at_once_and_no_host_serves_more_than_it_may() {
    // The lab places VMs on its two hosts in turn, and HDM its imports.
    let names = ["vm-00", "vm-01"];
    let lab = Lab::start(json!(names.map(|name| vm(name, &[1, 2, 1, 2])))).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    appliance.stop().await;
    appliance.set(&[("nfc_streams_per_host", 2)]);
    appliance.start_process(&[]).await;
    let on = json!({"nfc": "import", "after_bytes": 1_000, "times": 99});
    let held = lab.cloud.arm(json!({"on": on, "do": {"stall_ms": 60_000}})).await;
    let mut ids = Vec::new();
    for name in names {
        ids.push(appliance.migrate(name, &[]).await);
    }

    // Two at each of two hosts.
    wait::until("four disks are on their way", async || {
        let fired = lab.cloud.fired(&held).await;
        if fired == 4 { Ok(()) } else { Err(fired) }
    })
    .await;
    for name in names {
        let begun = lab.onprem.transfers(&before.onprem.vm(name).moid).await;
        assert_eq!(begun.len(), 2, "the other disks of {name} wait: {begun:?}");
    }
    lab.cloud.delete(&format!("/faults/{held}")).await;

    for id in &ids {
        let end = appliance.settled(id).await;
        assert_eq!((end["state"].as_str(), end["attempt"].as_u64()), (Some("done"), Some(1)), "{end:#}");
    }
    let after = lab.cloud.glance().await;
    for name in names {
        let sent = lab.cloud.transfers(&after.vm(name).moid).await;
        assert!(sent.len() == 4 && sent.values().all(|times| *times == 1), "each went once: {sent:?}");
    }
    judge(&lab, &before, &names.map(Moved::off)).await;
}
