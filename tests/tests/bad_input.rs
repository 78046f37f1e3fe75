//! Wrong input: a clear error that names the object and the way out, and nothing half-done.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::product::migrate_arguments;
use hdm_tests::{Appliance, Lab, Outcome};
use serde_json::{Value, json};

/// The command failed, and says all of this.
fn refused(outcome: &Outcome, words: &[&str]) {
    assert_ne!(outcome.code, 0, "{outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    for word in words {
        assert!(said.contains(word), "'{word}' is missing in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_vcenter() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::init(lab.directory.path()).await.run(&[]).await;
    let ready = &lab.onprem.ready;
    let add = ["vcenter", "add", "onprem", "--role", "source", "--url", &ready.url, "--user", &ready.user];
    let with = |further: &[&'static str]| [&add[..], further].concat();

    let wrong =
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
    let tried =
        appliance.hdm_with_input(&with(&["--password-stdin", "--thumbprint", wrong]), &ready.password).await;
    refused(&tried, &["thumbprint", &ready.sha256]);

    let tried = appliance.hdm_with_input(&with(&["--password-stdin"]), &ready.password).await;
    refused(&tried, &["thumbprint", &ready.sha256]);

    let pinned = [&add[..], &["--password-stdin", "--thumbprint", &ready.sha256]].concat();
    let tried = appliance.hdm_with_input(&pinned, "not-the-password").await;
    refused(&tried, &["onprem", &ready.user, "password"]);

    let nobody =
        ["vcenter", "add", "onprem", "--role", "source", "--url", "https://127.0.0.1:1/sdk", "--user", "u"];
    let tried = appliance
        .hdm_with_input(&[&nobody[..], &["--password-stdin", "--thumbprint", &ready.sha256]].concat(), "p")
        .await;
    refused(&tried, &["127.0.0.1:1"]);

    assert_eq!(
        appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json(),
        json!([]),
        "nothing was added"
    );
    let sessions = lab.onprem.dump().await.sessions;
    assert!(
        sessions.iter().all(|session| !session.user_agent.starts_with("HDM/")),
        "no session is left: {sessions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_migration() {
    let mut twin_a = vm("twin", &[1]);
    let mut twin_b = vm("twin", &[1]);
    twin_a["folder"] = json!("Prod/Web");
    twin_b["folder"] = json!("Test");
    twin_b["nics"][0]["mac"] = json!("00:50:56:11:22:33");
    let mut lan = vm("lan", &[1]);
    lan["nics"][0]["network"] = json!("Prod LAN");
    let lab = Lab::start(json!([vm("web-01", &[1]), twin_a, twin_b, lan])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;

    refused(&appliance.hdm(&migrate_arguments("nobody")).await, &["nobody", "hdm vms"]);
    refused(
        &appliance.hdm(&migrate_arguments("twin")).await,
        &["/DC0/vm/Prod/Web/twin", "/DC0/vm/Test/twin"],
    );
    let to = |cluster, datastore| {
        ["migrate", "cold", "lan", "--cloud", "cloud", "--cluster", cluster, "--datastore", datastore]
    };
    refused(&appliance.hdm(&to("C9", "ds0")).await, &["C9", "C0"]);
    refused(&appliance.hdm(&to("C0", "ds9")).await, &["ds9", "ds0"]);
    refused(&appliance.hdm(&to("C0", "ds0")).await, &["lan", "Prod LAN", "--network"]);
    refused(&appliance.hdm(&["migrate", "cold", "lan", "--cloud", "nowhere"]).await, &["nowhere", "cloud"]);
    refused(&appliance.hdm(&["status", "not-an-id"]).await, &["not-an-id"]);

    lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": 1000})).await;
    let full = wait_for_refusal(&appliance, "web-01", "ds0").await;
    refused(&full, &["ds0", "free"]);

    assert_eq!(appliance.hdm(&["-o", "json", "status"]).await.ok().json(), json!([]), "nothing was accepted");
    judge(&lab, &before, &[]).await;
}

/// The inventory hears of the change in its own time.
async fn wait_for_refusal(appliance: &Appliance, vm: &str, word: &str) -> Outcome {
    hdm_tests::wait::until("the request is refused", async || {
        let arguments = [&migrate_arguments(vm)[..], &["--dry-run"]].concat();
        let tried = appliance.hdm(&arguments).await;
        if tried.code != 0 && format!("{}{}", tried.stdout, tried.stderr).contains(word) {
            Ok(tried)
        } else {
            Err(tried)
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_or_a_mac_that_is_taken() {
    let lab = Lab::start(json!([vm("web-01", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let first = appliance.migrate("web-01", &[]).await;
    assert_eq!(appliance.settled(&first).await["state"], "done");
    appliance.hdm(&["source", "release", "web-01"]).await.ok();

    let again = appliance.hdm(&migrate_arguments("web-01")).await;
    refused(&again, &["web-01", "--rename", "00:50:56", "--mac new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_behind_is_listed_before_the_start() {
    let mut laden = vm("laden", &[1]);
    laden["tags"] = json!(["Backup/Gold", "Owner/Shop"]);
    laden["permissions"] = json!(["LAB\\operators"]);
    laden["storage_policy"] = json!("Mirrored twice");
    laden["snapshots"] = json!(["before the update"]);
    let lab = Lab::start(json!([laden, vm("plain", &[1])])).await;
    let appliance = Appliance::start(&lab).await;

    let dry = |name| [&migrate_arguments(name)[..], &["--dry-run"]].concat();
    let said = appliance.hdm(&dry("laden")).await.ok().stdout;
    for word in ["Backup/Gold", "Owner/Shop", "LAB\\operators", "Mirrored twice", "before the update"] {
        assert!(said.contains(word), "'{word}' is missing in:\n{said}");
    }
    let said = appliance.hdm(&dry("plain")).await.ok().stdout;
    assert!(!said.contains("not carried"), "{said}");

    // A vCenter that does not tell: then that is said.
    let fault =
        json!({"on": {"method": "RetrieveEntityPermissions", "times": 9}, "do": {"fault": "NoPermission"}});
    lab.onprem.arm(fault).await;
    let said = appliance.hdm(&dry("laden")).await.ok().stdout;
    assert!(said.contains("Backup/Gold") && said.contains("permissions of its own"), "{said}");
    assert!(!said.contains("operators"), "{said}");
}

/// Each blocker of the VM itself, as the lab's configuration names it, with the word the refusal must use.
fn blockers() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("template", json!(true), "template"),
        ("managed_by", json!("com.example.backup"), "com.example.backup"),
        ("ft", json!(true), "Fault Tolerance"),
        ("encrypted", json!(true), "encrypt"),
        ("vtpm", json!(true), "TPM"),
        ("passthrough", json!(true), "passthrough"),
        ("consolidation_needed", json!(true), "consolidat"),
        ("question", json!("Was it moved or copied?"), "Was it moved or copied?"),
        ("linked_clone", json!(true), "linked clone"),
        ("vapp", json!("app-1"), "vApp"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_blocker_of_the_vm_is_named() {
    let mut vms = Vec::new();
    for (key, value, _) in blockers() {
        let mut blocked = vm(&format!("blocked-{}", key.replace('_', "-")), &[1]);
        blocked[key] = value;
        vms.push(blocked);
    }
    for (key, word) in [("rdm", "rdm"), ("independent", "independent"), ("shared_bus", "shared")] {
        let mut blocked = vm(&format!("blocked-{word}"), &[1]);
        blocked[key] = json!(true);
        vms.push(blocked);
    }
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let words =
        blockers().into_iter().map(|(key, _, word)| (format!("blocked-{}", key.replace('_', "-")), word));
    let disks =
        [("blocked-rdm", "RDM"), ("blocked-independent", "independent"), ("blocked-shared", "shared")];
    for (name, word) in words.chain(disks.map(|(name, word)| (name.to_owned(), word))) {
        refused(&appliance.hdm(&migrate_arguments(&name)).await, &[&name, word]);
    }
    judge(&lab, &before, &[]).await;
}
