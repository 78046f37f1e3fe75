//! Who drives which workflow, and until when.
//!
//! Each claim raises the workflow's fence; writes of an earlier claim hit nothing from then on.

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, Estimate, MAX_RUNNING, MigrationState};
use jiff::Timestamp;
use sqlx::Row;

use super::change::stamp_queue;
use super::workflow::{Line, Record, insert_lines, word};
use super::{Store, StoreError, millis};

/// A workflow that was claimed.
#[derive(Debug)]
pub struct Claimed {
    /// The workflow as it is now.
    pub record: Record,
    /// Who drove it before, if that was another appliance.
    pub former_owner: Option<String>,
}

/// States in which a workflow is to be driven.
const DRIVEN: &str = "('running', 'waiting', 'unwinding')";

impl Store {
    /// Claims a workflow that is to be driven and that nobody drives: its lease is over, or it was ours
    /// before this process began. `None` if somebody else was faster.
    pub async fn claim(
        &self,
        id: MigrationId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Claimed>, StoreError> {
        let Some(before) = self.workflow(id).await? else { return Ok(None) };
        let done = sqlx::query(
            "UPDATE workflow SET owner = $1, lease_until = $2, fence = fence + 1 \
             WHERE id = $3 AND fence = $4 AND (owner IS NULL OR owner = $1 OR lease_until < $5)",
        )
        .bind(owner)
        .bind(millis(until))
        .bind(id.to_string())
        .bind(before.fence)
        .bind(millis(now))
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(None);
        }
        let former_owner = before.owner.filter(|former| former != owner);
        Ok(self.workflow(id).await?.map(|record| Claimed { record, former_owner }))
    }

    /// The workflows that are to be driven and could be claimed by `owner`.
    pub async fn claimable(&self, owner: &str, now: Timestamp) -> Result<Vec<MigrationId>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT id FROM workflow WHERE state IN {DRIVEN} \
             AND (owner IS NULL OR owner = $1 OR lease_until < $2) ORDER BY queue_number"
        )))
        .bind(owner)
        .bind(millis(now))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(serde_json::from_value(row.try_get::<String, _>("id")?.into())?)).collect()
    }

    /// Starts a queued workflow, if fewer than [`MAX_RUNNING`] run in all.
    pub async fn start_queued(
        &self,
        id: MigrationId,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        let mut tx = self.turn("queue").await?;
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT COUNT(*) AS n FROM workflow WHERE state IN {DRIVEN}"
        )))
        .fetch_one(&mut *tx)
        .await?;
        if usize::try_from(row.try_get::<i64, _>("n")?).unwrap_or(usize::MAX) >= MAX_RUNNING {
            return Ok(None);
        }
        let done = sqlx::query(
            "UPDATE workflow SET state = $1, owner = $2, lease_until = $3, fence = fence + 1, attempt = 1, \
             started_at = $4 WHERE id = $5 AND state = $6",
        )
        .bind(word(MigrationState::Running)?)
        .bind(owner)
        .bind(millis(until))
        .bind(millis(now))
        .bind(id.to_string())
        .bind(word(MigrationState::Queued)?)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 1 {
            stamp_queue(&mut tx, Some(id)).await?;
        }
        tx.commit().await?;
        if done.rows_affected() == 0 { Ok(None) } else { self.workflow(id).await }
    }

    /// Changes a workflow's state if it has the state expected and nobody drives it.
    pub async fn change_state(
        &self,
        id: MigrationId,
        from: MigrationState,
        to: MigrationState,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_state_saying(id, (from, to), None, now).await
    }

    /// The same, with a line in its log that says who changed it.
    pub async fn change_state_saying(
        &self,
        id: MigrationId,
        (from, to): (MigrationState, MigrationState),
        line: Option<Line>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.turn("queue").await?;
        let lines = line.is_some();
        let ended = to.is_final().then(|| millis(now));
        let done = sqlx::query(
            "UPDATE workflow SET state = $1, ended_at = COALESCE($2, ended_at), fence = fence + 1, \
             log_length = log_length + $6 WHERE id = $3 AND state = $4 AND lease_until < $5",
        )
        .bind(word(to)?)
        .bind(ended)
        .bind(id.to_string())
        .bind(word(from)?)
        .bind(millis(now))
        .bind(i64::from(lines))
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some(line) = line {
            let row = sqlx::query("SELECT log_length FROM workflow WHERE id = $1")
                .bind(id.to_string())
                .fetch_one(&mut *tx)
                .await?;
            let before = row.try_get::<i64, _>("log_length")? - 1;
            insert_lines(&mut tx, id, before, vec![line], now).await?;
        }
        stamp_queue(&mut tx, Some(id)).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Extends the lease of a workflow; tells whether it is still held, and whether somebody wants it
    /// cancelled. A lease that was given back is not held any more.
    pub async fn renew(
        &self,
        id: MigrationId,
        fence: i64,
        until: Timestamp,
    ) -> Result<Option<Option<String>>, StoreError> {
        let done = sqlx::query(
            "UPDATE workflow SET lease_until = $1 WHERE id = $2 AND fence = $3 AND lease_until > 0",
        )
        .bind(millis(until))
        .bind(id.to_string())
        .bind(fence)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 { Ok(None) } else { self.wanted_cancelled(id).await.map(Some) }
    }

    /// The same, and lets the other appliances see how far its disks have come.
    pub async fn renew_showing(
        &self,
        id: MigrationId,
        fence: i64,
        until: Timestamp,
        (disks, estimate): (Vec<DiskProgress>, Option<Estimate>),
    ) -> Result<Option<Option<String>>, StoreError> {
        let done = sqlx::query(
            "UPDATE workflow SET lease_until = $1, progress = $4, estimate = $5 \
             WHERE id = $2 AND fence = $3 AND lease_until > 0",
        )
        .bind(millis(until))
        .bind(id.to_string())
        .bind(fence)
        .bind(serde_json::to_string(&disks)?)
        .bind(estimate.as_ref().map(serde_json::to_string).transpose()?)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 { Ok(None) } else { self.wanted_cancelled(id).await.map(Some) }
    }

    async fn wanted_cancelled(&self, id: MigrationId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT cancel_by FROM workflow WHERE id = $1")
            .bind(id.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get("cancel_by")?)
    }

    /// Gives a lease back. The owner stays on record: its sessions may still be open.
    pub async fn release(&self, id: MigrationId, fence: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE workflow SET lease_until = 0 WHERE id = $1 AND fence = $2")
            .bind(id.to_string())
            .bind(fence)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
