//! VMs that cannot be moved: each blocker is told by its code, with the object and the way out, and nothing
//! is done in either vCenter. The VMs' names tell nothing.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{busy_vm, site, vm};
use hdm_tests::product::migrate_arguments;
use hdm_tests::refusal::{problem, refused};
use hdm_tests::{Appliance, Lab, Outcome, wait};
use serde_json::{Value, json};

/// Asks for a migration and for its plan, which must be refused for the same reasons.
async fn ask(appliance: &Appliance, vm: &str, further: &[&str]) -> Outcome {
    let arguments = [&["-o", "json"], &migrate_arguments(vm)[..], further].concat();
    let planned = appliance.hdm(&[&arguments[..], &["--dry-run"]].concat()).await;
    let asked = appliance.hdm(&arguments).await;
    assert_eq!(planned.code, asked.code, "{planned:?} {asked:?}");
    let plan: Value = serde_json::from_str(&planned.stdout).unwrap_or_else(|e| panic!("{e} in {planned:?}"));
    let blockers = plan["vms"][0]["findings"].as_array().unwrap().iter();
    let blockers: Vec<_> = blockers.filter(|finding| finding["severity"] == "blocker").collect();
    let told = problem(&asked)["findings"].as_array().cloned().unwrap_or_default();
    assert_eq!(blockers, told.iter().collect::<Vec<_>>(), "the plan says the same");
    asked
}

/// Nothing that writes was called since the counters were cleared.
async fn nothing_was_done(lab: &Lab) {
    for site in [&lab.onprem, &lab.cloud] {
        assert_eq!(site.writes().await, [], "{}", site.ready.name);
    }
}

async fn begin(lab: &Lab) -> (Truth, Appliance) {
    let before = Truth::of(lab).await;
    let appliance = Appliance::start(lab).await;
    lab.onprem.delete("/calls").await;
    lab.cloud.delete("/calls").await;
    (before, appliance)
}

/// Each blocker of the VM itself: the lab's key and value, and the codes.
fn blockers() -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        ("template", json!(true), &["template"]),
        ("managed_by", json!("com.example.backup"), &["managed-by"]),
        ("ft", json!(true), &["fault-tolerance"]),
        ("encrypted", json!(true), &["encrypted"]),
        ("vtpm", json!(true), &["vtpm"]),
        ("passthrough", json!(true), &["passthrough"]),
        ("vgpu", json!(true), &["vgpu"]),
        ("consolidation_needed", json!(true), &["consolidation-needed"]),
        ("question", json!("Was it moved or copied?"), &["question-pending"]),
        ("linked_clone", json!(true), &["linked-clone"]),
        ("vapp", json!("app-1"), &["vapp-member"]),
        // As a rule such a disk is independent too, and both must be mended.
        ("rdm", json!(true), &["disk-rdm", "disk-independent"]),
        ("independent", json!(true), &["disk-independent"]),
        ("shared_bus", json!(true), &["disk-shared-bus"]),
        ("multi_writer", json!(true), &["disk-multi-writer"]),
        ("disabled_methods", json!(["RelocateVM_Task"]), &["method-disabled"]),
        ("hw_version", json!("vmx-21"), &["hardware-version-unsupported"]),
        ("power", json!("suspended"), &["suspended"]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_blocker_alone() {
    let mut vms = Vec::new();
    for (n, (key, value, _)) in blockers().into_iter().enumerate() {
        let mut blocked = vm(&format!("vm-{n:02}"), &[1]);
        blocked[key] = value;
        vms.push(blocked);
    }
    let mut sriov = vm("vm-98", &[1]);
    sriov["nics"][0]["type"] = json!("sriov");
    vms.extend([sriov, busy_vm("vm-99", &[1]), vm("hdm-01", &[1])]);
    let older = json!({"version": "8.0.0"});
    let lab =
        Lab::start_sites(site("onprem", json!(vms), &json!({})), site("cloud", json!([]), &older)).await;
    let (before, appliance) = begin(&lab).await;
    for (n, (key, _, codes)) in blockers().into_iter().enumerate() {
        let name = format!("vm-{n:02}");
        let said = ask(&appliance, &name, &[]).await;
        let codes: Vec<_> = codes.iter().map(|code| (*code, name.as_str())).collect();
        let problem = refused(&said, &codes);
        assert!(problem["detail"].as_str().unwrap().contains(&name), "{key}: {problem}");
    }
    refused(&ask(&appliance, "vm-98", &[]).await, &[("sr-iov", "vm-98")]);
    refused(&ask(&appliance, "vm-99", &["--shutdown", "refuse"]).await, &[("powered-on", "vm-99")]);
    refused(&ask(&appliance, "hdm-01", &[]).await, &[("name-not-offered", "hdm-01")]);
    nothing_was_done(&lab).await;
    judge(&lab, &before, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_blockers_at_once_in_words_and_codes() {
    let mut worst = vm("vm-00", &[1]);
    worst["template"] = json!(true);
    worst["encrypted"] = json!(true);
    worst["multi_writer"] = json!(true);
    worst["nics"][0]["network"] = json!("Prod LAN");
    let lab = Lab::start(json!([worst])).await;
    let (before, appliance) = begin(&lab).await;
    lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": 1000})).await;
    let arguments = [
        "-o",
        "json",
        "migrate",
        "cold",
        "vm-00",
        "--cloud",
        "cloud",
        "--cluster",
        "C0",
        "--datastore",
        "ds0",
    ];
    wait::until("the full datastore is seen", async || {
        let said = appliance.hdm(&arguments).await;
        if said.stderr.contains("space-short") { Ok(()) } else { Err(said) }
    })
    .await;
    let expected = [
        ("template", "vm-00"),
        ("encrypted", "vm-00"),
        ("disk-multi-writer", "vm-00"),
        ("network-unmapped", "vm-00"),
        ("space-short", "ds0"),
        ("cpus-out-of-range", "vm-00"),
    ];
    let said = appliance.hdm(&[&arguments[..], &["--cpu", "0"]].concat()).await;
    let problem = refused(&said, &expected);
    // For people each finding is a line with its remedy, which an option may follow.
    let said = appliance.hdm(&[&arguments[2..], &["--cpu", "0"]].concat()).await;
    assert_eq!(said.code, 3);
    for finding in problem["findings"].as_array().unwrap() {
        for part in ["message", "remedy"] {
            let text = finding[part].as_str().unwrap().trim_end_matches('.');
            assert!(said.stderr.contains(text), "'{text}' is missing in:\n{}", said.stderr);
        }
    }
    nothing_was_done(&lab).await;
    judge(&lab, &before, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_runs_on_it() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let (_, appliance) = begin(&lab).await;
    lab.onprem.arm(json!({"on": {"method": "ReconfigVM_Task"}, "do": {"task": "hang"}})).await;
    let hanging = lab.onprem.post("/vms/vm-00/act", json!({"do": "reconfigure"}));
    let refusal = async {
        wait::until("the task is seen", async || {
            let said = ask(&appliance, "vm-00", &["--power-on"]).await;
            if said.stderr.contains("task-running") { Ok(said) } else { Err(said) }
        })
        .await
    };
    // The other user waits for the task; nobody waits for the other user.
    tokio::select! {
        said = refusal => drop(refused(&said, &[("task-running", "vm-00")])),
        _ = hanging => panic!("the task was to hang"),
    }
    nothing_was_done(&lab).await;
}

/// Whoever plays the other user here is no user of the vCenter's, and waits for a task all the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_labs_other_user_waits_for_a_slow_task() {
    let lab = Lab::start(json!([vm("vm-00", &[1])])).await;
    let late = json!({"on": {"method": "ReconfigVM_Task"}, "do": {"task": "late", "delay_ms": 1_000}});
    let fault = lab.onprem.arm(late).await;
    lab.onprem.post("/vms/vm-00/act", json!({"do": "reconfigure"})).await;
    assert_eq!(lab.onprem.fired(&fault).await, 1);
}

/// What one request was promised another cannot have: space, name, address, and the VM itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_promised_to_another() {
    let mut twin = vm("vm-01", &[2]);
    twin["nics"] = vm("vm-00", &[2])["nics"].clone();
    let lab = Lab::start(json!([vm("vm-00", &[6]), twin, vm("vm-02", &[2])])).await;
    let (before, appliance) = begin(&lab).await;
    lab.cloud.post("/datastores/ds1/free", json!({"free_bytes": 7 << 20})).await;
    // Nothing has arrived yet, so that only the promises can be told.
    let slow = json!({"on": {"method": "CreateSnapshot_Task"}, "do": {"delay_ms": 3_000}});
    let fault = lab.onprem.arm(slow).await;
    let to_ds1 = |vm: &'static str, further: &[&'static str]| {
        let mut arguments = migrate_arguments(vm).to_vec();
        arguments[8] = "ds1";
        [&["-o", "json"], &arguments[..], further].concat()
    };
    let first = appliance.hdm(&to_ds1("vm-00", &[])).await.ok().json();
    let id = first[0]["id"].as_str().unwrap();
    lab.onprem.has_fired(&fault).await;

    refused(
        &appliance.hdm(&to_ds1("vm-00", &["--rename", "other", "--mac", "new"])).await,
        &[("already-moving", "vm-00"), ("space-short", "ds1")],
    );
    refused(&appliance.hdm(&to_ds1("vm-02", &[])).await, &[("space-short", "ds1")]);
    let ds0 = |vm: &'static str, further: &[&'static str]| {
        [&["-o", "json"], &migrate_arguments(vm)[..], further].concat()
    };
    refused(&appliance.hdm(&ds0("vm-01", &[])).await, &[("mac-reserved", "vm-01")]);
    let named = appliance.hdm(&ds0("vm-02", &["--rename", "vm-00"])).await;
    refused(&named, &[("name-reserved", "vm-00")]);

    let end = appliance.settled(id).await;
    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("vm-00")]).await;
    // Now they are not promised but taken.
    wait::until("the copy is seen", async || {
        let said = appliance.hdm(&ds0("vm-01", &["--rename", "vm-00"])).await;
        let seen = said.stderr.contains("mac-in-use") && said.stderr.contains("name-taken");
        if seen { Ok(()) } else { Err(said) }
    })
    .await;
    refused(
        &appliance.hdm(&ds0("vm-01", &["--rename", "vm-00"])).await,
        &[("name-taken", "vm-00"), ("mac-in-use", "vm-01")],
    );
}

/// The same within one request: the first gets it, the second does not, and so neither is moved.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_of_one_request_want() {
    let mut twin = vm("vm-01", &[2]);
    twin["nics"] = vm("vm-00", &[2])["nics"].clone();
    let lab = Lab::start(json!([vm("vm-00", &[2]), twin])).await;
    let (before, appliance) = begin(&lab).await;
    let both = |names: [&'static str; 2]| {
        let mut arguments = vec!["-o", "json", "migrate", "cold"];
        arguments.extend(names);
        arguments.extend(&migrate_arguments("")[3..]);
        arguments
    };
    refused(&appliance.hdm(&both(["vm-00", "vm-01"])).await, &[("mac-reserved", "vm-01")]);
    let twice = appliance.hdm(&both(["vm-00", "/DC0/vm/Prod/vm-00"])).await;
    let problem = problem(&twice);
    assert!(problem["findings"].to_string().contains("named-twice"), "{problem}");
    nothing_was_done(&lab).await;
    judge(&lab, &before, &[]).await;
}

/// A day may pass in the queue: what was admitted is checked again, and undone to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_in_the_queue() {
    let names: Vec<_> = (0..9).map(|n| format!("vm-{n:02}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| vm(name, &[1])).collect::<Vec<_>>())).await;
    let (before, appliance) = begin(&lab).await;
    let slow = json!({"on": {"method": "CreateSnapshot_Task", "times": 8}, "do": {"delay_ms": 3_000}});
    lab.onprem.arm(slow).await;
    for name in &names[..8] {
        appliance.migrate(name, &[]).await;
    }
    let last = appliance.migrate("vm-08", &["--shutdown", "refuse"]).await;
    assert_eq!(appliance.status(&last).await["state"], "queued", "eight run, so it waits");
    lab.onprem.post("/vms/vm-08/act", json!({"do": "power_on"})).await;

    let end = appliance.settled(&last).await;

    assert_eq!(end["state"], "failed", "{end}");
    let error = end["error"].as_str().unwrap();
    assert!(error.contains("vm-08") && error.contains("is powered on"), "it says what has changed: {error}");
    let mut before = before;
    let there = before.onprem.vms.iter_mut().find(|vm| vm.name == "vm-08").unwrap();
    there.power = "poweredOn".into();
    judge(&lab, &before, &names[..8].iter().map(|name| Moved::off(name)).collect::<Vec<_>>()).await;
}
