//! Looking back at workflows.

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationState;
use jiff::Timestamp;

use super::workflow::{COLUMNS, Record, read, word};
use super::{Store, StoreError, bounded, millis, understood};

/// How many workflows a look back shows at most.
pub const MAX_HISTORY: u32 = 10_000;

/// Which workflows to look back at.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Only those that have ended since.
    pub ended_since: Option<Timestamp>,
    /// Only those in one of these states; in any if there is none.
    pub states: Vec<MigrationState>,
    /// Only these, if any are named.
    pub ids: Option<Vec<MigrationId>>,
    /// The newest so many.
    pub limit: u32,
}

impl Store {
    /// The newest workflows that a filter lets through, newest first.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<Record>, StoreError> {
        let mut terms = vec!["1 = 1".to_owned()];
        if let Some(since) = filter.ended_since {
            terms.push(format!("ended_at >= {}", millis(since)));
        }
        if !filter.states.is_empty() {
            // Words of our own, not of the caller's.
            let words = filter.states.iter().map(|state| word(*state)).collect::<Result<Vec<_>, _>>()?;
            terms.push(format!("state IN ('{}')", words.join("', '")));
        }
        if let Some(ids) = &filter.ids {
            // Made of numbers, whatever the caller wrote.
            let words: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
            terms.push(if words.is_empty() {
                "1 = 0".into()
            } else {
                format!("id IN ({})", words.join(", "))
            });
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM workflow WHERE {} ORDER BY created_at DESC, queue_number DESC LIMIT $1",
            terms.join(" AND ")
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(i64::from(filter.limit.min(MAX_HISTORY)));
        bounded(async { Ok(understood(&query.fetch_all(&self.pool).await?, read)) }).await
    }
}
