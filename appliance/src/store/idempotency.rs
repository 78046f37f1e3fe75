//! Requests that are made once however often they are sent (the header `Idempotency-Key`).

use hdm_shared::MigrationId;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row;

use super::workflow::Record;
use super::{Store, StoreError, Tx, bounded, millis};

/// How long a key is remembered.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A request that carries a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What was answered to a request that came before.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// This, as it was given to [`Store::remember_answer`].
    Before(String),
    /// Another request was made under this key.
    OtherRequest,
}

impl Store {
    /// What was answered to a request of which the answer is remembered and not what it made.
    pub async fn answered_before(&self, once: &Once, now: Timestamp) -> Result<Option<Answered>, StoreError> {
        bounded(async {
            let mut tx = self.pool.begin().await?;
            let Some((digest, text)) = row(&mut tx, once, now).await? else { return Ok(None) };
            Ok(Some(if digest == once.digest { Answered::Before(text) } else { Answered::OtherRequest }))
        })
        .await
    }

    /// Remembers an answer. If another appliance was faster, its answer stays.
    pub async fn remember_answer(&self, once: &Once, text: &str, now: Timestamp) -> Result<(), StoreError> {
        bounded(async {
            let mut tx = self.begin().await?;
            insert(&mut tx, once, text, now).await?;
            self.commit(tx).await
        })
        .await
    }

    /// Whether a request was made before.
    pub async fn made_before(&self, once: &Once, now: Timestamp) -> Result<Option<Queued>, StoreError> {
        bounded(async {
            let mut tx = self.pool.begin().await?;
            find(&mut tx, once, now).await
        })
        .await
    }
}

/// Looks a request up within a transaction.
pub(super) async fn find(tx: &mut Tx, once: &Once, now: Timestamp) -> Result<Option<Queued>, StoreError> {
    let Some((digest, text)) = row(tx, once, now).await? else { return Ok(None) };
    if digest != once.digest {
        return Ok(Some(Queued::OtherRequest));
    }
    Ok(Some(Queued::Before(serde_json::from_str(&text)?)))
}

/// Remembers what a request made, and forgets what is older than [`REMEMBERED`].
pub(super) async fn remember(
    tx: &mut Tx,
    once: &Once,
    made: &[Record],
    now: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<MigrationId> = made.iter().map(|record| record.id).collect();
    insert(tx, once, &serde_json::to_string(&ids)?, now).await
}

/// The digest of the request under a key, and what it made (ids as a JSON array) or was answered.
async fn row(tx: &mut Tx, once: &Once, now: Timestamp) -> Result<Option<(String, String)>, StoreError> {
    let row = sqlx::query(
        "SELECT digest, workflows FROM idempotency WHERE user_name = $1 AND request_key = $2 AND at > $3",
    )
    .bind(&once.user)
    .bind(&once.key)
    .bind(oldest(now))
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| Ok((row.try_get("digest")?, row.try_get("workflows")?))).transpose()
}

async fn insert(tx: &mut Tx, once: &Once, text: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM idempotency WHERE at <= $1").bind(oldest(now)).execute(&mut **tx).await?;
    sqlx::query(
        "INSERT INTO idempotency (user_name, request_key, digest, workflows, at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_name, request_key) DO NOTHING",
    )
    .bind(&once.user)
    .bind(&once.key)
    .bind(&once.digest)
    .bind(text)
    .bind(millis(now))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn oldest(now: Timestamp) -> i64 {
    millis(now.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN))
}
