//! HDM's own event log.

use hdm_shared::MigrationId;
use hdm_shared::event::{EventSeverity, EventView};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, Tx, bounded, millis, timestamp};

/// An event to be logged.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Its type.
    pub type_id: String,
    /// How serious.
    pub severity: EventSeverity,
    /// The object, by name.
    pub object: String,
    /// What was done.
    pub operation: String,
    /// Who asked for it.
    pub user: String,
    /// What happened, as a sentence.
    pub message: String,
}

/// Which events to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventFilter {
    /// The oldest after this number.
    pub after: Option<i64>,
    /// The newest before this number.
    pub before: Option<i64>,
    /// Only those of this severity.
    pub severity: Option<EventSeverity>,
    /// How many at most.
    pub limit: u32,
}

/// How many events one page holds at most.
pub const MAX_PAGE: u32 = 1_000;

const COLUMNS: &str =
    "seq, at, type_id, severity, object, operation, user_name, message, workflow, workflow_seq";

impl Store {
    /// Logs an event that belongs to no migration.
    pub async fn add_event(&self, event: &NewEvent, now: Timestamp) -> Result<(), StoreError> {
        bounded(async {
            let mut tx = self.begin().await?;
            insert(&mut tx, event, None, now).await?;
            self.commit(tx).await
        })
        .await
    }

    /// Events after a number, oldest first; or, without one, the newest.
    pub async fn events(&self, after: Option<i64>, limit: u32) -> Result<Vec<EventView>, StoreError> {
        let limit = i64::from(limit.min(MAX_PAGE));
        let rows = bounded(async {
            Ok::<_, StoreError>(if let Some(after) = after {
                let sql = format!("SELECT {COLUMNS} FROM event WHERE seq > $1 ORDER BY seq LIMIT $2");
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(&self.pool).await?
            } else {
                let sql = format!("SELECT {COLUMNS} FROM event ORDER BY seq DESC LIMIT $1");
                let mut rows =
                    sqlx::query(sqlx::AssertSqlSafe(sql)).bind(limit).fetch_all(&self.pool).await?;
                rows.reverse();
                rows
            })
        })
        .await?;
        rows.iter().map(read).collect()
    }

    /// The events that a filter lets through, oldest first: the first after its number if it has one, else the
    /// newest.
    pub async fn find_events(&self, filter: EventFilter) -> Result<Vec<EventView>, StoreError> {
        let forward = filter.after.is_some();
        let sql = format!(
            "SELECT {COLUMNS} FROM event WHERE seq > $1 AND seq < $2 AND ($3 = '' OR severity = $3) \
             ORDER BY seq {} LIMIT $4",
            if forward { "ASC" } else { "DESC" }
        );
        let severity = filter.severity.as_ref().map(serde_json::to_string).transpose()?;
        let query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(filter.after.unwrap_or(0))
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(severity.unwrap_or_default())
            .bind(i64::from(filter.limit.min(MAX_PAGE)));
        let mut rows = bounded(async { Ok::<_, StoreError>(query.fetch_all(&self.pool).await?) }).await?;
        if !forward {
            rows.reverse();
        }
        rows.iter().map(read).collect()
    }

    /// How many events the vCenters do not show yet.
    pub async fn count_unposted(&self) -> Result<u64, StoreError> {
        bounded(async {
            let count =
                sqlx::query("SELECT COUNT(*) AS n FROM event WHERE posted = 0 AND workflow IS NOT NULL");
            let row = count.fetch_one(&self.pool).await?;
            Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
        })
        .await
    }

    /// Migrations with events that the vCenters do not show: each with the number of its first, in that order, after a
    /// number.
    pub async fn unposted(&self, after: i64) -> Result<Vec<(MigrationId, i64)>, StoreError> {
        const PAGE: i64 = 100;
        bounded(async {
            let rows = sqlx::query(
                "SELECT e.workflow AS id, MIN(e.seq) AS first FROM event e JOIN workflow w ON w.id = e.workflow \
                 WHERE e.posted = 0 GROUP BY e.workflow HAVING MIN(e.seq) > $1 ORDER BY MIN(e.seq) LIMIT $2",
            )
            .bind(after)
            .bind(PAGE)
            .fetch_all(&self.pool)
            .await?;
            rows.iter()
                .map(|row| {
                    let id = serde_json::from_value(row.try_get::<String, _>("id")?.into())?;
                    Ok((id, row.try_get("first")?))
                })
                .collect()
        })
        .await
    }

    /// The events of a migration that the vCenters do not show yet, oldest first, a page of them.
    pub async fn unposted_events(&self, id: MigrationId) -> Result<Vec<EventView>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM event WHERE workflow = $1 AND posted = 0 ORDER BY seq LIMIT $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id.to_string()).bind(i64::from(MAX_PAGE));
        bounded(async { query.fetch_all(&self.pool).await?.iter().map(read).collect() }).await
    }

    /// Remembers that the vCenters show an event, or never will.
    pub async fn event_posted(&self, seq: i64) -> Result<(), StoreError> {
        bounded(async {
            sqlx::query("UPDATE event SET posted = 1 WHERE seq = $1").bind(seq).execute(&self.pool).await?;
            Ok(())
        })
        .await
    }
}

/// Deletes the oldest events from before a time, but never the newest of all; tells how many.
pub(super) async fn forget(tx: &mut Tx, end: Timestamp, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE at < $1 AND \
         seq < (SELECT MAX(seq) FROM event) ORDER BY seq LIMIT $2)",
    )
    .bind(millis(end))
    .bind(limit)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected())
}

/// Logs an event within a transaction; `of` is the workflow and the number of the log's line it belongs to.
pub(super) async fn insert(
    tx: &mut Tx,
    event: &NewEvent,
    of: Option<(MigrationId, i64)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    super::pass(tx, "event").await?;
    let last = sqlx::query("SELECT COALESCE(MAX(seq), 0) AS n FROM event").fetch_one(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO event (seq, at, type_id, severity, object, operation, user_name, message, workflow, \
         workflow_seq, posted) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(last.try_get::<i64, _>("n")? + 1)
    .bind(millis(now))
    .bind(&event.type_id)
    .bind(serde_json::to_string(&event.severity)?)
    .bind(&event.object)
    .bind(&event.operation)
    .bind(&event.user)
    .bind(&event.message)
    .bind(of.map(|(id, _)| id.to_string()))
    .bind(of.map(|(_, number)| number))
    .bind(i64::from(of.is_none()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<EventView, StoreError> {
    let number: Option<i64> = row.try_get("workflow_seq")?;
    let workflow: Option<String> = row.try_get("workflow")?;
    Ok(EventView {
        seq: row.try_get("seq")?,
        at: timestamp(row.try_get("at")?),
        type_id: row.try_get("type_id")?,
        severity: serde_json::from_str(&row.try_get::<String, _>("severity")?)?,
        object: row.try_get("object")?,
        operation: row.try_get("operation")?,
        user: row.try_get("user_name")?,
        message: row.try_get("message")?,
        migration: workflow.map(|id| serde_json::from_value(id.into())).transpose()?,
        migration_seq: number.and_then(|n| u32::try_from(n).ok()),
        arguments: std::collections::BTreeMap::new(),
    })
}
