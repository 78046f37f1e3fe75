//! Looking back at workflows.

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use hdm_shared::migration::{LogLine, MigrationState};
use jiff::Timestamp;
use sqlx::Row as _;

use super::workflow::{COLUMNS, OPEN, Record, line, read, word};
use super::{Store, StoreError, bounded, millis, understood};

/// How many workflows a look back shows at most.
pub const MAX_HISTORY: u32 = 10_000;

/// How many lines of each log a look back reads at most.
const MAX_TURNS: u32 = 10_000;
/// How many logs are read with one query.
const AT_ONCE: usize = 100;

/// Which workflows to look back at.
#[derive(Clone, Debug, Default)]
pub struct HistoryFilter {
    /// Only those that have ended since.
    pub ended_since: Option<Timestamp>,
    /// Of those, only what has ended before this.
    pub ended_before: Option<Timestamp>,
    /// Also those that have not ended.
    pub or_open: bool,
    /// Only those that were queued before this queue number.
    pub before: Option<i64>,
    /// Only those in one of these states; in any if there is none.
    pub states: Vec<MigrationState>,
    /// Only these, if any are named.
    pub ids: Option<Vec<MigrationId>>,
    /// Only those whose input holds this text, letters large or small. It may let more through: `%` and `_` stand for
    /// anything.
    pub input_holds: Option<String>,
    /// The newest so many.
    pub limit: u32,
}

impl Store {
    /// The newest workflows that a filter lets through, newest first.
    pub async fn history(&self, filter: &HistoryFilter) -> Result<Vec<Record>, StoreError> {
        let mut terms = vec!["1 = 1".to_owned()];
        let mut ended = Vec::new();
        ended.extend(filter.ended_since.map(|since| format!("ended_at >= {}", millis(since))));
        ended.extend(filter.ended_before.map(|before| format!("ended_at < {}", millis(before))));
        if !ended.is_empty() {
            let open = if filter.or_open { format!(" OR state IN {OPEN}") } else { String::new() };
            terms.push(format!("(({}){open})", ended.join(" AND ")));
        }
        terms.extend(filter.before.map(|before| format!("queue_number < {before}")));
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
        if filter.input_holds.is_some() {
            terms.push("input LIKE $2".into());
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM workflow WHERE {} ORDER BY queue_number DESC LIMIT $1",
            terms.join(" AND ")
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(i64::from(filter.limit.min(MAX_HISTORY)));
        if let Some(text) = &filter.input_holds {
            query = query.bind(format!("%{text}%"));
        }
        bounded(async { Ok(understood(&query.fetch_all(&self.pool).await?, read)) }).await
    }

    /// The logs of some workflows, oldest line first, without what their steps note of their own work and without
    /// words: when each began, ended, waited. What a workflow that goes wrong for months has logged beyond
    /// [`MAX_TURNS`] lines is left out.
    pub async fn turning_points(
        &self,
        ids: &[MigrationId],
    ) -> Result<BTreeMap<MigrationId, Vec<LogLine>>, StoreError> {
        let mut logs: BTreeMap<MigrationId, Vec<LogLine>> = BTreeMap::new();
        for some in ids.chunks(AT_ONCE) {
            let words: Vec<String> = some.iter().map(|id| format!("'{id}'")).collect();
            let sql = format!(
                "SELECT seq, at, kind, step, '' AS message, workflow FROM workflow_event WHERE workflow IN ({}) \
                 AND kind NOT IN ('note', 'saved') AND seq <= {MAX_TURNS} ORDER BY workflow, seq",
                words.join(", ")
            );
            let query = sqlx::query(sqlx::AssertSqlSafe(sql));
            let rows = bounded(async { Ok::<_, StoreError>(query.fetch_all(&self.pool).await?) }).await?;
            for row in &rows {
                let id = serde_json::from_value(row.try_get::<String, _>("workflow")?.into())?;
                logs.entry(id).or_default().push(line(row)?);
            }
        }
        Ok(logs)
    }
}
