//! The use of clusters over time, in three resolutions.
//!
//! Each reading is stored in the finest resolution; the steps of the coarser ones that hold it are computed anew
//! from the finest, so that a mean is a mean of readings, and a step in which nothing was read is not there.

use hdm_shared::VcenterId;
use hdm_shared::sample::{Sample, TIERS, Tier};
use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, millis};

/// A reading of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The cloud.
    pub cloud: VcenterId,
    /// The cluster's id; empty for the cloud as a whole.
    pub cluster: String,
    /// CPU in use, in percent.
    pub cpu_percent: f64,
    /// Memory in use, in percent.
    pub memory_percent: f64,
    /// VMs that HDM moved there.
    pub cold_vms: u32,
}

/// The beginning of the step that a moment is in.
pub fn step_of(at_ms: i64, step_seconds: i64) -> i64 {
    at_ms.div_euclid(step_seconds * 1_000) * step_seconds * 1_000
}

impl Store {
    /// Stores readings made at a moment, rolls them up, and removes what is too old.
    pub async fn add_readings(&self, readings: &[Reading], now: Timestamp) -> Result<(), StoreError> {
        let at_ms = millis(now);
        let mut tx = self.pool.begin().await?;
        for reading in readings {
            sqlx::query(
                "INSERT INTO sample (cloud, cluster, step_seconds, at, cpu_percent, memory_percent, cold_vms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (cloud, cluster, step_seconds, at) DO UPDATE \
                 SET cpu_percent = excluded.cpu_percent, memory_percent = excluded.memory_percent, \
                 cold_vms = excluded.cold_vms",
            )
            .bind(reading.cloud.as_str())
            .bind(&reading.cluster)
            .bind(TIERS[0].step_seconds)
            .bind(step_of(at_ms, TIERS[0].step_seconds))
            .bind(reading.cpu_percent)
            .bind(reading.memory_percent)
            .bind(i64::from(reading.cold_vms))
            .execute(&mut *tx)
            .await?;
            for tier in &TIERS[1..] {
                let begin = step_of(at_ms, tier.step_seconds);
                // The newest reading is the one being stored, so it tells the end of the step.
                sqlx::query(
                    "INSERT INTO sample (cloud, cluster, step_seconds, at, cpu_percent, memory_percent, cold_vms) \
                     SELECT $1, $2, $3, $4, AVG(cpu_percent), AVG(memory_percent), $5 FROM sample \
                     WHERE cloud = $1 AND cluster = $2 AND step_seconds = $6 AND at >= $4 AND at < $7 \
                     ON CONFLICT (cloud, cluster, step_seconds, at) DO UPDATE \
                     SET cpu_percent = excluded.cpu_percent, memory_percent = excluded.memory_percent, \
                     cold_vms = excluded.cold_vms",
                )
                .bind(reading.cloud.as_str())
                .bind(&reading.cluster)
                .bind(tier.step_seconds)
                .bind(begin)
                .bind(i64::from(reading.cold_vms))
                .bind(TIERS[0].step_seconds)
                .bind(begin + tier.step_seconds * 1_000)
                .execute(&mut *tx)
                .await?;
            }
        }
        for tier in &TIERS {
            // The hour being rolled up needs the readings since its beginning, and a step more.
            let oldest = at_ms - (tier.kept_seconds + tier.step_seconds) * 1_000;
            sqlx::query("DELETE FROM sample WHERE step_seconds = $1 AND at < $2")
                .bind(tier.step_seconds)
                .bind(oldest)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The samples of one resolution since a moment, ascending; at most `limit`, the newest.
    pub async fn samples(
        &self,
        cloud: &VcenterId,
        cluster: &str,
        tier: Tier,
        from_ms: i64,
        limit: u32,
    ) -> Result<Vec<Sample>, StoreError> {
        let rows = sqlx::query(
            "SELECT at, cpu_percent, memory_percent, cold_vms FROM sample \
             WHERE cloud = $1 AND cluster = $2 AND step_seconds = $3 AND at >= $4 ORDER BY at DESC LIMIT $5",
        )
        .bind(cloud.as_str())
        .bind(cluster)
        .bind(tier.step_seconds)
        .bind(from_ms)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        let mut samples = Vec::with_capacity(rows.len());
        for row in rows.iter().rev() {
            samples.push(Sample {
                at_ms: row.try_get("at")?,
                cpu_percent: row.try_get("cpu_percent")?,
                memory_percent: row.try_get("memory_percent")?,
                cold_vms: u32::try_from(row.try_get::<i64, _>("cold_vms")?).unwrap_or_default(),
            });
        }
        Ok(samples)
    }
}
