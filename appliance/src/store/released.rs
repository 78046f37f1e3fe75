//! What of each cloud may be chosen.

use std::collections::BTreeMap;

use hdm_shared::VcenterId;
use hdm_shared::cloud::ReleasedObjects;
use sqlx::Row;

use super::{Store, StoreError};

impl Store {
    /// What of a cloud may be chosen; everything unless somebody said otherwise.
    pub async fn released(&self, vcenter: &VcenterId) -> Result<ReleasedObjects, StoreError> {
        let row = sqlx::query("SELECT objects FROM released WHERE vcenter = $1")
            .bind(vcenter.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(ReleasedObjects::default()) };
        Ok(serde_json::from_str(&row.try_get::<String, _>("objects")?)?)
    }

    /// The same of all clouds of which somebody said something.
    pub async fn all_released(&self) -> Result<BTreeMap<VcenterId, ReleasedObjects>, StoreError> {
        let rows = sqlx::query("SELECT vcenter, objects FROM released").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let vcenter = serde_json::from_value(row.try_get::<String, _>("vcenter")?.into())?;
                Ok((vcenter, serde_json::from_str(&row.try_get::<String, _>("objects")?)?))
            })
            .collect()
    }

    /// Says what of a cloud may be chosen.
    pub async fn release_objects(
        &self,
        vcenter: &VcenterId,
        objects: &ReleasedObjects,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO released (vcenter, objects) VALUES ($1, $2) \
             ON CONFLICT (vcenter) DO UPDATE SET objects = excluded.objects",
        )
        .bind(vcenter.as_str())
        .bind(serde_json::to_string(objects)?)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
