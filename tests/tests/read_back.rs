//! `--verify readback`: the copy's disks are read again before anything connects.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};

const READ_BACK: &[&str] = &["--verify", "readback"];

/// The files in which the cloud's storage keeps what disks hold.
fn stored(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![directory.join("cloud/datastores")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "raw") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_holds_what_its_source_holds_goes_on() {
    let mut db = vm("db-01", &[6, 3]);
    // Most of it is zeros, which one host may leave out and the other may not.
    db["disks"][1]["content"] = json!("sparse:9");
    let lab = Lab::start(json!([db])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;

    let id = appliance.migrate("db-01", &[READ_BACK, &["--power-on"]].concat()).await;
    let end = appliance.settled(&id).await;

    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
    for disk in end["disks"].as_array().unwrap() {
        assert_eq!(disk["read_back_bytes"], disk["capacity_bytes"], "{disk}");
    }
    let log = appliance.hdm(&["status", &id]).await.ok().stdout;
    for disk in ["Hard disk 1", "Hard disk 2"] {
        assert!(log.contains(&format!("{disk}: read back from the copy, it holds what")), "{log}");
    }
    judge(&lab, &before, &[Moved::on("db-01")]).await;
}

/// Everything was well until the last byte had arrived; then the cloud's storage lost one bit.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_its_storage_has_changed_is_found_and_undone() {
    let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let held = lab.cloud.hold(&json!({"method": "ExportVm"})).await;

    let id = appliance.migrate("db-01", READ_BACK).await;
    let damage = async {
        let disks = stored(lab.directory.path());
        assert_eq!(disks.len(), 2, "{disks:?}");
        let mut bytes = std::fs::read(&disks[1]).unwrap();
        bytes[4_000_000] ^= 0x10;
        std::fs::write(&disks[1], bytes).unwrap();
    };
    lab.cloud.meanwhile(&held, damage).await;
    let end = appliance.settled(&id).await;

    assert_eq!((&end["state"], &end["attempt"]), (&json!("failed"), &json!(1)), "{end}");
    let why = end["error"].as_str().unwrap();
    for word in ["db-01", "Hard disk 2", "ds0"] {
        assert!(why.contains(word), "it names '{word}': {why}");
    }
    assert!(!why.contains("Hard disk 1"), "the other disk is well: {why}");
    judge(&lab, &before, &[]).await;
}

/// Meets trouble while the copy is read back, and goes on.
async fn survives(trouble: Value) {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let kills = trouble == json!("kill");
    let effect = if kills { json!({"kill_pid": appliance.pid()}) } else { trouble.clone() };
    let on = json!({"nfc": "export", "after_bytes": 2_000_000});
    let fault = lab.cloud.arm(json!({"on": on, "do": effect})).await;

    let id = appliance.migrate("db-01", READ_BACK).await;
    if kills {
        appliance.is_killed(&id).await;
        appliance.start_process(&[]).await;
    }
    let end = appliance.settled(&id).await;

    assert_eq!(lab.cloud.fired(&fault).await, 1, "{trouble} must have happened");
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{trouble}: {end}");
    assert_eq!(end["disks"][0]["read_back_bytes"], end["disks"][0]["capacity_bytes"], "{trouble}: {end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_a_restart_and_a_death_in_the_middle_cost_no_attempt() {
    for trouble in [json!({"cut": true}), json!({"stop": {"down_ms": 1_500}}), json!("kill")] {
        survives(trouble).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_in_the_middle_leaves_no_lease() {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let held = lab.cloud.hold(&json!({"nfc": "export", "after_bytes": 2_000_000})).await;

    let id = appliance.migrate("db-01", READ_BACK).await;
    let cancel = async { appliance.hdm(&["cancel", &id]).await.ok() };
    lab.cloud.meanwhile(&held, cancel).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "cancelled", "{end}");
    judge(&lab, &before, &[]).await;
}
