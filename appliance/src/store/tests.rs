//! The store's promises, each on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

use futures_util::FutureExt as _;
use hdm_shared::MigrationId;
use hdm_shared::event::EventSeverity;
use hdm_shared::migration::{MAX_RUNNING, MigrationState};
use hdm_shared::vcenter::VcenterRole;
use jiff::Timestamp;
use sqlx::Row as _;
use uuid::Uuid;

use super::{HistoryFilter, Line, NewEvent, NewWorkflow, Record, Store, StoreError, VcenterRecord};
use crate::testing::{Database, on_both};

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
        schedule: None,
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
    let log: Vec<_> = store.log(id, 0, 100).await.unwrap().into_iter().map(|l| (l.seq, l.message)).collect();
    let expected =
        [(1, "accepted"), (2, "Its turn has come; appliance one drives it."), (3, "first"), (4, "second")];
    assert_eq!(log, expected.map(|(seq, message)| (seq, message.to_owned())));

    assert!(store.claim(id, "two", at(60), at(29)).await.unwrap().is_none(), "the lease still holds");
    let theirs = store.claim(id, "two", at(90), at(31)).await.unwrap().unwrap();
    assert_eq!(theirs.former_owners, ["one"]);
    assert_eq!(theirs.memo, "{\"x\":1}");
    let lost = store.write(&mut mine, vec![line("late")], at(32)).await;
    assert!(matches!(lost, Err(StoreError::LostLease)), "{lost:?}");
    assert_eq!(store.log(id, 0, 100).await.unwrap().len(), 4, "nothing of the late write is kept");
    assert!(store.renew(id, mine.fence, at(99)).await.unwrap().is_none());
    assert!(store.renew(id, theirs.fence, at(99)).await.unwrap().is_some());
    store.release(id, theirs.fence).await.unwrap();
    assert!(store.renew(id, theirs.fence, at(99)).await.unwrap().is_none(), "it was given back");
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
            .change_state(queued[0].id, MigrationState::Queued, MigrationState::Paused, line("paused"), at(2))
            .await
            .is_ok_and(|done| !done)
    );
    let last = queued.last().unwrap().id;
    assert!(
        store
            .change_state(last, MigrationState::Queued, MigrationState::Paused, line("paused"), at(2))
            .await
            .unwrap()
    );
    assert_eq!(store.log(last, 1, 9).await.unwrap()[0].message, "paused", "a row is a cache of its log");
    assert_eq!(store.workflow(last).await.unwrap().unwrap().state, MigrationState::Paused);
}

/// The database has done what it was asked, and the answer was lost: asking again writes no line twice, and
/// what follows is written too.
async fn a_write_whose_answer_is_lost_is_there_once(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    let mut mine = store.start_queued(id, "one", at(30), at(1)).await.unwrap().unwrap();
    mine.memo = "{\"x\":1}".into();
    store.lose_commit(1);
    assert!(store.write(&mut mine, vec![line("first"), line("second")], at(2)).await.is_err());
    store.write(&mut mine, vec![line("first"), line("second")], at(3)).await.unwrap();
    store.lose_commit(1);
    assert!(store.write(&mut mine, vec![line("given up")], at(4)).await.is_err());
    mine.memo = "{\"x\":2}".into();
    store.write(&mut mine, vec![line("another")], at(5)).await.unwrap();
    let log = store.log(id, 2, 9).await.unwrap().into_iter().map(|l| l.message).collect::<Vec<_>>();
    assert_eq!(log, ["first", "second", "given up", "another"]);
    let row = store.workflow(id).await.unwrap().unwrap();
    assert_eq!((row.memo.as_str(), row.log_length), ("{\"x\":2}", 6));
}

/// A claim whose answer was lost is claimed again by the same appliance; whose sessions are to be ended is
/// not forgotten.
async fn a_former_owner_is_known_until_its_sessions_are_ended(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    store.start_queued(id, "one", at(30), at(1)).await.unwrap().unwrap();
    store.lose_commit(1);
    assert!(store.claim(id, "two", at(90), at(31)).await.is_err());
    assert_eq!(store.claim(id, "two", at(90), at(31)).await.unwrap().unwrap().former_owners, ["one"]);
    let mut third = store.claim(id, "three", at(190), at(91)).await.unwrap().unwrap();
    assert_eq!(third.former_owners, ["one", "two"]);
    third.former_owners.clear();
    store.write(&mut third, vec![line("ended")], at(92)).await.unwrap();
    assert!(store.claim(id, "three", at(190), at(93)).await.unwrap().unwrap().former_owners.is_empty());
}

/// What has ended between the search for work and the claim is not driven a second time; for a person it can
/// still be held.
async fn what_has_ended_is_not_claimed(store: Store) {
    for end in [MigrationState::Done, MigrationState::NeedsOperator] {
        let id = queue(&store, &["a"]).await[0].id;
        let mut mine = store.start_queued(id, "one", at(30), at(1)).await.unwrap().unwrap();
        assert_eq!(store.claimable("one", at(1)).await.unwrap(), [id]);
        mine.state = end;
        store.write(&mut mine, vec![line("the end")], at(2)).await.unwrap();
        assert!(store.claim(id, "one", at(60), at(3)).await.unwrap().is_none(), "{end:?}");
        assert_eq!(store.hold(id, "one", at(60), at(3)).await.unwrap().unwrap().state, end);
    }
}

/// Of many that take over at once one holds the lease, and nobody gets another's fence.
async fn one_of_many_claims_what_is_free(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    store.start_queued(id, "gone", at(30), at(1)).await.unwrap().unwrap();
    let owners: Vec<String> = (0..16).map(|n| format!("owner-{n}")).collect();
    let claims = owners.iter().map(|owner| store.claim(id, owner, at(90), at(31)));
    let claims: Vec<Record> =
        futures_util::future::join_all(claims).await.into_iter().filter_map(Result::unwrap).collect();
    let row = store.workflow(id).await.unwrap().unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].fence, &claims[0].owner), (row.fence, &row.owner));
}

async fn the_queue_has_an_end(store: Store) {
    let waiting = vec!["a"; 3];
    queue(&store, &waiting).await;
    let many: Vec<_> = (0..super::MAX_QUEUED - 2).map(|_| new("a")).collect();
    let refused = store.queue_workflows::<StoreError>(at(0), |_| Ok(many)).await.unwrap_err();
    assert!(refused.to_string().contains("10000 migrations wait in the queue"), "{refused}");
    assert_eq!(store.open_workflows().await.unwrap().len(), 3);
}

async fn what_is_old_is_forgotten(store: Store) {
    let ids: Vec<_> = queue(&store, &["a", "a", "a"]).await.into_iter().map(|r| r.id).collect();
    for (id, second) in [(ids[0], 10), (ids[1], 50)] {
        let (from, to) = (MigrationState::Queued, MigrationState::Cancelled);
        assert!(store.change_state(id, from, to, line("undone"), at(second)).await.unwrap());
    }
    store.add_event(&event("newest"), at(20)).await.unwrap();
    assert_eq!(store.forget(at(40)).await.unwrap(), 1 + 3, "one migration and the events but for the newest");
    assert_eq!(store.forget(at(40)).await.unwrap(), 0);
    assert!(store.workflow(ids[0]).await.unwrap().is_none());
    assert!(store.log(ids[0], 0, 9).await.unwrap().is_empty());
    assert_eq!(store.log(ids[1], 0, 9).await.unwrap().len(), 2);
    assert_eq!(store.log(ids[2], 0, 9).await.unwrap().len(), 1, "what waits is kept, however old");
    store.add_event(&event("next"), at(60)).await.unwrap();
    let seqs: Vec<_> = store.events(None, 9).await.unwrap().into_iter().map(|e| e.seq).collect();
    assert_eq!(seqs, [4, 5], "numbers go on");
}

/// A row that cannot be understood is told apart and hides no other.
async fn a_damaged_row_hurts_only_itself(store: Store) {
    let records = queue(&store, &["a", "a"]).await;
    sqlx::query("UPDATE workflow SET progress = 'x' WHERE id = $1")
        .bind(records[0].id.to_string())
        .execute(&store.pool)
        .await
        .unwrap();
    assert_eq!(store.open_workflows().await.unwrap().len(), 1);
    assert_eq!(store.history(&HistoryFilter { limit: 9, ..Default::default() }).await.unwrap().len(), 1);
    assert!(matches!(store.workflow(records[0].id).await, Err(StoreError::Content(_))));
    assert_eq!(queue(&store, &["a"]).await.len(), 1);
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
    assert_eq!(store.unposted(0).await.unwrap(), [(id, 1)]);
    assert!(store.unposted(1).await.unwrap().is_empty());
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
    a_write_whose_answer_is_lost_is_there_once,
    a_former_owner_is_known_until_its_sessions_are_ended,
    what_has_ended_is_not_claimed,
    one_of_many_claims_what_is_free,
    the_queue_has_an_end,
    what_is_old_is_forgotten,
    a_damaged_row_hurts_only_itself,
);

/// A PostgreSQL server that wants TLS is spoken to, and its certificate is checked if the address says so.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_over_tls() {
    let database = Database::postgres().await;
    let plain = database.open().await;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let files = [("server.crt", made.cert.pem()), ("server.key", made.signing_key.serialize_pem())];
    for (name, pem) in &files {
        // The server must own its key's file, and nobody else may read it.
        let rows: Vec<_> = pem.lines().map(|line| format!("('{}')", line.trim())).collect();
        let sql = format!("COPY (VALUES {}) TO PROGRAM 'umask 077; cat > {name}'", rows.join(", "));
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&plain.pool).await.unwrap();
    }
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        sqlx::raw_sql(sql).execute(&plain.pool).await.unwrap();
    }
    let wait = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let required = format!("{}?sslmode=require", database.url);
    let store = loop {
        match Store::open(&required).await {
            Ok(store) => break store,
            Err(error) => assert!(std::time::Instant::now() < wait, "{error}"),
        }
    };
    let row = sqlx::query("SELECT CAST(ssl AS TEXT) AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        .fetch_one(&store.pool)
        .await
        .unwrap();
    assert_eq!(row.try_get::<String, _>("tls").unwrap(), "true");

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.pem");
    let checked = format!("{}?sslmode=verify-full&sslrootcert={}", database.url, root.display());
    std::fs::write(&root, &files[0].1).unwrap();
    Store::open(&checked).await.unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&root, other.cert.pem()).unwrap();
    let refused = Store::open(&checked).await.unwrap_err().to_string();
    assert!(refused.contains("cannot be opened"), "{refused}");
}

/// Who stops waiting, at whatever moment, leaves no transaction open on a connection that others get.
#[tokio::test]
async fn what_nobody_waits_for_any_more_leaves_no_transaction_open() {
    let database = Database::postgres().await;
    let store = database.open().await;
    let watch = database.open().await;
    // The connections are there, so that what is given up is given up in the middle of a transaction.
    futures_util::future::join_all((0..8).map(|_| store.ping())).await;
    for moment in 0..100 {
        let (event, moment) = (event("given up"), std::time::Duration::from_micros(moment * 20));
        let begun = std::time::Instant::now();
        let mut given_up = Box::pin(store.add_event(&event, at(1)));
        while (&mut given_up).now_or_never().is_none() && begun.elapsed() < moment {
            tokio::task::yield_now().await;
        }
        drop(given_up);
        nothing_is_left_open(&watch).await;
    }
}

async fn nothing_is_left_open(watch: &Store) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() \
             AND state LIKE 'idle in transaction%'",
        )
        .fetch_one(&watch.pool)
        .await
        .unwrap();
        if row.try_get::<i64, _>("n").unwrap() == 0 {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "a transaction is left open");
        tokio::task::yield_now().await;
    }
}
