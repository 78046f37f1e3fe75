//! Everything that must outlive a process: vCenters, workflows with their logs, and events.
//!
//! One SQLite file, or a PostgreSQL database that several appliances share; the SQL is the same and uses
//! nothing beyond what YugabyteDB and CockroachDB understand. SQL never leaves this module.
//!
//! A workflow's row is a cache of its log: both are written in one transaction. A driver's writes name the
//! owner and the fence it claimed the workflow with; a driver that has been replaced hits no row and learns
//! of it as [`StoreError::LostLease`].

mod bandwidth;
mod change;
#[cfg(test)]
mod change_tests;
mod claim;
mod duty;
mod event;
#[cfg(feature = "failpoints")]
mod full_disk;
#[cfg(test)]
mod full_disk_tests;
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
use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{AnyPool, Connection as _, Row as _};

use crate::failpoint;

pub use change::{Changes, Since};
pub use event::{EventFilter, NewEvent};
pub use history::{HistoryFilter, MAX_HISTORY};
pub use idempotency::{Answered, Once, Queued};
pub use sample::{Reading, step_of};
pub use vcenter::VcenterRecord;
pub use workflow::{Line, MAX_PAGE, NewWorkflow, Record, Verdict};

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
    #[error("the database did not answer within {} s", ANSWER.as_secs())]
    Timeout,
    #[error("another appliance drives this migration now")]
    LostLease,
    #[error(
        "{MAX_QUEUED} migrations wait in the queue already, and no more may. Wait until some have begun, or cancel some"
    )]
    QueueFull,
}

/// A handle on the database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    postgres: bool,
    /// Which commit from now on takes effect and is answered with an error; 0 for none.
    #[cfg(test)]
    lost_commit: std::sync::Arc<std::sync::atomic::AtomicU32>,
}

/// How long one operation may take, with all its queries. Well below a lease's default of 30 s: who cannot
/// reach the database learns of it while the lease still holds.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a query may wait for a connection or, in SQLite, for its lock.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many migrations may wait in the queue.
pub const MAX_QUEUED: usize = 10_000;
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
                            "PRAGMA busy_timeout = 8000",
                            "PRAGMA foreign_keys = ON",
                        ] {
                            sqlx::query(pragma).execute(&mut *connection).await?;
                        }
                    }
                    Ok(())
                })
            })
            .after_release(move |connection, _| {
                Box::pin(async move {
                    if !sqlite {
                        return Ok(true);
                    }
                    // SQLite itself rolls back what meets a full disk or a failed write. sqlx's own rollback fails
                    // then, and it counts one transaction too many from then on: what it begins next is a part of
                    // that one, and no commit of a part is on disk. Such a connection is not used again.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect(&full)
            .await
            .map_err(|source| StoreError::Open { url: without_password(url), source })?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self {
            pool,
            postgres: !sqlite,
            #[cfg(test)]
            lost_commit: std::sync::Arc::default(),
        })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        bounded(async {
            sqlx::query("SELECT 1").execute(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// The database server's clock; absent for SQLite, which has this machine's.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, StoreError> {
        if !self.postgres {
            return Ok(None);
        }
        bounded(async {
            let row =
                sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now")
                    .fetch_one(&self.pool)
                    .await?;
            Ok(Some(timestamp(row.try_get("now")?)))
        })
        .await
    }

    /// Closes it, after what runs.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction, in a task of its own: who no longer waits for it must not leave it half begun. For
    /// PostgreSQL sqlx counts a transaction as begun once the answer is there; a connection that goes back to the
    /// pool before stays inside it, and what is written over it later is lost.
    async fn begin(&self) -> Result<Tx, StoreError> {
        #[cfg(feature = "failpoints")]
        full_disk::look(&self.pool, self.postgres).await?;
        let pool = self.pool.clone();
        match tokio::spawn(async move { pool.begin().await }).await {
            Ok(begun) => Ok(begun?),
            Err(_) => Err(sqlx::Error::WorkerCrashed.into()),
        }
    }

    /// A transaction that holds a turnstile: of all that want the same one, one runs at a time.
    async fn turn(&self, name: &str) -> Result<Tx, StoreError> {
        let mut tx = self.begin().await?;
        pass(&mut tx, name).await?;
        Ok(tx)
    }

    async fn commit(&self, tx: Tx) -> Result<(), StoreError> {
        failpoint::at("before", "commit");
        tx.commit().await?;
        failpoint::at("after", "commit");
        #[cfg(test)]
        self.lose_answer()?;
        Ok(())
    }

    /// Keeps everybody else from changing a workflow's row for as long as the value lives.
    #[cfg(test)]
    pub(crate) async fn lock_row(&self, id: hdm_shared::MigrationId) -> impl Drop + use<> {
        let mut tx = self.pool.begin().await.unwrap_or_else(|error| panic!("{error}"));
        let lock = sqlx::query("SELECT id FROM workflow WHERE id = $1 FOR UPDATE").bind(id.to_string());
        lock.execute(&mut *tx).await.unwrap_or_else(|error| panic!("{error}"));
        tx
    }

    /// Lets a commit, the next being the first, take effect and its answer be lost.
    #[cfg(test)]
    pub(crate) fn lose_commit(&self, nth: u32) {
        self.lost_commit.store(nth, std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(test)]
    fn lose_answer(&self) -> Result<(), StoreError> {
        use std::sync::atomic::Ordering::SeqCst;
        let before = self.lost_commit.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1));
        if before == Ok(1) {
            Err(sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into()).into())
        } else {
            Ok(())
        }
    }
}

/// Limits the time of one operation. What is dropped half-way is rolled back, or was committed: who writes
/// again must look.
async fn bounded<T, E: From<StoreError>>(operation: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    tokio::time::timeout(ANSWER, Box::pin(operation))
        .await
        .unwrap_or_else(|_| Err(StoreError::Timeout.into()))
}

/// Leaves out rows that cannot be understood, and says so: one of them must not hide the others.
fn understood<T>(rows: &[AnyRow], read: impl Fn(&AnyRow) -> Result<T, StoreError>) -> Vec<T> {
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Ok(value) => all.push(value),
            Err(error) => {
                let id = row.try_get_unchecked::<String, _>(0).unwrap_or_default();
                tracing::error!(row = id, %error, "a row is left out");
            }
        }
    }
    all
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
