//! What one appliance does for all that share the database.

use jiff::Timestamp;

use super::{Store, StoreError, millis};

impl Store {
    /// Takes a duty, or keeps it; false while another appliance has it.
    pub async fn take_duty(
        &self,
        name: &str,
        owner: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        sqlx::query(
            "INSERT INTO duty (name, owner, lease_until) VALUES ($1, $2, 0) ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(owner)
        .execute(&self.pool)
        .await?;
        let done = sqlx::query(
            "UPDATE duty SET owner = $2, lease_until = $3 WHERE name = $1 AND (owner = $2 OR lease_until < $4)",
        )
        .bind(name)
        .bind(owner)
        .bind(millis(until))
        .bind(millis(now))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }
}
