#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;

use hdm_shared::migration::{ColdOptions, TargetChoice, VmPlan};

use super::check::{Judged, across, divide, obstacles};
use super::*;

fn plan(name: &str, text: &str, given: &Draft) -> Result<Vec<Row>, Vec<Finding>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    read(&path, given).map_err(|mut findings| {
        for finding in &mut findings {
            finding.object = finding.object.replace(&format!("{}/", folder.path().display()), "");
        }
        findings
    })
}

fn given() -> Draft {
    let mut given = Draft::default();
    for (column, value) in [("cloud", "cloud"), ("cluster", "C0"), ("pool", "Gold"), ("network", "LAN=Cloud")]
    {
        given.set(column, value).unwrap();
    }
    given
}

/// Where each mistake is, and what it is.
fn mistakes(outcome: Result<Vec<Row>, Vec<Finding>>) -> Vec<(String, String)> {
    let findings = outcome.unwrap_err();
    for finding in &findings {
        assert!(finding.message.ends_with('.') && finding.remedy.ends_with('.'), "no sentences: {finding:?}");
    }
    findings.into_iter().map(|finding| (finding.object, finding.message)).collect()
}

#[test]
fn a_table_and_a_list_say_the_same() {
    let csv = "\u{feff}vm,datastore,power-on,network,network,rename\r\n\
               # The front end.\r\n\
               web-01,ds0,true,LAN=DMZ;Prod=Prod,\"A=B\",\r\n\
               \"db, the big one\",,,,,db-01\r\n,,,,,\r\n";
    let yaml = "
defaults: { cloud: cloud, cluster: C0, pool: Gold, network: { LAN: Cloud } }
vms:
  - vm: web-01
    datastore: ds0
    power-on: yes
    network: [LAN=DMZ, Prod=Prod, A=B]
  - { vm: 'db, the big one', rename: db-01, host: ~ }
";
    let table = plan("plan.csv", csv, &given()).unwrap();
    let list = plan("plan.yaml", yaml, &Draft::default()).unwrap();
    let items = |rows: &[Row]| rows.iter().map(|row| row.item.clone()).collect::<Vec<_>>();
    assert_eq!(items(&table), items(&list));
    assert_eq!(table.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(list.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 8]);
    let first = &table[0].item;
    assert_eq!(first.target.networks["LAN"], "DMZ", "the row goes before what was given for all");
    assert_eq!(first.target.networks.len(), 3);
    assert!(first.options.power_on);
    assert_eq!(table[1].item.target.networks["LAN"], "Cloud");
}

#[test]
fn a_row_with_another_cluster_has_not_the_pool_of_all() {
    let rows = plan("plan.csv", "vm;cluster\nweb-01;C1\nweb-02;\n", &given()).unwrap();
    let places: Vec<_> = rows.iter().map(|row| (&row.item.target.cluster, &row.item.target.pool)).collect();
    assert_eq!(places, [(&Some("C1".into()), &None), (&Some("C0".into()), &Some("Gold".into()))]);
}

#[test]
fn words_of_a_list_stay_as_they_are_written() {
    let rows = plan("plan.yml", "vms:\n- 007\n- { vm: no, rename: 1e3 }\n", &given()).unwrap();
    assert_eq!(rows[0].item.vm, "007");
    assert_eq!((rows[1].item.vm.as_str(), rows[1].item.options.rename.as_deref()), ("no", Some("1e3")));
}

#[test]
fn every_mistake_of_a_table_is_told_with_its_place() {
    let text = "vm,cpu,disc,mac,mac\nweb-01,two,x,,\n,1,,,\nweb-03,1,,fresh,,more\n";
    let told = mistakes(plan("plan.csv", text, &given()));
    let expected = [
        ("plan.csv, line 1, column 3", "There is no column 'disc'."),
        ("plan.csv, line 1, column 5", "The column 'mac' is there twice."),
        ("plan.csv, line 2, column 2", "Column 'cpu': 'two' is no whole number that is possible here."),
        ("plan.csv, line 3, column 1", "The row names no virtual machine."),
        ("plan.csv, line 4, column 4", "Column 'mac': 'fresh' is not possible here: take one of keep, new."),
        ("plan.csv, line 4, column 6", "The row has more values than there are columns: 'more'."),
    ];
    assert_eq!(told, expected.map(|(at, what)| (at.to_owned(), what.to_owned())));
}

#[test]
fn every_mistake_of_a_list_is_told_with_its_place() {
    let text = "defaults:\n  rename: all\n  cloud: cloud\nvms:\n  - { vm: web-01, disc: thin }\n  - vm: web-02\n    \
                network: { LAN: [a] }\n    power-on: maybe\n  - cpu: 1\nmore: 1\n";
    let told = mistakes(plan("plan.yaml", text, &Draft::default()));
    let expected = [
        ("plan.yaml, line 2, column 3", "'rename' cannot be the same for all virtual machines."),
        ("plan.yaml, line 5, column 19", "There is no column 'disc'."),
        ("plan.yaml, line 7, column 14", "'network': Both sides of a pair are names."),
        ("plan.yaml, line 8, column 15", "'power-on': 'maybe' is neither true nor false."),
        ("plan.yaml, line 9, column 5", "The row names no virtual machine."),
        ("plan.yaml, line 10, column 1", "A plan has no part 'more'."),
    ];
    assert_eq!(told, expected.map(|(at, what)| (at.to_owned(), what.to_owned())));
}

#[test]
fn what_is_no_plan_at_all_is_told() {
    for (name, text, part) in [
        ("plan.txt", "vm\nweb-01\n", "does not say what it holds"),
        ("plan.csv", "", "names no virtual machine"),
        ("plan.csv", "name\nweb-01\n", "does not name a column 'vm'"),
        ("plan.yaml", "vms: [a\n", "This is no YAML"),
        ("plan.yaml", "vms:\n- { vm: a, vm: b }\n", "duplicated key"),
        ("plan.yaml", "- a\n", "is no mapping"),
        ("plan.yaml", "---\nvms: [a]\n---\nvms: [b]\n", "several documents"),
        ("plan.yaml", "defaults: {}\n", "has no list"),
    ] {
        let told = mistakes(plan(name, text, &given()));
        assert!(told.iter().any(|(_, what)| what.contains(part)), "'{text}': {told:?}");
    }
    let away = read(Path::new("/nowhere/plan.csv"), &given()).unwrap_err();
    assert!(away[0].message.contains("cannot be read"), "{away:?}");
    let none = mistakes(plan("plan.csv", "vm\nweb-01\n", &Draft::default()));
    assert!(none[0].1.contains("which vCenter 'web-01' goes to"), "{none:?}");
}

#[test]
fn a_plan_is_divided_by_vcenters_and_by_what_a_request_may_hold() {
    let text = "vm,cloud\na,c1\nb,c2\nc,c1\nd,c1\n";
    let rows = plan("plan.csv", text, &Draft::default()).unwrap();
    let divided: Vec<Vec<String>> = divide(&rows, 2)
        .into_iter()
        .map(|request| request.into_iter().map(|row| row.item.vm).collect())
        .collect();
    assert_eq!(divided, [vec!["a", "c"], vec!["d"], vec!["b"]]);
}

/// A row as the appliance judges it: a virtual machine of so many bytes that goes to ds0 under a name.
fn judged(line: u64, vm: &str, name: &str, bytes: u64) -> Judged {
    let cloud: VcenterId = "cloud".parse().unwrap();
    let target = [("cluster", "C0"), ("datastore", "ds0"), ("folder", "/DC0/vm")];
    let item = BatchItem { vm: vm.into(), target: TargetChoice::default(), options: ColdOptions::default() };
    let plan = VmPlan {
        asked: vm.into(),
        vm: Some(ObjectId { vcenter: "onprem".parse().unwrap(), moid: vm.into() }),
        path: None,
        target_name: Some(name.into()),
        target: target.map(|(what, place)| (what.to_owned(), place.to_owned())).into(),
        capacity_bytes: bytes,
        source_cluster_id: None,
        findings: Vec::new(),
    };
    Judged { row: Row { line, source: None, cloud, item }, plan }
}

/// The appliance sees one request at a time; what one takes from another the plan itself must see.
#[test]
fn what_one_request_takes_from_another_is_told() {
    let room = space::Datastore {
        cloud: "cloud".parse().unwrap(),
        name: "ds0".into(),
        unpromised_bytes: 100,
        taken_bytes: 0,
        left_bytes: 0,
        vms: 0,
    };
    let mut requests = [
        vec![judged(2, "vm-1", "web", 60), judged(3, "vm-2", "db", 30)],
        vec![judged(4, "vm-1", "other", 5), judged(5, "vm-3", "WEB", 5), judged(6, "vm-4", "mail", 50)],
    ];
    across(&mut requests, &[room]);
    assert!(requests[0].iter().all(|row| row.plan.admitted()), "the first ones have it: {requests:?}");
    let found = obstacles(&requests[1]);
    let found: Vec<_> = found.iter().map(|f| (f.object.as_str(), f.code.as_str())).collect();
    let expected =
        [("line 4, vm-1", "named-twice"), ("line 5, vm-3", "name-reserved"), ("line 6, vm-4", "space-short")];
    assert_eq!(found, expected);
}
