//! Databases for tests: a SQLite file, and one of a PostgreSQL server; a clock that only the test moves; and an API with
//! nothing behind it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hdm_shared::about::About;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};

use crate::api::{Api, Refusals};
use crate::cold::{self, Cold, Sha256Hosts};
use crate::engine::{Clock, Engine, Settings};
use crate::nfc_streams::NfcStreams;
use crate::recent_log::RecentLog;
use crate::secret::{Sealer, new_key};
use crate::sites::Sites;
use crate::store::Store;
use crate::throttle::Throttle;

/// What the operator's calls carry.
pub const OPERATOR: &str = "operator-token";
/// What the plugin server's calls carry.
pub const PLUGIN: &str = "plugin-token";

/// An API with no vCenter behind it and nothing that drives.
pub fn api(store: Store, clock: Arc<dyn Clock>, streams: usize) -> Api {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sealer = Sealer::from_text(&new_key().unwrap()).unwrap();
    let sites = Arc::new(Sites::new(store.clone(), sealer, "test"));
    let throttle = Throttle::new(store.clone(), "here".into());
    let settings = cold::Settings::default();
    let cold = Cold {
        sites: sites.clone(),
        store: store.clone(),
        throttle,
        streams: NfcStreams::new(4),
        sha256: Sha256Hosts::default(),
        settings,
    };
    let engine = Engine::new(store.clone(), cold, clock.clone(), Settings::default(), "test".into());
    Api {
        engine,
        store,
        sites,
        clock,
        attempts: 3,
        token: OPERATOR.into(),
        plugin_token: Some(PLUGIN.into()),
        usage_threshold_percent: 80.0,
        acting: std::sync::Mutex::default(),
        streams: Arc::new(Semaphore::new(streams)),
        refusals: Refusals::default(),
        log: RecentLog::default(),
        about: About {
            version: "0".into(),
            id: "test".into(),
            started_at: Timestamp::UNIX_EPOCH,
            now: Timestamp::UNIX_EPOCH,
            configuration: String::new(),
        },
    }
}

/// A clock that stands still until it is advanced. Who sleeps by it waits for that and for no real time.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: watch::Sender<i64>,
    /// By how much somebody has put it forward.
    ahead_s: AtomicI64,
}

impl ManualClock {
    /// At some time that no machine has.
    pub fn new() -> Self {
        Self { now_ms: watch::Sender::new(1_000_000_000), ahead_s: AtomicI64::new(0) }
    }
}

#[cfg(test)]
impl ManualClock {
    /// Puts it forward, or back; no time passes.
    pub fn jump(&self, seconds: i64) {
        self.ahead_s.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Moves it on.
    pub fn advance(&self, time: Duration) {
        self.now_ms.send_modify(|now| *now += i64::try_from(time.as_millis()).unwrap());
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let ahead_ms = self.ahead_s.load(Ordering::SeqCst) * 1_000;
        Timestamp::from_millisecond(*self.now_ms.borrow() + ahead_ms).unwrap()
    }

    fn mark(&self) -> Duration {
        Duration::from_millis(u64::try_from(*self.now_ms.borrow()).unwrap())
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.now_ms.subscribe();
        let end = now.borrow().saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        Box::pin(async move {
            // The clock outlives its tests' engines.
            let _ = now.wait_for(|now| *now >= end).await;
        })
    }
}

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
    #[cfg(test)]
    pub async fn postgres() -> Self {
        Self { url: hdm_tests::postgres::database().await, _directory: None }
    }

    /// Opens it.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

/// Tests each function, which takes a store, on both databases.
#[cfg(test)]
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
#[cfg(test)]
pub(crate) use on_both;
