//! A large inventory: it is known, and one change shows without the rest being read again.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::lab::{site, vm};
use hdm_tests::product::Appliance;
use hdm_tests::{Lab, wait};
use serde_json::json;

const VMS: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_vms_are_known_and_one_change_shows() {
    let mut blocked = vm("blocked", &[1]);
    blocked["multi_writer"] = json!(true);
    let mut template = vm("golden", &[1]);
    template["template"] = json!(true);
    let mut onprem = site("onprem", json!([blocked, template]), &json!({}));
    onprem["inventory"]["generated_vms"] = json!({"count": VMS - 2});
    let lab = Lab::start_sites(onprem, site("cloud", json!([]), &json!({}))).await;
    let appliance = Appliance::start(&lab).await;
    let list =
        async |further: &[&str]| appliance.hdm(&[&["-o", "json", "vms"], further].concat()).await.ok().json();
    wait::until("the inventory is known", async || {
        let page = list(&["--limit", "1"]).await;
        if page["total"] == VMS { Ok(()) } else { Err(page["total"].clone()) }
    })
    .await;
    let reads = async || {
        let calls = lab.onprem.get("/calls").await;
        let calls = calls["calls"].as_array().cloned().unwrap_or_default();
        calls.iter().filter(|call| call["method"] == "RetrievePropertiesEx").count()
    };
    lab.onprem.delete("/calls").await;

    lab.onprem.post("/vms/vm-05000/act", json!({"do": "power_on"})).await;

    wait::until("the change shows", async || {
        let page = list(&["vm-05000"]).await;
        if page["vms"][0]["powered_on"] == true { Ok(()) } else { Err(page) }
    })
    .await;
    assert_eq!(reads().await, 0, "nothing was read but what the update brought");
    let blocked = list(&["--blocked"]).await;
    let codes: Vec<_> =
        blocked["vms"].as_array().unwrap().iter().map(|vm| &vm["findings"][0]["code"]).collect();
    assert_eq!(codes, ["disk-multi-writer", "template"], "{blocked}");
    assert_eq!(list(&["--movable", "--limit", "1"]).await["total"], VMS - 2);
}
