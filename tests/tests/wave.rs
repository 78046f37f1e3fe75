//! A plan for many virtual machines: checked whole, started once.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::product::PLACE;
use hdm_tests::{Appliance, Lab, Outcome};
use serde_json::{Value, json};

/// A plan beside the appliance.
fn plan(appliance: &Appliance, name: &str, text: &str) -> PathBuf {
    let path = appliance.directory().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

async fn migrate(appliance: &Appliance, plan: &Path, further: &[&str]) -> Outcome {
    let arguments = ["-o", "json", "migrate", "cold", "--file", plan.to_str().unwrap()];
    appliance.hdm(&[&arguments[..], &PLACE, further].concat()).await
}

fn lines(rows: &Value) -> Vec<u64> {
    rows.as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect()
}

async fn listed(appliance: &Appliance) -> Vec<Value> {
    appliance.hdm(&["-o", "json", "status"]).await.ok().json().as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_is_checked_whole_and_what_it_moved_is_recognised() {
    let mut blocked = vm("vm-02", &[1]);
    blocked["rdm"] = json!(true);
    let lab = Lab::start(json!([
        vm("vm-00", &[1]),
        vm("vm-01", &[1]),
        blocked,
        vm("vm-03", &[2]),
        vm("vm-04", &[1])
    ]))
    .await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let text = "vm,datastore,rename\nvm-00,,other\nvm-01,ds1,\nvm-02,,\nno-such-vm,,\n";
    let file = plan(&appliance, "plan.csv", text);

    // One row that is blocked keeps all from being started, and each obstacle is told with its line.
    let refused = migrate(&appliance, &file, &[]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let problem: Value = serde_json::from_str(&refused.stderr).unwrap();
    let found: Vec<_> = problem["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["object"].as_str().unwrap(), f["code"].as_str().unwrap()))
        .collect();
    assert!(found.contains(&("line 4, vm-02", "disk-rdm")), "{problem:#}");
    assert!(found.contains(&("line 5, no-such-vm", "vm-unknown")), "{problem:#}");
    assert!(listed(&appliance).await.is_empty(), "nothing was started");

    // The same is said by a dry run, with what would be started.
    let tried = migrate(&appliance, &file, &["--dry-run"]).await;
    assert_eq!(tried.code, 3, "{tried:?}");
    let report = tried.json();
    assert_eq!((lines(&report["starts"]), lines(&report["blocked"])), (vec![2, 3], vec![4, 5]), "{report:#}");
    assert_eq!(report["measured"], 0, "nothing was measured yet: {report:#}");
    assert!(report["starts"][0]["estimate"]["low_seconds"].is_u64(), "{report:#}");
    let shown = appliance
        .hdm(&[&["migrate", "cold", "--dry-run", "--file", file.to_str().unwrap()], &PLACE[..]].concat())
        .await;
    for part in
        ["/DC0/vm/Prod/vm-00", "cloud: other", "datastore ds1", "line 4, vm-02: BLOCKED", "assumed at"]
    {
        assert!(shown.stdout.contains(part), "'{part}' is missing in:\n{}", shown.stdout);
    }
    assert!(listed(&appliance).await.is_empty(), "nothing was started");

    let started = migrate(&appliance, &file, &["--skip-blocked", "--wait"]).await.ok().json();
    assert_eq!(started["started"].as_array().unwrap().len(), 2, "{started:#}");
    assert_eq!(lines(&started["left_out"]), [4, 5], "{started:#}");
    judge(&lab, &before, &[Moved::off("vm-00").named("other"), Moved::off("vm-01")]).await;

    // The plan is edited and given again: only what is new is moved.
    let text = "vm,datastore,rename\nvm-00,ds1,another\nvm-01,,\nvm-03,,\n";
    let file = plan(&appliance, "plan.csv", text);
    let report = migrate(&appliance, &file, &["--dry-run"]).await.ok().json();
    assert_eq!((lines(&report["starts"]), lines(&report["seen"])), (vec![4], vec![2, 3]), "{report:#}");
    assert_eq!(report["measured"], 0, "two are too few to tell: {report:#}");
    let space = &report["datastores"][0];
    assert_eq!((space["name"].as_str(), space["taken_bytes"].as_u64()), (Some("ds0"), Some(2 << 20)));
    let (free, left) = (space["unpromised_bytes"].as_u64(), space["left_bytes"].as_u64());
    assert_eq!(free.unwrap() - left.unwrap(), 2 << 20, "{space}");
    let again = migrate(&appliance, &file, &["--wait"]).await.ok().json();
    assert_eq!(again["started"].as_array().unwrap().len(), 1, "{again:#}");
    let seen = again["seen"].as_array().unwrap();
    assert!(seen.iter().all(|row| row["findings"][0]["code"] == "moved-already"), "{again:#}");

    let whole = [Moved::off("vm-00").named("other"), Moved::off("vm-01"), Moved::off("vm-03")];
    judge(&lab, &before, &whole).await;
    assert_eq!(listed(&appliance).await.len(), 3);
    let file = plan(&appliance, "plan.csv", "vm\nvm-04\n");
    let report = migrate(&appliance, &file, &["--dry-run"]).await.ok().json();
    assert_eq!(report["measured"], 3, "{report:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_is_not_started_again() {
    let lab = Lab::start(json!([vm("vm-00", &[6]), vm("vm-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let stall = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 2_500}});
    let fault = lab.cloud.arm(stall).await;
    let text = "defaults: { mac: keep }\nvms:\n- vm-00\n";
    let file = plan(&appliance, "plan.yaml", text);
    let first = migrate(&appliance, &file, &[]).await.ok().json();
    let id = first["started"][0]["id"].as_str().unwrap().to_owned();
    lab.cloud.has_fired(&fault).await;

    let file = plan(&appliance, "plan.yaml", &format!("{text}- {{ vm: vm-01, power-on: false }}\n"));
    let second = migrate(&appliance, &file, &[]).await.ok().json();

    let started = second["started"].as_array().unwrap();
    assert_eq!(started.len(), 1, "{second:#}");
    let on_its_way = &second["seen"][0]["findings"][0];
    assert_eq!(on_its_way["code"], "already-moving", "{second:#}");
    assert!(on_its_way["message"].as_str().unwrap().contains(&id), "it names the migration: {second:#}");
    for id in [&id, started[0]["id"].as_str().unwrap()] {
        assert_eq!(appliance.settled(id).await["state"], "done");
    }
    judge(&lab, &before, &[Moved::off("vm-00"), Moved::off("vm-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_with_mistakes_is_refused_with_their_places() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let file = plan(&appliance, "plan.csv", "vm,disk,colour\nvm-00,fat,red\n");
    let refused = migrate(&appliance, &file, &[]).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    let problem: Value = serde_json::from_str(&refused.stderr).unwrap();
    let objects: Vec<_> = problem["findings"].as_array().unwrap().iter().map(|f| &f["object"]).collect();
    let expected = ["line 1, column 3", "line 2, column 2"].map(|at| format!("{}, {at}", file.display()));
    assert_eq!(
        objects,
        expected.iter().map(|text| json!(text)).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert!(listed(&appliance).await.is_empty(), "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_window_waits_for_it_and_says_so() {
    let lab = Lab::start(json!([vm("vm-00", &[1]), vm("vm-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let file = plan(&appliance, "plan.csv", "vm\nvm-00\n");
    let late = ["--at", "2101-06-01T22:00", "--window", "22:00-05:00", "--time-zone", "Europe/Berlin"];
    let waits = migrate(&appliance, &file, &late).await.ok().json();
    let id = waits["started"][0]["id"].as_str().unwrap().to_owned();
    let open = ["--window", "2001-01-01T00:00Z/2101-01-01T00:00Z"];
    let runs = appliance.migrate("vm-01", &open).await;

    assert_eq!(appliance.settled(&runs).await["state"], "done");
    // Another process knows it, too.
    appliance.stop().await;
    appliance.start_process(&[]).await;
    let now = appliance.status(&id).await;
    assert_eq!(
        (now["state"].as_str(), now["starts_at"].as_str()),
        (Some("queued"), Some("2101-06-01T20:00:00Z"))
    );
    assert_eq!(now["schedule"]["daily"]["time_zone"], "Europe/Berlin", "{now:#}");
    let shown = appliance.hdm(&["status"]).await.ok().stdout;
    assert!(shown.contains("waits for its window: starts at 2101-06-01T20:00:00Z"), "{shown}");

    for (wrong, part) in [
        (["--window", "2001-01-01T00:00Z/2002-01-01T00:00Z"], "over already"),
        (["--window", "22:00"], "is no window"),
        (["--at", "tonight"], "is no time"),
    ] {
        let refused = migrate(&appliance, &file, &wrong).await;
        assert_eq!(refused.code, 3, "{refused:?}");
        assert!(refused.stderr.contains(part), "{refused:?}");
    }
    appliance.hdm(&["cancel", &id]).await.ok();
    judge(&lab, &before, &[Moved::off("vm-01")]).await;
}
