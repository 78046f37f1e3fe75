//! What the vCenters are told of a migration.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::dump::Event;
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::json;

/// Waits until both vCenters show an event of this type with these words, of this migration.
async fn told(lab: &Lab, id: &str, kind: &str, words: &str) {
    wait::until("both vCenters are told", async || {
        let is = |e: &Event| e.kind.ends_with(kind) && e.message.contains(id) && e.message.contains(words);
        for site in [&lab.onprem, &lab.cloud] {
            let events = site.dump().await.events;
            if !events.iter().any(is) {
                return Err(events.into_iter().filter(|e| e.kind.starts_with("com.hdm")).collect::<Vec<_>>());
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn that_a_source_without_drs_stays_in_its_pool() {
    let mut undistributed = vm("db-01", &[1]);
    undistributed["cluster"] = json!("C1");
    let lab = Lab::start(json!([undistributed])).await;
    let appliance = Appliance::start(&lab).await;

    let id = appliance.migrate("db-01", &[]).await;

    let end = appliance.settled(&id).await;
    assert_eq!(end["state"], "done", "{end}");
    told(&lab, &id, "SourceStays", "'C1' has no DRS").await;
}

/// A source that was moved is known as such where there are no pools, too.
#[tokio::test(flavor = "multi_thread")]
async fn that_a_source_was_moved_keeps_it_from_being_moved_again() {
    let mut undistributed = vm("db-01", &[1]);
    undistributed["cluster"] = json!("C1");
    let lab = Lab::start(json!([undistributed])).await;
    let appliance = Appliance::start(&lab).await;
    let id = appliance.migrate("db-01", &[]).await;
    assert_eq!(appliance.settled(&id).await["state"], "done");

    let arguments = hdm_tests::product::migrate_arguments("db-01");
    let again = [&arguments[..], &["--rename", "db-02", "--mac", "new", "-o", "json"]].concat();
    let refused = appliance.hdm(&again).await;

    assert_ne!(refused.code, 0, "{refused:?}");
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("moved already") && said.contains("hdm source release"), "{said}");
    let listed = wait::until("the list shows it", async || {
        let vms = appliance.hdm(&["vms", "-o", "json"]).await.ok();
        if vms.stdout.contains("moved-already") { Ok(vms.stdout) } else { Err(vms.stdout) }
    })
    .await;
    assert!(listed.contains("db-01"), "{listed}");
}
