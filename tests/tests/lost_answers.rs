//! A call takes effect and its answer is lost, with and without a kill at that moment, for each call that
//! writes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab};
use serde_json::json;

/// How often one migration calls each writing method on each site.
async fn writes_of_one_migration() -> BTreeMap<(bool, String), u64> {
    let lab = Lab::start(json!([vm("probe", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    lab.onprem.delete("/calls").await;
    lab.cloud.delete("/calls").await;
    let id = appliance.migrate("probe", &["--power-on"]).await;
    assert_eq!(appliance.settled(&id).await["state"], "done");
    let mut writes = BTreeMap::new();
    for (cloud, site) in [(false, &lab.onprem), (true, &lab.cloud)] {
        // Progress is told for as long as a transfer lasts; the first time stands for all.
        for (method, count) in site.writes().await {
            let count = if method.contains("Progress") { 1 } else { count };
            writes.insert((cloud, method), count);
        }
    }
    assert!(writes.len() > 10, "a migration writes more than this: {writes:?}");
    writes
}

async fn every_write_loses_its_answer(kill: bool) {
    let writes = writes_of_one_migration().await;
    let cases: Vec<(bool, &str, u64)> = writes
        .iter()
        .flat_map(|((cloud, method), count)| (1..=*count).map(move |nth| (*cloud, method.as_str(), nth)))
        .collect();
    let vms: Vec<_> = (0..cases.len()).map(|n| vm(&format!("vm-{n:03}"), &[1])).collect();
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let mut moved = Vec::new();
    for (n, (cloud, method, nth)) in cases.iter().enumerate() {
        let name = format!("vm-{n:03}");
        let site = if *cloud { &lab.cloud } else { &lab.onprem };
        let effect = if kill {
            json!({"lose_answer": true, "kill_pid": appliance.pid(), "kill_when": "after"})
        } else {
            json!({"lose_answer": true})
        };
        let fault =
            site.arm(json!({"on": {"method": method, "nth": nth, "user_agent": "HDM/"}, "do": effect})).await;
        let id = appliance.migrate(&name, &["--power-on"]).await;
        if kill {
            let fired = kill_or_end(&mut appliance, &id).await;
            if fired {
                appliance.start_process(&[]).await;
            }
        }
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{method} no. {nth} on {}: {end}", site.ready.name);
        site.delete(&format!("/faults/{fault}")).await;
        moved.push(name);
        let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
        judge(&lab, &before, &moved).await;
    }
}

/// Waits until the appliance was killed (true) or the migration ended without reaching that call (false).
async fn kill_or_end(appliance: &mut Appliance, id: &str) -> bool {
    hdm_tests::wait::until("the kill or the end", async || {
        if appliance.has_ended() {
            return Ok(true);
        }
        let tried = appliance.hdm(&["-o", "json", "status", id]).await;
        if tried.stdout.contains("\"done\"") && !appliance.has_ended() {
            Ok(false)
        } else {
            Err(tried.stderr)
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn and_the_appliance_lives() {
    every_write_loses_its_answer(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_the_appliance_is_killed() {
    every_write_loses_its_answer(true).await;
}
