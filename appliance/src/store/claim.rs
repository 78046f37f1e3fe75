//! Who drives which workflow, and until when.
//!
//! Each claim raises the workflow's fence; writes of an earlier claim hit nothing from then on. What a claim
//! returns is read in the transaction that made it, so that nobody ever holds another's fence.

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, Estimate, MAX_RUNNING, MigrationState};
use jiff::Timestamp;
use sqlx::Row;

use super::change::{stamp, stamp_queue};
use super::event::NewEvent;
use super::workflow::{Line, Record, insert_lines, one_sql, read, word};
use super::{Store, StoreError, Tx, bounded, millis};

/// States in which a workflow is to be driven.
const DRIVEN: &str = "('running', 'waiting', 'unwinding')";

impl Store {
    /// Claims a workflow that nobody drives in order to drive it: its lease is over, or it was ours before this
    /// process began. `None` if somebody else was faster, or if it has ended or was stopped since it was found.
    /// Another appliance that drove it stays among its `former_owners` until a driver says that its sessions
    /// are ended.
    pub async fn claim(
        &self,
        id: MigrationId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        self.take(id, &format!("state IN {DRIVEN}"), owner, until, now).await
    }

    /// The same whatever its state, in order to do what a person asks.
    pub async fn hold(
        &self,
        id: MigrationId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        self.take(id, "TRUE", owner, until, now).await
    }

    async fn take(
        &self,
        id: MigrationId,
        which: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        bounded(async {
            let mut tx = self.begin().await?;
            let done = sqlx::query(sqlx::AssertSqlSafe(format!(
                "UPDATE workflow SET lease_until = $2, fence = fence + 1, owner = $1, \
                 former_owners = CASE WHEN owner IS NULL OR owner = $1 THEN former_owners \
                 WHEN former_owners = '' THEN owner ELSE former_owners || ',' || owner END \
                 WHERE id = $3 AND {which} AND (owner IS NULL OR owner = $1 OR lease_until < $4)"
            )))
            .bind(owner)
            .bind(millis(until))
            .bind(id.to_string())
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(None);
            }
            let row = sqlx::query(one_sql()).bind(id.to_string()).fetch_one(&mut *tx).await?;
            let record = read(&row)?;
            self.commit(tx).await?;
            Ok(Some(record))
        })
        .await
    }

    /// The workflows that are to be driven and could be claimed by `owner`.
    pub async fn claimable(&self, owner: &str, now: Timestamp) -> Result<Vec<MigrationId>, StoreError> {
        bounded(async {
            let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
                "SELECT id FROM workflow WHERE state IN {DRIVEN} \
                 AND (owner IS NULL OR owner = $1 OR lease_until < $2) ORDER BY queue_number"
            )))
            .bind(owner)
            .bind(millis(now))
            .fetch_all(&self.pool)
            .await?;
            Ok(super::understood(&rows, |row| {
                Ok(serde_json::from_value(row.try_get::<String, _>("id")?.into())?)
            }))
        })
        .await
    }

    /// Starts a queued workflow, if fewer than [`MAX_RUNNING`] run in all.
    pub async fn start_queued(
        &self,
        id: MigrationId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            if !has_room(&mut tx).await? {
                return Ok(None);
            }
            let done = sqlx::query(
                "UPDATE workflow SET state = $1, owner = $2, lease_until = $3, fence = fence + 1, attempt = 1, \
                 started_at = $4, log_length = log_length + 1 WHERE id = $5 AND state = $6",
            )
            .bind(word(MigrationState::Running)?)
            .bind(owner)
            .bind(millis(until))
            .bind(millis(now))
            .bind(id.to_string())
            .bind(word(MigrationState::Queued)?)
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(None);
            }
            let row = sqlx::query(one_sql()).bind(id.to_string()).fetch_one(&mut *tx).await?;
            let record = read(&row)?;
            let message = format!("Its turn has come; appliance {owner} drives it.");
            let line = Line { kind: "turn", step: None, message, event: None };
            insert_lines(&mut tx, id, record.log_length - 1, &[line], now).await?;
            stamp_queue(&mut tx, Some(id)).await?;
            self.commit(tx).await?;
            Ok(Some(record))
        })
        .await
    }

    /// Changes a workflow's state if it has the state expected and nobody drives it, and logs the line that
    /// says so.
    pub async fn change_state(
        &self,
        id: MigrationId,
        from: MigrationState,
        to: MigrationState,
        line: Line,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = to.is_final().then(|| millis(now));
        bounded(async {
            let mut tx = self.turn("queue").await?;
            let done = sqlx::query(
                "UPDATE workflow SET state = $1, ended_at = COALESCE($2, ended_at), fence = fence + 1, \
                 log_length = log_length + 1 WHERE id = $3 AND state = $4 AND lease_until < $5",
            )
            .bind(word(to)?)
            .bind(ended)
            .bind(id.to_string())
            .bind(word(from)?)
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            let length = log_length(&mut tx, id).await?;
            insert_lines(&mut tx, id, length - 1, &[line], now).await?;
            stamp_queue(&mut tx, Some(id)).await?;
            self.commit(tx).await?;
            Ok(true)
        })
        .await
    }

    /// Stops what cannot be driven because its row cannot be understood: it needs an operator from now on, and
    /// nothing else of the row is touched. Another appliance that drives it may understand it, and is left alone.
    pub async fn set_aside(
        &self,
        id: MigrationId,
        owner: &str,
        reason: &str,
        event: NewEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        bounded(async {
            let mut tx = self.begin().await?;
            let done = sqlx::query(sqlx::AssertSqlSafe(format!(
                "UPDATE workflow SET state = $1, error = $2, lease_until = 0, fence = fence + 1, \
                 log_length = log_length + 1 WHERE id = $3 AND state IN {DRIVEN} \
                 AND (owner IS NULL OR owner = $4 OR lease_until < $5)"
            )))
            .bind(word(MigrationState::NeedsOperator)?)
            .bind(reason)
            .bind(id.to_string())
            .bind(owner)
            .bind(millis(now))
            .execute(&mut *tx)
            .await?;
            if done.rows_affected() == 1 {
                let length = log_length(&mut tx, id).await?;
                let message = reason.to_owned();
                let line = Line { kind: "needs-operator", step: None, message, event: Some(event) };
                insert_lines(&mut tx, id, length - 1, &[line], now).await?;
                stamp(&mut tx, id).await?;
            }
            self.commit(tx).await
        })
        .await
    }

    /// Extends the lease of a workflow; tells whether it is still held, and whether somebody wants it
    /// cancelled. A lease that was given back is not held any more.
    pub async fn renew(
        &self,
        id: MigrationId,
        fence: i64,
        until: Timestamp,
    ) -> Result<Option<Option<String>>, StoreError> {
        bounded(async {
            let done = sqlx::query(
                "UPDATE workflow SET lease_until = $1 WHERE id = $2 AND fence = $3 AND lease_until > 0",
            )
            .bind(millis(until))
            .bind(id.to_string())
            .bind(fence)
            .execute(&self.pool)
            .await?;
            if done.rows_affected() == 0 { Ok(None) } else { self.wanted_cancelled(id).await.map(Some) }
        })
        .await
    }

    /// The same, and lets the other appliances see how far its disks have come.
    pub async fn renew_showing(
        &self,
        id: MigrationId,
        fence: i64,
        until: Timestamp,
        (disks, estimate): (Vec<DiskProgress>, Option<Estimate>),
    ) -> Result<Option<Option<String>>, StoreError> {
        let disks = serde_json::to_string(&disks)?;
        let estimate = estimate.as_ref().map(serde_json::to_string).transpose()?;
        bounded(async {
            let done = sqlx::query(
                "UPDATE workflow SET lease_until = $1, progress = $4, estimate = $5 \
                 WHERE id = $2 AND fence = $3 AND lease_until > 0",
            )
            .bind(millis(until))
            .bind(id.to_string())
            .bind(fence)
            .bind(disks)
            .bind(estimate)
            .execute(&self.pool)
            .await?;
            if done.rows_affected() == 0 { Ok(None) } else { self.wanted_cancelled(id).await.map(Some) }
        })
        .await
    }

    async fn wanted_cancelled(&self, id: MigrationId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT cancel_by FROM workflow WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get("cancel_by")?)
    }

    /// Gives a lease back, and raises the fence so that no renewal under way takes it again. The owner stays on
    /// record: its sessions may still be open.
    pub async fn release(&self, id: MigrationId, fence: i64) -> Result<(), StoreError> {
        bounded(async {
            sqlx::query(
                "UPDATE workflow SET lease_until = 0, fence = fence + 1 WHERE id = $1 AND fence = $2",
            )
            .bind(id.to_string())
            .bind(fence)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }
}

/// Whether one more may run, over all appliances. The queue's turnstile must have been passed.
pub(super) async fn has_room(tx: &mut Tx) -> Result<bool, StoreError> {
    let sql = format!("SELECT COUNT(*) AS n FROM workflow WHERE state IN {DRIVEN}");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut **tx).await?;
    Ok(usize::try_from(row.try_get::<i64, _>("n")?).unwrap_or(usize::MAX) < MAX_RUNNING)
}

async fn log_length(tx: &mut Tx, id: MigrationId) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT log_length FROM workflow WHERE id = $1")
        .bind(id.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(row.try_get("log_length")?)
}
