//! A call takes effect and its answer is lost, with and without a kill at that moment, for each call that
//! writes, on the way forward and back.
//!
//! Which calls those are is not written down here: each scenario is run once, and every call that the sites
//! counted then is a case. A case proves that its fault has fired, and that the process died of it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::{busy_vm, site, vm};
use hdm_tests::product::migrate_to;
use hdm_tests::{Appliance, Lab, wait};
use serde_json::{Value, json};

/// How often each writing method was called, by site (the cloud's is true).
type Writes = BTreeMap<(bool, String), u64>;

async fn writes(lab: &Lab) -> Writes {
    let mut writes = BTreeMap::new();
    for (cloud, site) in [(false, &lab.onprem), (true, &lab.cloud)] {
        for (method, count) in site.writes().await {
            // Progress is told for as long as a transfer lasts; the first time stands for all.
            let count = if method.contains("Progress") { 1 } else { count };
            writes.insert((cloud, method), count);
        }
    }
    writes
}

async fn forget_writes(lab: &Lab) {
    lab.onprem.delete("/calls").await;
    lab.cloud.delete("/calls").await;
}

/// One way a migration can go.
#[derive(Clone)]
struct Scenario {
    vm: fn(&str) -> Value,
    options: &'static [&'static str],
    /// Cancelled while this call is held up, in this step; the cases are the calls that follow.
    cancelled: Option<(Value, &'static str)>,
    /// What the calls must include, lest the scenario misses its point.
    must: &'static [(bool, &'static str)],
}

impl Scenario {
    fn moved(&self, name: &str) -> Option<Moved> {
        let on = self.options.contains(&"--power-on");
        self.cancelled.is_none().then(|| if on { Moved::on(name) } else { Moved::off(name) })
    }

    /// Starts one migration, up to the cancel if there is to be one.
    async fn start(&self, lab: &Lab, appliance: &Appliance, name: &str) -> String {
        let arguments = migrate_to(name, "C0", self.options);
        let Some((on, step)) = &self.cancelled else {
            return appliance.migrate(name, self.options).await;
        };
        let (id, answered) = appliance.cancel_during(&lab.cloud, on, step, &arguments).await;
        answered.ok();
        id
    }

    fn end(&self) -> &'static str {
        if self.cancelled.is_some() { "cancelled" } else { "done" }
    }

    /// The calls of one run that goes undisturbed, as cases.
    async fn cases(&self, lab: &Lab, appliance: &Appliance) -> Vec<(bool, String, u64)> {
        forget_writes(lab).await;
        let id = self.start(lab, appliance, "probe").await;
        let before_the_cancel = if self.cancelled.is_some() { writes(lab).await } else { Writes::new() };
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], self.end(), "{end}");
        all_is_told(appliance).await;
        let all = writes(lab).await;
        for must in self.must {
            assert!(all.contains_key(&(must.0, must.1.to_owned())), "{must:?} is missing in {all:?}");
        }
        let cases = all.iter().flat_map(|((cloud, method), count)| {
            let first = before_the_cancel.get(&(*cloud, method.clone())).copied().unwrap_or(0) + 1;
            (first..=*count).map(|nth| (*cloud, method.clone(), nth))
        });
        // The pools are there by now; a scenario of their own makes them again.
        cases.filter(|(_, method, _)| method != "CreateResourcePool").collect()
    }
}

/// Runs a scenario once for each of its calls, each time with that call's answer lost.
async fn every_write_loses_its_answer(scenario: Scenario, most_cases: usize, kill: bool) {
    let names: Vec<_> = (0..most_cases).map(|n| format!("vm-{n:03}")).collect();
    let mut vms: Vec<_> = names.iter().map(|name| (scenario.vm)(name)).collect();
    vms.push((scenario.vm)("probe"));
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let cases = scenario.cases(&lab, &appliance).await;
    assert!(!cases.is_empty() && cases.len() <= names.len(), "{} cases: {cases:?}", cases.len());
    let mut moved: Vec<_> = scenario.moved("probe").into_iter().collect();
    for (name, (cloud, method, nth)) in names.iter().zip(&cases) {
        let on = json!({"method": method, "nth": nth, "user_agent": "HDM/"});
        one_answer_is_lost(&lab, &mut appliance, &scenario, name, (*cloud, on), kill).await;
        moved.extend(scenario.moved(name));
        judge(&lab, &before, &moved).await;
    }
}

async fn one_answer_is_lost(
    lab: &Lab,
    appliance: &mut Appliance,
    scenario: &Scenario,
    name: &str,
    (cloud, on): (bool, Value),
    kill: bool,
) {
    let site = if cloud { &lab.cloud } else { &lab.onprem };
    let mut effect = json!({"lose_answer": true});
    if kill {
        effect["kill_pid"] = json!(appliance.pid());
        effect["kill_when"] = json!("after");
    }
    let fault = site.arm(json!({"on": on, "do": effect})).await;
    let id = scenario.start(lab, appliance, name).await;
    if kill {
        appliance.is_killed(&id).await;
        appliance.start_process(&[]).await;
    }
    let end = appliance.settled(&id).await;
    assert_eq!(end["state"], scenario.end(), "{on} on {}: {end}", site.ready.name);
    // The last events are posted when all else is over.
    site.has_fired(&fault).await;
    if !kill && end["attempt"] != 1 {
        let log = appliance.hdm(&["status", &id]).await.stdout;
        panic!("a lost answer costs no attempt: {on} on {}:\n{log}", site.ready.name);
    }
    site.delete("/faults").await;
    all_is_told(appliance).await;
}

/// Waits until both vCenters show all events: what is told later would be the next case's call.
async fn all_is_told(appliance: &Appliance) {
    wait::until("the events are shown", async || {
        let metrics = appliance.metrics().await;
        if metrics.contains("hdm_events_unposted 0") { Ok(()) } else { Err(metrics) }
    })
    .await;
}

fn forward() -> Scenario {
    Scenario {
        vm: |name| vm(name, &[1]),
        options: &["--power-on"],
        cancelled: None,
        must: &[(true, "ImportVApp")],
    }
}

/// Shut down by its guest, with something to complete at the copy.
fn busy() -> Scenario {
    let must = &[(false, "ShutdownGuest"), (true, "ImportVApp"), (true, "ReconfigVM_Task")];
    Scenario { vm: |name| busy_vm(name, &[1]), options: &["--power-on"], cancelled: None, must }
}

fn powered_off() -> Scenario {
    let options = &["--shutdown", "hard"];
    Scenario { vm: |name| busy_vm(name, &[1]), options, cancelled: None, must: &[(false, "PowerOffVM_Task")] }
}

/// Cancelled at the last moment: everything is undone.
fn undone() -> Scenario {
    let on = json!({"method": "ReconfigVM_Task", "nth": 2, "user_agent": "HDM/"});
    let must = &[
        (true, "Destroy_Task"),
        (false, "PowerOnVM_Task"),
        (false, "RemoveSnapshot_Task"),
        (false, "MoveIntoResourcePool"),
    ];
    let vm = |name: &str| busy_vm(name, &[1]);
    Scenario { vm, options: &[], cancelled: Some((on, "connect-target")), must }
}

/// Cancelled while disks are on their way: both leases are given up.
fn broken_off() -> Scenario {
    let on = json!({"nfc": "import", "after_bytes": 1_000_000});
    let must = &[(true, "HttpNfcLeaseAbort"), (false, "HttpNfcLeaseAbort")];
    Scenario { vm: |name| vm(name, &[3]), options: &[], cancelled: Some((on, "transfer")), must }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_way_there() {
    every_write_loses_its_answer(busy(), 45, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_way_there_and_the_appliance_is_killed() {
    every_write_loses_its_answer(busy(), 45, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_power_off() {
    let vms = (0..2).map(|n| busy_vm(&format!("vm-{n}"), &[1])).collect();
    let case = (false, json!({"method": "PowerOffVM_Task", "user_agent": "HDM/"}));
    these_answers_are_lost(powered_off(), vms, &[case]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_way_back() {
    every_write_loses_its_answer(undone(), 30, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_way_back_and_the_appliance_is_killed() {
    every_write_loses_its_answer(undone(), 30, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_transfer_that_is_given_up() {
    every_write_loses_its_answer(broken_off(), 30, false).await;
}

/// A few calls that only such a VM, or such a moment, makes; each with and without a kill.
async fn these_answers_are_lost(scenario: Scenario, vms: Vec<Value>, cases: &[(bool, Value)]) {
    let names: Vec<String> = vms.iter().map(|vm| vm["name"].as_str().unwrap().to_owned()).collect();
    let mut onprem = site("onprem", json!(vms), &json!({}));
    let clusters = onprem["inventory"]["datacenters"][0]["clusters"].as_array_mut().unwrap();
    clusters.extend((0..4).map(|n| json!({"name": format!("P{n}"), "drs": true, "hosts": 1})));
    let lab = Lab::start_sites(onprem, site("cloud", json!([]), &json!({}))).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let mut moved = Vec::new();
    let cases = [false, true].into_iter().flat_map(|kill| cases.iter().map(move |case| (kill, case)));
    for (name, (kill, case)) in names.iter().zip(cases) {
        one_answer_is_lost(&lab, &mut appliance, &scenario, name, case.clone(), kill).await;
        moved.extend(scenario.moved(name));
        judge(&lab, &before, &moved).await;
    }
    assert_eq!(moved.len(), names.len(), "each VM has its case");
}

/// Each cluster has no pools of HDM's yet.
#[tokio::test(flavor = "multi_thread")]
async fn of_either_pool_that_is_made() {
    let vms = (0..4).map(|n| {
        let mut vm = vm(&format!("vm-{n}"), &[1]);
        vm["cluster"] = json!(format!("P{n}"));
        vm
    });
    let case = |nth| (false, json!({"method": "CreateResourcePool", "nth": nth, "user_agent": "HDM/"}));
    these_answers_are_lost(forward(), vms.collect(), &[case(1), case(2)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_upload() {
    let vms = (0..6).map(|n| busy_vm(&format!("vm-{n}"), &[1, 1])).collect();
    let cases = [
        (true, json!({"nfc": "import", "disk": 0})),
        (true, json!({"nfc": "import", "disk": 1})),
        (true, json!({"nfc": "import", "file": true})),
    ];
    these_answers_are_lost(busy(), vms, &cases).await;
}

/// The source gets back what it had, by calls of their own.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_release() {
    let names: Vec<_> = (0..12).map(|n| format!("vm-{n:02}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| vm(name, &[1])).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let mut ids = Vec::new();
    for name in &names {
        ids.push(appliance.migrate(name, &[]).await);
    }
    for id in &ids {
        assert_eq!(appliance.settled(id).await["state"], "done");
    }
    forget_writes(&lab).await;
    appliance.hdm(&["source", "release", &names[0]]).await.ok();
    let cases: Vec<_> = writes(&lab)
        .await
        .into_iter()
        .flat_map(|((cloud, method), count)| (1..=count).map(move |nth| (cloud, method.clone(), nth)))
        .collect();
    assert!(cases.len() >= 4 && cases.len() < names.len(), "{cases:?}");
    for (name, (cloud, method, nth)) in names[1..].iter().zip(&cases) {
        let site = if *cloud { &lab.cloud } else { &lab.onprem };
        let on = json!({"method": method, "nth": nth, "user_agent": "HDM/"});
        let fault = site.arm(json!({"on": on, "do": {"lose_answer": true}})).await;
        // It may be told that an answer was lost, and asks again.
        wait::until("the source is released", async || {
            let tried = appliance.hdm(&["source", "release", name]).await;
            if tried.code == 0 { Ok(()) } else { Err(tried) }
        })
        .await;
        // An event is posted in its own time.
        site.has_fired(&fault).await;
        site.delete("/faults").await;
    }
    let now = Truth::of(&lab).await;
    for name in names.iter().take(cases.len() + 1) {
        let (then, source, copy) = (before.onprem.vm(name), now.onprem.vm(name), now.cloud.vm(name));
        assert!(source.would_connect() && !source.is_on(), "{source:?}");
        assert_eq!((&source.pool, &source.annotation), (&then.pool, &then.annotation));
        assert!(!copy.would_connect() && !copy.is_on(), "never two connectable copies: {copy:?}");
        assert_eq!((source.sums(), copy.sums()), (then.sums(), then.sums()));
    }
}

/// Whatever is answered, in the end the vCenter is known once and HDM's types are registered once.
#[tokio::test(flavor = "multi_thread")]
async fn of_the_registration() {
    for method in ["RegisterExtension", "Login", "Logout"] {
        let lab = Lab::start(json!([])).await;
        let appliance = Appliance::init(lab.directory.path()).await.run(&[]).await;
        let on = json!({"method": method, "user_agent": "HDM/"});
        let fault = lab.onprem.arm(json!({"on": on, "do": {"lose_answer": true}})).await;
        let (ready, account) = (&lab.onprem.ready, &lab.onprem.account);
        let add =
            ["vcenter", "add", "onprem", "--role", "source", "--url", &ready.url, "--user", &account.user];
        let add = [&add[..], &["--thumbprint", &ready.sha256, "--password-stdin"]].concat();
        wait::until("the vCenter is added", async || {
            let tried = appliance.hdm_with_input(&add, &account.password).await;
            if tried.code == 0 { Ok(()) } else { Err(tried) }
        })
        .await;
        assert_eq!(lab.onprem.fired(&fault).await, 1, "{method} must have happened");
        let now = lab.onprem.dump().await;
        let registered = now.extensions.iter().filter(|key| *key == "com.hdm.plugin").count();
        assert_eq!(registered, 1, "{method}: {:?}", now.extensions);
        let known = appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
        assert_eq!(known.as_array().map(Vec::len), Some(1), "{method}: {known}");
        let sessions = now.sessions.iter().filter(|session| session.user_agent.starts_with("HDM/")).count();
        assert!(sessions <= 2, "{method}: {sessions} sessions are open");
    }
}
