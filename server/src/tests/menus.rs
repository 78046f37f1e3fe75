//! Menus.

use axum::http::Method;
use hdm_shared::plugin::Privilege;
use hdm_vsphere::VmKind;
use serde_json::{Value, json};

use super::setting::{Answer, CLOUD, ONPREM, Setting, cluster, of_vm, only, until, vm};
use crate::session::rights::Mask;

async fn ask(s: &Setting, path: &str, user: &str, ids: &[String]) -> Answer {
    let token = format!("token-of-{user}");
    let body = json!({"apiVersion": "1.0.0", "objectIds": ids, "locale": "de-DE", "later": {"x": 1}});
    let headers = [("vmware-api-session-id", token.as_str()), ("cache-control", "no-cache")];
    s.send(Method::POST, path, &headers, Some(body)).await
}

fn urn(n: u32, guid: &str) -> String {
    format!("urn:vmomi:VirtualMachine:vm-{n}:{guid}")
}

/// `visible` and `relevant`.
fn shown(answer: &Answer) -> (bool, bool) {
    let item = &answer.json()["dynamicItems"][0];
    (item["visible"].as_bool().unwrap(), item["relevant"].as_bool().unwrap())
}

async fn vms(s: &Setting, user: &str, ns: &[u32]) -> (bool, bool) {
    let ids: Vec<String> = ns.iter().map(|n| urn(*n, ONPREM)).collect();
    shown(&ask(s, "/dyn/vm/menu", user, &ids).await)
}

const ENABLED: (bool, bool) = (true, true);
const DISABLED: (bool, bool) = (false, true);
const ABSENT: (bool, bool) = (false, false);

/// No VM is being migrated.
async fn quiet() -> Setting {
    let s = Setting::new().await;
    s.appliance.change(|world| {
        world.cursor += 1;
        world.migrations = (1..=10)
            .map(|n| {
                let mut view = of_vm(n);
                view.state = hdm_shared::migration::MigrationState::Cancelled;
                view.dismissed = true;
                view
            })
            .collect();
    });
    s.app.feed.round().await;
    s
}

#[tokio::test]
async fn the_action_is_shown_as_the_user_may_use_it() {
    let s = quiet().await;
    let olga = s.of_one_folder();
    assert_eq!(vms(&s, "olga", &[1]).await, ENABLED);
    assert_eq!(vms(&s, "olga", &[1, 3]).await, ENABLED);
    assert_eq!(vms(&s, "olga", &[2]).await, DISABLED, "not permitted");
    assert_eq!(vms(&s, "olga", &[1, 2]).await, DISABLED, "one of them is not permitted");
    let template = VmKind { template: true, managed_by: None };
    olga.kind(&vm(5), template.clone());
    olga.kind(&vm(7), VmKind { template: false, managed_by: Some("com.hdm.plugin".into()) });
    assert_eq!(vms(&s, "olga", &[5]).await, ABSENT, "a template");
    assert_eq!(vms(&s, "olga", &[7]).await, ABSENT, "HDM's own");
    assert_eq!(vms(&s, "olga", &[1, 5]).await, ENABLED, "the wizard leaves the template out");
    let whole = ask(&s, "/dyn/vm/menu", "olga", &[urn(1, ONPREM)]).await.json();
    let wanted = json!({"apiVersion": "1.0.0", "dynamicItems": [{"id": "vm-migrate", "visible": true, "relevant": true}]});
    assert_eq!(whole, wanted);
}

#[tokio::test]
async fn what_is_in_flight_opens_at_its_status() {
    let s = Setting::new().await;
    let viewer = s.log_in("vera");
    viewer.grant(&vm(1), only(&[Privilege::View]));
    assert_eq!(vms(&s, "vera", &[1]).await, ENABLED);
    assert_eq!(vms(&s, "vera", &[2]).await, DISABLED, "it is in flight, but hidden");
}

#[tokio::test]
async fn what_the_wizard_refuses_with_words_is_enabled() {
    let s = quiet().await;
    s.gate.log_in_at("token-of-olga", "olga", Some(ONPREM), &[CLOUD]);
    assert_eq!(vms(&s, "olga", &[1]).await, DISABLED);
    let two = [urn(1, ONPREM), urn(2, CLOUD)];
    assert_eq!(shown(&ask(&s, "/dyn/vm/menu", "olga", &two).await), ENABLED);
    let many: Vec<u32> = (1..=501).collect();
    assert_eq!(vms(&s, "olga", &many).await, ENABLED);
    assert_eq!(shown(&ask(&s, "/dyn/vm/menu", "olga", &[urn(1, CLOUD)]).await), ABSENT, "a cloud's VM");
    let elsewhere = urn(1, "33333333-cccc-4000-8000-000000000003");
    assert_eq!(shown(&ask(&s, "/dyn/vm/menu", "olga", &[elsewhere]).await), ABSENT, "not ours");
}

#[tokio::test]
async fn a_cluster_has_the_action_too() {
    let s = quiet().await;
    let olga = s.of_one_folder();
    let id = format!("urn:vmomi:ClusterComputeResource:domain-c1:{ONPREM}");
    assert_eq!(shown(&ask(&s, "/dyn/cluster/menu", "olga", std::slice::from_ref(&id)).await), DISABLED);
    olga.grant(&cluster(), Mask::ALL);
    s.pass(300);
    let answer = ask(&s, "/dyn/cluster/menu", "olga", &[id]).await;
    assert_eq!(
        (shown(&answer), &answer.json()["dynamicItems"][0]["id"]),
        (ENABLED, &json!("cluster-migrate"))
    );
}

#[tokio::test]
async fn a_menu_does_not_wait_for_what_it_knew_lately_and_the_next_one_knows_it_anew() {
    let s = quiet().await;
    let olga = s.of_one_folder();
    assert_eq!(vms(&s, "olga", &[1]).await, ENABLED);
    olga.grant(&vm(1), Mask::NONE);
    s.pass(31);
    olga.silence();
    assert_eq!(vms(&s, "olga", &[1]).await, ENABLED, "from memory");
    olga.speak();
    until(|| olga.asked().len() == 2).await;
    assert_eq!(vms(&s, "olga", &[1]).await, DISABLED);
    assert_eq!(olga.asked().len(), 2);
}

#[tokio::test]
async fn a_menu_finds_a_session_again_that_vcenter_has_lost() {
    let s = quiet().await;
    s.of_one_folder().lose_after(1);
    assert_eq!(vms(&s, "olga", &[1]).await, ENABLED);
    let after_restart = s.log_in("olga");
    assert_eq!(vms(&s, "olga", &[2]).await, DISABLED, "the new session is asked");
    assert_eq!((s.gate.count().1, after_restart.asked().len(), s.app.table.len()), (2, 1, 1));
    // What is asked beside a menu finds it out too.
    after_restart.lose();
    s.log_in("olga");
    s.pass(31);
    assert_eq!(vms(&s, "olga", &[2]).await, DISABLED);
    until(|| s.app.table.is_empty()).await;
}

#[tokio::test]
async fn menus_end_with_the_clients_session() {
    let s = quiet().await;
    s.of_one_folder();
    assert_eq!(vms(&s, "olga", &[1]).await, ENABLED);
    s.gate.log_out("token-of-olga");
    let mut passed = 0;
    while ask(&s, "/dyn/vm/menu", "olga", &[urn(1, ONPREM)]).await.status == 200 {
        s.pass(20);
        passed += 20;
        assert!(passed < 360, "after {passed} s a menu is still answered");
    }
}

#[tokio::test]
async fn a_menu_needs_the_clients_session_and_is_answered_from_memory_with_it() {
    let s = quiet().await;
    let olga = s.of_one_folder();
    assert_eq!(ask(&s, "/dyn/vm/menu", "nobody", &[urn(1, ONPREM)]).await.status, 401);
    for _ in 0..10 {
        assert_eq!(vms(&s, "olga", &[1]).await, ENABLED);
    }
    assert_eq!((s.gate.count().1, olga.asked().len()), (1, 1), "vCenter was asked once");
    let bad =
        s.send(Method::POST, "/dyn/vm/menu", &[("vmware-api-session-id", "t")], Some(Value::Null)).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn a_menu_that_is_too_much_is_enabled() {
    let s = quiet().await;
    s.log_in("olga");
    assert_eq!(vms(&s, "olga", &[1]).await, DISABLED);
    let many: Vec<u32> = (1..=10_000).collect();
    assert_eq!(vms(&s, "olga", &many).await, ENABLED, "more than a body may hold");
    let tickets = s.gate.count().0;
    let all = s.app.permits.deciding.try_acquire_many(64).unwrap();
    assert_eq!(vms(&s, "nobody", &[1]).await, ENABLED, "as many are being decided as may be");
    assert_eq!(s.gate.count().0, tickets);
    drop(all);
    let _all = s.app.permits.strangers.try_acquire_many(128).unwrap();
    assert_eq!(vms(&s, "nobody", &[1]).await, ENABLED, "as many strangers ask as may");
    assert_eq!(vms(&s, "olga", &[1]).await, DISABLED);
}

#[tokio::test]
async fn a_menu_works_while_the_appliance_is_away() {
    let s = quiet().await;
    s.of_one_folder();
    s.appliance.stop();
    s.app.feed.round().await;
    assert!(s.app.upstream.state().away_since.is_some());
    assert_eq!((vms(&s, "olga", &[1]).await, vms(&s, "olga", &[2]).await), (ENABLED, DISABLED));
}

#[tokio::test]
async fn a_warm_menu_takes_milliseconds() {
    // Other tests run beside this one, so that not the slowest of a hundred is looked at but the middle one;
    // what no load explains is a question to vCenter.
    let s = quiet().await;
    let admin = s.administrator();
    vms(&s, "root", &[1]).await;
    let mut took: Vec<_> = Vec::new();
    for _ in 0..200 {
        let begun = std::time::Instant::now();
        vms(&s, "root", &[1]).await;
        took.push(begun.elapsed());
    }
    took.sort();
    assert!(took[100].as_millis() < 10, "half of them take {:?} and more", took[100]);
    assert_eq!(admin.asked().len(), 1, "vCenter is asked once");
}
