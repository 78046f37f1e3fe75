//! Which workflows have changed since when.
//!
//! Every change gets a number under a turnstile that its transaction passes last and holds until it commits. So
//! numbers become visible in ascending order whoever writes: who has seen one has seen all below it.
//!
//! Order of locks, everywhere: turnstile `queue`, the workflow's row, turnstile `event`, turnstile `change`.

use hdm_shared::MigrationId;
use jiff::Timestamp;
use sqlx::Row;

use super::workflow::{COLUMNS, OPEN, Record, read};
use super::{Store, StoreError, Tx, bounded, millis, pass, understood};

/// What has changed.
#[derive(Debug)]
pub struct Changes {
    /// To be given as `since` next time.
    pub cursor: i64,
    /// Whether what was known before is to be forgotten.
    pub reset: bool,
    /// Whether more is waiting.
    pub more: bool,
    /// The workflows as they are now, by the number of their last change; those whose disks move come last.
    pub records: Vec<Record>,
}

/// Which changes are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Since<'a> {
    /// Those above this number; 0, or a number never given, begins anew.
    pub number: i64,
    /// How many at most.
    pub limit: u32,
    /// Beginning anew leaves out what ended well, or was dismissed, before this.
    pub ended_after: Timestamp,
    /// Workflows that run one of these steps are told each time.
    pub moving: &'a [&'a str],
}

impl Store {
    /// What has changed. Reads by index only, however many workflows have ended.
    pub async fn changes(&self, since: Since<'_>) -> Result<Changes, StoreError> {
        bounded(async {
            // Read first: everything up to this number can be seen from now on.
            let newest = sqlx::query("SELECT turns FROM turnstile WHERE name = 'change'")
                .fetch_one(&self.pool)
                .await?
                .try_get::<i64, _>("turns")?;
            let reset = since.number <= 0 || since.number > newest;
            let moving = self.moving(since.moving).await?;
            let room = usize::try_from(since.limit).unwrap_or(usize::MAX).saturating_sub(moving.len()).max(1);
            let wanted = i64::try_from(room).unwrap_or(i64::MAX).saturating_add(1);
            let (sql, above) =
                if reset { (begin_sql(), millis(since.ended_after)) } else { (go_on_sql(), since.number) };
            let mut rows =
                sqlx::query(sqlx::AssertSqlSafe(sql)).bind(above).bind(wanted).fetch_all(&self.pool).await?;
            let more = rows.len() > room;
            rows.truncate(room);
            let last = rows.last().map_or(Ok(0), |row| row.try_get::<i64, _>("change_number"))?;
            let cursor = if more { last } else { newest.max(last) };
            let mut records = understood(&rows, read);
            for record in moving {
                if !records.iter().any(|known| known.id == record.id) {
                    records.push(record);
                }
            }
            Ok(Changes { cursor, reset, more, records })
        })
        .await
    }

    /// The workflows that run one of these steps.
    async fn moving(&self, steps: &[&str]) -> Result<Vec<Record>, StoreError> {
        let places: Vec<_> = (1..=steps.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT {COLUMNS} FROM workflow WHERE state = 'running' AND step IN ({})",
            places.join(", ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for step in steps {
            query = query.bind(*step);
        }
        Ok(understood(&query.fetch_all(&self.pool).await?, read))
    }

    /// Takes a workflow that has ended off the list of what is in progress; false if it has not ended.
    pub async fn dismiss(&self, id: MigrationId) -> Result<bool, StoreError> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            let done = sqlx::query(
                "UPDATE workflow SET dismissed = 1 WHERE id = $1 AND state IN ('done', 'cancelled', 'failed')",
            )
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            stamp(&mut tx, id).await?;
            self.commit(tx).await?;
            Ok(true)
        })
        .await
    }
}

/// What a page that begins anew holds, by terms that each have an index. The sum keeps a planner from walking
/// along the index of all numbers instead.
pub(super) fn begin_sql() -> String {
    format!(
        "SELECT {COLUMNS}, change_number FROM workflow \
         WHERE state IN {OPEN} OR (state = 'failed' AND dismissed = 0) OR ended_at > $1 ORDER BY change_number + 0 LIMIT $2"
    )
}

/// What any other page holds.
pub(super) fn go_on_sql() -> String {
    format!(
        "SELECT {COLUMNS}, change_number FROM workflow WHERE change_number > $1 ORDER BY change_number LIMIT $2"
    )
}

/// Numbers the change of a workflow. Nothing else may be locked after it in the transaction.
pub(super) async fn stamp(tx: &mut Tx, id: MigrationId) -> Result<(), StoreError> {
    pass(tx, "change").await?;
    sqlx::query(
        "UPDATE workflow SET change_number = (SELECT turns FROM turnstile WHERE name = 'change') WHERE id = $1",
    )
    .bind(id.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Numbers the change of a workflow, if one is named, and of all that are queued: their places have changed. The
/// transaction must hold the turnstile `queue`.
pub(super) async fn stamp_queue(tx: &mut Tx, id: Option<MigrationId>) -> Result<(), StoreError> {
    match id {
        Some(id) => stamp(tx, id).await?,
        None => pass(tx, "change").await?,
    }
    let row = sqlx::query("SELECT turns FROM turnstile WHERE name = 'change'").fetch_one(&mut **tx).await?;
    let done = sqlx::query(
        "UPDATE workflow SET change_number = $1 + q.place FROM (SELECT id AS queued, \
         ROW_NUMBER() OVER (ORDER BY queue_number) AS place FROM workflow WHERE state = 'queued') AS q \
         WHERE workflow.id = q.queued",
    )
    .bind(row.try_get::<i64, _>("turns")?)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE turnstile SET turns = turns + $1 WHERE name = 'change'")
        .bind(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
