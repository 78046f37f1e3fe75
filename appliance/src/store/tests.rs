//! The store's promises, each on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_shared::MigrationId;
use hdm_shared::event::EventSeverity;
use hdm_shared::migration::{MAX_RUNNING, MigrationState};
use hdm_shared::vcenter::VcenterRole;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Line, NewEvent, NewWorkflow, Record, Store, StoreError, VcenterRecord};
use crate::testing::on_both;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

pub fn line(message: &str) -> Line {
    Line { kind: "note", step: None, message: message.into(), event: None }
}

pub fn event(message: &str) -> NewEvent {
    NewEvent {
        type_id: "com.hdm.test".into(),
        severity: EventSeverity::Info,
        object: "vm".into(),
        operation: "test".into(),
        user: "ann".into(),
        message: message.into(),
    }
}

pub fn new(cluster: &str) -> NewWorkflow {
    NewWorkflow {
        id: MigrationId(Uuid::now_v7()),
        kind: "toy",
        input: "{}".into(),
        memo: "{}".into(),
        queue_line: cluster.into(),
        first_line: Line { event: Some(event("accepted")), ..line("accepted") },
    }
}

pub async fn queue(store: &Store, clusters: &[&str]) -> Vec<Record> {
    let new: Vec<_> = clusters.iter().map(|cluster| new(cluster)).collect();
    store.queue_workflows::<StoreError>(at(0), |_| Ok(new)).await.unwrap()
}

async fn a_log_and_its_row_are_written_together_and_fenced(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    let mut mine = store.start_queued(id, "one", at(30), at(1)).await.unwrap().unwrap();
    mine.memo = "{\"x\":1}".into();
    store.write(&mut mine, vec![line("first"), line("second")], at(2)).await.unwrap();
    let log: Vec<_> = store.log(id).await.unwrap().into_iter().map(|l| (l.seq, l.message)).collect();
    let expected = [(1, "accepted"), (2, "first"), (3, "second")];
    assert_eq!(log, expected.map(|(seq, message)| (seq, message.to_owned())));

    assert!(store.claim(id, "two", at(60), at(29)).await.unwrap().is_none(), "the lease still holds");
    let theirs = store.claim(id, "two", at(90), at(31)).await.unwrap().unwrap();
    assert_eq!(theirs.former_owner.as_deref(), Some("one"));
    assert_eq!(theirs.record.memo, "{\"x\":1}");
    let lost = store.write(&mut mine, vec![line("late")], at(32)).await;
    assert!(matches!(lost, Err(StoreError::LostLease)), "{lost:?}");
    assert_eq!(store.log(id).await.unwrap().len(), 3, "nothing of the late write is kept");
    assert!(store.renew(id, mine.fence, at(99)).await.unwrap().is_none());
    assert!(store.renew(id, theirs.record.fence, at(99)).await.unwrap().is_some());
    store.release(id, theirs.record.fence).await.unwrap();
    assert!(store.renew(id, theirs.record.fence, at(99)).await.unwrap().is_none(), "it was given back");
    assert_eq!(store.workflow(id).await.unwrap().unwrap().lease_until, 0);
}

async fn no_more_run_than_may(store: Store) {
    let queued = queue(&store, &["a"; MAX_RUNNING + 2]).await;
    let mut started = 0;
    for record in &queued {
        started += usize::from(store.start_queued(record.id, "one", at(30), at(1)).await.unwrap().is_some());
    }
    assert_eq!(started, MAX_RUNNING);
    assert!(
        store
            .change_state(queued[0].id, MigrationState::Queued, MigrationState::Paused, at(2))
            .await
            .is_ok_and(|done| !done)
    );
    let last = queued.last().unwrap().id;
    assert!(store.change_state(last, MigrationState::Queued, MigrationState::Paused, at(2)).await.unwrap());
    assert_eq!(store.workflow(last).await.unwrap().unwrap().state, MigrationState::Paused);
}

async fn two_cannot_start_the_same(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    let (one, two) = tokio::join!(
        store.start_queued(id, "one", at(30), at(1)),
        store.start_queued(id, "two", at(30), at(1))
    );
    assert_eq!(usize::from(one.unwrap().is_some()) + usize::from(two.unwrap().is_some()), 1);
}

async fn a_refused_request_leaves_nothing(store: Store) {
    let refused = store.queue_workflows(at(0), |_| Err(StoreError::LostLease)).await;
    assert!(refused.is_err());
    assert!(store.open_workflows().await.unwrap().is_empty());
    assert!(store.events(None, 10).await.unwrap().is_empty());
}

async fn events_keep_their_order_and_know_their_migration(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    store.add_event(&event("apart"), at(1)).await.unwrap();
    let events = store.events(None, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((events[0].migration, events[0].migration_seq), (Some(id), Some(1)));
    assert_eq!(events[1].migration, None);
    assert_eq!(store.events(Some(1), 10).await.unwrap().len(), 1);
    let unposted = store.unposted_events(id).await.unwrap();
    assert_eq!(unposted.len(), 1);
    assert_eq!(store.unposted_of("anyone", at(9)).await.unwrap(), [id]);
    store.event_posted(unposted[0].seq).await.unwrap();
    assert!(store.unposted_events(id).await.unwrap().is_empty());
}

async fn a_vcenter_is_known_once(store: Store) {
    let record = VcenterRecord {
        id: "onprem".parse().unwrap(),
        role: VcenterRole::Source,
        url: "https://vc/sdk".into(),
        user: "ann".into(),
        sealed_password: "sealed".into(),
        thumbprint: "AA".into(),
        instance_uuid: "u".into(),
        added_at: at(0),
    };
    assert!(store.add_vcenter(&record).await.unwrap());
    assert!(!store.add_vcenter(&record).await.unwrap());
    assert!(store.vcenters().await.unwrap() == [record.clone()]);
    assert!(store.remove_vcenter(&record.id).await.unwrap());
    assert!(!store.remove_vcenter(&record.id).await.unwrap());
}

on_both!(
    a_log_and_its_row_are_written_together_and_fenced,
    no_more_run_than_may,
    two_cannot_start_the_same,
    a_refused_request_leaves_nothing,
    events_keep_their_order_and_know_their_migration,
    a_vcenter_is_known_once,
);
