#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

/// Where each mistake is, and what it is.
fn mistakes(wave: &Wave) -> Vec<(Option<(u64, u64)>, &str)> {
    for mistake in &wave.mistakes {
        let sentences = mistake.what.ends_with('.') && mistake.remedy.ends_with('.');
        assert!(sentences, "no sentences: {mistake:?}");
    }
    wave.mistakes.iter().map(|m| (m.at.map(|at| (at.line, at.column)), m.what.as_str())).collect()
}

/// A wave without mistakes, its rows with what is said of all.
fn rows(text: &str, kind: Kind) -> Vec<(u64, String, Said)> {
    let wave = read(text, kind);
    assert_eq!(mistakes(&wave), []);
    wave.rows.into_iter().map(|row| (row.at.line, row.vm, row.said.over(&wave.defaults))).collect()
}

#[test]
fn a_table_and_yaml_say_the_same() {
    let csv = "\u{feff}vm,cloud,datastore,power-on,network,network,rename\r\n\
               # The front end.\r\n\
               web-01,cloud,ds0,true,LAN=DMZ;Prod=Prod,\"A=B\",\r\n\
               \"db, the big one\",cloud,,,LAN=Cloud,,db-01\r\n,,,,,,\r\n";
    let yaml = "
defaults: { cloud: cloud, network: { LAN: Cloud } }
vms:
  - vm: web-01
    datastore: ds0
    power-on: yes
    network: [LAN=DMZ, Prod=Prod, A=B]
  - { vm: 'db, the big one', rename: db-01, host: ~ }
";
    let (table, list) = (rows(csv, Kind::Table), rows(yaml, Kind::Yaml));
    let said = |rows: &[(u64, String, Said)]| {
        rows.iter().map(|row| (row.1.clone(), row.2.clone())).collect::<Vec<_>>()
    };
    assert_eq!(said(&table), said(&list));
    assert_eq!(table.iter().map(|row| row.0).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(list.iter().map(|row| row.0).collect::<Vec<_>>(), [4, 8]);
    let first = &table[0].2;
    assert_eq!(first.target.networks["LAN"], "DMZ", "the row goes before what is said of all");
    assert_eq!((first.target.networks.len(), first.options.power_on), (3, Some(true)));
}

#[test]
fn a_text_is_taken_for_what_it_looks_like() {
    for (text, kind) in [
        ("web-01\nweb-02\n", Kind::Names),
        ("# All of them.\n\nvm\nweb-01\n", Kind::Table),
        ("\"VM\"\nweb-01\n", Kind::Table),
        ("name,datastore\nweb-01,ds0\n", Kind::Table),
        ("vm\tdatastore\nweb-01\tds0\n", Kind::Table),
        ("vms: [a]\n", Kind::Yaml),
        ("defaults : {}\nvms: [a]\n", Kind::Yaml),
        ("---\nvms: [a]\n", Kind::Yaml),
        ("vms-of-mine\n", Kind::Names),
        ("vm\rweb-01", Kind::Table),
        ("", Kind::Names),
    ] {
        assert_eq!(Kind::of(text), kind, "{text}");
    }
}

#[test]
fn names_and_what_a_spreadsheet_copies_are_read() {
    let names = rows("# All of them.\r\n  web-01 \r\n\r\ndb, the big one\n/DC0/vm/x\n", Kind::Names);
    let names: Vec<_> = names.iter().map(|(line, vm, _)| (*line, vm.as_str())).collect();
    assert_eq!(names, [(2, "web-01"), (4, "db, the big one"), (5, "/DC0/vm/x")]);
    let copied = rows("vm\tdatastore\tnetwork\nweb, 1\tds0\tA=B;C=D\n", Kind::Table);
    assert_eq!((copied[0].1.as_str(), copied[0].2.target.networks.len()), ("web, 1", 2));
}

#[test]
fn words_of_yaml_stay_as_they_are_written() {
    let rows = rows("vms:\n- 007\n- { vm: no, rename: 1e3 }\n", Kind::Yaml);
    assert_eq!(rows[0].1, "007");
    assert_eq!((rows[1].1.as_str(), rows[1].2.options.rename.as_deref()), ("no", Some("1e3")));
}

#[test]
fn every_mistake_of_a_table_is_told_with_its_place() {
    let text = "vm,cpu,disc,mac,mac\nweb-01,two,x,,\n,1,,,\nweb-03,1,,fresh,,more\n";
    let wave = read(text, Kind::Table);
    let expected = [
        (Some((1, 3)), "There is no column 'disc'."),
        (Some((1, 5)), "The column 'mac' is there twice."),
        (Some((2, 2)), "Column 'cpu': 'two' is no whole number that is possible here."),
        (Some((3, 1)), "The row names no virtual machine."),
        (Some((4, 4)), "Column 'mac': 'fresh' is not possible here: take one of keep, new."),
        (Some((4, 6)), "The row has more values than there are columns: 'more'."),
    ];
    assert_eq!(mistakes(&wave), expected);
}

#[test]
fn every_mistake_of_yaml_is_told_with_its_place() {
    let text = "defaults:\n  rename: all\n  cloud: cloud\nvms:\n  - { vm: web-01, disc: thin }\n  - vm: web-02\n    \
                network: { LAN: [a] }\n    power-on: maybe\n  - cpu: 1\nmore: 1\n";
    let wave = read(text, Kind::Yaml);
    let expected = [
        (Some((2, 3)), "'rename' cannot be the same for all virtual machines."),
        (Some((5, 19)), "There is no column 'disc'."),
        (Some((7, 14)), "'network': Both sides of a pair are names."),
        (Some((8, 15)), "'power-on': 'maybe' is neither true nor false."),
        (Some((9, 5)), "The row names no virtual machine."),
        (Some((10, 1)), "A plan has no part 'more'."),
    ];
    assert_eq!(mistakes(&wave), expected);
}

#[test]
fn what_is_no_wave_at_all_is_told() {
    for (kind, text, part) in [
        (Kind::Table, "", "No virtual machine"),
        (Kind::Names, "# none\n", "No virtual machine"),
        (Kind::Table, "name\nweb-01\n", "does not name a column 'vm'"),
        (Kind::Yaml, "vms: [a\n", "This is no YAML"),
        (Kind::Yaml, "vms:\n- { vm: a, vm: b }\n", "duplicated key"),
        (Kind::Yaml, "- a\n", "is no mapping"),
        (Kind::Yaml, "---\nvms: [a]\n---\nvms: [b]\n", "several documents"),
        (Kind::Yaml, "defaults: {}\n", "has no list"),
    ] {
        let wave = read(text, kind);
        assert!(mistakes(&wave).iter().any(|(_, what)| what.contains(part)), "'{text}': {wave:?}");
    }
}

/// A few lines must not become gigabytes, nor a stack that overflows.
#[test]
fn what_grows_in_yaml_is_refused() {
    let deep = format!("vms: {}", "[".repeat(100_000));
    let laughs = "defaults: &a { cluster: x }\nvms: [*a, *a]\n";
    for (text, part) in [(deep.as_str(), "recursion limit"), (laughs, "reference")] {
        let wave = read(text, Kind::Yaml);
        assert!(mistakes(&wave)[0].1.contains(part), "{:?}", wave.mistakes);
        assert!(wave.rows.is_empty());
    }
}

#[test]
fn more_than_may_be_there_is_told() {
    let many = "vm\n".to_owned() + &"web\n".repeat(MAX_ROWS + 5);
    let wave = read(&many, Kind::Table);
    assert_eq!((wave.rows.len(), mistakes(&wave).len()), (MAX_ROWS, 1));
    let wrong = "vm,cpu\n".to_owned() + &"web,x\n".repeat(1_000);
    let wave = read(&wrong, Kind::Table);
    assert_eq!((mistakes(&wave).len(), wave.mistakes.last().unwrap().at), (MAX_MISTAKES + 1, None));
}
