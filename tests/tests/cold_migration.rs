//! A cold migration by the command line: the VM arrives whole, and nothing is left behind.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::judge::{Moved, Truth, judge};
use hdm_tests::lab::vm;
use hdm_tests::{Appliance, Lab};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_with_two_disks_arrives_whole() {
    let lab = Lab::start(json!([vm("web-01", &[8, 3])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;

    let id = appliance.migrate("web-01", &[]).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    for disk in end["disks"].as_array().unwrap() {
        assert_eq!(disk["verified"], true, "{end}");
        assert_eq!(disk["position_bytes"], disk["capacity_bytes"], "{end}");
    }
    judge(&lab, &before, &[Moved::off("web-01")]).await;
    let now = Truth::of(&lab).await;
    let (source, target) = (now.onprem.vm("web-01"), now.cloud.vm("web-01"));
    assert_eq!(target.uuid, source.uuid, "the BIOS UUID is kept");
    assert_eq!(target.nics[0].mac, source.nics[0].mac, "the MAC address is kept");
    assert_eq!(target.nics[0].address_type, "manual");
    assert!(target.would_connect(), "the target's adapter connects as the source's did");
    assert_eq!(source.pool, "HDM_SUCCESS_POOL");
    assert!(
        source.annotation.contains("hdm source release"),
        "the note tells the way back: {}",
        source.annotation
    );
    assert_eq!(target.disks.iter().map(|d| d.thin).collect::<Vec<_>>(), [true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_is_powered_on_and_becomes_what_was_asked() {
    let lab = Lab::start(json!([vm("app-01", &[4])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;

    let further = [
        "--power-on",
        "--cpu",
        "2",
        "--memory-mib",
        "128",
        "--disk",
        "eager",
        "--mac",
        "new",
        "--rename",
        "app-01b",
    ];
    let id = appliance.migrate("app-01", &further).await;
    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::on("app-01").named("app-01b").with_new_macs()]).await;
    let now = Truth::of(&lab).await;
    let target = now.cloud.vm("app-01b");
    assert!(target.is_on());
    assert_eq!((target.cpu, target.memory_mib), (2, 128));
    assert_ne!(target.nics[0].mac, before.onprem.vm("app-01").nics[0].mac);
    assert!(!target.disks[0].thin);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_the_source_is_configured_as_arrives() {
    let mut full = vm("full", &[2, 1, 1, 3]);
    for (disk, controller) in ["lsilogic", "pvscsi", "sata", "nvme"].into_iter().enumerate() {
        full["disks"][disk]["controller"] = json!(controller);
    }
    full["disks"][1]["thin"] = json!(false);
    full["firmware"] = json!("efi");
    full["nvram"] = json!("what the firmware remembers");
    full["secure_boot"] = json!(true);
    full["boot_order"] = json!(["nic-0", "disk-1"]);
    full["cpu"] = json!(4);
    full["cores_per_socket"] = json!(2);
    full["hot_add"] = json!(true);
    full["annotation"] = json!("Ask the shop's team before you touch it.");
    full["extra_config"] =
        json!({"guestinfo.role": "database", "disk.EnableUUID": "TRUE", "migrate.hostlog": "x"});
    full["nics"].as_array_mut().unwrap().push(json!({
        "network": "Prod LAN", "type": "e1000e", "start_connected": false, "mac": "00:50:56:0a:0b:0c"
    }));
    let lab = Lab::start(json!([full])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = appliance.migrate("full", &[]).await;

    let end = appliance.settled(&id).await;

    assert_eq!(end["state"], "done", "{end}");
    judge(&lab, &before, &[Moved::off("full")]).await;
    let now = lab.cloud.dump().await;
    let (then, copy) = (before.onprem.vm("full"), now.vm("full"));
    assert_eq!((&copy.firmware, copy.secure_boot, &copy.nvram), (&then.firmware, true, &then.nvram));
    assert_eq!((copy.cpu, copy.cores_per_socket, copy.hot_add), (4, 2, true));
    assert_eq!((&copy.annotation, &copy.boot_order), (&then.annotation, &then.boot_order));
    assert_eq!(copy.extra_config["guestinfo.role"], "database");
    assert_eq!(copy.extra_config["disk.EnableUUID"], "TRUE");
    assert!(!copy.extra_config.contains_key("migrate.hostlog"), "what is about the old host stays there");
    let disks = |vm: &hdm_tests::dump::Vm| -> Vec<_> {
        vm.disks.iter().map(|d| (d.label.clone(), d.controller.clone(), d.unit, d.thin)).collect()
    };
    assert_eq!(disks(copy), disks(then));
    // By key, which is the order a guest sees.
    let nics = |vm: &hdm_tests::dump::Vm| -> std::collections::BTreeMap<_, _> {
        let of =
            |n: &hdm_tests::dump::Nic| (n.kind.clone(), n.network.clone(), n.mac.clone(), n.start_connected);
        vm.nics.iter().map(|n| (n.key, of(n))).collect()
    };
    assert_eq!(nics(copy), nics(then));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_drs_the_vm_stays_in_its_pool_and_a_host_is_chosen() {
    let mut lonely = vm("lonely", &[2]);
    lonely["cluster"] = json!("C1");
    let lab = Lab::start(json!([lonely])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let to = ["migrate", "cold", "lonely", "--cloud", "cloud", "--cluster", "C1", "--datastore", "ds0"];
    let asked = [&["-o", "json"], &to[..], &["--network", "VM Network=VM Network", "--power-on"]].concat();
    let accepted = appliance.hdm(&asked).await.ok().json();
    let id = accepted[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {accepted}"));

    let end = appliance.settled(id).await;

    assert_eq!(end["state"], "done", "{end}");
    assert!(end["warnings"].to_string().contains("DRS"), "it was told before the start: {end}");
    judge(&lab, &before, &[Moved::on("lonely").to_cluster("C1")]).await;
    let now = Truth::of(&lab).await;
    assert_eq!(now.onprem.vm("lonely").pool, before.onprem.vm("lonely").pool);
    assert!(now.onprem.pools.iter().all(|pool| pool.cluster != "C1" || !pool.name.starts_with("HDM_")));
    assert!(now.onprem.vm("lonely").annotation.contains("hdm source release"));
    assert_eq!(now.cloud.vm("lonely").cluster, "C1");
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_and_missing_adapters_are_no_obstacle() {
    let odd = ["100% done", "a/b", "quote'\"<&>", "größe-仮想"];
    let mut vms: Vec<_> = odd.iter().map(|name| vm(name, &[1])).collect();
    let mut lonely = vm("no-nic", &[1]);
    lonely["nics"] = json!([]);
    vms.push(lonely);
    let lab = Lab::start(json!(vms)).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;

    let names = [&odd[..], &["no-nic"]].concat();
    let mut ids = Vec::new();
    for name in &names {
        ids.push(appliance.migrate(name, &[]).await);
    }
    for id in ids {
        let end = appliance.settled(&id).await;
        assert_eq!(end["state"], "done", "{end}");
    }
    let moved: Vec<_> = names.iter().map(|name| Moved::off(name)).collect();
    judge(&lab, &before, &moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_source_can_run_again() {
    let lab = Lab::start(json!([vm("db-01", &[2])])).await;
    let before = Truth::of(&lab).await;
    let appliance = Appliance::start(&lab).await;
    let id = appliance.migrate("db-01", &[]).await;
    assert_eq!(appliance.settled(&id).await["state"], "done");

    appliance.hdm(&["source", "release", "db-01"]).await.ok();

    let now = Truth::of(&lab).await;
    let (source, target) = (now.onprem.vm("db-01"), now.cloud.vm("db-01"));
    assert!(source.would_connect(), "the source is as it was");
    assert_eq!(source.pool, before.onprem.vm("db-01").pool);
    assert!(!target.would_connect(), "never two connectable copies");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_vcenters_show_the_tasks_and_events() {
    let lab = Lab::start(json!([vm("web-02", &[2])])).await;
    let appliance = Appliance::start(&lab).await;
    let id = appliance.migrate("web-02", &[]).await;
    assert_eq!(appliance.settled(&id).await["state"], "done");

    let now = Truth::of(&lab).await;
    for site in [&now.onprem, &now.cloud] {
        let ours: Vec<_> = site.tasks.iter().filter(|task| task.activation_id.starts_with(&id)).collect();
        assert!(ours.iter().any(|task| task.parent.is_empty()), "{}: the migration has its task", site.name);
        assert!(ours.iter().any(|task| !task.parent.is_empty()), "{}: the attempt has its own", site.name);
        assert!(ours.iter().all(|task| task.state == "success"), "{}: {ours:?}", site.name);
        let kinds: Vec<_> = site.events.iter().map(|event| event.kind.as_str()).collect();
        assert!(kinds.iter().any(|kind| kind.starts_with("com.hdm.migration.")), "{}: {kinds:?}", site.name);
    }
    let log = appliance.hdm(&["-o", "json", "events"]).await.ok().stdout;
    assert!(log.contains(&id), "{log}");
}
