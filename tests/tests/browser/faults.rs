//! What a page shows while something is away, and that it recovers by itself.

use hdm_tests::browser::id;
use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use serde_json::json;

use crate::{ADMINISTRATOR, Setting};

/// What a browser itself writes about a request that failed.
const FAILED: [&str; 3] = ["Failed to load resource", "503", "502"];

#[tokio::test(flavor = "multi_thread")]
async fn an_appliance_that_dies_during_a_move_is_missed_and_found_again() {
    let mut s = Setting::new(json!([vm("slow", &[24]), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    let mut browser = s.browser(ADMINISTRATOR).await;
    browser.expect(&FAILED);
    s.open_cluster(&browser).await;
    s.lab.cloud.shape_link(json!({"bandwidth_mbit": 20})).await;
    let id = s.appliance.migrate("slow", &[]).await;
    browser.read("slow").await;
    browser.read("Bulk transfer running").await;
    s.appliance.kill().await;
    browser.read("Cannot connect with appliance since").await;
    // What was known stays.
    browser.read("slow").await;
    assert!(!browser.can_press("Migrate VMs").await);
    s.lab.cloud.shape_link(json!({})).await;
    s.appliance.start_process(&[]).await;
    browser.gone("Cannot connect with appliance since").await;
    browser.read("Migrated to cloud").await;
    assert_eq!(s.appliance.settled(&id).await["state"], "done");
    judge(&s.lab, &before, &[Moved::off("slow")]).await;
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_server_that_restarts_is_found_again_and_a_reload_keeps_the_place() {
    let mut s = Setting::new(json!([vm("one", &[1]), vm("two", &[1])])).await;
    let mut browser = s.browser(ADMINISTRATOR).await;
    browser.expect(&["Failed to load resource", "502", "503", "401"]);
    s.open_cluster(&browser).await;
    s.server.kill().await;
    browser.read("Cannot connect with the HDM plug-in server").await;
    s.server.start_process().await;
    browser.gone("Cannot connect with the HDM plug-in server").await;
    let moved = s.appliance.migrate("one", &[]).await;
    browser.read("one").await;
    s.appliance.settled(&moved).await;
    browser.read("Migrated to cloud").await;
    // The tab that was open is open again after a reload of the Client.
    browser.press("Summary").await;
    browser.read("Number of VMs in the cloud").await;
    browser.client().await;
    browser.driver().refresh().await.unwrap();
    browser.view().await;
    browser.read("Number of VMs in the cloud").await;
    browser.clean().await;
}

/// The Client asks for a login by itself, and nothing of HDM is left on the screen; whoever logs in again is where
/// HDM's page tells what has happened meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_client_that_has_ended_takes_the_page_along_and_a_login_brings_it_back() {
    let s = Setting::new(json!([vm("one", &[1])])).await;
    let mut browser = s.browser(ADMINISTRATOR).await;
    browser.expect(&["Failed to load resource", "401", "403"]);
    s.open_cluster(&browser).await;
    browser.read("No migration is in progress").await;
    s.lab.onprem.delete("/client/sessions").await;
    browser.client().await;
    browser.see(&id("login-user")).await;
    assert!(!browser.reads("No migration is in progress").await, "{}", browser.words().await);
    let moved = s.appliance.migrate("one", &[]).await;
    s.appliance.settled(&moved).await;
    browser.log_in(&s.lab.onprem, ADMINISTRATOR, crate::PASSWORD).await;
    s.open_cluster(&browser).await;
    browser.read("Migrated to cloud").await;
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_see_one_migration() {
    let s = Setting::new(json!([vm("slow", &[24]), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    let first = s.browser(ADMINISTRATOR).await;
    let second = first.beside().await;
    second.log_in(&s.lab.onprem, ADMINISTRATOR, crate::PASSWORD).await;
    s.open_cluster(&first).await;
    s.open_cluster(&second).await;
    s.lab.cloud.shape_link(json!({"bandwidth_mbit": 20})).await;
    s.appliance.migrate("slow", &[]).await;
    first.read("Bulk transfer running").await;
    second.read("Bulk transfer running").await;
    first.choose_in("Actions for slow", "Cancel migration").await;
    first.client().await;
    first.click(&id("confirmation-button-1")).await;
    s.lab.cloud.shape_link(json!({})).await;
    second.read("Cancelled").await;
    first.view().await;
    first.read("Cancelled").await;
    judge(&s.lab, &before, &[]).await;
    first.clean().await;
    second.clean().await;
}
