//! A user who sees one folder only.

use axum::http::Method;
use hdm_shared::migration::MigrationState;
use hdm_shared::plugin::Privilege;
use serde_json::{Value, json};

use super::setting::{CLOUD, HIDDEN, ONPREM, Setting, cluster, id, of_vm, only, root, vm};
use crate::session::rights::Mask;

fn names(page: &Value) -> Vec<String> {
    let list = page["migrations"].as_array().or(page.as_array()).cloned().unwrap_or_default();
    list.iter().map(|view| view["vm_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn no_answer_holds_a_name_of_what_the_user_may_not_see() {
    let s = Setting::new().await;
    let unknown = || {
        json!({"code": "vm-unknown", "severity": "blocker", "object": "onprem:vm-1", "remedy": "",
            "message": format!("There is no virtual machine 'vm-1'. There is '{HIDDEN}-2' (vm-2).")})
    };
    s.appliance.change(|world| {
        world.plan = json!({"vms": [{"asked": "onprem:vm-1", "vm": null, "path": null, "target_name": null,
            "target": {}, "capacity_bytes": 0, "findings": [unknown()]}]});
        world.outcome = json!({"type": "urn:hdm:problem:not-admitted", "title": "Not admitted", "status": 422,
            "detail": "Something stands in the way of: vm-1.", "findings": [unknown()]});
    });
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let hidden = id(2);
    let told = s.get(&grant, &format!("/api/migrations/{}", id(1))).await.text;
    for part in
        ["'shown-1' was refused", "'shown-1' has tags", "Was 'shown-1' moved", "'shown-1' is looked at"]
    {
        assert!(told.contains(part), "what may be seen is told whole: {told}");
    }
    for path in [
        "/api/changes?since=0".to_owned(),
        "/api/changes?since=0&cluster=domain-c1".into(),
        "/api/changes?since=0&vm=vm-2".into(),
        "/api/migrations?since_ms=0".into(),
        format!("/api/migrations/{hidden}"),
        "/api/vms?cluster=domain-c1".into(),
        "/api/vms?vm=vm-1&vm=vm-2".into(),
        "/api/clouds".into(),
        "/api/clouds?vm=vm-2".into(),
        "/api/samples?cloud=cloud".into(),
        "/api/events".into(),
        "/api/events?limit=3&before=9".into(),
        "/api/dashboard".into(),
        "/api/preferences".into(),
        "/api/vcenters".into(),
        "/api/vcenters/cloud/released".into(),
        "/api/vcenters/cloud/offer".into(),
    ] {
        let answer = s.get(&grant, &path).await;
        assert!(!answer.text.contains(HIDDEN), "{path}: {answer:?}");
        assert!(!answer.text.contains("ecret"), "{path}: {answer:?}");
    }
    let item = |n: u32| json!({"vm": format!("vm-{n}"), "target": {}, "options": {}});
    for (path, body) in [
        ("/api/plan", json!({"cloud": "cloud", "items": [item(1)]})),
        ("/api/plan", json!({"cloud": "cloud", "items": [item(1), item(2)]})),
        ("/api/migrations", json!({"cloud": "cloud", "items": [item(1)]})),
        ("/api/migrations", json!({"cloud": "cloud", "items": [item(2)]})),
        ("/api/migrations/actions", json!({"action": "retry", "migrations": [id(1), id(2)]})),
    ] {
        let answer = s.call(&grant, Method::POST, path, Some(body)).await;
        assert!(!answer.text.contains(HIDDEN), "{path}: {answer:?}");
    }
    assert_eq!(
        names(&s.get(&grant, "/api/changes?since=0").await.json()),
        ["shown-1", "shown-3", "shown-5", "shown-7", "shown-9"]
    );
}

#[tokio::test]
async fn what_is_seen_is_told_and_what_is_not_is_as_if_it_were_not_there() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let (shown, hidden) = (format!("/api/migrations/{}", id(1)), format!("/api/migrations/{}", id(2)));
    let nowhere = "/api/migrations/00000000-0000-0000-0000-0000000000ff";
    assert_eq!(s.get(&grant, &shown).await.json()["migration"]["vm_name"], "shown-1");
    let (hidden, nowhere) = (s.get(&grant, &hidden).await, s.get(&grant, nowhere).await);
    assert_eq!((hidden.status.as_u16(), &hidden.text), (404, &nowhere.text));

    let page = s.get(&grant, "/api/vms?vm=vm-1&vm=vm-2").await.json();
    assert_eq!((page["total"].as_u64(), page["vms"][0]["name"].as_str()), (Some(1), Some("shown-1")));
    let page = s.get(&grant, "/api/vms?cluster=domain-c1").await.json();
    let listed: Vec<_> =
        page["vms"].as_array().unwrap().iter().map(|vm| vm["name"].as_str().unwrap()).collect();
    assert_eq!(page["total"], 5, "of a cluster that is not seen the VMs are listed that are");
    assert!(listed.iter().all(|name| name.starts_with("shown-")), "{listed:?}");
    assert_eq!(s.get(&grant, "/api/clouds").await.status, 200);
    assert_eq!(s.get(&grant, "/api/clouds?vm=vm-2").await.status, 403);
    let events = s.get(&grant, "/api/events?limit=3").await.json();
    let seqs: Vec<_> =
        events["events"].as_array().unwrap().iter().map(|e| e["seq"].as_i64().unwrap()).collect();
    assert_eq!((seqs, &events["older_before"]), (vec![5, 7, 9], &json!(5)));
    let rest = s.get(&grant, "/api/events?limit=3&before=5").await.json();
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["older_before"]), (2, &json!(null)));
    let board = s.get(&grant, "/api/dashboard").await.json();
    assert_eq!((&board["on_premise"], board["off_premise"].as_array().unwrap().len()), (&json!([]), 1));
}

#[tokio::test]
async fn what_may_be_looked_at_only_is_told_apart() {
    let s = Setting::new().await;
    let session = s.log_in("vera");
    session.grant(&vm(1), only(&[Privilege::View]));
    session.grant(&vm(2), only(&[Privilege::View, Privilege::Migrate]));
    let grant = s.grant("vera", Some(&vm(1))).await;
    let page = s.get(&grant, "/api/changes?since=0").await.json();
    assert_eq!((names(&page).len(), &page["view_only"]), (2, &json!([id(1)])));
    let asked = session.asked().len();
    let page = s.get(&grant, "/api/vms?vm=vm-1&vm=vm-2&vm=vm-3").await.json();
    let told = |n: usize| page["vms"][n]["findings"].as_array().unwrap().first().map(|f| f["code"].clone());
    assert_eq!((page["total"].as_u64(), told(0), told(1)), (Some(2), Some(json!("not-permitted")), None));
    assert!(session.asked().len() <= asked + 1, "both privileges of all are one question at most");
}

#[tokio::test]
async fn somebody_who_may_see_everything_sees_everything() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    assert_eq!(names(&s.get(&grant, "/api/changes?since=0").await.json()).len(), 10);
    assert_eq!(s.get(&grant, "/api/events").await.json()["events"].as_array().unwrap().len(), 11);
    assert_eq!(s.get(&grant, "/api/vms?cluster=domain-c1").await.json()["total"], 10);
    let board = s.get(&grant, "/api/dashboard").await.json();
    assert_eq!((board["on_premise"][0]["vms"].as_u64(), &board["troubles"][0]), (Some(10), &json!(HIDDEN)));
}

/// A cloud with two of everything, and Lena, who is logged in to a vCenter that is linked with it and sees the
/// first of each.
async fn linked() -> Setting {
    let s = Setting::new().await;
    let object = |id: &str| json!({"id": id, "name": id, "path": format!("/DC0/{id}"), "datacenter": "DC0"});
    let datastore = |id: &str| {
        let mut datastore = object(id);
        datastore["capacity_bytes"] = json!(1);
        datastore["available_bytes"] = json!(1);
        datastore
    };
    let cluster = |id: &str| {
        let mut cluster = object(id);
        let parts = json!({"drs": true, "cpus_total": 1, "cpus_used": 0, "memory_total_mib": 1, "memory_used_mib": 0,
            "hosts": [object("host-1"), object("host-2")], "pools": [object("resgroup-1")],
            "datastores": [datastore("datastore-1"), datastore("datastore-2")], "networks": [object("network-1"), object("dvportgroup-2")]});
        cluster.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        cluster
    };
    s.appliance.change(|world| {
        world.offers = vec![json!({"vcenter": "cloud", "address": "cloud", "unavailable": null,
            "clusters": [cluster("domain-c1"), cluster("domain-c2")],
            "folders": [object("group-v1"), object("group-v2")]})];
    });
    let linked = s.gate.log_in_at("token-of-lena", "lena", Some(ONPREM), &[CLOUD]);
    linked.grant(&vm(1), only(&[Privilege::View, Privilege::Migrate]));
    for (kind, id) in [
        ("ClusterComputeResource", "domain-c2"),
        ("Folder", "group-v2"),
        ("HostSystem", "host-2"),
        ("Datastore", "datastore-2"),
        ("DistributedVirtualPortgroup", "dvportgroup-2"),
    ] {
        linked.remove(&hdm_vsphere::MoRef::new(kind, id));
    }
    s
}

#[tokio::test]
async fn of_a_linked_cloud_the_user_is_offered_what_he_sees_there() {
    let s = linked().await;
    let grant = s.grant("lena", Some(&vm(1))).await;
    let offer = &s.get(&grant, "/api/clouds").await.json()[0];
    let ids = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (ids(&offer["clusters"]), ids(&offer["folders"])),
        (vec!["domain-c1".into()], vec!["group-v1".into()])
    );
    let left = &offer["clusters"][0];
    assert_eq!(
        (ids(&left["hosts"]), ids(&left["networks"])),
        (vec!["host-1".into()], vec!["network-1".into()])
    );
    s.of_one_folder();
    let whole = s.grant("olga", Some(&vm(1))).await;
    let answer = s.get(&whole, "/api/clouds").await.json();
    assert_eq!(ids(&answer[0]["clusters"]).len(), 2, "whoever is not linked is offered what is released");
    let nina = s.gate.log_in_at("token-of-nina", "nina", Some(ONPREM), &[CLOUD]);
    nina.grant(&vm(1), only(&[Privilege::View, Privilege::Migrate]));
    s.gate.take_down("cloud");
    let nina = s.grant("nina", Some(&vm(1))).await;
    let offer = &s.get(&nina, "/api/clouds").await.json()[0];
    assert_eq!(
        (&offer["clusters"], &offer["folders"]),
        (&json!([]), &json!([])),
        "nobody knows what she sees"
    );
    assert!(offer["unavailable"].as_str().unwrap().contains("could not find out"), "{offer}");
    let body = json!({"cloud": "cloud", "items": [{"vm": "vm-1"}]});
    for path in ["/api/plan", "/api/migrations"] {
        assert_eq!(s.call(&nina, Method::POST, path, Some(body.clone())).await.status, 502);
    }
    let board = s.get(&nina, "/api/dashboard").await.json();
    assert_eq!(board["off_premise"], json!([]));
}

#[tokio::test]
async fn of_a_linked_cloud_the_dashboard_and_the_charts_show_what_the_user_sees_there() {
    let s = linked().await;
    s.appliance.change(|world| {
        let mut hidden = world.dashboard["off_premise"][0].clone();
        (hidden["id"], hidden["name"]) = (json!("domain-c2"), json!(HIDDEN));
        world.dashboard["off_premise"].as_array_mut().unwrap().push(hidden);
    });
    let grant = s.grant("lena", Some(&vm(1))).await;
    let board = s.get(&grant, "/api/dashboard").await.json();
    assert_eq!(
        (&board["off_premise"][0]["id"], &board["off_premise"][1]),
        (&json!("domain-c1"), &json!(null))
    );
    for (cluster, status) in [("domain-c1", 200), ("domain-c2", 404), ("C0", 400)] {
        let path = format!("/api/samples?cloud=cloud&cluster={cluster}");
        assert_eq!(s.get(&grant, &path).await.status, status, "{cluster}");
    }
    assert_eq!(s.get(&grant, "/api/samples?cloud=cloud").await.status, 200);
    for none in ["onprem", "onprem&cluster=domain-c1", "nowhere&cluster=domain-c1"] {
        assert_eq!(s.get(&grant, &format!("/api/samples?cloud={none}")).await.status, 404, "{none}");
    }
    assert_eq!(s.appliance.asked(&Method::GET, "/samples").len(), 2, "nothing else was asked");
}

#[tokio::test]
async fn in_a_linked_cloud_a_place_lies_within_what_the_user_sees_there() {
    let s = linked().await;
    let grant = s.grant("lena", Some(&vm(1))).await;
    let ask = async |path: &str, target: Value, within: Value| {
        let item = json!({"vm": "vm-1", "target": target});
        let body = json!({"cloud": "cloud", "items": [item], "within": within});
        s.call(&grant, Method::POST, path, Some(body)).await
    };
    let seen = json!({"clusters": ["domain-c1"], "folders": ["group-v1"], "datastores": ["datastore-1"],
        "networks": ["network-1"]});
    for (path, relayed) in [("/api/plan", "/batches/plan"), ("/api/migrations", "/batches")] {
        // Whatever the page says, and also for what is named or left out.
        ask(path, json!({"cluster": "domain-c2"}), json!(null)).await;
        ask(path, json!({"pool": "resgroup-1"}), json!({"clusters": ["domain-c2"]})).await;
        for asked in s.appliance.asked(&Method::POST, relayed) {
            assert_eq!(asked.body["within"], seen, "{path}");
        }
        for hidden in [json!({"host": "host-2"}), json!({"pool": "Secret"}), json!({"host": "host-77"})] {
            let answer = ask(path, hidden, json!(null)).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }
        assert_eq!(s.appliance.asked(&Method::POST, relayed).len(), 2, "nothing else was passed on");
    }
    s.of_one_folder();
    let olga = s.grant("olga", None).await;
    let body = json!({"cloud": "cloud", "items": [{"vm": "vm-1"}], "within": seen});
    s.call(&olga, Method::POST, "/api/plan", Some(body)).await;
    let asked = s.appliance.asked(&Method::POST, "/batches/plan");
    assert_eq!(asked[2].body.get("within"), None, "whoever is not linked may choose what is released");
}

#[tokio::test]
async fn the_appliance_is_asked_for_what_the_page_is_about_and_for_the_end_of_a_log() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    s.get(&grant, "/api/migrations?since_ms=5&vm=vm-1&cluster=domain-c1").await;
    let asked = &s.appliance.asked(&Method::GET, "/migrations")[0].query;
    assert_eq!(asked, "since_ms=5&vcenter=onprem&limit=10000&cluster_id=domain-c1&vm=vm-1");
    s.get(&grant, &format!("/api/migrations/{}", id(1))).await;
    assert_eq!(
        s.appliance.asked(&Method::GET, &format!("/migrations/{}/log", id(1)))[0].query,
        "newest=true"
    );
}

#[tokio::test]
async fn whoever_may_read_little_of_a_long_log_is_told_where_to_go_on() {
    let s = Setting::new().await;
    s.appliance.change(|world| {
        let hidden = world.events[1].clone();
        let later = (12..10_500).map(|seq| {
            let mut event = hidden.clone();
            event["seq"] = json!(seq);
            event
        });
        let later: Vec<Value> = later.collect();
        world.events.extend(later);
    });
    s.of_one_folder();
    let grant = s.grant("olga", None).await;
    let first = s.get(&grant, "/api/events").await.json();
    assert_eq!((&first["events"], &first["older_before"]), (&json!([]), &json!(500)));
    let rest = s.get(&grant, "/api/events?before=500").await.json();
    assert_eq!((rest["events"].as_array().unwrap().len(), &rest["older_before"]), (5, &json!(null)));
}

#[tokio::test]
async fn counts_are_of_what_is_seen() {
    let s = Setting::new().await;
    let olga = s.of_one_folder();
    olga.grant(&cluster(), only(&[Privilege::View]));
    let grant = s.grant("olga", Some(&cluster())).await;
    let board = s.get(&grant, "/api/dashboard").await.json();
    assert_eq!((board["on_premise"][0]["vms"].as_u64(), &board["troubles"]), (Some(5), &json!([])));
    assert_eq!(s.get(&grant, "/api/vms?cluster=domain-c1").await.json()["total"], 5);
}

#[tokio::test]
async fn of_more_vms_than_one_answer_holds_none_is_left_out() {
    let s = Setting::new().await;
    let admin = s.administrator();
    s.appliance.change(|world| {
        let like = world.vms[0].clone();
        let more = (11..=10_020).map(|n| {
            let mut vm = like.clone();
            vm["vm"]["moid"] = json!(format!("vm-{n}"));
            vm
        });
        let more: Vec<Value> = more.collect();
        world.vms.extend(more);
    });
    (11..=10_020).for_each(|n| admin.grant(&vm(n), only(&[Privilege::View])));
    let grant = s.grant("root", None).await;
    assert_eq!(s.get(&grant, "/api/vms?cluster=domain-c1").await.json()["total"], 10_020);
    assert_eq!(s.get(&grant, "/api/dashboard").await.json()["on_premise"][0]["vms"], 10_020);
}

#[tokio::test]
async fn a_privilege_that_is_taken_away_is_gone_within_a_minute_from_what_the_page_shows_too() {
    let s = Setting::new().await;
    let olga = s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let first = s.get(&grant, "/api/changes?since=0").await.json();
    let next = |page: &Value| format!("/api/changes?since={}", page["cursor"]);
    let quiet = s.get(&grant, &next(&first)).await.json();
    assert_eq!((quiet["reset"].as_bool(), names(&quiet).len()), (Some(false), 0));
    olga.grant(&vm(1), Mask::NONE);
    s.pass(30);
    let page = s.get(&grant, &next(&quiet)).await.json();
    assert_eq!(
        (page["reset"].as_bool(), names(&page)),
        (Some(true), vec!["shown-3".into(), "shown-5".into(), "shown-7".into(), "shown-9".to_owned()])
    );
    assert_eq!(names(&s.get(&grant, &next(&page)).await.json()).len(), 0, "it is told once");
    let body = json!({"action": "cancel", "migrations": [id(1)]});
    let report = s.call(&grant, Method::POST, "/api/migrations/actions", Some(body)).await.json();
    assert_eq!(report["outcomes"][0]["problem"]["status"], 404);
    olga.grant(&vm(1), only(&[Privilege::View]));
    s.pass(30);
    let page = s.get(&grant, &next(&page)).await.json();
    assert_eq!((page["reset"].as_bool(), names(&page).len()), (Some(true), 5));
}

#[tokio::test]
async fn that_a_migration_was_dismissed_is_told_to_those_who_saw_it() {
    let s = Setting::new().await;
    s.of_one_folder();
    let grant = s.grant("olga", Some(&vm(1))).await;
    let first = s.get(&grant, "/api/changes?since=0").await.json();
    s.appliance.change(|world| {
        world.cursor += 1;
        world.migrations = vec![of_vm(1), of_vm(2)];
        for view in &mut world.migrations {
            (view.state, view.dismissed) = (MigrationState::Failed, true);
        }
    });
    s.app.feed.round().await;
    let next = s.get(&grant, &format!("/api/changes?since={}", first["cursor"])).await.json();
    assert_eq!((names(&next), &next["migrations"][0]["dismissed"]), (vec!["shown-1".into()], &json!(true)));
    assert_eq!(names(&s.get(&grant, "/api/changes?since=0").await.json()).len(), 4);
}

#[tokio::test]
async fn a_privilege_that_goes_while_a_page_is_made_is_gone_from_that_page() {
    let s = Setting::new().await;
    let olga = s.of_one_folder();
    olga.remove(&vm(3));
    let grant = s.grant("olga", Some(&vm(1))).await;
    let first = s.get(&grant, "/api/changes?since=0").await.json();
    assert_eq!(names(&first), ["shown-1", "shown-5", "shown-7", "shown-9"]);
    s.pass(30);
    // First the VMs are asked about. While the root is, for the one that is gone, another frame finds out
    // that the user sees vm-1 no more.
    let onprem = s.app.vcenters.get(ONPREM).unwrap();
    let (frame, _) = s.app.table.warm(&onprem, &hdm_vsphere::Secret::new("token-of-olga")).unwrap();
    let now = s.app.clock.uptime();
    let fake = olga.clone();
    olga.then(move || {
        let other = fake.clone();
        fake.then(move || {
            other.grant(&vm(1), Mask::NONE);
            let answers = vec![(vm(1), crate::session::rights::Answer::Holds(Mask::NONE))];
            frame.rights.learn(
                vec![vm(1)],
                answers,
                Mask::ALL,
                now,
                &mut std::collections::HashMap::default(),
            );
        });
    });
    let page = s.get(&grant, &format!("/api/changes?since={}", first["cursor"])).await.json();
    assert_eq!(
        (page["reset"].as_bool(), names(&page)),
        (Some(true), vec!["shown-5".into(), "shown-7".into(), "shown-9".to_owned()])
    );
}

#[tokio::test]
async fn a_migration_of_a_vm_that_is_gone_is_for_those_who_see_all() {
    let s = Setting::new().await;
    let (admin, olga) = (s.administrator(), s.of_one_folder());
    admin.remove(&vm(1));
    olga.remove(&vm(1));
    let (admin, olga) = (s.grant("root", None).await, s.grant("olga", Some(&vm(3))).await);
    let path = "/api/changes?since=0";
    assert_eq!(names(&s.get(&admin, path).await.json()).len(), 10);
    assert_eq!(names(&s.get(&olga, path).await.json()), ["shown-3", "shown-5", "shown-7", "shown-9"]);
}

#[tokio::test]
async fn a_page_that_has_the_answer_gets_none() {
    let s = Setting::new().await;
    s.administrator();
    let grant = s.grant("root", None).await;
    let token = format!("Bearer {}", grant.token);
    let first = s.get(&grant, "/api/changes?since=0").await;
    let tag = first.headers["etag"].to_str().unwrap().to_owned();
    let headers = [("authorization", token.as_str()), ("if-none-match", tag.as_str())];
    let again = s.send(Method::GET, "/api/changes?since=0", &headers, None).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    s.appliance.change(|world| {
        world.cursor += 1;
        world.migrations = vec![of_vm(12)];
    });
    s.app.feed.round().await;
    assert_eq!(s.send(Method::GET, "/api/changes?since=0", &headers, None).await.status, 200);
}

#[tokio::test]
async fn one_question_to_vcenter_answers_all_pages_for_half_a_minute() {
    let s = Setting::new().await;
    let admin = s.administrator();
    let grant = s.grant("root", None).await;
    for _ in 0..20 {
        s.get(&grant, "/api/changes?since=0").await;
    }
    // Once for the grant, about the root; once for the VMs.
    assert_eq!(
        admin.asked(),
        [vec![root()], (1..=10).map(vm).collect::<std::collections::BTreeSet<_>>().into_iter().collect()]
    );
}
