//! What users with fewer privileges see.

use hdm_tests::browser::id;
use hdm_tests::lab::vm;
use hdm_tests::wait;
use serde_json::{Value, json};

use crate::{OLGA, Setting, VERA, node_of};

/// In every name that Olga must not see.
const HIDDEN: &str = "secret";

fn two_folders() -> Value {
    let mut hidden = vm("secret-1", &[1]);
    hidden["folder"] = json!("Test");
    json!([vm("shown-1", &[1]), vm("shown-2", &[1]), hidden])
}

#[tokio::test(flavor = "multi_thread")]
async fn one_without_the_privilege_looks_and_moves_nothing() {
    // Only from 8.0.3 on can a Client grey an action out; before, it hides it, and with it a menu of nothing else.
    for version in ["8.0.2", "8.0.3"] {
        let s = Setting::at_version(two_folders(), version).await;
        s.appliance.migrate("shown-1", &[]).await;
        let browser = s.browser(VERA).await;
        s.open_tree(&browser, "Prod").await;
        let vm = browser.see(&node_of("shown-2")).await;
        browser.driver().action_chain().context_click_element(&vm).perform().await.unwrap();
        browser.see(&id("actions-menu")).await;
        if version == "8.0.3" {
            browser.click(&id("menu-com.hdm.plugin")).await;
            let action = browser.see(&id("action-vm-migrate")).await;
            assert_eq!(action.attr("aria-disabled").await.unwrap().as_deref(), Some("true"));
        } else {
            let menus = thirtyfour::By::Css(id("menu-com.hdm.plugin"));
            wait::until("the menu is gone", async || {
                match browser.driver().find_all(menus.clone()).await.unwrap().len() {
                    0 => Ok(()),
                    n => Err(n),
                }
            })
            .await;
        }
        s.open_cluster(&browser).await;
        browser.read("shown-1").await;
        assert!(!browser.can_press("Migrate VMs").await);
        browser.clean().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_sees_a_folder_learns_of_nothing_else() {
    let s = Setting::new(two_folders()).await;
    s.appliance.migrate("secret-1", &[]).await;
    let shown = s.appliance.migrate("shown-1", &[]).await;
    s.appliance.settled(&shown).await;
    let browser = s.browser(OLGA).await;
    browser.home().await;
    browser.view().await;
    browser.read("On Premise").await;
    let mut said = vec![browser.driver().source().await.unwrap()];
    browser.press("Migration").await;
    browser.read("shown-1").await;
    said.push(browser.driver().source().await.unwrap());
    browser.go(&s.place("VirtualMachine", "shown-2", "summary").await).await;
    s.open_tree(&browser, "Prod").await;
    browser.act_on(&node_of("shown-2"), "vm-migrate").await;
    browser.dialog().await;
    for _ in 0..2 {
        browser.press("Next").await;
    }
    browser.click("#hdm-cloud-cloud").await;
    browser.press("Next").await;
    browser.read("1 of 2 selected").await;
    said.push(browser.driver().source().await.unwrap());
    for page in said {
        assert!(!page.contains(HIDDEN), "{page}");
    }
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_markup_is_a_name() {
    let name = "<img src=x onerror=alert(1)>'&\"";
    let s = Setting::new(json!([vm(name, &[1]), vm("shown-1", &[1])])).await;
    let browser = s.browser(crate::ADMINISTRATOR).await;
    s.open_tree(&browser, "Prod").await;
    browser.act_on(&node_of("shown-1"), "vm-migrate").await;
    browser.dialog().await;
    for _ in 0..2 {
        browser.press("Next").await;
    }
    browser.click("#hdm-cloud-cloud").await;
    browser.press("Next").await;
    browser.read("<img src=x onerror=alert(1)>").await;
    browser.client().await;
    browser.click(&id("modal-close")).await;
    let moved = s.appliance.migrate(name, &[]).await;
    s.open_cluster(&browser).await;
    browser.read("<img src=x onerror=alert(1)>").await;
    s.appliance.settled(&moved).await;
    browser.read("Migrated to cloud").await;
    assert!(browser.driver().get_alert_text().await.is_err(), "a name was run");
    browser.clean().await;
}
