//! What a night has brought, as the command line reports it.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::lab::{busy_vm, vm};
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};

fn milliseconds(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// Everything that a migration's time was spent on.
fn whole_ms(entry: &Value) -> i64 {
    let times = &entry["times"];
    let phases: i64 = times["phases"].as_array().unwrap().iter().map(|p| p["ms"].as_i64().unwrap()).sum();
    ["waiting_ms", "operator_ms", "undoing_ms"]
        .iter()
        .fold(phases, |sum, key| sum + times[key].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_was_moved_what_was_not_and_how_long_each_was_down() {
    let lab = Lab::start(json!([busy_vm("moved", &[3, 1]), busy_vm("undone", &[1]), vm("off", &[1])])).await;
    let appliance = Appliance::start(&lab).await;
    let moved = appliance.migrate("moved", &["--power-on"]).await;
    appliance.settled(&moved).await;
    let on = json!({"method": "CreateSnapshot_Task", "times": 3, "user_agent": "HDM/"});
    lab.onprem.arm(json!({"on": on, "do": {"fault": "InvalidState"}})).await;
    let undone = appliance.migrate("undone", &[]).await;
    appliance.settled(&undone).await;
    let off = appliance.migrate("off", &[]).await;
    appliance.settled(&off).await;

    let report = appliance.hdm(&["-o", "json", "report"]).await.ok().json();
    let entries = report.as_array().unwrap();
    let told: Vec<_> =
        entries.iter().map(|e| (e["vm_name"].as_str().unwrap(), e["state"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [("moved", "done"), ("undone", "failed"), ("off", "done")],
        "in the order they were asked for"
    );
    for entry in entries {
        let took = milliseconds(&entry["ended_at"]) - milliseconds(&entry["created_at"]);
        assert!((whole_ms(entry) - took).abs() < 1_000, "each moment belongs somewhere: {entry:#}");
    }
    let (moved, undone, off) = (&entries[0], &entries[1], &entries[2]);
    assert_eq!((&moved["attempts"], &undone["attempts"]), (&json!(1), &json!(3)));
    assert!(moved["times"]["phases"].to_string().contains("transfer"), "{moved:#}");
    assert!(undone["times"]["undoing_ms"].as_i64().unwrap() > 0, "{undone:#}");
    for disk in moved["disks"].as_array().unwrap() {
        assert!(disk["wire_bytes"].as_u64().unwrap() > 0, "{moved:#}");
        assert!(disk["checksum"].as_str().unwrap().starts_with("sha256:"), "{moved:#}");
    }
    // The copy of the one runs, the source of the other runs again, and the third was off before.
    for entry in [moved, undone] {
        let down = &entry["downtime"];
        assert!(milliseconds(&down["until"]) > milliseconds(&down["since"]), "{entry:#}");
    }
    assert_eq!(off["downtime"], Value::Null);

    let csv = appliance.hdm(&["-o", "csv", "report", "--since", "1h"]).await.ok().stdout;
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 4, "{csv}");
    assert!(lines[0].starts_with("id,vm,vm_name,") && lines[0].contains(",transfer_s,"), "{csv}");
    assert_eq!(lines[0].split(',').count(), lines[3].split(',').count(), "{csv}");
    let table = appliance.hdm(&["report"]).await.ok().stdout;
    assert!(table.contains("2 moved, 1 failed and undone."), "{table}");
    assert!(table.contains("Moved 5.0 MiB of disks"), "{table}");

    let before = appliance.hdm(&["report", "--since", "2d", "--until", "1d"]).await.ok().stdout;
    assert!(before.contains("Nothing has ended in that time"), "{before}");
    let wrong = appliance.hdm(&["report", "--since", "yesterday"]).await;
    assert!(wrong.code == 2 && wrong.stderr.contains("'yesterday' is no time"), "{wrong:?}");
    let wrong = appliance.hdm(&["-o", "csv", "status"]).await;
    assert!(wrong.code == 3 && wrong.stderr.contains("Only `hdm report` prints CSV"), "{wrong:?}");
}
