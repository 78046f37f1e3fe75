//! What users have set.

use hdm_shared::VcenterId;
use hdm_shared::plugin::Preferences;
use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, millis};

/// For how many users preferences are kept; those set longest ago go first.
const MAX_USERS: i64 = 10_000;

impl Store {
    /// What a user of a vCenter has set, if anything.
    pub async fn preferences(
        &self,
        vcenter: &VcenterId,
        user: &str,
    ) -> Result<Option<Preferences>, StoreError> {
        let row = sqlx::query("SELECT body FROM preference WHERE vcenter = $1 AND user_name = $2")
            .bind(vcenter.as_str())
            .bind(user)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(serde_json::from_str(&row.try_get::<String, _>("body")?)?)).transpose()
    }

    /// Keeps what a user has set.
    pub async fn set_preferences(
        &self,
        vcenter: &VcenterId,
        user: &str,
        preferences: &Preferences,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO preference (vcenter, user_name, body, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (vcenter, user_name) DO UPDATE SET body = excluded.body, at = excluded.at",
        )
        .bind(vcenter.as_str())
        .bind(user)
        .bind(serde_json::to_string(preferences)?)
        .bind(millis(now))
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM preference WHERE at < \
             (SELECT at FROM preference ORDER BY at DESC LIMIT 1 OFFSET $1)",
        )
        .bind(MAX_USERS - 1)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Forgets what a user has set.
    pub async fn forget_preferences(&self, vcenter: &VcenterId, user: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM preference WHERE vcenter = $1 AND user_name = $2")
            .bind(vcenter.as_str())
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
