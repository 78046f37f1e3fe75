//! `kill -9` at every step, at every undo, and in the middle of a transfer: the VM ends whole, in one place.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge, nobody_is_logged_in};
use hdm_tests::lab::{busy_vm, vm};
use hdm_tests::product::migrate_to;
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};

/// The moments around each step, from what a migration that went well logged.
async fn moments(appliance: &Appliance, probe: &[&str], kinds: [&str; 2]) -> Vec<String> {
    let asked = appliance.hdm(&[&["-o", "json"], probe].concat()).await.ok().json();
    let id = asked[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {asked}"));
    let end = appliance.settled(id).await;
    assert_eq!(end["state"], "done", "{end}");
    let steps = appliance.steps(id).await;
    steps.iter().flat_map(|step| kinds.map(|kind| format!("{kind}:{step}"))).collect()
}

/// The moment at which the appliance dies, in a file that it looks into.
struct Death(std::path::PathBuf);

impl Death {
    /// Lets an appliance that runs be one that dies.
    async fn of(lab: &Lab, appliance: &mut Appliance) -> Self {
        let death = Self(lab.directory.path().join("kill-at"));
        appliance.stop().await;
        nobody_is_logged_in(lab).await;
        death.start_again(appliance).await;
        death
    }

    fn is(&self, moment: &str) {
        std::fs::write(&self.0, moment).unwrap();
    }

    /// Starts the appliance anew, which is to live until told otherwise.
    async fn start_again(&self, appliance: &mut Appliance) {
        self.is("never");
        appliance.start_process(&[("HDM_KILL_AT", &format!("@{}", self.0.display()))]).await;
    }
}

/// Kills a migration of its own at each moment, lets it go on, and judges.
async fn one_kill_each(
    make: impl Fn(&str) -> Value,
    cluster: &str,
    further: &[&str],
    moved: fn(&str) -> Moved,
) {
    // One more than there are moments: the first tells them.
    let names: Vec<_> = (0..31).map(|n| format!("vm-{n:02}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| make(name)).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let moments = moments(&appliance, &migrate_to(&names[0], cluster, further), ["before", "after"]).await;
    assert_eq!(moments.len() + 1, names.len(), "each moment has a VM: {moments:?}");
    let moment_of_death = Death::of(&lab, &mut appliance).await;

    let mut expected = vec![moved(&names[0])];
    for (name, moment) in names[1..].iter().zip(&moments) {
        moment_of_death.is(moment);
        let asked = [&["-o", "json"], &migrate_to(name, cluster, further)[..]].concat();
        let asked = appliance.hdm(&asked).await.ok().json();
        let id = asked[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {asked}"));
        appliance.is_killed(id).await;

        moment_of_death.start_again(&mut appliance).await;
        let end = appliance.settled(id).await;
        assert_eq!(end["state"], "done", "{moment}: {end}");
        expected.push(moved(name));
        judge(&lab, &before, &expected).await;
    }
    appliance.stop().await;
    nobody_is_logged_in(&lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_every_step_of_a_vm_that_is_off() {
    let further = ["--power-on", "--verify", "readback"];
    one_kill_each(|name| vm(name, &[2, 1]), "C0", &further, Moved::on).await;
}

/// Without DRS, and without a power-on at the target.
#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_every_step_of_a_vm_that_runs() {
    let make = |name: &str| {
        let mut busy = busy_vm(name, &[1]);
        busy["cluster"] = json!("C1");
        busy
    };
    one_kill_each(make, "C1", &[], |name| Moved::off(name).to_cluster("C1")).await;
}

/// A cancel at the last moment before the point of no return makes every step be undone.
#[tokio::test(flavor = "multi_thread")]
async fn before_and_after_every_undo() {
    let names: Vec<_> = (0..23).map(|n| format!("vm-{n:02}")).collect();
    let lab = Lab::start(json!(names.iter().map(|name| busy_vm(name, &[1])).collect::<Vec<_>>())).await;
    let before = Truth::of(&lab).await;
    let mut appliance = Appliance::start(&lab).await;
    let further = ["--verify", "readback"];
    let probe = migrate_to(&names[0], "C0", &further);
    let all = moments(&appliance, &probe, ["before-undo", "after-undo"]).await;
    let moments: Vec<_> =
        all.into_iter().take_while(|moment| !moment.ends_with(":power-on-target")).collect();
    assert_eq!(moments.len() + 1, names.len(), "each moment has a VM: {moments:?}");
    let moment_of_death = Death::of(&lab, &mut appliance).await;

    for (name, moment) in names[1..].iter().zip(&moments) {
        moment_of_death.is(moment);
        // Completes the copy, and then connects it.
        let on = json!({"method": "ReconfigVM_Task", "nth": 2, "user_agent": "HDM/"});
        let (id, answered) = appliance
            .cancel_during(&lab.cloud, &on, "connect-target", &migrate_to(name, "C0", &further))
            .await;
        answered.ok();
        appliance.is_killed(&id).await;

        moment_of_death.start_again(&mut appliance).await;
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "cancelled", "{moment}: {end}");
        judge(&lab, &before, &[Moved::off(&names[0])]).await;
    }
    appliance.stop().await;
    nobody_is_logged_in(&lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_a_two_disk_transfer() {
    for side in ["export", "import"] {
        let lab = Lab::start(json!([vm("db-01", &[8, 8])])).await;
        let before = Truth::of(&lab).await;
        let mut appliance = Appliance::start(&lab).await;
        let site = if side == "export" { &lab.onprem } else { &lab.cloud };
        let rule =
            json!({"on": {"nfc": side, "after_bytes": 3_000_000}, "do": {"kill_pid": appliance.pid()}});
        let fault = site.arm(rule).await;

        let id = appliance.migrate("db-01", &[]).await;
        appliance.is_killed(&id).await;
        assert_eq!(site.fired(&fault).await, 1);

        appliance.start_process(&[]).await;
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{side}: {end}");
        judge(&lab, &before, &[Moved::off("db-01")]).await;
    }
}
