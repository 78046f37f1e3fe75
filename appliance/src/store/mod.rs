//! Everything that must outlive a process: vCenters, workflows with their logs, and events.
//!
//! One SQLite file, or a PostgreSQL database that several appliances share; the SQL is the same and uses
//! nothing beyond what YugabyteDB and CockroachDB understand. SQL never leaves this module.
//!
//! A workflow's row is a cache of its log: both are written in one transaction. A driver's writes name the
//! owner and the fence it claimed the workflow with; a driver that has been replaced hits no row and learns
//! of it as [`StoreError::LostLease`].

mod change;
#[cfg(test)]
mod change_tests;
mod claim;
mod duty;
mod event;
mod history;
mod idempotency;
#[cfg(test)]
mod kept_tests;
mod preference;
mod released;
mod sample;
#[cfg(test)]
mod tests;
mod vcenter;
mod workflow;

use std::time::Duration;

use jiff::Timestamp;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;

pub use change::{Changes, Since};
pub use claim::Claimed;
pub use event::{EventFilter, NewEvent};
pub use history::{HistoryFilter, MAX_HISTORY};
pub use idempotency::{Once, Queued};
pub use sample::{Reading, step_of};
pub use vcenter::VcenterRecord;
pub use workflow::{Line, NewWorkflow, Record, Verdict};

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum StoreError {
    #[error("the database cannot be opened at {url}: {source}")]
    Open { url: String, source: sqlx::Error },
    #[error("the database's tables cannot be brought up to date: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("the database failed: {0}")]
    Query(#[from] sqlx::Error),
    #[error("the database holds something that cannot be understood: {0}")]
    Content(#[from] serde_json::Error),
    #[error("another appliance drives this migration now")]
    LostLease,
}

/// A handle on the database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
}

/// How long a query may wait for a connection or, in SQLite, for its lock.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections to PostgreSQL. SQLite has one: it has one writer anyway.
const CONNECTIONS: u32 = 8;

impl Store {
    /// Opens a database, `sqlite:PATH` or `postgres://…`, and brings its tables up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        let full = if sqlite && !url.contains('?') { format!("{url}?mode=rwc") } else { url.to_owned() };
        let pool = AnyPoolOptions::new()
            .max_connections(if sqlite { 1 } else { CONNECTIONS })
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        // A commit is on disk before it is answered: what is logged must outlive a power cut.
                        for pragma in [
                            "PRAGMA journal_mode = WAL",
                            "PRAGMA synchronous = FULL",
                            "PRAGMA busy_timeout = 30000",
                            "PRAGMA foreign_keys = ON",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            })
            .connect(&full)
            .await
            .map_err(|source| StoreError::Open { url: without_password(url), source })?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes it, after what runs.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that holds a turnstile: of all that want the same one, one runs at a time.
    async fn turn(&self, name: &str) -> Result<Tx, StoreError> {
        let mut tx = self.pool.begin().await?;
        pass(&mut tx, name).await?;
        Ok(tx)
    }
}

type Tx = sqlx::Transaction<'static, sqlx::Any>;

/// Passes a turnstile within a transaction.
async fn pass(tx: &mut Tx, name: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE turnstile SET turns = turns + 1 WHERE name = $1")
        .bind(name)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Milliseconds since 1970, as the tables have times.
fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// The time of a column; one that is out of range, which nobody writes, is the epoch.
fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A database's address for messages.
fn without_password(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| url.to_owned(),
        |mut parsed| {
            if parsed.password().is_some() {
                let _ = parsed.set_password(Some("***"));
            }
            parsed.to_string()
        },
    )
}
