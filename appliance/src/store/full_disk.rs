//! A disk that is full when a test says so.

use sqlx::AnyPool;

/// The most pages that `SQLite` allows by itself.
const ALL_PAGES: u32 = 4_294_967_294;

/// Lets the database not grow any more while the file that `HDM_DISK_FULL` names is there: `SQLite` fails as on a
/// full disk then. Does nothing for `PostgreSQL`.
pub(super) async fn look(pool: &AnyPool, postgres: bool) -> Result<(), sqlx::Error> {
    let Some(path) = std::env::var_os("HDM_DISK_FULL").filter(|_| !postgres) else { return Ok(()) };
    // Fewer than there are is as many as there are.
    let pages = if std::path::Path::new(&path).exists() { 1 } else { ALL_PAGES };
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit).execute(pool).await.map(drop)
}
