//! Following changes, on SQLite and on PostgreSQL.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use hdm_shared::migration::{MAX_RUNNING, MigrationState};
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

use super::change::{begin_sql, go_on_sql};
use super::tests::{at, line, new, queue};
use super::workflow::open_sql;
use super::{Changes, Line, Once, Queued, Record, Since, Store, StoreError};
use crate::testing::{Database, on_both};

fn since(number: i64, limit: u32) -> Since<'static> {
    Since { number, limit, ended_after: at(-3_600), moving: &["transfer", "read-back"] }
}

fn ids(changes: &Changes) -> Vec<MigrationId> {
    changes.records.iter().map(|record| record.id).collect()
}

/// Ends a workflow that was started.
async fn end(store: &Store, record: &mut Record, state: MigrationState, now: Timestamp) {
    record.state = state;
    record.ended_at = Some(now);
    store.write(record, vec![line("ended")], now).await.unwrap();
}

async fn each_change_is_told_once_and_in_order(store: Store) {
    let queued: Vec<MigrationId> = queue(&store, &["a", "a", "b"]).await.iter().map(|r| r.id).collect();
    let first = store.changes(since(0, 10)).await.unwrap();
    assert!(first.reset && !first.more);
    assert_eq!(ids(&first), queued);

    let nothing = store.changes(since(first.cursor, 10)).await.unwrap();
    assert!(nothing.records.is_empty() && !nothing.reset);
    assert_eq!(nothing.cursor, first.cursor);

    let mut running = store.start_queued(queued[0], "one", at(30), at(1)).await.unwrap().unwrap();
    let second = store.changes(since(first.cursor, 10)).await.unwrap();
    assert_eq!(ids(&second), queued, "it has begun, and the others have moved up in the queue");

    store.write(&mut running, vec![line("a step")], at(2)).await.unwrap();
    let third = store.changes(since(second.cursor, 10)).await.unwrap();
    assert_eq!(ids(&third), [queued[0]]);

    store.ask_cancel(queued[0], "ann").await.unwrap();
    let fourth = store.changes(since(third.cursor, 10)).await.unwrap();
    assert_eq!(fourth.records[0].cancel_by.as_deref(), Some("ann"));
    assert!(store.renew(queued[0], running.fence, at(60)).await.unwrap().is_some());
    assert!(store.changes(since(fourth.cursor, 10)).await.unwrap().records.is_empty(), "a lease is no news");

    let unknown = store.changes(since(fourth.cursor + 1_000, 10)).await.unwrap();
    assert!(unknown.reset, "a number that was never given begins anew");
    assert_eq!(unknown.records.len(), 3);
}

async fn what_does_not_fit_comes_with_the_next_page(store: Store) {
    let queued = queue(&store, &["a"; 5]).await;
    let (mut number, mut told, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = store.changes(since(number, 2)).await.unwrap();
        assert_eq!(page.reset, pages == 0);
        assert!(page.records.len() <= 2);
        told.extend(ids(&page));
        (number, pages) = (page.cursor, pages + 1);
        if !page.more {
            break;
        }
    }
    assert_eq!(told, queued.iter().map(|record| record.id).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}

async fn disks_that_move_are_told_each_time(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    let mut record = store.start_queued(id, "one", at(30), at(1)).await.unwrap().unwrap();
    let mut page = store.changes(since(0, 10)).await.unwrap();
    for (step, again) in [("transfer", vec![id]), ("complete-target", vec![]), ("read-back", vec![id])] {
        record.step = Some(step.into());
        store.write(&mut record, vec![line("begins")], at(2)).await.unwrap();
        page = store.changes(since(page.cursor, 10)).await.unwrap();
        assert_eq!(ids(&page), [id], "{step}: told once a page");
        assert_eq!(ids(&store.changes(since(page.cursor, 10)).await.unwrap()), again, "{step}");
    }
    end(&store, &mut record, MigrationState::Done, at(3)).await;
    let page = store.changes(since(page.cursor, 10)).await.unwrap();
    assert_eq!(page.records[0].state, MigrationState::Done);
    assert!(store.changes(since(page.cursor, 10)).await.unwrap().records.is_empty());
}

async fn what_has_failed_stays_until_it_is_dismissed_and_what_is_done_for_an_hour(store: Store) {
    let queued = queue(&store, &["a", "a", "a"]).await;
    let mut records = Vec::new();
    for record in &queued {
        records.push(store.start_queued(record.id, "one", at(30), at(1)).await.unwrap().unwrap());
    }
    end(&store, &mut records[0], MigrationState::Failed, at(10)).await;
    end(&store, &mut records[1], MigrationState::Done, at(10)).await;
    assert!(!store.dismiss(queued[2].id).await.unwrap(), "it has not ended");
    let later = |second: i64| Since { ended_after: at(second), ..since(0, 10) };
    assert_eq!(store.changes(later(5)).await.unwrap().records.len(), 3);
    let page = store.changes(later(20)).await.unwrap();
    assert_eq!(page.records.iter().filter(|r| r.state == MigrationState::Done).count(), 0);
    assert_eq!(page.records.len(), 2);
    assert!(store.dismiss(queued[0].id).await.unwrap());
    let told = store.changes(Since { number: page.cursor, ..later(20) }).await.unwrap();
    assert!(told.records[0].dismissed, "who knew it hears of it");
    assert_eq!(ids(&store.changes(later(20)).await.unwrap()), [queued[2].id]);
}

async fn a_pause_says_who_in_the_log(store: Store) {
    let id = queue(&store, &["a"]).await[0].id;
    let said = Line { kind: "paused", ..line("ann took it out of the queue.") };
    let (from, to) = (MigrationState::Queued, MigrationState::Paused);
    assert!(store.change_state(id, from, to, said.clone(), at(1)).await.unwrap());
    assert!(!store.change_state(id, from, to, said, at(2)).await.unwrap());
    let log = store.log(id, 0, 10).await.unwrap();
    assert_eq!(
        log.iter().map(|l| l.message.as_str()).collect::<Vec<_>>(),
        ["accepted", "ann took it out of the queue."]
    );
    assert_eq!(store.workflow(id).await.unwrap().unwrap().log_length, 2);
}

async fn a_follower_misses_nothing_of_many_writers(store: Store) {
    const WRITES: usize = 15;
    let queued = queue(&store, &["a"; MAX_RUNNING]).await;
    let mut writers = tokio::task::JoinSet::new();
    for record in &queued {
        let mut record = store.start_queued(record.id, "one", at(30), at(1)).await.unwrap().unwrap();
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..WRITES {
                record.memo = n.to_string();
                store.write(&mut record, vec![line("more")], at(2)).await.unwrap();
            }
        });
    }
    let mut known = BTreeMap::new();
    let mut number = 0;
    let mut written = false;
    loop {
        // Whether all was written is looked at before the page is read, so that the last page is complete.
        let page = store.changes(since(number, 3)).await.unwrap();
        known.extend(page.records.iter().map(|record| (record.id, record.memo.clone())));
        assert!(page.cursor >= number, "numbers ascend");
        number = page.cursor;
        if written && !page.more {
            break;
        }
        while let Some(ended) = writers.try_join_next() {
            ended.unwrap();
        }
        written = writers.is_empty();
        tokio::task::yield_now().await;
    }
    let last = (WRITES - 1).to_string();
    assert_eq!(known.len(), MAX_RUNNING);
    assert!(known.values().all(|memo| *memo == last), "{known:?}");
}

async fn a_request_under_a_key_is_made_once_a_day(store: Store) {
    let once = Once { user: "ann".into(), key: "k".into(), digest: "d".into() };
    let make = async |once: &Once, now: Timestamp| {
        store.queue_once::<StoreError>(Some(once), now, |_| Ok(vec![new("a")])).await.unwrap()
    };
    let Queued::Now(made) = make(&once, at(0)).await else { panic!("it is new") };
    let Queued::Before(again) = make(&once, at(60)).await else { panic!("it was made") };
    assert_eq!(again, [made[0].id]);
    assert!(matches!(store.made_before(&once, at(60)).await.unwrap(), Some(Queued::Before(_))));
    let other = Once { digest: "e".into(), ..once.clone() };
    assert!(matches!(make(&other, at(60)).await, Queued::OtherRequest));
    let bob = Once { user: "bob".into(), ..other };
    assert!(matches!(make(&bob, at(60)).await, Queued::Now(_)), "another user's key is another key");
    let day = at(0).checked_add(SignedDuration::from_hours(24)).unwrap();
    assert!(matches!(make(&once, day).await, Queued::Now(_)));
    assert_eq!(store.open_workflows().await.unwrap().len(), 3);
}

async fn of_two_equal_requests_at_once_one_is_made(store: Store) {
    let once = Once { user: "ann".into(), key: "k".into(), digest: "d".into() };
    let make = || store.queue_once::<StoreError>(Some(&once), at(0), |_| Ok(vec![new("a")]));
    let (one, two) = tokio::join!(make(), make());
    let now = [&one, &two].iter().filter(|made| matches!(made, Ok(Queued::Now(_)))).count();
    assert_eq!(now, 1, "{one:?} {two:?}");
    assert_eq!(store.open_workflows().await.unwrap().len(), 1);
}

on_both!(
    each_change_is_told_once_and_in_order,
    what_does_not_fit_comes_with_the_next_page,
    disks_that_move_are_told_each_time,
    what_has_failed_stays_until_it_is_dismissed_and_what_is_done_for_an_hour,
    a_pause_says_who_in_the_log,
    a_follower_misses_nothing_of_many_writers,
    a_request_under_a_key_is_made_once_a_day,
    of_two_equal_requests_at_once_one_is_made,
);

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_old_migrations_are_not_looked_at() {
    let database = Database::sqlite();
    let store = database.open().await;
    let open = queue(&store, &["a"]).await[0].id;
    sqlx::query(
        "INSERT INTO workflow (id, kind, input, memo, progress, state, steps_done, committed, attempt, queue_line, \
         queue_number, lease_until, fence, log_length, created_at, ended_at, change_number) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
         SELECT printf('00000000-0000-7000-8000-%012d', i), 'toy', '{}', '{}', '[]', 'done', 4, 1, 1, 'a', \
         i + 1, 0, 0, 1, i, i, -i FROM n",
    )
    .execute(&store.pool)
    .await
    .unwrap();
    let page = store.changes(since(0, 500)).await.unwrap();
    assert_eq!((ids(&page), page.more), (vec![open], false));
    for sql in [begin_sql(), go_on_sql(), open_sql()] {
        let explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .bind(1_i64)
            .bind(10_i64)
            .fetch_all(&store.pool)
            .await
            .unwrap();
        let plan: Vec<String> = explained.iter().map(|row| row.get("detail")).collect();
        assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{plan:?}");
        assert!(plan.iter().any(|step| step.contains("USING INDEX workflow_by_")), "{plan:?}");
    }
}
