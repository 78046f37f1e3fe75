#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::Write as _;

use hdm_shared::migration::{ColdOptions, TargetChoice, VmPlan};
use hdm_wave::field;

use super::check::{Judged, across, divide, obstacles};
use super::*;
use crate::cli;

fn plan(name: &str, text: &str, given: &Said) -> Result<Vec<Row>, Vec<Finding>> {
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

fn given() -> Said {
    let mut given = Said::default();
    for (column, value) in [("cloud", "cloud"), ("cluster", "C0"), ("pool", "Gold"), ("network", "LAN=Cloud")]
    {
        field::set(&mut given, column, value).unwrap();
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
fn a_row_with_another_cluster_has_not_the_pool_of_all() {
    let rows = plan("plan.csv", "vm;cluster\nweb-01;C1\nweb-02;\n", &given()).unwrap();
    let places: Vec<_> = rows.iter().map(|row| (&row.item.target.cluster, &row.item.target.pool)).collect();
    assert_eq!(places, [(&Some("C1".into()), &None), (&Some("C0".into()), &Some("Gold".into()))]);
}

#[test]
fn every_mistake_is_told_with_its_place_in_the_file() {
    let told =
        mistakes(plan("plan.csv", "vm,cpu,cloud\nweb-01,two,cloud\nweb-02,,\n,1,\n", &Said::default()));
    let expected = [
        ("plan.csv, line 2, column 2", "Column 'cpu': 'two' is no whole number that is possible here."),
        ("plan.csv, line 3, column 1", "Nothing says which vCenter 'web-02' goes to."),
        ("plan.csv, line 4, column 1", "The row names no virtual machine."),
    ];
    assert_eq!(told, expected.map(|(at, what)| (at.to_owned(), what.to_owned())));
    let told = mistakes(plan("plan.doc", "vm\nweb-01\n", &given()));
    assert!(told[0].1.contains("does not say what it holds"), "{told:?}");
    let away = read(Path::new("/nowhere/plan.csv"), &given()).unwrap_err();
    assert!(away[0].message.contains("cannot be read"), "{away:?}");
}

#[test]
fn a_name_in_each_line_is_a_plan_too() {
    let rows = plan("plan.txt", "web-01\nweb-02\n", &given()).unwrap();
    assert_eq!(rows.iter().map(|row| row.item.vm.as_str()).collect::<Vec<_>>(), ["web-01", "web-02"]);
}

/// The columns are called as the options are, and so are their words.
#[test]
fn the_words_of_a_plan_are_those_of_the_options() {
    fn words<C: clap::ValueEnum + Clone, T: From<C> + PartialEq + std::fmt::Debug>(
        column: &str,
        of: impl Fn(&Said) -> Option<T>,
    ) {
        for choice in C::value_variants() {
            let word = choice.to_possible_value().unwrap();
            let mut said = Said::default();
            field::set(&mut said, column, word.get_name()).unwrap();
            assert_eq!(of(&said), Some(choice.clone().into()), "{column}");
        }
    }
    words::<cli::Disk, _>("disk", |said| said.options.disk_format);
    words::<cli::Mac, _>("mac", |said| said.options.mac);
    words::<cli::Shutdown, _>("shutdown", |said| said.options.shutdown);
    words::<cli::Verify, _>("verify", |said| said.options.verify);
}

#[test]
fn a_plan_is_divided_by_vcenters_and_by_what_a_request_may_hold() {
    let text = "vm,cloud\na,c1\nb,c2\nc,c1\nd,c1\n";
    let rows = plan("plan.csv", text, &Said::default()).unwrap();
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
