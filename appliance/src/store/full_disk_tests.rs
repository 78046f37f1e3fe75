//! What is answered as done after a disk was full is done.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::tests::{at, new, queue};
use super::{Store, StoreError};
use crate::testing::Database;

/// The most pages that the database may have; fewer than there are is as many as there are.
async fn limit(store: &Store, pages: u32) {
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit).execute(&store.pool).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_later_is_on_disk() {
    let database = Database::sqlite();
    let store = database.open().await;
    let mut failures = 0;
    for _ in 0..200 {
        limit(&store, 1).await;
        let queued = store.queue_workflows::<StoreError>(at(0), |_| Ok(vec![new("a")])).await;
        failures += usize::from(queued.is_err());
    }
    assert!(failures > 2, "the disk is full: {failures}");
    limit(&store, u32::MAX - 1).await;
    // One that comes to nothing, as many do.
    let refused = store.queue_workflows::<StoreError>(at(0), |_| Err(StoreError::QueueFull)).await;
    assert!(matches!(refused, Err(StoreError::QueueFull)), "{refused:?}");

    let id = queue(&store, &["a"]).await[0].id;

    assert!(store.workflow(id).await.unwrap().is_some());
    let other = database.open().await;
    assert!(other.workflow(id).await.unwrap().is_some(), "others see only what was committed");
}
