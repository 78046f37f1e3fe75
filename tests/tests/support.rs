//! `hdm support-bundle`: everything to find a fault by, and no password.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use hdm_tests::lab::vm;
use hdm_tests::secret::{found_below, found_in, unpack};
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn parsed(folder: &Path, name: &str) -> Value {
    serde_json::from_str(&read(folder, name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_tells_all_but_passwords() {
    let lab = Lab::start(json!([vm("db-01", &[1]), vm("web-01", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let fault = json!({"on": {"method": "ImportVApp", "times": 99}, "do": {"fault": "NoPermission"}});
    let moved = appliance.migrate("db-01", &[]).await;
    appliance.settled(&moved).await;
    lab.cloud.arm(fault).await;
    let failed = appliance.migrate("web-01", &[]).await;
    let end = appliance.settled(&failed).await;
    assert_eq!(end["state"], "failed", "{end}");

    let file = lab.directory.path().join("bundle.tar.gz");
    let older = lab.directory.path().join("older.log");
    std::fs::write(&older, "an older line\n").unwrap();
    let (to, with) = (file.to_str().unwrap(), older.to_str().unwrap());
    let asked = ["support-bundle", "--file", to, "--with", with, "--with", "/nowhere/x.log"];
    let said = appliance.hdm(&asked).await.ok().stdout;
    assert!(said.contains("Not in it: /nowhere/x.log"), "what is missing is told: {said}");

    let folder = unpack(&file, &lab.directory.path().join("unpacked"));
    assert!(read(&folder, "README.txt").contains("/nowhere/x.log"));
    assert_eq!(read(&folder, "with/older.log"), "an older line\n");
    let log = read(&folder, "appliance.log");
    assert!(log.contains("the appliance runs") && log.contains(&failed), "{log}");
    assert!(!log.contains('\u{1b}'), "colours are for terminals");
    assert!(read(&folder, "metrics.txt").contains("hdm_migrations"));
    let about = parsed(&folder, "about.json");
    assert!(about["configuration"].as_str().unwrap().contains("lease_ms"), "{about}");
    let vcenters = parsed(&folder, "vcenters.json");
    assert_eq!(vcenters.as_array().unwrap().len(), 2);
    assert!(vcenters[0]["check"]["passed"].is_array(), "{vcenters}");
    for (id, state) in [(&moved, "done"), (&failed, "failed")] {
        let one = parsed(&folder, &format!("migrations/{id}.json"));
        assert_eq!(one["migration"]["state"], state);
        assert!(one["log"].to_string().contains("Step transfer"), "{one}");
    }
    assert_eq!(parsed(&folder, "report.json").as_array().unwrap().len(), 2);
    assert!(!parsed(&folder, "events.json")["events"].as_array().unwrap().is_empty());

    let token = std::fs::read_to_string(appliance.directory().join("token")).unwrap();
    for site in [&lab.onprem, &lab.cloud] {
        assert_eq!(found_below(&folder, &site.account.password), Vec::<String>::new());
    }
    assert_eq!(found_below(&folder, token.trim()), Vec::<String>::new());
    // What finds nothing in what is packed would find it.
    assert!(!found_in(format!("a {} b", token.trim()).as_bytes(), token.trim()).is_empty());
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");

    let again = appliance.hdm(&asked).await;
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.stderr.contains("--file"), "nothing is overwritten: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_is_away_leaves_no_file() {
    let lab = Lab::start(json!([])).await;
    let mut appliance = Appliance::start(&lab).await;
    appliance.stop().await;
    let file = lab.directory.path().join("bundle.tar.gz");
    let asked = appliance.hdm(&["support-bundle", "--file", file.to_str().unwrap()]).await;
    assert_eq!(asked.code, 4, "{asked:?}");
    assert!(!file.exists());
}
