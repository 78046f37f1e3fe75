//! Databases for tests: a SQLite file, and one of a PostgreSQL server.
#![allow(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use crate::store::Store;

/// A fresh database; it goes with the value.
pub struct Database {
    /// Its address, for further handles.
    pub url: String,
    _directory: Option<TempDir>,
}

impl Database {
    /// A SQLite file.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        Self { url, _directory: Some(directory) }
    }

    /// A database of the process's PostgreSQL server.
    pub async fn postgres() -> Self {
        Self { url: hdm_tests::postgres::database().await, _directory: None }
    }

    /// Opens it.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// Tests each function, which takes a store, on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = crate::testing::Database::sqlite();
                super::$name(database.open().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let database = crate::testing::Database::postgres().await;
                super::$name(database.open().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
