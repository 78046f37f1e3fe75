//! The command line: waiting, watching, filters, places, exit codes, and JSON wherever it is asked for.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{busy_vm, site, vm};
use hdm_tests::product::migrate_arguments;
use hdm_tests::{Appliance, Lab, Outcome, wait};
use serde_json::{Value, json};

/// An error as a script reads it: a problem document on standard error.
fn problem(outcome: &Outcome, code: i32) -> Value {
    assert_eq!(outcome.code, code, "{outcome:?}");
    let problem: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|e| panic!("{e}: {outcome:?}"));
    for key in ["type", "title", "detail"] {
        assert!(problem[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {problem}");
    }
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_survives_a_restart_of_the_appliance_and_tells_the_end() {
    let lab = Lab::start(json!([vm("vm-00", &[6])])).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let stall = json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 2_500}});
    let fault = lab.cloud.arm(stall).await;
    let waiting = appliance.spawn_hdm(&[&migrate_arguments("vm-00")[..], &["--wait"]].concat());
    lab.cloud.has_fired(&fault).await;
    let listed = appliance.hdm(&["-o", "json", "status"]).await.ok().json();
    let watching = appliance.spawn_hdm(&["status", listed[0]["id"].as_str().unwrap(), "--watch"]);
    for process in [&waiting, &watching] {
        process.has_said("vm-00").await;
    }
    appliance.kill().await;
    for process in [&waiting, &watching] {
        process.has_said("still trying").await;
    }
    appliance.start_process(&[]).await;

    for outcome in [waiting.end().await, watching.end().await] {
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stderr.contains("answers again"), "{outcome:?}");
        assert!(outcome.stdout.contains("Done"), "{outcome:?}");
    }
    judge(&lab, &before, &[Moved::off("vm-00")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_or_watch_ends_with_the_code_of_the_result() {
    let names = ["vm-00", "vm-01", "vm-02"];
    let lab = Lab::start(json!(names.map(|name| busy_vm(name, &[1])))).await;
    let appliance = Appliance::start(&lab).await;

    // Failed.
    let on = json!({"method": "CreateSnapshot_Task", "times": 3, "user_agent": "HDM/"});
    lab.onprem.arm(json!({"on": on, "do": {"fault": "InvalidState"}})).await;
    let arguments = [&["-o", "json"], &migrate_arguments("vm-00")[..], &["--wait"]].concat();
    let failed = appliance.hdm(&arguments).await;
    assert_eq!(problem(&failed, 1)["type"], "urn:hdm:problem:failed");
    assert_eq!(failed.json()[0]["state"], "failed", "{failed:?}");

    // Needs an operator.
    let on = json!({"method": "PowerOnVM_Task", "times": 99, "user_agent": "HDM/"});
    lab.cloud.arm(json!({"on": on, "do": {"task": "fail", "task_fault": "InvalidHostState"}})).await;
    let id = appliance.migrate("vm-01", &["--power-on"]).await;
    let stuck = appliance.hdm(&["-o", "json", "status", &id, "--watch"]).await;
    assert_eq!(problem(&stuck, 5)["type"], "urn:hdm:problem:needs-operator");
    assert_eq!(stuck.json()["state"], "needs-operator");

    // Cancelled.
    let on = json!({"method": "CreateSnapshot_Task", "user_agent": "HDM/"});
    let held = lab.onprem.hold(&on).await;
    let id = appliance.migrate("vm-02", &[]).await;
    lab.onprem.meanwhile(&held, appliance.hdm(&["cancel", &id])).await.ok();
    let cancelled = appliance.hdm(&["-o", "json", "status", &id, "--watch"]).await;
    assert_eq!(problem(&cancelled, 6)["type"], "urn:hdm:problem:cancelled");
    // Without --watch it is only shown.
    appliance.hdm(&["status", &id]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_changes_only_what_is_named() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let on = json!({"method": "CreateSnapshot_Task", "times": 3, "user_agent": "HDM/"});
    lab.onprem.arm(json!({"on": on, "do": {"fault": "InvalidState"}})).await;
    let asked = [
        "--power-on",
        "--mac",
        "new",
        "--disk",
        "eager",
        "--cpu",
        "2",
        "--rename",
        "other",
        "--pool",
        "Gold",
    ];
    let id = appliance.migrate("vm-00", &asked).await;
    assert_eq!(appliance.settled(&id).await["state"], "failed");

    let again = ["-o", "json", "retry", &id, "--folder", "/DC0/vm/Test", "--power-on=false", "--mac", "keep"];
    let again = appliance.hdm(&again).await.ok().json();
    let again = again[0]["id"].as_str().unwrap();
    let end = appliance.settled(again).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("vm-00").named("other")]).await;
    let target = lab.cloud.dump().await.vm("other").clone();
    assert_eq!((target.cpu, target.pool.as_str(), target.folder.as_str()), (2, "Gold", "/DC0/vm/Test"));
    assert!(!target.disks[0].thin, "the disks are still to be eager: {target:?}");
    // What is done is not tried again.
    let refused = appliance.hdm(&["-o", "json", "retry", again, "--disk", "same"]).await;
    problem(&refused, 3);
}

/// A migration that failed was tried again and moved the VM: it is not moved once more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_by_a_retry_is_not_moved_by_another() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let on = json!({"method": "CreateSnapshot_Task", "times": 3, "user_agent": "HDM/"});
    lab.onprem.arm(json!({"on": on, "do": {"fault": "InvalidState"}})).await;
    let id = appliance.migrate("vm-00", &["--mac", "new"]).await;
    assert_eq!(appliance.settled(&id).await["state"], "failed");
    let again = appliance.hdm(&["-o", "json", "retry", &id, "--rename", "other"]).await.ok().json();
    let end = appliance.settled(again[0]["id"].as_str().unwrap()).await;
    assert_eq!(end["state"], "done", "{end}");
    let refused = problem(&appliance.hdm(&["-o", "json", "retry", &id]).await, 3);
    assert_eq!(refused["findings"][0]["code"], "moved-already", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_chosen_to_the_last_part() {
    let lab = Lab::start(json!([vm("vm-00", &[1]), vm("vm-01", &[1]), busy_vm("vm-02", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let place = ["--host", "C0-h1.cloud.lab", "--pool", "Gold", "--folder", "/DC0/vm/Prod/Web"];
    for (name, more) in
        [("vm-00", ["--disk", "thick"]), ("vm-01", ["--disk", "thin"]), ("vm-02", ["--shutdown", "hard"])]
    {
        let id = appliance.migrate(name, &[&place[..], &more].concat()).await;
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{end}");
    }
    let moved = ["vm-00", "vm-01", "vm-02"].map(Moved::off);
    judge(&lab, &before, &moved).await;
    let now = lab.cloud.dump().await;
    for (name, thin) in [("vm-00", false), ("vm-01", true), ("vm-02", true)] {
        let target = now.vm(name);
        assert_eq!(
            (target.pool.as_str(), target.folder.as_str()),
            ("Gold", "/DC0/vm/Prod/Web"),
            "{target:?}"
        );
        assert_eq!(target.disks[0].thin, thin, "{target:?}");
    }
    let called = lab.onprem.writes().await;
    assert!(called.iter().any(|(method, _)| method == "PowerOffVM_Task"), "{called:?}");
    assert!(!called.iter().any(|(method, _)| method == "ShutdownGuest"), "{called:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_vms_and_clouds_with_what_blocks_each() {
    let blockers = [
        ("rdm", "disk-rdm"),
        ("independent", "disk-independent"),
        ("shared_bus", "disk-shared-bus"),
        ("multi_writer", "disk-multi-writer"),
        ("vtpm", "vtpm"),
        ("passthrough", "passthrough"),
        ("vgpu", "vgpu"),
        ("linked_clone", "linked-clone"),
        ("template", "template"),
    ];
    let mut vms: Vec<Value> = blockers
        .iter()
        .enumerate()
        .map(|(n, (key, _))| {
            let mut blocked = vm(&format!("vm-{n:02}"), &[1]);
            blocked[key] = json!(true);
            blocked
        })
        .collect();
    let mut sriov = vm("vm-97", &[1]);
    sriov["nics"][0]["type"] = json!("sriov");
    let mut elsewhere = vm("vm-98", &[1]);
    elsewhere["cluster"] = json!("C1");
    vms.extend([sriov, elsewhere, busy_vm("vm-99", &[1])]);
    let lab = Lab::start(json!(vms)).await;
    let appliance = Appliance::start(&lab).await;
    let list = async |filters: &[&str]| {
        let page = appliance.hdm(&[&["-o", "json", "vms"], filters].concat()).await.ok().json();
        page["vms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|vm| vm["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let page = appliance.hdm(&["-o", "json", "vms", "--blocked"]).await.ok().json();
    assert_eq!(page["total"], blockers.len() + 1, "{page:#}");
    for (vm, (_, code)) in
        page["vms"].as_array().unwrap().iter().zip(blockers.iter().chain([&("", "sr-iov")]))
    {
        let codes: Vec<_> = vm["findings"].as_array().unwrap().iter().map(|f| &f["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{vm}");
    }
    // For people the same in words.
    let shown = appliance.hdm(&["vms", "--blocked"]).await.ok().stdout;
    for finding in page["vms"].as_array().unwrap().iter().flat_map(|vm| vm["findings"].as_array().unwrap()) {
        for part in ["message", "remedy"] {
            assert!(shown.contains(finding[part].as_str().unwrap()), "{finding} is missing in:\n{shown}");
        }
    }
    assert!(shown.contains("--dry-run"), "it says what it cannot know:\n{shown}");
    assert_eq!(list(&["--movable"]).await, ["vm-98", "vm-99"]);
    assert_eq!(list(&["--cluster", "C1"]).await, ["vm-98"]);
    assert_eq!(list(&["VM-9"]).await, ["vm-97", "vm-98", "vm-99"], "case does not matter");
    assert_eq!(list(&["--limit", "2"]).await, ["vm-00", "vm-01"]);
    assert_eq!(list(&["--vcenter", "onprem", "prod/vm-99"]).await, ["vm-99"], "a path is searched too");
    assert_eq!(list(&["--vcenter", "nowhere"]).await, Vec::<String>::new());

    let clouds = appliance.hdm(&["-o", "json", "clouds"]).await.ok().json();
    assert_eq!(clouds[0]["vcenter"], "cloud");
    assert_eq!(clouds[0]["clusters"][0]["pools"], json!(["Gold"]), "{clouds}");
    assert_eq!(clouds[0]["clusters"][0]["hosts"], json!(["C0-h0.cloud.lab", "C0-h1.cloud.lab"]), "{clouds}");
    let shown = appliance.hdm(&["clouds"]).await.ok().stdout;
    for word in ["C0-h1.cloud.lab", "Gold", "Prod LAN", "ds1", "100 GiB", "/DC0/vm/Prod/Web"] {
        assert!(shown.contains(word), "'{word}' is missing in:\n{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vcenters_are_checked_and_removed() {
    let mut cloud = site("cloud", json!([]), &json!({}));
    cloud["nfc_listen_ip"] = json!("127.0.0.1");
    let lab = Lab::start_sites(site("onprem", json!([vm("vm-00", &[6])]), &json!({})), cloud).await;
    let appliance = Appliance::start(&lab).await;
    let checked = appliance.hdm(&["-o", "json", "vcenter", "check", "cloud"]).await;
    let found: Value = serde_json::from_str(&checked.stdout).unwrap_or_else(|e| panic!("{e}: {checked:?}"));
    let passed = found["passed"].to_string();
    assert!(passed.contains("takes the login") && passed.contains("registered"), "{found}");
    let unreachable =
        found["findings"].as_array().unwrap().iter().filter(|f| f["severity"] == "blocker").count();
    assert_eq!(checked.code, if unreachable == 0 { 0 } else { 3 }, "{checked:?}");
    problem(&appliance.hdm(&["-o", "json", "vcenter", "check", "nowhere"]).await, 3);

    // In use it stays.
    let stall = json!({"on": {"nfc": "import", "after_bytes": 1_000_000}, "do": {"stall_ms": 2_000}});
    let fault = lab.cloud.arm(stall).await;
    let id = appliance.migrate("vm-00", &[]).await;
    lab.cloud.has_fired(&fault).await;
    let refused = appliance.hdm(&["-o", "json", "vcenter", "remove", "cloud"]).await;
    assert!(problem(&refused, 3)["detail"].as_str().unwrap().contains(&id), "{refused:?}");
    assert_eq!(appliance.settled(&id).await["state"], "done");
    let removed = wait::until("the vCenter can be removed", async || {
        let removed = appliance.hdm(&["-o", "json", "vcenter", "remove", "cloud"]).await;
        if removed.code == 0 { Ok(removed.json()) } else { Err(removed) }
    })
    .await;
    assert_eq!(removed["removed"], "cloud");
    let left = appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    problem(&appliance.hdm(&["-o", "json", "vcenter", "remove", "cloud"]).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_followed() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let mut following = appliance.follow(&["-o", "json", "events", "--follow"]);
    let id = appliance.migrate("vm-00", &[]).await;
    let line = following.line_with(&id).await;
    let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert!(event["type_id"].as_str().is_some_and(|kind| kind.starts_with("com.hdm.")), "{event}");
    let done = following.line_with("com.hdm.migration.Done").await;
    assert!(done.contains(&id), "{done}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_no_appliance_and_what_misses_one() {
    let directory = tempfile::tempdir().unwrap();
    let appliance = Appliance::init(directory.path()).await;
    for shell in ["bash", "zsh", "fish"] {
        let script = appliance.hdm(&["completions", shell]).await.ok().stdout;
        assert!(script.contains("migrate") && script.contains("power-on"), "{shell}");
    }
    // It does not run.
    let away = appliance.hdm(&["-o", "json", "status"]).await;
    assert_eq!(problem(&away, 4)["type"], "urn:hdm:problem:unreachable");
    assert_eq!(appliance.hdm(&["no-such-command"]).await.code, 2);
    let folder = directory.path().join("another");
    let init = ["-o", "json", "appliance", "init", "--dir", folder.to_str().unwrap()];
    let made = appliance.hdm(&init).await.ok().json();
    assert!(std::path::Path::new(made["profile"].as_str().unwrap()).is_file(), "{made}");
    problem(&appliance.hdm(&init).await, 3);
}

/// Every command, option and value is explained by a sentence.
#[tokio::test(flavor = "multi_thread")]
async fn help_is_made_of_sentences() {
    let directory = tempfile::tempdir().unwrap();
    let appliance = Appliance::init(directory.path()).await;
    let mut open = vec![Vec::<String>::new()];
    let mut seen = 0;
    while let Some(command) = open.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = appliance.hdm(&arguments).await.ok().stdout;
        seen += 1;
        let mut in_commands = false;
        for line in help.lines() {
            if line.ends_with(':') && !line.starts_with(' ') {
                in_commands = line == "Commands:";
            }
            let name = line.trim_start().split(' ').next().unwrap_or_default();
            if in_commands && line.starts_with("  ") && !line.starts_with("   ") && name != "help" {
                open.push([&command[..], &[name.to_owned()]].concat());
            }
        }
        for paragraph in help.split("\n\n").filter(|p| !p.contains("Usage:")) {
            for poor in ["Which.", "How.", "What.", "The shell.", "The cluster;", "The folder;"] {
                assert!(!paragraph.contains(poor), "{command:?}: '{poor}' is no sentence:\n{help}");
            }
        }
    }
    assert!(seen > 20, "{seen} commands were found");
}

/// As in `hdm events | head`: it ends without a word, however much was still to be told.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_read_to_the_end() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;

    let ended = appliance.spawn_hdm(&["events"]).unread().end().await;

    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{ended:?}");
}
