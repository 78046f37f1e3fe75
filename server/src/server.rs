//! The plugin server as a process.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::api::Subjects;
use crate::app::{App, Permits, router};
use crate::assets::{AssetError, Assets};
use crate::changes::Feed;
use crate::clock::{Clock, SystemClock};
use crate::config::{ConfigError, Folder};
use crate::fetches::Fetches;
use crate::metrics::{self, Metrics};
use crate::session::{Limits, LiveGate, Table};
use crate::upstream::{Upstream, UpstreamError};
use crate::vcenters::Vcenters;

/// How long running requests may take when the process is told to end.
const DRAIN: Duration = Duration::from_secs(3);
/// How long a caller may take to send the head of a request, the first one's connection included.
const HEADERS: Duration = Duration::from_secs(15);
/// How often idle sessions are looked for.
const SWEEP: Duration = Duration::from_secs(30);

/// Why a plugin server does not run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Assets(#[from] AssetError),
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    #[error("appliance.toml: {0}")]
    Appliance(String),
    #[error("the server cannot listen on {listen}: {source}")]
    Listen { listen: SocketAddr, source: std::io::Error },
    #[error("the server's certificate cannot be used: {0}")]
    Tls(std::io::Error),
    #[error("the task that {0} has ended by itself; the server cannot go on without it")]
    Ended(&'static str),
}

/// What is registered with vCenter.
#[derive(Clone, Debug, Default)]
pub struct Plugin {
    /// Its version, as the manifest and the registration name it.
    pub version: String,
    /// The manifest and its icons, by name.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Runs the plugin server of a folder until `stop` is done.
pub async fn run(
    folder: &Folder,
    plugin: Plugin,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    // Another part of the process may have chosen the same provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let app = prepare(folder, plugin)?;
    let config = app.config.clone();
    let tls = RustlsConfig::from_pem_file(folder.file("tls/certificate.pem"), folder.file("tls/key.pem"))
        .await
        .map_err(RunError::Tls)?;
    let inner = tokio::net::TcpListener::bind(config.loopback).await;
    let inner = inner.map_err(|source| RunError::Listen { listen: config.loopback, source })?;
    let mut tasks = JoinSet::new();
    begin(&mut tasks, "follows the appliance", {
        let feed = app.feed.clone();
        async move { feed.run().await }
    });
    begin(&mut tasks, "ends idle sessions", {
        let (table, vcenters) = (app.table.clone(), app.vcenters.clone());
        async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                table.sweep(|vcenter| vcenters.get(&vcenter.guid).is_some_and(|known| *known == *vcenter));
            }
        }
    });
    begin(&mut tasks, "keeps the manifest's fetches", {
        let app = app.clone();
        async move { app.fetches.keep().await }
    });
    begin(&mut tasks, "answers on the loopback address", {
        let serving = axum::serve(inner, metrics::router(app.clone())).into_future();
        async move { drop(serving.await) }
    });
    let handle = Handle::new();
    let ending = handle.clone();
    let stopped = tokio::spawn(async move {
        stop.await;
        tracing::info!("ending");
        ending.graceful_shutdown(Some(DRAIN));
    });
    tracing::info!(listen = %config.listen, loopback = %config.loopback, "the plugin server runs");
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let mut listening = axum_server::bind_rustls(config.listen, tls);
    listening.http_builder().http1().header_read_timeout(HEADERS);
    let serving = listening.handle(handle).first_request_timeout(HEADERS).serve(service);
    let served = tokio::select! {
        served = serving => served.map_err(|source| RunError::Listen { listen: config.listen, source }),
        task = first_to_end(&mut tasks) => Err(RunError::Ended(task)),
    };
    stopped.abort();
    tasks.abort_all();
    app.table.close().await;
    app.fetches.write().await;
    served
}

/// Begins a task that never ends by itself.
fn begin(
    tasks: &mut JoinSet<&'static str>,
    what: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    tasks.spawn(async move {
        if AssertUnwindSafe(task).catch_unwind().await.is_err() {
            tracing::error!(what, "a task has panicked");
        }
        what
    });
}

/// What the first task does that ends.
async fn first_to_end(tasks: &mut JoinSet<&'static str>) -> &'static str {
    match tasks.join_next().await {
        Some(Ok(what)) => what,
        _ => "keeps the server going",
    }
}

/// Everything but the listeners.
fn prepare(folder: &Folder, plugin: Plugin) -> Result<Arc<App>, RunError> {
    let config = folder.config()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let mut assets = Assets::default();
    if let Some(dir) = &config.ui_dir {
        assets.add_folder(dir)?;
    } else {
        tracing::warn!("no ui_dir is configured: the pages are not served");
    }
    for (name, content) in plugin.files {
        assets.add(&name, content);
    }
    let appliance = folder.appliance()?;
    let pin = appliance.pin().map_err(RunError::Appliance)?;
    let upstream = Arc::new(Upstream::new(&appliance.url, pin, appliance.secret(), clock.clone())?);
    let vcenters = Arc::new(Vcenters::default());
    let limits = Limits {
        sessions: config.sessions,
        idle: Duration::from_secs(config.idle_seconds.max(60)),
        ..Limits::default()
    };
    let keys = Arc::new(folder.keys()?);
    let gate = Arc::new(LiveGate::default());
    let table = Arc::new(Table::new(gate, vcenters.clone(), clock.clone(), limits, keys.clone()));
    let feed = Arc::new(Feed::new(upstream.clone(), vcenters.clone(), table.clone(), clock.clone()));
    let fetches = Fetches::open(&plugin.version, Some(folder.file("manifest-fetches.json")));
    Ok(Arc::new(App {
        version: plugin.version,
        clock,
        config,
        assets,
        table,
        keys,
        vcenters,
        upstream,
        feed,
        fetches,
        metrics: Metrics::default(),
        subjects: Subjects::default(),
        permits: Permits::default(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_noticed() {
        for ends in [true, false] {
            let mut tasks = JoinSet::new();
            begin(&mut tasks, "goes on", std::future::pending());
            begin(&mut tasks, "ends", async move { assert!(ends, "a test's panic") });
            assert_eq!(first_to_end(&mut tasks).await, "ends");
        }
    }
}
