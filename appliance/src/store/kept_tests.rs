//! What is kept beside the workflows, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_shared::VcenterId;
use hdm_shared::cloud::ReleasedObjects;
use hdm_shared::event::EventSeverity;
use hdm_shared::migration::MigrationState;
use hdm_shared::plugin::Preferences;
use hdm_shared::sample::TIERS;
use hdm_shared::vcenter::VcenterRole;
use jiff::Timestamp;

use super::tests::{at, event, line, queue};
use super::{EventFilter, HistoryFilter, Line, NewEvent, Reading, Record, Store, VcenterRecord};
use crate::testing::on_both;

fn cloud() -> VcenterId {
    "cloud".parse().unwrap()
}

/// A moment in milliseconds; 0 is the beginning of an hour.
fn ms(seconds: i64) -> i64 {
    (1_000_800 + seconds) * 1_000
}

async fn read(store: &Store, cpu: f64, vms: u32, second: i64) {
    let reading = Reading {
        cloud: cloud(),
        cluster: "domain-c1".into(),
        cpu_percent: cpu,
        memory_percent: 50.0,
        cold_vms: vms,
    };
    let now = Timestamp::from_millisecond(ms(second) + 137).unwrap();
    store.add_readings(&[reading], now).await.unwrap();
}

async fn readings_are_rolled_up_and_a_gap_stays_a_gap(store: Store) {
    // Two readings in the first five minutes, none in the next, one in the third.
    read(&store, 10.0, 1, 0).await;
    read(&store, 30.0, 2, 280).await;
    read(&store, 80.0, 3, 610).await;
    let tier = async |n: usize| {
        let samples = store.samples(&cloud(), "domain-c1", TIERS[n], 0, 100).await.unwrap();
        samples.into_iter().map(|s| (s.at_ms - ms(0), s.cpu_percent, s.cold_vms)).collect::<Vec<_>>()
    };
    assert_eq!(tier(0).await, [(0, 10.0, 1), (280_000, 30.0, 2), (600_000, 80.0, 3)]);
    assert_eq!(tier(1).await, [(0, 20.0, 2), (600_000, 80.0, 3)]);
    assert_eq!(tier(2).await, [(0, 40.0, 3)], "a mean of readings, not of means");
    read(&store, 50.0, 3, 610).await;
    assert_eq!(tier(0).await.last(), Some(&(600_000, 50.0, 3)), "a step has one reading");
    assert!(store.samples(&cloud(), "domain-c2", TIERS[0], 0, 9).await.unwrap().is_empty());
    assert_eq!(store.samples(&cloud(), "domain-c1", TIERS[0], ms(600), 9).await.unwrap().len(), 1);
    assert_eq!(store.samples(&cloud(), "domain-c1", TIERS[0], 0, 1).await.unwrap()[0].cold_vms, 3);
}

async fn readings_are_kept_as_long_as_their_resolution_says(store: Store) {
    for second in [0, 4_000, 90_000] {
        read(&store, 10.0, 0, second).await;
    }
    let count = async |n: usize| store.samples(&cloud(), "domain-c1", TIERS[n], 0, 100).await.unwrap().len();
    assert_eq!((count(0).await, count(1).await, count(2).await), (1, 2, 3));
    read(&store, 10.0, 0, 400 * 86_400).await;
    assert_eq!((count(0).await, count(1).await, count(2).await), (1, 1, 1));
}

async fn a_duty_has_one_owner(store: Store) {
    assert!(store.take_duty("d", "one", at(60), at(0)).await.unwrap());
    assert!(!store.take_duty("d", "two", at(90), at(30)).await.unwrap());
    assert!(store.take_duty("d", "one", at(90), at(30)).await.unwrap(), "its owner keeps it");
    assert!(store.take_duty("other", "two", at(90), at(30)).await.unwrap());
    assert!(store.take_duty("d", "two", at(180), at(91)).await.unwrap(), "the lease is over");
    assert!(!store.take_duty("d", "one", at(200), at(100)).await.unwrap());
}

async fn what_is_released_and_preferred_goes_with_its_vcenter(store: Store) {
    let record = VcenterRecord {
        id: cloud(),
        role: VcenterRole::Cloud,
        url: "https://vc/sdk".into(),
        user: "ann".into(),
        sealed_password: "sealed".into(),
        thumbprint: "AA".into(),
        instance_uuid: "u".into(),
        added_at: at(0),
    };
    assert!(store.add_vcenter(&record).await.unwrap());
    let changed = VcenterRecord { user: "bob".into(), thumbprint: "BB".into(), ..record.clone() };
    assert!(store.update_vcenter(&changed).await.unwrap());
    assert!(store.vcenters().await.unwrap() == [changed]);

    assert_eq!(store.released(&cloud()).await.unwrap(), ReleasedObjects::default());
    let only = ReleasedObjects { clusters: Some(vec!["domain-c1".into()]), ..ReleasedObjects::default() };
    for objects in [&ReleasedObjects::default(), &only] {
        store.release_objects(&cloud(), objects).await.unwrap();
    }
    assert_eq!(store.released(&cloud()).await.unwrap(), only);
    assert_eq!(store.all_released().await.unwrap(), [(cloud(), only)].into());

    let user = "VSPHERE.LOCAL\\Ann";
    assert_eq!(store.preferences(&cloud(), user).await.unwrap(), None);
    let set = Preferences { skip_instructions: true, ..Preferences::default() };
    store.set_preferences(&cloud(), user, &Preferences::default(), at(1)).await.unwrap();
    store.set_preferences(&cloud(), user, &set, at(2)).await.unwrap();
    assert_eq!(store.preferences(&cloud(), user).await.unwrap(), Some(set.clone()));
    assert_eq!(store.preferences(&cloud(), "bob").await.unwrap(), None);
    store.forget_preferences(&cloud(), user).await.unwrap();
    assert_eq!(store.preferences(&cloud(), user).await.unwrap(), None);
    store.set_preferences(&cloud(), user, &set, at(3)).await.unwrap();
    read(&store, 1.0, 0, 0).await;

    assert!(store.remove_vcenter(&cloud()).await.unwrap());
    assert_eq!(store.preferences(&cloud(), user).await.unwrap(), None);
    assert!(store.all_released().await.unwrap().is_empty());
    assert!(store.samples(&cloud(), "domain-c1", TIERS[0], 0, 9).await.unwrap().is_empty());
}

async fn events_are_paged_backward_and_by_severity(store: Store) {
    for n in 1..=5 {
        let severity = if n % 2 == 0 { EventSeverity::Error } else { EventSeverity::Info };
        store.add_event(&NewEvent { severity, ..event(&n.to_string()) }, at(n)).await.unwrap();
    }
    let find = async |filter: EventFilter| {
        let found = store.find_events(EventFilter { limit: 2, ..filter }).await.unwrap();
        found.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    let all = EventFilter::default();
    assert_eq!(find(all).await, [4, 5]);
    assert_eq!(find(EventFilter { before: Some(4), ..all }).await, [2, 3]);
    assert_eq!(find(EventFilter { after: Some(0), ..all }).await, [1, 2]);
    assert_eq!(find(EventFilter { severity: Some(EventSeverity::Error), ..all }).await, [2, 4]);
    let errors = EventFilter { severity: Some(EventSeverity::Error), before: Some(4), ..all };
    assert_eq!(find(errors).await, [2]);
}

async fn history_is_found_by_end_and_state(store: Store) {
    let queued = queue(&store, &["a", "a", "a"]).await;
    for (n, state) in [(0, MigrationState::Done), (1, MigrationState::Failed)] {
        let mut record = store.start_queued(queued[n].id, "one", at(30), at(1)).await.unwrap().unwrap();
        record.state = state;
        record.ended_at = Some(at(10 * (1 + i64::try_from(n).unwrap())));
        store.write(&mut record, vec![line("ended")], at(20)).await.unwrap();
    }
    let find = async |ended_since: Option<i64>, states: &[MigrationState]| {
        let ended_since = ended_since.map(at);
        let filter = HistoryFilter { ended_since, states: states.into(), limit: 10, ..Default::default() };
        places(&queued, &store.history(&filter).await.unwrap())
    };
    assert_eq!(find(None, &[]).await, [2, 1, 0]);
    assert_eq!(find(Some(0), &[]).await, [1, 0], "what has not ended is no history");
    assert_eq!(find(Some(15), &[]).await, [1]);
    assert_eq!(find(None, &[MigrationState::Queued, MigrationState::Done]).await, [2, 0]);
    assert!(find(Some(15), &[MigrationState::Done]).await.is_empty());
}

/// Where each of some records stands among all.
fn places(all: &[Record], some: &[Record]) -> Vec<usize> {
    some.iter().map(|r| all.iter().position(|one| one.id == r.id).unwrap()).collect()
}

async fn a_report_is_paged_and_has_the_turning_points(store: Store) {
    let queued = queue(&store, &["a", "a", "a", "a"]).await;
    for (n, end) in [(0, 10), (1, 20)] {
        let mut record = store.start_queued(queued[n].id, "one", at(30), at(1)).await.unwrap().unwrap();
        record.state = MigrationState::Done;
        record.ended_at = Some(at(end));
        let begins = Line { kind: "step-began", step: Some("transfer".into()), ..line("begins") };
        let ends = Line { kind: "done", ..line("ended") };
        store.write(&mut record, vec![begins, line("what a step notes"), ends], at(end)).await.unwrap();
    }
    let find = async |filter: HistoryFilter| places(&queued, &store.history(&filter).await.unwrap());
    let open = HistoryFilter { ended_since: Some(at(15)), or_open: true, limit: 10, ..Default::default() };
    assert_eq!(find(open.clone()).await, [3, 2, 1], "what has not ended is told, too");
    let before = Some(queued[2].queue_number);
    assert_eq!(find(HistoryFilter { before, ..open }).await, [1]);
    let until = HistoryFilter { ended_before: Some(at(20)), limit: 10, ..Default::default() };
    assert_eq!(find(until).await, [0]);

    let ids: Vec<_> = queued.iter().map(|record| record.id).collect();
    let logs = store.turning_points(&ids).await.unwrap();
    let kinds = |n: usize| logs[&ids[n]].iter().map(|line| line.kind.as_str()).collect::<Vec<_>>();
    assert_eq!(kinds(0), ["turn", "step-began", "done"]);
    assert_eq!(logs[&ids[0]][1].step.as_deref(), Some("transfer"));
    assert!(store.turning_points(&[]).await.unwrap().is_empty());
}

on_both!(
    readings_are_rolled_up_and_a_gap_stays_a_gap,
    readings_are_kept_as_long_as_their_resolution_says,
    a_duty_has_one_owner,
    what_is_released_and_preferred_goes_with_its_vcenter,
    events_are_paged_backward_and_by_severity,
    history_is_found_by_end_and_state,
    a_report_is_paged_and_has_the_turning_points,
);
