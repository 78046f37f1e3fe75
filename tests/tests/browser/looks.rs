//! Every page and step, light and dark: what a screen reader, a keyboard or weak eyes would stumble over; and pictures.
//!
//! `cargo xtask screens` keeps pictures of the same tour through a livelier lab.

use hdm_tests::browser::{Browser, id};
use hdm_tests::lab::vm;
use hdm_tests::wait;
use serde_json::{Value, json};

use crate::{ADMINISTRATOR, Setting, node_of};

/// Goes through every page, about a VM that HDM knows, and looks at each.
async fn pages(s: &Setting, browser: &Browser, vm: &str, look: &impl AsyncFn(&str)) {
    s.open_cluster(browser).await;
    browser.read(vm).await;
    look("in-progress").await;
    browser.press("Chart menu").await;
    browser.read("Export as SVG").await;
    look("in-progress-menu").await;
    browser.press("Export as CSV").await;
    browser.read("The text is selected").await;
    browser.press("Copy").await;
    browser.read("Copied.").await;
    look("in-progress-export").await;
    let fits = "const w = document.querySelector('dialog'), t = w.querySelector('textarea'); \
        return w.scrollHeight <= w.clientHeight && t.clientHeight >= 80;";
    let fits = browser.driver().execute(fits, vec![]).await.unwrap();
    assert_eq!(fits.json(), &json!(true), "the text and the buttons below it are seen without scrolling");
    browser.keys(&[thirtyfour::Key::Escape]).await;
    browser.gone("The text is selected").await;
    browser.press(vm).await;
    browser.read("Phases").await;
    look("in-progress-details").await;
    browser.press("Close").await;
    browser.press("Summary").await;
    browser.read("Number of VMs in the cloud").await;
    look("summary").await;

    let place = s.place("VirtualMachine", vm, "monitor/com.hdm.plugin/vm-migrations").await;
    browser.go(&place).await;
    browser.view().await;
    browser.read("Migrations of this VM").await;
    look("vm").await;

    browser.home().await;
    browser.view().await;
    browser.press("Dashboard").await;
    browser.read("Off Premise").await;
    look("dashboard").await;
    browser.press("Migration").await;
    browser.read("Migration State Distribution").await;
    look("home-migration").await;
    browser.press("Administration").await;
    browser.read("Cloud infrastructure").await;
    look("clouds").await;
    browser.press("Add cloud").await;
    browser.see("#hdm-cloud-url").await;
    // Its own words about what is missing are looked at, too.
    browser.click(".hdm-form [type=submit]").await;
    look("clouds-add").await;
    browser.press("Close").await;
    browser.press("HDM Health").await;
    browser.see("#hdm-severity").await;
    look("event-logs").await;
}

/// Goes through the wizard with one VM, and looks at each step.
async fn wizard(s: &Setting, browser: &Browser, vm: &str, look: &impl AsyncFn(&str)) {
    s.open_tree(browser, "Prod").await;
    browser.act_on(&node_of(vm), "vm-migrate").await;
    browser.dialog().await;
    browser.read("Migration instructions").await;
    look("wizard-1-instructions").await;
    browser.press("Next").await;
    browser.read("Select a migration type").await;
    look("wizard-2-type").await;
    browser.press("Next").await;
    browser.see("#hdm-cloud-cloud").await;
    look("wizard-3-cloud").await;
    browser.press("Next").await;
    browser.read("Select virtual machines").await;
    look("wizard-4-vms").await;
    browser.press(&format!("Settings of {vm}")).await;
    browser.write("#hdm-vm-name", "bad/name").await;
    browser.press("Apply").await;
    browser.read("A name has at most").await;
    look("wizard-4-settings").await;
    browser.press("Cancel").await;
    browser.press("Next").await;
    browser.read("Select target in the cloud").await;
    look("wizard-5-target").await;
    browser.press("Next").await;
    browser.read("Network in the cloud").await;
    browser.pick("#hdm-network-1", "VM Network").await;
    look("wizard-6-network").await;
    browser.press("Next").await;
    browser.read("Admitted").await;
    look("wizard-7-summary").await;
    browser.press("Migrate").await;
    browser.read("1 migration has been accepted").await;
    look("wizard-8-status").await;
    browser.press("Finish").await;
    browser.client().await;
    let dialog =
        || async { browser.driver().find_all(thirtyfour::By::Css(id("modal"))).await.unwrap().len() };
    wait::until("the dialog is closed", async || if dialog().await == 0 { Ok(()) } else { Err("open") })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_in_light_and_dark() {
    let s = Setting::new(json!([vm("light", &[1]), vm("dark", &[1]), vm("first", &[1])])).await;
    let browser = s.browser(ADMINISTRATOR).await;
    browser.keep_still().await;
    // Nothing has happened yet: what an empty page says.
    s.open_cluster(&browser).await;
    browser.read("No migration is in progress").await;
    browser.is_accessible("in progress, empty", 60).await;
    let first = s.appliance.migrate("first", &[]).await;
    s.appliance.settled(&first).await;
    for (theme, height) in [("light", 900), ("dark", 720)] {
        browser.driver().set_window_rect(0, 0, 1280, height).await.unwrap();
        browser.choose("theme", theme).await;
        let look = async |page: &str| {
            browser.loaded().await;
            browser.picture(&format!("{page}-{theme}")).await;
            browser.is_accessible(&format!("{page}, {theme}"), 40).await;
        };
        pages(&s, &browser, "first", &look).await;
        wizard(&s, &browser, theme, &look).await;
    }
    browser.clean().await;
}

/// Forty VMs, some of which move, wait, have failed or need somebody.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for people; `cargo xtask screens` runs it"]
async fn screens() {
    assert!(std::env::var_os("HDM_PICTURES").is_some(), "HDM_PICTURES names the folder for the pictures");
    let names = ["web", "db", "mail", "files", "build", "shop", "wiki", "erp"];
    let mut vms: Vec<Value> = (1..=38)
        .map(|n| {
            let mut one = vm(
                &format!("{}-{n:02}", names[n % names.len()]),
                &[if n < 7 { 4 } else { 24 + (n as u64 % 3) * 24 }],
            );
            one["nics"][0]["mac"] = json!(format!("00:50:56:11:00:{n:02x}"));
            if n % 3 == 0 {
                one["power"] = json!("on");
                one["tools"] = json!(true);
            }
            one
        })
        .collect();
    for name in ["light-1280", "light-1920", "dark-1280", "dark-1920"] {
        vms.push(vm(name, &[2]));
    }
    let mut s = Setting::new(Value::Array(vms)).await;
    // What a thin link carries pauses for longer than tests wait.
    s.appliance.kill().await;
    s.appliance.set(&[("transfer_idle_ms", 60_000)]);
    s.appliance.start_process(&[]).await;
    for (n, name) in ["db-01", "mail-02", "files-03", "build-04"].iter().enumerate() {
        let further: &[&str] = if n % 2 == 0 { &["--power-on"] } else { &[] };
        let id = s.appliance.migrate(name, further).await;
        s.appliance.settled(&id).await;
    }
    // One fails for good, and one is past the point of no return when it does.
    let fault = json!({"on": {"method": "CreateSnapshot_Task", "times": 9}, "do": {"fault": "InsufficientResourcesFault"}});
    let fault = s.lab.onprem.arm(fault).await;
    let id = s.appliance.migrate("shop-05", &[]).await;
    s.appliance.settled(&id).await;
    s.lab.onprem.delete(&format!("/faults/{fault}")).await;
    let fault = json!({"on": {"method": "PowerOnVM_Task", "times": 9}, "do": {"task": "fail", "task_fault": "InvalidHostState"}});
    s.lab.cloud.arm(fault).await;
    let id = s.appliance.migrate("wiki-06", &["--power-on"]).await;
    s.appliance.settled(&id).await;
    s.lab.cloud.shape_link(json!({"bandwidth_mbit": 10})).await;
    for n in 7..=16 {
        s.appliance.migrate(&format!("{}-{n:02}", names[n % names.len()]), &[]).await;
    }
    let mut browser = s.browser(ADMINISTRATOR).await;
    browser.expect(&["Failed to load resource"]);
    browser.keep_still().await;
    for theme in ["light", "dark"] {
        browser.choose("theme", theme).await;
        for (width, height) in [(1280, 720), (1920, 1080)] {
            browser.driver().set_window_rect(0, 0, width, height).await.unwrap();
            let look = async |page: &str| {
                browser.loaded().await;
                browser.picture(&format!("{page}-{theme}-{width}")).await;
            };
            pages(&s, &browser, "shop-13", &look).await;
            wizard(&s, &browser, &format!("{theme}-{width}"), &look).await;
        }
    }
    browser.clean().await;
}
