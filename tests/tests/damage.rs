//! What can happen to the bytes on their way, and to the vCenters meanwhile.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// Arms `rule` on a site, migrates a two-disk VM, and expects it to arrive whole all the same.
async fn survives(on_cloud: bool, rule: Value) {
    let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let site = if on_cloud { &lab.cloud } else { &lab.onprem };
    let fault = site.arm(rule.clone()).await;

    let id = appliance.migrate("db-01", &[]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(site.fired(&fault).await, 1, "{rule} must have happened");
    assert_eq!(end["state"], "done", "{rule}: {end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_on_either_side() {
    survives(false, json!({"on": {"nfc": "export", "after_bytes": 2_000_000}, "do": {"cut": true}})).await;
    survives(true, json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"cut": true}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_that_is_longer_than_a_transfer_may_rest() {
    survives(false, json!({"on": {"nfc": "export", "after_bytes": 2_000_000}, "do": {"stall_ms": 6_000}}))
        .await;
    survives(true, json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 6_000}}))
        .await;
}

/// The whole disk fits between the two hosts, so that nothing is left to be read while the host is silent.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_never_answers_after_the_last_byte() {
    let lab = Lab::start(json!([vm("db-01", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 900_000}, "do": {"stall_ms": 600_000}});
    let fault = lab.cloud.arm(rule).await;

    let id = appliance.migrate("db-01", &[]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(lab.cloud.fired(&fault).await, 1);
    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

/// Hosts differ in what they take; the VM arrives whole all the same.
async fn arrives_with(switch: &str) {
    let lab = Lab::start_with(json!([vm("db-01", &[3, 3])]), json!({switch: true})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    // One connection breaks, so that a disk must be sent again.
    let cut = json!({"on": {"nfc": "import", "after_bytes": 1_000_000}, "do": {"cut": true}});
    let fault = lab.cloud.arm(cut).await;

    let id = appliance.migrate("db-01", &[]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(lab.cloud.fired(&fault).await, 1, "{switch}");
    assert_eq!(end["state"], "done", "{switch}: {end}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_lengths_or_takes_a_disk_once_or_does_not_give_its_name() {
    for switch in ["refuse_chunked", "refuse_second_post", "thumbprint_star"] {
        arrives_with(switch).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_export() {
    survives(false, json!({"on": {"nfc": "export", "after_bytes": 2_000_000}, "do": {"truncate": true}}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_error_on_either_side() {
    survives(false, json!({"on": {"nfc": "export", "after_bytes": 0}, "do": {"http_status": 500}})).await;
    survives(true, json!({"on": {"nfc": "import", "after_bytes": 0}, "do": {"http_status": 500}})).await;
}

/// The importing host stores whatever it gets, so that only HDM can notice.
async fn is_noticed(on_cloud: bool, rule: Value) {
    let lab = Lab::start_with(json!([vm("db-01", &[6, 6])]), json!({"verify_import_hash": false})).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let site = if on_cloud { &lab.cloud } else { &lab.onprem };
    let fault = site.arm(rule.clone()).await;

    let id = appliance.migrate("db-01", &[]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(site.fired(&fault).await, 1, "{rule} must have happened");
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(2)), "{rule}: {end}");
    let log = appliance.hdm(&["status", &id]).await.ok().stdout;
    let told = log.lines().find(|line| line.contains("Attempt 1 failed")).unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains("Hard disk"), "it names the disk: {told}");
    judge(&lab, &before, &[Moved::off("db-01")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_exporting_host_after_it_hashed() {
    is_noticed(false, json!({"on": {"nfc": "export", "after_bytes": 1_000_000}, "do": {"flip_lba": true}}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_in_the_importing_host_before_it_hashes() {
    is_noticed(true, json!({"on": {"nfc": "import", "after_bytes": 1_000_000}, "do": {"flip_lba": true}}))
        .await;
}

/// Both leases live on, so the disk that has arrived is kept and only the broken one is sent again.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_disks_only_the_broken_one_is_sent_again() {
    for (side, disk) in [("import", 1), ("export", 0)] {
        let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
        let before = Truth::of(&lab).await;
        let appliance = Appliance::start(&lab).await;
        let site = if side == "import" { &lab.cloud } else { &lab.onprem };
        let on = json!({"nfc": side, "disk": disk, "after_bytes": 2_000_000});
        let fault = site.arm(json!({"on": on, "do": {"cut": true}})).await;

        let id = appliance.migrate("db-01", &[]).await;
        let end = appliance.settled(&id).await;

        assert_eq!(site.fired(&fault).await, 1);
        assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{end}");
        let target = lab.cloud.dump().await.vm("db-01").moid.clone();
        let source = before.onprem.vm("db-01").moid.clone();
        for (site, vm) in [(&lab.onprem, &source), (&lab.cloud, &target)] {
            let sent = site.transfers(vm).await;
            let times = |n: usize| sent.get(&format!("disk-{n}.vmdk")).copied();
            assert_eq!((times(disk), times(1 - disk)), (Some(2), Some(1)), "{side}: {sent:?}");
        }
        judge(&lab, &before, &[Moved::off("db-01")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_vcenter_restarting_in_the_middle() {
    for half_made in [false, true] {
        let stop = json!({"stop": {"down_ms": 1_500, "leave_half_made": half_made}});
        survives(false, json!({"on": {"nfc": "export", "after_bytes": 2_000_000}, "do": stop})).await;
        survives(true, json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": stop})).await;
    }
}

/// An outage that is shorter than five minutes costs no attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_outage_costs_no_attempt() {
    for cloud in [false, true] {
        let lab = Lab::start(json!([vm("db-01", &[6, 6])])).await;
        let before = Truth::of(&lab).await;
        let appliance = Appliance::start(&lab).await;
        let (site, side) = if cloud { (&lab.cloud, "import") } else { (&lab.onprem, "export") };
        let stop = json!({"stop": {"down_ms": 1_500}});
        let on = json!({"nfc": side, "after_bytes": 2_000_000});
        let fault = site.arm(json!({"on": on, "do": stop})).await;

        let id = appliance.migrate("db-01", &[]).await;
        let end = appliance.settled(&id).await;

        assert_eq!(site.fired(&fault).await, 1, "{side}");
        assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(1)), "{side}: {end}");
        judge(&lab, &before, &[Moved::off("db-01")]).await;
    }
}

/// Of a host that has given SHA-256 it is expected; one that goes back on it costs one transfer, and no byte.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gave_sha256_and_gives_sha1() {
    let lab = Lab::start(json!([vm("db-01", &[1]), vm("db-02", &[1]), vm("db-03", &[1])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let host = ["--host", "C0-h0.cloud.lab"];
    // From each of the source's two hosts.
    for vm in ["db-01", "db-02"] {
        let id = appliance.migrate(vm, &host).await;
        assert_eq!(appliance.settled(&id).await["attempt"], 1);
    }
    let on = json!({"method": "HttpNfcLeaseSetManifestChecksumType", "times": 9});
    let fault = lab.cloud.arm(json!({"on": on, "do": {"pretend": true}})).await;

    let id = appliance.migrate("db-03", &host).await;
    let end = appliance.settled(&id).await;

    assert_eq!(lab.cloud.fired(&fault).await, 2);
    assert_eq!((&end["state"], &end["attempt"]), (&json!("done"), &json!(2)), "{end}");
    let checksum = end["disks"][0]["checksum"].as_str().unwrap();
    assert!(checksum.starts_with("sha1:"), "{checksum}");
    let log = appliance.log();
    assert!(log.contains("gives SHA-1 where it gave SHA-256 before"), "{log}");
    judge(&lab, &before, &[Moved::off("db-01"), Moved::off("db-02"), Moved::off("db-03")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_sessions() {
    for method in ["CreateSnapshot_Task", "ExportSnapshot", "MoveIntoResourcePool"] {
        survives(false, json!({"on": {"method": method}, "do": {"expire_sessions": true}})).await;
    }
    survives(true, json!({"on": {"method": "ImportVApp"}, "do": {"expire_sessions": true}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_somebody_reconfigures_meanwhile() {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    // The import stalls for as long as it takes somebody to interfere.
    lab.cloud
        .arm(json!({"on": {"nfc": "import", "after_bytes": 2_000_000}, "do": {"stall_ms": 1_500}}))
        .await;
    let id = appliance.migrate("db-01", &[]).await;
    wait::until("the transfer runs", async || {
        let now = appliance.status(&id).await;
        if now["disks"][0]["position_bytes"].as_u64().unwrap_or(0) > 0 { Ok(()) } else { Err(now) }
    })
    .await;
    lab.onprem.post("/vms/db-01/act", json!({"do": "reconfigure"})).await;

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "failed", "{end}");
    let reason = end["error"].as_str().unwrap();
    assert!(reason.contains("db-01") && reason.contains("changed"), "it says who changed what: {reason}");
    judge(&lab, &before, &[]).await;
}

/// While it is exported vCenter itself refuses; the gap before the target is powered on is HDM's to watch.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_somebody_powers_on_meanwhile() {
    let lab = Lab::start(json!([vm("db-01", &[3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let rule = json!({"on": {"method": "ReconfigVM_Task", "user_agent": "HDM/"}, "do": {"delay_ms": 2_000}});
    let fault = lab.cloud.arm(rule).await;
    let id = appliance.migrate("db-01", &["--power-on"]).await;
    lab.cloud.has_fired(&fault).await;
    lab.onprem.post("/vms/db-01/act", json!({"do": "power_on"})).await;

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "failed", "{end}");
    let reason = end["error"].as_str().unwrap();
    assert!(reason.contains("db-01") && reason.contains("powered on"), "it says what happened: {reason}");
    let now = Truth::of(&lab).await;
    let (then, source) = (before.onprem.vm("db-01"), now.onprem.vm("db-01"));
    assert!(source.is_on(), "it is left as somebody wanted it");
    assert!(now.cloud.vms.is_empty(), "the copy is gone: {:?}", now.cloud.vms);
    assert!(source.snapshots.is_empty() && source.pool == then.pool && source.would_connect(), "{source:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_never_ends_uses_up_the_attempts() {
    let lab = Lab::start(json!([vm("db-01", &[6])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let rule = json!({"on": {"nfc": "import", "after_bytes": 1_000_000, "times": 99}, "do": {"cut": true}});
    let fault = lab.cloud.arm(rule).await;
    let id = appliance.migrate("db-01", &[]).await;

    let end = appliance.settled(&id).await;

    assert!(lab.cloud.fired(&fault).await >= 3, "each attempt met it");
    assert_eq!(end["state"], "failed", "{end}");
    assert_eq!(end["attempt"], 3, "{end}");
    judge(&lab, &before, &[]).await;
}
