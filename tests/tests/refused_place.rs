//! Places that are not there or do not fit: each is told by its code, with the object and the way out, and
//! nothing is done in either vCenter.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Truth, judge};
use hdm_tests::lab::{site, vm};
use hdm_tests::refusal::{problem, refused};
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};

/// A cloud where much does not fit together.
fn crooked_cloud() -> Value {
    let mut cloud = site("cloud", json!([]), &json!({}));
    cloud["inventory"]["datacenters"] = json!([
        {
            "name": "DC0",
            "folders": ["Prod"],
            "clusters": [
                {"name": "C0", "drs": true, "hosts": 2, "pools": ["Gold"]},
                {"name": "C1", "drs": true, "hosts": 1, "pools": ["Silver"]},
                {"name": "C2", "drs": true, "hosts": 2, "maintenance": ["C2-h0"], "disconnected": ["C2-h1"]}
            ],
            "datastores": [
                {"name": "ds0"},
                {"name": "far", "hosts": ["C1-h0"]},
                {"name": "half", "hosts": ["C0-h0", "C1-h0"]},
                {"name": "pod-a"},
                {"name": "pod-b"}
            ],
            "datastore_clusters": [{"name": "pod", "datastores": ["pod-a", "pod-b"]}],
            "networks": ["VM Network", "Far LAN", "Half LAN"],
            "network_hosts": {"Far LAN": ["C1-h0"], "Half LAN": ["C0-h0"]}
        },
        {"name": "DC1", "folders": ["Other"], "clusters": [{"name": "D0", "drs": true}], "datastores": [{"name": "ds9"}],
         "networks": ["VM Network"]}
    ]);
    cloud
}

const LAN: &str = "VM Network=VM Network";

/// The command that migrates `vm-00` to these places.
fn to<'a>(places: &[&'a str]) -> Vec<&'a str> {
    [&["-o", "json", "migrate", "cold", "vm-00", "--cloud", "cloud"], places].concat()
}

/// Arguments, and the findings they lead to: code and object.
type Case<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>);

#[tokio::test(flavor = "multi_thread")]
async fn each_place_that_does_not_fit() {
    let lab = Lab::start_sites(site("onprem", json!([vm("vm-00", &[1])]), &json!({})), crooked_cloud()).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    lab.onprem.delete("/calls").await;
    lab.cloud.delete("/calls").await;
    let c0 = ["--cluster", "C0", "--datastore", "ds0", "--network", LAN];
    let with = |further: &[&'static str]| to(&[&c0[..], further].concat());
    let cases: Vec<Case<'_>> = vec![
        (with(&["--host", "nobody"]), vec![("host-unknown", "nobody")]),
        (with(&["--host", "C1-h0.cloud.lab"]), vec![("host-not-in-cluster", "C1-h0.cloud.lab")]),
        (with(&["--pool", "nope"]), vec![("pool-unknown", "nope")]),
        (with(&["--pool", "Silver"]), vec![("pool-elsewhere", "Silver")]),
        (with(&["--folder", "nope"]), vec![("folder-unknown", "nope")]),
        (with(&["--folder", "/DC1/vm/Other"]), vec![("folder-elsewhere", "/DC1/vm/Other")]),
        (with(&["--folder", "/DC0/host"]), vec![("folder-wrong-kind", "/DC0/host")]),
        (to(&["--cluster", "C9", "--datastore", "ds0", "--network", LAN]), vec![("cluster-unknown", "C9")]),
        (to(&["--datastore", "ds0", "--network", LAN]), vec![("cluster-needed", "cloud")]),
        (
            to(&["--cluster", "C0", "--datastore", "nope", "--network", LAN]),
            vec![("datastore-unknown", "nope")],
        ),
        (to(&["--cluster", "C0", "--network", LAN]), vec![("datastore-needed", "cluster 'C0'")]),
        (
            to(&["--cluster", "C0", "--datastore", "far", "--network", LAN]),
            vec![("datastore-not-seen", "far")],
        ),
        (
            to(&["--cluster", "C0", "--datastore", "half", "--network", LAN, "--host", "C0-h1.cloud.lab"]),
            vec![("host-sees-no-datastore", "C0-h1.cloud.lab")],
        ),
        (
            to(&["--cluster", "C0", "--datastore", "pod", "--network", LAN]),
            vec![("datastore-is-cluster", "pod")],
        ),
        (
            to(&["--cluster", "C0", "--datastore", "ds0", "--network", "VM Network=nope"]),
            vec![("network-unknown", "nope")],
        ),
        (
            to(&["--cluster", "C0", "--datastore", "ds0", "--network", "VM Network=Far LAN"]),
            vec![
                ("network-not-seen", "vm-00"),
                ("host-sees-no-network", "C0-h0.cloud.lab"),
                ("host-sees-no-network", "C0-h1.cloud.lab"),
            ],
        ),
        (
            to(&[
                "--cluster",
                "C0",
                "--datastore",
                "ds0",
                "--network",
                "VM Network=Half LAN",
                "--host",
                "C0-h1.cloud.lab",
            ]),
            vec![("host-sees-no-network", "C0-h1.cloud.lab")],
        ),
        (to(&["--cluster", "C0", "--datastore", "ds0"]), vec![("network-unmapped", "vm-00")]),
        (
            to(&["--cluster", "C2", "--datastore", "ds0", "--network", LAN]),
            vec![("host-maintenance", "C2-h0.cloud.lab"), ("host-disconnected", "C2-h1.cloud.lab")],
        ),
        (with(&["--cpu", "769"]), vec![("cpus-out-of-range", "vm-00")]),
        (with(&["--memory-mib", "6"]), vec![("memory-out-of-range", "vm-00")]),
        (with(&["--rename", "a..b"]), vec![("name-unusable", "vm-00")]),
        (with(&["--shutdown-timeout", "1"]), vec![("timeout-out-of-range", "vm-00")]),
    ];
    for (arguments, expected) in &cases {
        let problem = refused(&appliance.hdm(arguments).await, expected);
        assert!(problem["detail"].as_str().unwrap().contains("vm-00"), "{problem}");
    }
    // The members are what helps.
    let pod = to(&["--cluster", "C0", "--datastore", "pod", "--network", LAN]);
    let said = problem(&appliance.hdm(&pod).await)["findings"].to_string();
    assert!(said.contains("pod-a") && said.contains("pod-b"), "{said}");
    // And one that fits.
    let well =
        with(&["--host", "C0-h1.cloud.lab", "--pool", "Gold", "--folder", "/DC0/vm/Prod", "--dry-run"]);
    appliance.hdm(&well).await.ok();

    for site in [&lab.onprem, &lab.cloud] {
        assert_eq!(site.writes().await, [], "{}: nothing was done", site.ready.name);
    }
    judge(&lab, &before, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_nothing_has_or_several_have() {
    let mut twin_a = vm("twin", &[1]);
    let mut twin_b = vm("twin", &[1]);
    twin_a["folder"] = json!("Prod/Web");
    twin_b["folder"] = json!("Test");
    twin_b["nics"][0]["mac"] = json!("00:50:56:11:22:33");
    let lab = Lab::start(json!([vm("vm-00", &[1]), twin_a, twin_b])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let ask = async |vm: &str, cloud: &str, further: &[&str]| {
        let arguments = ["-o", "json", "migrate", "cold", vm, "--cloud", cloud, "--cluster", "C0"];
        let place = ["--datastore", "ds0", "--network", LAN];
        appliance.hdm(&[&arguments[..], &place, further].concat()).await
    };

    refused(&ask("nobody", "cloud", &[]).await, &[("vm-unknown", "nobody")]);
    let said = appliance.hdm(&["migrate", "cold", "nobody", "--cloud", "cloud", "--cluster", "C0"]).await;
    assert!(said.code == 3 && said.stderr.contains("(hdm vms lists them)"), "{said:?}");
    let said = refused(&ask("twin", "cloud", &[]).await, &[("vm-ambiguous", "twin")]).to_string();
    assert!(said.contains("/DC0/vm/Prod/Web/twin") && said.contains("/DC0/vm/Test/twin"), "{said}");
    let said = problem(&ask("vm-00", "nowhere", &[]).await);
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains("'nowhere'") && detail.contains("Known: cloud"), "{said}");
    let said = problem(&ask("vm-00", "cloud", &["--source", "nowhere"]).await);
    let detail = said["detail"].as_str().unwrap();
    assert!(detail.contains("'nowhere'") && detail.contains("Known: onprem"), "{said}");
    let said = problem(&appliance.hdm(&["-o", "json", "status", "not-an-id"]).await);
    assert!(said["detail"].as_str().unwrap().contains("not-an-id"), "{said}");

    // By path and by id each is one.
    let moid = before.onprem.vms.iter().find(|vm| vm.path == "/DC0/vm/Test/twin").unwrap().moid.clone();
    for asked in ["/DC0/vm/Test/twin", &moid, &format!("onprem:{moid}")] {
        let plan = ask(asked, "cloud", &["--dry-run"]).await.ok().json();
        assert_eq!(plan["vms"][0]["path"], "/DC0/vm/Test/twin", "{plan}");
    }
    assert_eq!(appliance.hdm(&["-o", "json", "status"]).await.ok().json(), json!([]), "nothing was accepted");
    judge(&lab, &before, &[]).await;
}
