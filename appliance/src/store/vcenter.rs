//! The vCenters that were added.

use hdm_shared::VcenterId;
use hdm_shared::vcenter::VcenterRole;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{Store, StoreError, millis, timestamp};

/// A vCenter as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct VcenterRecord {
    /// Its name.
    pub id: VcenterId,
    /// What it is to HDM.
    pub role: VcenterRole,
    /// Its address.
    pub url: String,
    /// The account.
    pub user: String,
    /// Its password, sealed.
    pub sealed_password: String,
    /// The thumbprint trusted.
    pub thumbprint: String,
    /// What the vCenter calls itself for ever.
    pub instance_uuid: String,
    /// When it was added.
    pub added_at: Timestamp,
}

impl Store {
    /// Adds a vCenter; false if there is one of that name.
    pub async fn add_vcenter(&self, vcenter: &VcenterRecord) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO vcenter (id, role, url, user_name, password, thumbprint, instance_uuid, added_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING",
        )
        .bind(vcenter.id.as_str())
        .bind(serde_json::to_string(&vcenter.role)?)
        .bind(&vcenter.url)
        .bind(&vcenter.user)
        .bind(&vcenter.sealed_password)
        .bind(&vcenter.thumbprint)
        .bind(&vcenter.instance_uuid)
        .bind(millis(vcenter.added_at))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// All vCenters by name.
    pub async fn vcenters(&self) -> Result<Vec<VcenterRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, role, url, user_name, password, thumbprint, instance_uuid, added_at FROM vcenter ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Changes account, password and thumbprint; false if there is none of that name.
    pub async fn update_vcenter(&self, vcenter: &VcenterRecord) -> Result<bool, StoreError> {
        let done =
            sqlx::query("UPDATE vcenter SET user_name = $2, password = $3, thumbprint = $4 WHERE id = $1")
                .bind(vcenter.id.as_str())
                .bind(&vcenter.user)
                .bind(&vcenter.sealed_password)
                .bind(&vcenter.thumbprint)
                .execute(&self.pool)
                .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a vCenter; false if there is none of that name.
    pub async fn remove_vcenter(&self, id: &VcenterId) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let done =
            sqlx::query("DELETE FROM vcenter WHERE id = $1").bind(id.as_str()).execute(&mut *tx).await?;
        for sql in [
            "DELETE FROM released WHERE vcenter = $1",
            "DELETE FROM sample WHERE cloud = $1",
            "DELETE FROM preference WHERE vcenter = $1",
        ] {
            sqlx::query(sql).bind(id.as_str()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<VcenterRecord, StoreError> {
    let id: String = row.try_get("id")?;
    Ok(VcenterRecord {
        id: serde_json::from_value(id.into())?,
        role: serde_json::from_str(&row.try_get::<String, _>("role")?)?,
        url: row.try_get("url")?,
        user: row.try_get("user_name")?,
        sealed_password: row.try_get("password")?,
        thumbprint: row.try_get("thumbprint")?,
        instance_uuid: row.try_get("instance_uuid")?,
        added_at: timestamp(row.try_get("added_at")?),
    })
}
