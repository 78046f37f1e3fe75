//! The Migrate wizard, from a right-click to a VM that runs in the cloud.

use hdm_tests::browser::{Browser, id};
use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{guest, vm};
use serde_json::{Value, json};
use thirtyfour::Key;

use crate::{ADMINISTRATOR, Setting, node_of};

const STEPS: [&str; 8] = [
    "Migration instructions",
    "Select a migration type",
    "Select cloud",
    "Select virtual machines",
    "Select target in the cloud",
    "Select network",
    "Migration selection summary",
    "Virtual machines migration status",
];

/// Goes on to a step by its number, with the mouse.
async fn next_to(browser: &Browser, step: usize) {
    browser.press("Next").await;
    browser.read(STEPS[step - 1]).await;
}

/// Opens the wizard on a VM and goes on to a step, with the only cloud, which is chosen already.
async fn open_at(s: &Setting, browser: &Browser, vm: &str, step: usize) {
    s.open_tree(browser, "Prod").await;
    browser.act_on(&node_of(vm), "vm-migrate").await;
    browser.dialog().await;
    browser.read(STEPS[0]).await;
    for step in 2..=step {
        next_to(browser, step).await;
    }
}

/// From the first step to the summary, with what is offered.
async fn to_summary(browser: &Browser) {
    browser.read(STEPS[0]).await;
    for step in [2, 3] {
        next_to(browser, step).await;
    }
    browser.click("#hdm-cloud-cloud").await;
    for step in [4, 5, 6] {
        next_to(browser, step).await;
    }
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(browser, 7).await;
    browser.read("Admitted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_a_running_vm_by_mouse() {
    let s = Setting::new(json!([guest("web"), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    s.lab.onprem.exec("web", "echo from-onprem > /marker && sync").await;
    let browser = s.browser(ADMINISTRATOR).await;
    s.open_tree(&browser, "Prod").await;
    browser.act_on(&node_of("web"), "vm-migrate").await;
    browser.dialog().await;
    to_summary(&browser).await;
    browser.read("1 running VM will be shut down").await;
    browser.press("Migrate").await;
    browser.read("1 migration has been accepted").await;
    browser.read("Migrated to cloud").await;
    browser.press("Finish").await;
    browser.client().await;
    let open = || async { browser.driver().find_all(thirtyfour::By::Css(id("modal"))).await.unwrap().len() };
    hdm_tests::wait::until(
        "the dialog is closed",
        async || if open().await == 0 { Ok(()) } else { Err("open") },
    )
    .await;
    assert_eq!(s.lab.cloud.exec("web", "cat /marker").await.trim(), "from-onprem");
    // It is told where one would look for it, and under the user's own name.
    s.open_cluster(&browser).await;
    browser.read("Migrated to cloud").await;
    browser.press("Summary").await;
    browser.read("Number of VMs in the cloud").await;
    browser.read("web").await;
    browser.go(&s.place("VirtualMachine", "web", "monitor/com.hdm.plugin/vm-migrations").await).await;
    browser.view().await;
    browser.read("Checksums agree").await;
    let told = s.migrations().await;
    assert!(told[0]["requested_by"].as_str().unwrap().to_lowercase().contains("administrator"), "{told:?}");
    judge(&s.lab, &before, &[Moved::on("web")]).await;
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_a_vm_by_keyboard_alone() {
    let s = Setting::new(json!([vm("mail", &[2]), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    let browser = s.browser(ADMINISTRATOR).await;
    browser.go(&s.place("VirtualMachine", "mail", "summary").await).await;
    browser.read("mail").await;
    browser.tab_to("Actions").await;
    browser.keys(&[Key::Enter]).await;
    browser.see(&id("actions-menu")).await;
    browser.lead(Key::Down, "menu-com.hdm.plugin").await;
    browser.keys(&[Key::Right]).await;
    browser.see(&id("action-vm-migrate")).await;
    browser.keys(&[Key::Enter]).await;
    browser.dialog().await;
    browser.read(STEPS[0]).await;
    for step in [2, 3] {
        on_by_key(&browser, step).await;
    }
    browser.tab_to("hdm-cloud-cloud").await;
    browser.keys(&[Key::Space]).await;
    for step in [4, 5, 6] {
        on_by_key(&browser, step).await;
    }
    browser.tab_to("hdm-network-1").await;
    browser.type_text("VM").await;
    on_by_key(&browser, 7).await;
    browser.read("Admitted").await;
    browser.tab_to("Migrate").await;
    browser.keys(&[Key::Enter]).await;
    browser.read("Migrated to cloud").await;
    browser.tab_to("Finish").await;
    browser.keys(&[Key::Enter]).await;
    judge(&s.lab, &before, &[Moved::off("mail")]).await;
    browser.clean().await;
}

async fn on_by_key(browser: &Browser, step: usize) {
    browser.tab_to("Next").await;
    browser.keys(&[Key::Enter]).await;
    browser.read(STEPS[step - 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moves_several_as_asked_and_a_second_click_starts_nothing_more() {
    let s = Setting::new(json!([vm("one", &[1]), vm("two", &[1, 1]), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    let browser = s.browser(ADMINISTRATOR).await;
    s.open_tree(&browser, "Prod").await;
    browser.click(&node_of("one")).await;
    let second = browser.see(&node_of("two")).await;
    let both = browser.driver().action_chain().key_down(Key::Control.value()).click_element(&second);
    both.key_up(Key::Control.value()).perform().await.unwrap();
    browser.act_on(&node_of("two"), "vm-migrate").await;
    browser.dialog().await;
    browser.read(STEPS[0]).await;
    for step in [2, 3] {
        next_to(&browser, step).await;
    }
    browser.click("#hdm-cloud-cloud").await;
    next_to(&browser, 4).await;
    browser.read("2 of 3 selected").await;
    // One gets another name in the cloud, and is powered on there.
    browser.press("Settings of two").await;
    browser.write("#hdm-vm-name", "two-moved").await;
    browser.pick("#hdm-vm-power", "Yes").await;
    browser.pick("#hdm-vm-verify", "Read the copy back").await;
    browser.press("Apply").await;
    browser.read("two-moved").await;
    for step in [5, 6] {
        next_to(&browser, step).await;
    }
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(&browser, 7).await;
    browser.read("Admitted").await;
    let migrate = browser.driver().find(thirtyfour::By::XPath("//button[normalize-space(.)='Migrate']"));
    let migrate = migrate.await.unwrap();
    browser.driver().action_chain().double_click_element(&migrate).perform().await.unwrap();
    browser.read("2 migrations have been accepted").await;
    judge(&s.lab, &before, &[Moved::off("one"), Moved::on("two").named("two-moved")]).await;
    let migrations = s.migrations().await;
    assert_eq!(migrations.len(), 2);
    for migration in &migrations {
        let disk = &migration["disks"][0];
        let expected = if migration["vm_name"] == "two" { &disk["capacity_bytes"] } else { &Value::Null };
        assert_eq!(&disk["read_back_bytes"], expected, "only one was to be read back: {migration}");
    }
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_its_draft_and_says_what_stands_in_the_way() {
    let mut rdm = vm("raw", &[1]);
    rdm["snapshots"] = json!(["old"]);
    let s = Setting::new(json!([vm("one", &[1]), rdm])).await;
    let browser = s.browser(ADMINISTRATOR).await;
    open_at(&s, &browser, "one", 4).await;
    // Nothing is chosen any more: the step says so and stays.
    browser.click("[aria-label='Select one']").await;
    browser.press("Next").await;
    browser.read("Select at least one VM.").await;
    browser.click("[aria-label='Select one']").await;
    next_to(&browser, 5).await;
    browser.client().await;
    browser.click(&id("modal-close")).await;
    browser.act_on(&node_of("one"), "vm-migrate").await;
    browser.dialog().await;
    browser.press("Continue the draft").await;
    browser.read(STEPS[4]).await;
    // What the cloud has no room for is refused by the appliance, and the summary leads back.
    s.lab.cloud.post("/datastores/ds0/free", json!({"free_bytes": 1000})).await;
    browser.pick("#hdm-target-all-datastore", "ds0").await;
    next_to(&browser, 6).await;
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(&browser, 7).await;
    browser.read("1 VM cannot be moved as asked.").await;
    assert!(!browser.can_press("Migrate").await);
    browser.press("Go to step 5").await;
    browser.read(STEPS[4]).await;
    is_told_at(&browser, "hdm-target-all-datastore", "are free and").await;
    assert!(s.migrations().await.is_empty());
    browser.clean().await;
}

/// Waits until a field has the focus, is marked as wrong, and says why to a screen reader.
async fn is_told_at(browser: &Browser, field: &str, why: &str) {
    let said = "const e = document.activeElement; return [e.id, e.getAttribute('aria-invalid'), \
        document.getElementById(e.getAttribute('aria-describedby') ?? '')?.innerText ?? ''];";
    hdm_tests::wait::until(field, async || {
        let now = browser.driver().execute(said, vec![]).await.unwrap().json().clone();
        let is = now[0] == field && now[1] == "true" && now[2].as_str().unwrap().contains(why);
        if is { Ok(()) } else { Err(now) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_way_is_told_at_the_field_that_mends_it() {
    // The cloud has a VM with the same MAC address.
    let s = Setting::with_cloud(json!([vm("one", &[1])]), json!([vm("one", &[1])])).await;
    let mut browser = s.browser(ADMINISTRATOR).await;
    browser.expect(&["status of 422"]);
    open_at(&s, &browser, "one", 6).await;
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(&browser, 7).await;
    browser.press("Go to step 4").await;
    is_told_at(&browser, "hdm-vm-mac", "is used by another virtual machine").await;
    browser.is_accessible("wizard, a field to mend", 40).await;
    browser.picture("wizard-4-mend").await;
    browser.pick("#hdm-vm-mac", "Let the cloud").await;
    browser.press("Apply").await;
    for step in [5, 6, 7] {
        next_to(&browser, step).await;
    }
    browser.read("Admitted").await;
    // Somebody else is faster.
    s.appliance.migrate("one", &["--mac", "new", "--at", "2030-01-01T00:00"]).await;
    browser.press("Migrate").await;
    browser.read("is being moved already").await;
    browser.press("Go to step 4").await;
    browser.read_in("//section[contains(@class, 'hdm-details')]", "is being moved already").await;
    assert_eq!(s.migrations().await.len(), 1);
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chooses_by_a_list_that_is_pasted_or_opened() {
    let s =
        Setting::new(json!([vm("one", &[1]), vm("two", &[1]), vm("three", &[1]), vm("stays", &[1])])).await;
    let before = Truth::of(&s.lab).await;
    let browser = s.browser(ADMINISTRATOR).await;
    open_at(&s, &browser, "one", 4).await;
    browser.press("Choose from a list…").await;
    // A mistake in the text: nothing of it is taken.
    browser.write("#hdm-list-text", "vm,cpu\none,4\ntwo,many\n").await;
    browser.press("Choose these VMs").await;
    browser.read("Line 3, column 2: Column 'cpu': 'many' is no whole number").await;
    browser.read("1 of 4 selected").await;
    // A name that there is not: the others may be chosen without it.
    let text =
        "vm,cpu,power-on,rename,network\none,4,,,VM Network=VM Network\nnine,,,,\ntwo,,yes,two-moved,\n";
    browser.write("#hdm-list-text", text).await;
    browser.press("Choose these VMs").await;
    browser.read("Line 3: There is no VM nine in this table.").await;
    browser.is_accessible("wizard, a list with a mistake", 40).await;
    browser.picture("wizard-4-list").await;
    browser.press("Choose the 2 other VMs").await;
    browser.read("2 of 4 selected").await;
    browser.read("two-moved").await;
    browser.read("1 → 4").await;
    // And one more, from a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("more.yaml");
    std::fs::write(&file, "vms:\n- three\n").unwrap();
    browser.press("Choose from a list…").await;
    browser.see("#hdm-list-file").await.send_keys(file.to_str().unwrap()).await.unwrap();
    hdm_tests::wait::until("the file is shown", async || {
        let shown = browser.see("#hdm-list-text").await.prop("value").await.unwrap().unwrap_or_default();
        if shown.contains("- three") { Ok(()) } else { Err(shown) }
    })
    .await;
    browser.press("Choose these VMs").await;
    browser.read("3 of 4 selected").await;
    for step in [5, 6] {
        next_to(&browser, step).await;
    }
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(&browser, 7).await;
    browser.read("Admitted").await;
    browser.press("Migrate").await;
    browser.read("3 migrations have been accepted").await;
    let moved = [Moved::off("one"), Moved::on("two").named("two-moved"), Moved::off("three")];
    judge(&s.lab, &before, &moved).await;
    browser.clean().await;
}

/// Where the table of the step shown is scrolled to, and how many rows are seen where it stands.
const TABLE: &str = "const grid = [...document.querySelectorAll('.hdm-grid')].find(one => one.checkVisibility()); \
    const box = grid.getBoundingClientRect(); \
    const seen = row => row.getBoundingClientRect().top < box.bottom && row.getBoundingClientRect().bottom > box.top; \
    return [grid.scrollTop, [...grid.querySelectorAll('.hdm-grid-body .hdm-grid-row')].filter(seen).length];";

#[tokio::test(flavor = "multi_thread")]
async fn finds_the_table_of_vms_as_it_was_left() {
    let s = Setting::with_generated(json!([vm("mail", &[1])]), 300).await;
    let browser = s.browser(ADMINISTRATOR).await;
    open_at(&s, &browser, "mail", 4).await;
    browser.write("[type=search]", "vm-").await;
    browser.gone("mail").await;
    browser.driver().execute("document.querySelector('.hdm-grid').scrollTop = 3000;", vec![]).await.unwrap();
    let stands = async |what: &str| {
        hdm_tests::wait::until(what, async || {
            let now = browser.driver().execute(TABLE, vec![]).await.unwrap().json().clone();
            let is = now[0] == 3000 && now[1].as_u64().is_some_and(|rows| rows > 5);
            if is { Ok(()) } else { Err(now) }
        })
        .await;
    };
    stands("the table is scrolled").await;
    next_to(&browser, 5).await;
    assert!(!browser.reads("of 301 selected").await, "what is out of sight is not read");
    browser.press("Back").await;
    browser.read(STEPS[3]).await;
    stands("the table is where it was").await;
    let said = "return [document.activeElement.id, document.querySelector('[type=search]').value];";
    let now = browser.driver().execute(said, vec![]).await.unwrap();
    assert_eq!(*now.json(), json!(["hdm-step-title", "vm-"]));
    browser.is_accessible("wizard, back at the VMs", 40).await;
    browser.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_summary_leaves_out_is_not_selected_any_more() {
    // The cloud has a VM with the same MAC address as one of the two.
    let vms = json!([vm("one", &[1]), vm("two", &[1]), vm("stays", &[1])]);
    let s = Setting::with_cloud(vms, json!([vm("one", &[1])])).await;
    let browser = s.browser(ADMINISTRATOR).await;
    open_at(&s, &browser, "one", 4).await;
    browser.click("[aria-label='Select two']").await;
    for step in [5, 6] {
        next_to(&browser, step).await;
    }
    browser.pick("#hdm-network-1", "VM Network").await;
    next_to(&browser, 7).await;
    browser.press("Leave out the blocked VM").await;
    browser.read("Admitted").await;
    for step in [6, 5, 4] {
        browser.press("Back").await;
        browser.read(STEPS[step - 1]).await;
    }
    browser.read("1 of 3 selected").await;
    browser.click("[aria-label='Select stays']").await;
    browser.read("2 of 3 selected").await;
    for step in [5, 6, 7] {
        next_to(&browser, step).await;
    }
    browser.read("Admitted").await;
    browser.press("Migrate").await;
    browser.read("2 migrations have been accepted").await;
    let mut asked: Vec<Value> = s.migrations().await.iter().map(|one| one["vm_name"].clone()).collect();
    asked.sort_by_key(Value::to_string);
    assert_eq!(asked, ["stays", "two"]);
    browser.clean().await;
}
