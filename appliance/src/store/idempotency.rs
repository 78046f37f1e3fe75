//! Requests that are made once however often they are sent (the header `Idempotency-Key`).

use hdm_shared::MigrationId;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

use super::{Store, StoreError, Tx, millis};
use crate::store::Record;

/// How long a key is remembered.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A request that carries a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Who asks; two users' keys are two keys.
    pub user: String,
    /// The key.
    pub key: String,
    /// What tells this request from others under the same key.
    pub digest: String,
}

/// What became of a request.
#[derive(Debug)]
pub enum Queued {
    /// It was done now.
    Now(Vec<Record>),
    /// It was done before, and made these.
    Before(Vec<MigrationId>),
    /// Another request was made under this key.
    OtherRequest,
}

impl Store {
    /// Whether a request was made before.
    pub async fn made_before(&self, once: &Once, now: Timestamp) -> Result<Option<Queued>, StoreError> {
        let mut tx = self.pool.begin().await?;
        let found = find(&mut tx, once, now).await?;
        tx.commit().await?;
        Ok(found)
    }
}

/// Looks a request up within a transaction.
pub(super) async fn find(tx: &mut Tx, once: &Once, now: Timestamp) -> Result<Option<Queued>, StoreError> {
    let row = sqlx::query(
        "SELECT digest, workflows FROM idempotency WHERE user_name = $1 AND request_key = $2 AND at > $3",
    )
    .bind(&once.user)
    .bind(&once.key)
    .bind(oldest(now))
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.try_get::<String, _>("digest")? != once.digest {
        return Ok(Some(Queued::OtherRequest));
    }
    Ok(Some(Queued::Before(serde_json::from_str(&row.try_get::<String, _>("workflows")?)?)))
}

/// Remembers what a request made, and forgets what is older than [`REMEMBERED`].
pub(super) async fn remember(
    tx: &mut Tx,
    once: &Once,
    made: &[Record],
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE at <= $1").bind(oldest(now)).execute(&mut **tx).await?;
    let ids: Vec<MigrationId> = made.iter().map(|record| record.id).collect();
    sqlx::query(
        "INSERT INTO idempotency (user_name, request_key, digest, workflows, at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&once.user)
    .bind(&once.key)
    .bind(&once.digest)
    .bind(serde_json::to_string(&ids)?)
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn oldest(now: Timestamp) -> i64 {
    millis(now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN))
}
