//! Wrong input about vCenters, and what stays behind: a clear word, and nothing half-done.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::lab::vm;
use hdm_tests::product::migrate_arguments;
use hdm_tests::{Appliance, Lab, Outcome};
use serde_json::json;

/// The command was refused, and says all of this.
fn refused(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    for word in words {
        assert!(said.contains(word), "'{word}' is missing in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_vcenter() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::init(lab.directory.path()).await.run(&[]).await;
    let (ready, account) = (&lab.onprem.ready, &lab.onprem.account);
    let add = ["vcenter", "add", "onprem", "--role", "source", "--url", &ready.url, "--user", &account.user];
    let with = |further: &[&'static str]| [&add[..], further].concat();

    let wrong =
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";
    let tried = appliance
        .hdm_with_input(&with(&["--password-stdin", "--thumbprint", wrong]), &account.password)
        .await;
    refused(&tried, 3, &["thumbprint", &ready.sha256]);

    let tried = appliance.hdm_with_input(&with(&["--password-stdin"]), &account.password).await;
    refused(&tried, 3, &["thumbprint", &ready.sha256]);

    let pinned = [&add[..], &["--password-stdin", "--thumbprint", &ready.sha256]].concat();
    let tried = appliance.hdm_with_input(&pinned, "not-the-password").await;
    refused(&tried, 3, &["onprem", &account.user, "password"]);

    let nobody =
        ["vcenter", "add", "onprem", "--role", "source", "--url", "https://127.0.0.1:1/sdk", "--user", "u"];
    let tried = appliance
        .hdm_with_input(&[&nobody[..], &["--password-stdin", "--thumbprint", &ready.sha256]].concat(), "p")
        .await;
    refused(&tried, 1, &["127.0.0.1:1"]);

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
