//! How much appliances and migrations may send.

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use sqlx::Row;

use super::change::stamp;
use super::{Store, StoreError, bounded};

impl Store {
    /// What an appliance may send, in bytes per second.
    pub async fn appliance_limit(&self, owner: &str) -> Result<Option<u64>, StoreError> {
        bounded(async {
            let row = sqlx::query("SELECT limit_bytes_per_second AS n FROM bandwidth WHERE owner = $1")
                .bind(owner)
                .fetch_optional(&self.pool)
                .await?;
            row.map(|row| Ok(unsigned(row.try_get("n")?))).transpose()
        })
        .await
    }

    /// Sets it, or lifts it.
    pub async fn limit_appliance(&self, owner: &str, limit: Option<u64>) -> Result<(), StoreError> {
        bounded(async {
            let Some(limit) = limit else {
                let gone = sqlx::query("DELETE FROM bandwidth WHERE owner = $1").bind(owner);
                gone.execute(&self.pool).await?;
                return Ok(());
            };
            sqlx::query(
                "INSERT INTO bandwidth (owner, limit_bytes_per_second) VALUES ($1, $2) \
                 ON CONFLICT (owner) DO UPDATE SET limit_bytes_per_second = excluded.limit_bytes_per_second",
            )
            .bind(owner)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
            Ok(())
        })
        .await
    }

    /// What the migrations that have not ended may send, in bytes per second, as far as they are limited.
    pub async fn migration_limits(&self) -> Result<BTreeMap<MigrationId, u64>, StoreError> {
        bounded(async {
            let rows = sqlx::query(
                "SELECT id, limit_bytes_per_second AS n FROM workflow \
                 WHERE limit_bytes_per_second IS NOT NULL AND ended_at IS NULL",
            )
            .fetch_all(&self.pool)
            .await?;
            let limits = super::understood(&rows, |row| {
                let id = serde_json::from_value(row.try_get::<String, _>("id")?.into())?;
                Ok((id, unsigned(row.try_get("n")?)))
            });
            Ok(limits.into_iter().collect())
        })
        .await
    }

    /// Sets what a migration may send, or lifts that; false if it has ended or does not exist.
    pub async fn limit_migration(&self, id: MigrationId, limit: Option<u64>) -> Result<bool, StoreError> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            let done = sqlx::query(
                "UPDATE workflow SET limit_bytes_per_second = $2 WHERE id = $1 AND ended_at IS NULL",
            )
            .bind(id.to_string())
            .bind(limit.map(|limit| i64::try_from(limit).unwrap_or(i64::MAX)))
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

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
