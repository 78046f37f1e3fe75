//! What users with fewer privileges see, and what those meet who reload, or have no mouse.

use hdm_tests::browser::{Browser, id};
use hdm_tests::lab::vm;
use hdm_tests::wait;
use serde_json::{Value, json};
use thirtyfour::{By, Key};

use crate::{ADMINISTRATOR, OLGA, PAULA, Setting, VERA, node_of};

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
            let menus = By::Css(id("menu-com.hdm.plugin"));
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
async fn what_one_may_not_move_says_so_and_cannot_be_selected() {
    let s = Setting::new(two_folders()).await;
    let browser = s.browser(PAULA).await;
    s.open_tree(&browser, "Prod").await;
    browser.act_on(&node_of("shown-2"), "vm-migrate").await;
    browser.dialog().await;
    for _ in 0..3 {
        browser.press("Next").await;
    }
    browser.read("1 of 3 selected").await;
    browser
        .read_in(
            "//*[@role='row'][.//*[normalize-space(.)='secret-1']]",
            "You lack the privilege HDM.Migrate",
        )
        .await;
    browser.read("1 VM cannot be selected").await;
    browser.click("[aria-label='Select all that the filter shows']").await;
    browser.read("2 of 3 selected").await;
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_markup_is_a_name() {
    let name = "<img src=x onerror=alert(1)>'&\"";
    let s = Setting::new(json!([vm(name, &[1]), vm("shown-1", &[1])])).await;
    let browser = s.browser(ADMINISTRATOR).await;
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

/// What is reloaded: the plug-in's frame, or the Client with it.
#[derive(Clone, Copy)]
enum Reloaded {
    Frame,
    Client,
}

/// Reloads, and goes into the plug-in's new page.
async fn reload(browser: &Browser, what: Reloaded) {
    let driver = browser.driver();
    match what {
        Reloaded::Frame => {
            driver.execute("window.beforeReload = true; location.reload()", vec![]).await.unwrap();
        }
        Reloaded::Client => {
            browser.client().await;
            driver.refresh().await.unwrap();
        }
    }
    wait::until("the new page is there", async || {
        browser.view().await;
        let old = driver.execute("return window.beforeReload ?? false", vec![]).await;
        let old = old.map_err(|error| error.to_string())?.json().clone();
        if old == false { Ok(()) } else { Err(old.to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_of_the_frame_or_of_the_client_keeps_the_place() {
    let s = Setting::new(json!([vm("one", &[1]), vm("two", &[1]), vm("stays", &[1])])).await;
    for name in ["one", "two"] {
        let id = s.appliance.migrate(name, &[]).await;
        s.appliance.settled(&id).await;
    }
    let browser = s.browser(ADMINISTRATOR).await;
    s.open_cluster(&browser).await;
    browser.read("two").await;
    browser.write("input[type=search]", "on").await;
    browser.gone("two").await;
    browser.press("one").await;
    browser.read("Phases").await;
    for what in [Reloaded::Frame, Reloaded::Client] {
        reload(&browser, what).await;
        browser.read("Phases").await;
        assert_eq!(browser.see("input[type=search]").await.value().await.unwrap().as_deref(), Some("on"));
        assert!(browser.reads("one").await && !browser.reads("two").await);
    }
    browser.press("Summary").await;
    browser.read("Number of VMs in the cloud").await;
    for what in [Reloaded::Frame, Reloaded::Client] {
        reload(&browser, what).await;
        browser.read("Number of VMs in the cloud").await;
    }
    browser.home().await;
    wait::until("the global view is there", async || {
        browser.view().await;
        if browser.reads("Off Premise").await { Ok(()) } else { Err(browser.words().await) }
    })
    .await;
    browser.press("Administration").await;
    browser.press("HDM Health").await;
    browser.see("#hdm-severity").await;
    for what in [Reloaded::Frame, Reloaded::Client] {
        reload(&browser, what).await;
        browser.see("#hdm-severity").await;
    }
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rows_menu_opens_by_keyboard_and_gives_the_focus_back() {
    let s = Setting::new(json!([vm("one", &[1]), vm("stays", &[1])])).await;
    let id = s.appliance.migrate("one", &[]).await;
    s.appliance.settled(&id).await;
    let browser = s.browser(ADMINISTRATOR).await;
    s.open_cluster(&browser).await;
    browser.read("Migrated to cloud").await;
    browser.tab_to("Select all that the filter shows").await;
    browser.keys(&[Key::Down]).await;
    browser.lead(Key::Right, "Actions for one").await;
    for open in [Key::Enter, Key::Space] {
        browser.keys(&[open]).await;
        browser.see("[role=menu]").await;
        wait::until("the focus is in the menu", async || {
            let place = "return document.activeElement?.getAttribute('role')";
            let place = browser.driver().execute(place, vec![]).await.unwrap().json().clone();
            if place == "menuitem" { Ok(()) } else { Err(place) }
        })
        .await;
        browser.keys(&[Key::Escape]).await;
        let focused = "return [document.querySelectorAll('[role=menu]').length, \
            document.activeElement?.getAttribute('aria-label')]";
        wait::until("the focus is back", async || {
            let now = browser.driver().execute(focused, vec![]).await.unwrap().json().clone();
            if now == json!([0, "Actions for one"]) { Ok(()) } else { Err(now) }
        })
        .await;
    }
    // What is chosen by keyboard is done.
    browser.keys(&[Key::Enter]).await;
    browser.lead(Key::Down, "Dismiss").await;
    browser.keys(&[Key::Enter]).await;
    browser.read("No migration is in progress").await;
    assert_eq!(s.appliance.status(&id).await["dismissed"], true);
    browser.clean().await;
}
