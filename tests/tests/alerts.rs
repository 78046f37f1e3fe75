//! The alert rules of `docs/alerts.yml`, judged by Prometheus' own tool with the numbers of a real appliance: each fires
//! when it shall, and none while all is well.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use hdm_tests::lab::{busy_vm, vm};
use hdm_tests::{Appliance, Lab, wait};
use serde_json::json;
use tokio::process::Command;

/// Every rule but the one for an appliance that is away.
const IN_TROUBLE: [&str; 6] = [
    "HdmAttemptsFail",
    "HdmEventsUnposted",
    "HdmMigrationsFail",
    "HdmNeedsOperator",
    "HdmVcenterAway",
    "HdmWaitsLong",
];

fn promtool() -> PathBuf {
    let path = std::env::var_os("HDM_PROMTOOL").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.hdm/tools/prometheus/usr/bin/promtool"),
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    path
}

/// What Prometheus would have read: each series with its value.
fn series(metrics: &str) -> BTreeMap<String, f64> {
    let samples =
        metrics.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
    samples.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

/// Sees which alerts fire after an hour in which the numbers were first `before`, then `after`. What waits, waits on.
async fn fires(folder: &Path, before: &str, after: &str, alerts: &[&str]) {
    let (before, after) = (series(before), series(after));
    let mut test = format!(
        "rule_files: [{}]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n",
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/alerts.yml").canonicalize().unwrap().display()
    );
    for (series, value) in &after {
        let grows = if series == "hdm_longest_wait_seconds" && *value > 0.0 { 60 } else { 0 };
        let first = before.get(series).copied().unwrap_or(0.0);
        writeln!(test, "      - series: '{series}'\n        values: '{first} {value}+{grows}x58'").unwrap();
    }
    if after.is_empty() {
        test += "      []\n";
    }
    test += "    promql_expr_test:\n      - expr: count by (alertname) (ALERTS{alertstate=\"firing\"})\n        eval_time: 59m\n        exp_samples:\n";
    for alert in alerts {
        writeln!(test, "          - labels: '{{alertname=\"{alert}\"}}'\n            value: 1").unwrap();
    }
    if alerts.is_empty() {
        test += "          []\n";
    }
    let file = folder.join("alerts-test.yml");
    std::fs::write(&file, &test).unwrap();
    let judged = Command::new(promtool()).args(["test", "rules"]).arg(&file).output().await.unwrap();
    assert!(
        judged.status.success(),
        "{}{}\n{test}",
        String::from_utf8_lossy(&judged.stdout),
        String::from_utf8_lossy(&judged.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fires_in_its_trouble_and_none_without() {
    let lab =
        Lab::start(json!([vm("well", &[1]), vm("stuck", &[1]), busy_vm("fails", &[1]), vm("waits", &[4])]))
            .await;
    let folder = lab.directory.path();
    let mut appliance = Appliance::start(&lab).await;
    let well = appliance.migrate("well", &[]).await;
    appliance.settled(&well).await;
    let before = wait::until("the events are shown", async || {
        let metrics = appliance.metrics().await;
        if metrics.contains("hdm_events_unposted 0") { Ok(metrics) } else { Err(metrics) }
    })
    .await;
    assert!(before.contains("hdm_migrations_ended_total{result=\"done\"} 1"), "{before}");
    assert!(before.contains("hdm_arrived_bytes_total 1"), "over a MiB has arrived: {before}");
    fires(folder, &before, &before, &[]).await;

    let on = json!({"method": "PowerOnVM_Task", "times": 3, "user_agent": "HDM/"});
    lab.cloud.arm(json!({"on": on, "do": {"fault": "InvalidHostState"}})).await;
    let stuck = appliance.migrate("stuck", &["--power-on"]).await;
    assert_eq!(appliance.settled(&stuck).await["state"], "needs-operator");
    let on = json!({"method": "CreateSnapshot_Task", "times": 3, "user_agent": "HDM/"});
    lab.onprem.arm(json!({"on": on, "do": {"fault": "InvalidState"}})).await;
    let fails = appliance.migrate("fails", &[]).await;
    assert_eq!(appliance.settled(&fails).await["state"], "failed");
    let stop = json!({"down_ms": 600_000, "leave_half_made": false});
    let on = json!({"nfc": "import", "after_bytes": 1_000_000});
    lab.cloud.arm(json!({"on": on, "do": {"stop": stop}})).await;
    appliance.migrate("waits", &[]).await;
    let after = wait::until("the cloud is waited for", async || {
        let metrics = appliance.metrics().await;
        let numbers = series(&metrics);
        let told = numbers["hdm_longest_wait_seconds"] > 0.0
            && numbers["hdm_vcenter_live{vcenter=\"cloud\"}"] == 0.0
            && numbers["hdm_events_unposted"] > 0.0;
        if told { Ok(metrics) } else { Err(metrics) }
    })
    .await;
    fires(folder, &before, &after, &IN_TROUBLE).await;

    appliance.kill().await;
    fires(folder, "", "", &["HdmApplianceDown"]).await;
}
