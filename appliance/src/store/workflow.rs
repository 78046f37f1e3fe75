//! Workflows and their logs.

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, Estimate, LogLine, MigrationState};
use hdm_shared::schedule::Schedule;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::change::{stamp, stamp_queue};
use super::event::NewEvent;
use super::idempotency::{self, Once, Queued};
use super::{MAX_QUEUED, Store, StoreError, Tx, bounded, millis, timestamp, understood};

/// Why a workflow unwinds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Somebody cancelled it.
    Cancelled {
        /// Who.
        by: String,
    },
    /// It could not be done.
    Failed {
        /// Why, as a sentence.
        reason: String,
        /// The step it failed in; undoing leaves the record itself without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
}

/// A workflow as it is stored.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the columns are described in migrations/")]
pub struct Record {
    pub id: MigrationId,
    pub kind: String,
    pub input: String,
    pub memo: String,
    pub progress: Vec<DiskProgress>,
    pub estimate: Option<Estimate>,
    pub dismissed: bool,
    pub state: MigrationState,
    pub steps_done: usize,
    pub step: Option<String>,
    pub committed: bool,
    pub attempt: u32,
    pub attempts_before: u32,
    pub verdict: Option<Verdict>,
    pub cancel_by: Option<String>,
    pub error: Option<String>,
    pub waiting_for: Option<String>,
    pub waiting_since: Option<Timestamp>,
    pub queue_line: String,
    pub queue_number: i64,
    pub schedule: Option<Schedule>,
    pub limit_bytes_per_second: Option<u64>,
    pub owner: Option<String>,
    pub former_owners: Vec<String>,
    pub lease_until: i64,
    pub fence: i64,
    pub log_length: i64,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// A line to be logged.
#[derive(Clone, Debug)]
pub struct Line {
    /// What kind of line, such as `step-began`.
    pub kind: &'static str,
    /// The step it is about.
    pub step: Option<String>,
    /// What happened, in words.
    pub message: String,
    /// The event that tells everybody, logged in the same transaction under the line's number.
    pub event: Option<NewEvent>,
}

/// A workflow to be queued.
#[derive(Clone, Debug)]
pub struct NewWorkflow {
    /// Its id.
    pub id: MigrationId,
    /// Its kind.
    pub kind: &'static str,
    /// Its input, as JSON.
    pub input: String,
    /// Its empty memo, as JSON.
    pub memo: String,
    /// Where it queues: the source cluster.
    pub queue_line: String,
    /// When it may begin; at any time if absent.
    pub schedule: Option<Schedule>,
    /// The first line of its log.
    pub first_line: Line,
}

pub(super) const COLUMNS: &str = "id, kind, input, memo, progress, estimate, dismissed, state, steps_done, step, committed, attempt, verdict, \
    cancel_by, error, waiting_for, waiting_since, queue_line, queue_number, owner, lease_until, fence, log_length, \
    created_at, started_at, ended_at, attempts_before, former_owners, schedule, \
    limit_bytes_per_second";

/// How many workflows, or lines of a log, one page shows at most.
pub const MAX_PAGE: u32 = 1_000;

impl Store {
    /// Queues workflows, if `admit` says so after looking at those that have not ended. Nobody else is
    /// admitted meanwhile. [`StoreError::QueueFull`] if more than [`MAX_QUEUED`] would wait.
    pub async fn queue_workflows<E: From<StoreError>>(
        &self,
        now: Timestamp,
        admit: impl FnOnce(&[Record]) -> Result<Vec<NewWorkflow>, E> + Send,
    ) -> Result<Vec<Record>, E> {
        match self.queue_once(None, now, admit).await? {
            Queued::Now(records) => Ok(records),
            Queued::Before(_) | Queued::OtherRequest => Ok(Vec::new()),
        }
    }

    /// The same for a request that may carry a key: what was made under it before is not made again.
    pub async fn queue_once<E: From<StoreError>>(
        &self,
        once: Option<&Once>,
        now: Timestamp,
        admit: impl FnOnce(&[Record]) -> Result<Vec<NewWorkflow>, E> + Send,
    ) -> Result<Queued, E> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            if let Some(once) = once
                && let Some(before) = idempotency::find(&mut tx, once, now).await?
            {
                return Ok(before);
            }
            let rows = sqlx::query(sqlx::AssertSqlSafe(open_sql()))
                .fetch_all(&mut *tx)
                .await
                .map_err(StoreError::from)?;
            let open = understood(&rows, read);
            let waiting = open.iter().filter(|r| waits(r.state)).count();
            let last = sqlx::query("SELECT COALESCE(MAX(queue_number), 0) AS n FROM workflow")
                .fetch_one(&mut *tx)
                .await
                .map_err(StoreError::from)?;
            let mut number: i64 = last.try_get("n").map_err(StoreError::from)?;
            let admitted = admit(&open)?;
            if waiting + admitted.len() > MAX_QUEUED {
                return Err(StoreError::QueueFull.into());
            }
            let mut records = Vec::new();
            for new in admitted {
                number += 1;
                records.push(insert(&mut tx, new, number, now).await?);
            }
            if let Some(once) = once {
                idempotency::remember(&mut tx, once, &records, now).await?;
            }
            stamp_queue(&mut tx, None).await?;
            self.commit(tx).await?;
            Ok(Queued::Now(records))
        })
        .await
    }

    /// All workflows that have not ended, in order of arrival.
    pub async fn open_workflows(&self) -> Result<Vec<Record>, StoreError> {
        bounded(async {
            let rows = sqlx::query(sqlx::AssertSqlSafe(open_sql())).fetch_all(&self.pool).await?;
            Ok(understood(&rows, read))
        })
        .await
    }

    /// A page of those that were queued before a queue number, newest first; [`MAX_PAGE`] of them.
    pub async fn workflows_before(&self, queue_number: i64) -> Result<Vec<Record>, StoreError> {
        bounded(async {
            let sql = format!(
                "SELECT {COLUMNS} FROM workflow WHERE queue_number < $1 ORDER BY queue_number DESC LIMIT $2"
            );
            let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(queue_number).bind(i64::from(MAX_PAGE));
            Ok(understood(&query.fetch_all(&self.pool).await?, read))
        })
        .await
    }

    /// One workflow.
    pub async fn workflow(&self, id: MigrationId) -> Result<Option<Record>, StoreError> {
        bounded(async {
            let row = sqlx::query(one_sql()).bind(id.to_string()).fetch_optional(&self.pool).await?;
            row.as_ref().map(read).transpose()
        })
        .await
    }

    /// A page of a workflow's log: lines after a number, oldest first.
    pub async fn log(&self, id: MigrationId, after: u64, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        let query = sqlx::query(
            "SELECT seq, at, kind, step, message FROM workflow_event WHERE workflow = $1 AND seq > $2 \
             ORDER BY seq LIMIT $3",
        )
        .bind(id.to_string())
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit.min(MAX_PAGE)));
        let rows = bounded(async { Ok::<_, StoreError>(query.fetch_all(&self.pool).await?) }).await?;
        rows.iter().map(line).collect()
    }

    /// The newest lines of a workflow's log, oldest first.
    pub async fn newest_of_log(&self, id: MigrationId, limit: u32) -> Result<Vec<LogLine>, StoreError> {
        let query = sqlx::query(
            "SELECT seq, at, kind, step, message FROM workflow_event WHERE workflow = $1 \
             ORDER BY seq DESC LIMIT $2",
        )
        .bind(id.to_string())
        .bind(i64::from(limit.min(MAX_PAGE)));
        let rows = bounded(async { Ok::<_, StoreError>(query.fetch_all(&self.pool).await?) }).await?;
        rows.iter().rev().map(line).collect()
    }

    /// When each line of the queue was last served.
    pub async fn last_turns(&self) -> Result<std::collections::BTreeMap<String, i64>, StoreError> {
        bounded(async {
            let rows = sqlx::query(
                "SELECT queue_line, MAX(started_at) AS last FROM workflow WHERE started_at IS NOT NULL GROUP BY queue_line",
            )
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(|row| Ok((row.try_get("queue_line")?, row.try_get("last")?))).collect()
        })
        .await
    }

    /// Writes what its driver changed, and the lines that say so. Everything that tells of the queue, the
    /// lease and a wish to cancel is written elsewhere and left alone.
    ///
    /// After an error it is not known whether the write took effect; calling again with the same lines finds
    /// out, and writes each line once.
    pub async fn write(
        &self,
        record: &mut Record,
        lines: Vec<Line>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        bounded(async {
            let mut tx = self.begin().await?;
            let length = append(&mut tx, record, &lines, now).await?;
            stamp(&mut tx, record.id).await?;
            self.commit(tx).await?;
            record.log_length = length;
            Ok(())
        })
        .await
    }

    /// The same, if its workflow may run: fewer than `MAX_RUNNING` others do. False if not.
    pub async fn write_running(
        &self,
        record: &mut Record,
        lines: Vec<Line>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            if !super::claim::has_room(&mut tx).await? {
                return Ok(false);
            }
            let length = append(&mut tx, record, &lines, now).await?;
            stamp(&mut tx, record.id).await?;
            self.commit(tx).await?;
            record.log_length = length;
            Ok(true)
        })
        .await
    }

    /// Remembers that somebody wants a workflow cancelled. Whoever drives it hears of it.
    pub async fn ask_cancel(&self, id: MigrationId, by: &str) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE workflow SET cancel_by = $2 WHERE id = $1 AND cancel_by IS NULL");
        bounded(async {
            let mut tx = self.turn("queue").await?;
            query.bind(id.to_string()).bind(by).execute(&mut *tx).await?;
            stamp(&mut tx, id).await?;
            self.commit(tx).await
        })
        .await
    }

    /// Takes a wish to cancel back, because it was acted upon or came too late.
    pub async fn clear_cancel(&self, id: MigrationId) -> Result<(), StoreError> {
        bounded(async {
            let mut tx = self.turn("queue").await?;
            sqlx::query("UPDATE workflow SET cancel_by = NULL WHERE id = $1")
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            stamp(&mut tx, id).await?;
            self.commit(tx).await
        })
        .await
    }

    /// Deletes workflows that ended before `end`, with their logs, and events from before it, but for the
    /// newest event, whose number the next one follows. At most a few hundred of each; tells how many there
    /// were.
    pub async fn forget(&self, end: Timestamp) -> Result<u64, StoreError> {
        const AT_ONCE: i64 = 200;
        bounded(async {
            let mut tx = self.begin().await?;
            let old = sqlx::query(
                "SELECT id FROM workflow WHERE ended_at < $1 AND state IN ('done', 'cancelled', 'failed') \
                 ORDER BY ended_at LIMIT $2",
            )
            .bind(millis(end))
            .bind(AT_ONCE)
            .fetch_all(&mut *tx)
            .await?;
            for row in &old {
                let id: String = row.try_get("id")?;
                for sql in
                    ["DELETE FROM workflow_event WHERE workflow = $1", "DELETE FROM workflow WHERE id = $1"]
                {
                    sqlx::query(sql).bind(&id).execute(&mut *tx).await?;
                }
            }
            let events = super::event::forget(&mut tx, end, AT_ONCE).await?;
            self.commit(tx).await?;
            Ok(events + u64::try_from(old.len()).unwrap_or_default())
        })
        .await
    }
}

/// Whether a workflow in this state waits in the queue.
fn waits(state: MigrationState) -> bool {
    matches!(state, MigrationState::Queued | MigrationState::Paused)
}

/// Writes a row and appends its lines; the answer is the log's new length.
async fn append(tx: &mut Tx, record: &Record, lines: &[Line], now: Timestamp) -> Result<i64, StoreError> {
    let mut before = record.log_length;
    let mut lines = lines;
    if !update(tx, record, before, length_after(before, lines)).await? {
        let held = sqlx::query("SELECT log_length FROM workflow WHERE id = $1 AND fence = $2")
            .bind(record.id.to_string())
            .bind(record.fence)
            .fetch_optional(&mut **tx)
            .await?;
        let Some(held) = held else { return Err(StoreError::LostLease) };
        // Only who holds the fence appends: what is there beyond our count is ours, from a write whose answer
        // was lost. It is the same write, or one that was given up and that this one follows.
        if are_there(tx, record.id, before, lines).await? {
            lines = &[];
        }
        before = held.try_get("log_length")?;
        if !update(tx, record, before, length_after(before, lines)).await? {
            return Err(StoreError::LostLease);
        }
    }
    insert_lines(tx, record.id, before, lines, now).await?;
    Ok(length_after(before, lines))
}

fn length_after(before: i64, lines: &[Line]) -> i64 {
    before.saturating_add(i64::try_from(lines.len()).unwrap_or(i64::MAX))
}

/// Whether the lines after a number are these.
async fn are_there(tx: &mut Tx, id: MigrationId, after: i64, lines: &[Line]) -> Result<bool, StoreError> {
    for (seq, line) in (after + 1..).zip(lines) {
        let row =
            sqlx::query("SELECT kind, step, message FROM workflow_event WHERE workflow = $1 AND seq = $2")
                .bind(id.to_string())
                .bind(seq)
                .fetch_optional(&mut **tx)
                .await?;
        let Some(row) = row else { return Ok(false) };
        let same = row.try_get::<String, _>("kind")? == line.kind
            && row.try_get::<Option<String>, _>("step")? == line.step
            && row.try_get::<String, _>("message")? == line.message;
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One row by its id.
pub(super) fn one_sql() -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM workflow WHERE id = $1"))
}

/// States that are not final, by which an index finds what is open among what has ended.
pub(super) const OPEN: &str = "('queued', 'running', 'waiting', 'paused', 'needs-operator', 'unwinding')";

pub(super) fn open_sql() -> String {
    format!("SELECT {COLUMNS} FROM workflow WHERE state IN {OPEN} ORDER BY queue_number")
}

async fn insert(tx: &mut Tx, new: NewWorkflow, number: i64, now: Timestamp) -> Result<Record, StoreError> {
    let record = Record {
        id: new.id,
        kind: new.kind.to_owned(),
        input: new.input,
        memo: new.memo,
        progress: Vec::new(),
        estimate: None,
        dismissed: false,
        state: MigrationState::Queued,
        steps_done: 0,
        step: None,
        committed: false,
        attempt: 0,
        attempts_before: 0,
        verdict: None,
        cancel_by: None,
        error: None,
        waiting_for: None,
        waiting_since: None,
        queue_line: new.queue_line,
        queue_number: number,
        schedule: new.schedule,
        limit_bytes_per_second: None,
        owner: None,
        former_owners: Vec::new(),
        lease_until: 0,
        fence: 0,
        log_length: 1,
        created_at: now,
        started_at: None,
        ended_at: None,
    };
    sqlx::query(
        "INSERT INTO workflow (id, kind, input, memo, progress, state, steps_done, committed, attempt, queue_line, \
         queue_number, lease_until, fence, log_length, created_at, schedule) \
         VALUES ($1, $2, $3, $4, '[]', $5, 0, 0, 0, $6, $7, 0, 0, 1, $8, $9)",
    )
    .bind(record.id.to_string())
    .bind(&record.kind)
    .bind(&record.input)
    .bind(&record.memo)
    .bind(word(record.state)?)
    .bind(&record.queue_line)
    .bind(number)
    .bind(millis(now))
    .bind(record.schedule.as_ref().map(serde_json::to_string).transpose()?)
    .execute(&mut **tx)
    .await?;
    insert_lines(tx, record.id, 0, &[new.first_line], now).await?;
    Ok(record)
}

/// Writes a row whose log has `before` lines and gets `after`.
async fn update(tx: &mut Tx, record: &Record, before: i64, after: i64) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "UPDATE workflow SET memo = $1, progress = $2, state = $3, steps_done = $4, step = $5, committed = $6, \
         attempt = $7, verdict = $8, error = $9, waiting_for = $10, waiting_since = $11, log_length = $12, \
         started_at = $13, ended_at = $14, attempts_before = $15, former_owners = $16 \
         WHERE id = $17 AND fence = $18 AND log_length = $19",
    )
    .bind(&record.memo)
    .bind(serde_json::to_string(&record.progress)?)
    .bind(word(record.state)?)
    .bind(i64::try_from(record.steps_done).unwrap_or(i64::MAX))
    .bind(record.step.as_deref())
    .bind(i64::from(record.committed))
    .bind(i64::from(record.attempt))
    .bind(record.verdict.as_ref().map(serde_json::to_string).transpose()?)
    .bind(record.error.as_deref())
    .bind(record.waiting_for.as_deref())
    .bind(record.waiting_since.map(millis))
    .bind(after)
    .bind(record.started_at.map(millis))
    .bind(record.ended_at.map(millis))
    .bind(i64::from(record.attempts_before))
    .bind(record.former_owners.join(","))
    .bind(record.id.to_string())
    .bind(record.fence)
    .bind(before)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn insert_lines(
    tx: &mut Tx,
    id: MigrationId,
    after: i64,
    lines: &[Line],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (seq, line) in (after + 1..).zip(lines) {
        sqlx::query(
            "INSERT INTO workflow_event (workflow, seq, at, kind, step, message) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(id.to_string())
        .bind(seq)
        .bind(millis(now))
        .bind(line.kind)
        .bind(line.step.as_deref())
        .bind(&line.message)
        .execute(&mut **tx)
        .await?;
        if let Some(event) = &line.event {
            super::event::insert(tx, event, Some((id, seq)), now).await?;
        }
    }
    Ok(())
}

/// A state's word, as JSON has it.
pub(super) fn word(state: MigrationState) -> Result<String, StoreError> {
    Ok(serde_json::to_value(state)?.as_str().unwrap_or_default().to_owned())
}

/// Reads a line of a log.
pub(super) fn line(row: &AnyRow) -> Result<LogLine, StoreError> {
    Ok(LogLine {
        seq: u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or_default(),
        at: timestamp(row.try_get("at")?),
        kind: row.try_get("kind")?,
        step: row.try_get("step")?,
        message: row.try_get("message")?,
    })
}

pub(super) fn read(row: &AnyRow) -> Result<Record, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let maybe = |name: &str| row.try_get::<Option<String>, _>(name);
    let time = |name: &str| Ok::<_, sqlx::Error>(row.try_get::<Option<i64>, _>(name)?.map(timestamp));
    let number = |name: &str| row.try_get::<i64, _>(name);
    Ok(Record {
        id: serde_json::from_value(text("id")?.into())?,
        kind: text("kind")?,
        input: text("input")?,
        memo: text("memo")?,
        progress: serde_json::from_str(&text("progress")?)?,
        estimate: maybe("estimate")?.map(|json| serde_json::from_str(&json)).transpose()?,
        dismissed: number("dismissed")? != 0,
        state: serde_json::from_value(text("state")?.into())?,
        steps_done: usize::try_from(number("steps_done")?).unwrap_or_default(),
        step: maybe("step")?,
        committed: number("committed")? != 0,
        attempt: u32::try_from(number("attempt")?).unwrap_or_default(),
        attempts_before: u32::try_from(number("attempts_before")?).unwrap_or_default(),
        verdict: maybe("verdict")?.map(|json| serde_json::from_str(&json)).transpose()?,
        cancel_by: maybe("cancel_by")?,
        error: maybe("error")?,
        waiting_for: maybe("waiting_for")?,
        waiting_since: time("waiting_since")?,
        queue_line: text("queue_line")?,
        queue_number: number("queue_number")?,
        schedule: maybe("schedule")?.map(|json| serde_json::from_str(&json)).transpose()?,
        limit_bytes_per_second: row
            .try_get::<Option<i64>, _>("limit_bytes_per_second")?
            .and_then(|limit| u64::try_from(limit).ok()),
        owner: maybe("owner")?,
        former_owners: text("former_owners")?
            .split(',')
            .filter(|o| !o.is_empty())
            .map(str::to_owned)
            .collect(),
        lease_until: number("lease_until")?,
        fence: number("fence")?,
        log_length: number("log_length")?,
        created_at: timestamp(number("created_at")?),
        started_at: time("started_at")?,
        ended_at: time("ended_at")?,
    })
}
