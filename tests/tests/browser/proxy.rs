//! The Client reaches the plugin server through a proxy of its own, whose manners are documented nowhere: the plug-in
//! works with each of them.

use hdm_tests::browser::{Browser, id};
use hdm_tests::lab::vm;
use serde_json::{Value, json};

use crate::{ADMINISTRATOR, Setting};

/// The proxy's modes, each with the protocol that the browser then speaks.
fn modes() -> [(&'static str, &'static str, Value); 6] {
    [
        ("http1", "http/1.1", json!({"http1_only": true})),
        ("http2", "h2", json!({"http1_only": false})),
        ("buffers", "http/1.1", json!({"buffer_responses": true})),
        // Four times stricter than the thirty seconds of the others.
        ("cuts", "http/1.1", json!({"idle_timeout_seconds": 7})),
        ("uncompressed", "http/1.1", json!({"drop_accept_encoding": true})),
        ("strips", "http/1.1", json!({"strip_unknown_headers": true})),
    ]
}

/// From the button on In Progress to the summary with one VM.
async fn to_summary(browser: &Browser, vm: &str) {
    browser.press("Migrate VMs").await;
    browser.dialog().await;
    for (after, step) in [
        ("Migration instructions", "Select a migration type"),
        ("Select a migration type", "Select cloud"),
        ("Select cloud", "Select virtual machines"),
    ] {
        browser.read(after).await;
        browser.press("Next").await;
        browser.read(step).await;
    }
    browser.click(&format!("[aria-label='Select {vm}']")).await;
    browser.press("Next").await;
    browser.read("Select target in the cloud").await;
    browser.press("Next").await;
    browser.pick("#hdm-network-1", "VM Network").await;
    browser.press("Next").await;
    browser.read("Admitted").await;
    browser.client().await;
    browser.click(&id("modal-close")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plug_in_works_behind_every_kind_of_proxy() {
    let mut vms: Vec<Value> = modes().iter().map(|(mode, ..)| vm(mode, &[1])).collect();
    vms.push(vm("stays", &[1]));
    let s = Setting::new(Value::Array(vms)).await;
    for (mode, protocol, settings) in modes() {
        s.lab.onprem.put("/client/proxy", settings).await;
        // A new browser has no connection and nothing in its cache.
        let browser = s.browser(ADMINISTRATOR).await;
        s.open_cluster(&browser).await;
        let spoken = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
        let spoken = browser.driver().execute(spoken, vec![]).await.unwrap();
        assert_eq!(spoken.json(), protocol, "{mode}");
        // The row's state changes while the page is open.
        s.lab.cloud.shape_link(json!({"bandwidth_mbit": 20})).await;
        let id = s.appliance.migrate(mode, &[]).await;
        browser.see(&format!("[aria-label='Actions for {mode}']")).await;
        s.lab.cloud.shape_link(json!({})).await;
        assert_eq!(s.appliance.settled(&id).await["state"], "done", "{mode}");
        let row = format!("//*[@role='row'][.//*[@aria-label='Actions for {mode}']]");
        browser.read_in(&row, "Migrated to cloud").await;
        to_summary(&browser, "stays").await;
        browser.clean().await;
    }
}
