//! The appliance as a process: opens its folder, drives migrations, answers the API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hdm_shared::about::About;
use tokio::sync::Semaphore;

use crate::api::{Api, Door, FIRST_REQUEST, MAX_STREAMS, NEXT_REQUEST, Refusals, router};
use crate::cold::{Cold, Sha256Hosts};
use crate::config::{ConfigError, Folder};
use crate::engine::{Clock, Engine, EngineError, SystemClock};
use crate::nfc_streams::NfcStreams;
use crate::recent_log::RecentLog;
use crate::sampling::Sampler;
use crate::secret::{Sealer, SecretError};
use crate::sites::{SiteError, Sites};
use crate::store::{Store, StoreError};
use crate::throttle::Throttle;

/// How long running requests may take when the process is told to end.
const DRAIN: Duration = Duration::from_secs(3);
/// How often the list of vCenters is read again, which another appliance may change.
const REFRESH: Duration = Duration::from_secs(15);

/// Why an appliance does not run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum RunError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the API cannot listen on {listen}: {source}")]
    Listen { listen: std::net::SocketAddr, source: std::io::Error },
    #[error("the API's certificate cannot be used: {0}")]
    Tls(std::io::Error),
}

/// Runs the appliance of a folder until `stop` is done. What it logs is told from `log`.
pub async fn run(
    folder: &Folder,
    log: RecentLog,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    // Another part of the process may have chosen the same provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _lock = folder.lock()?;
    let config = folder.config()?;
    let store = Store::open(&folder.database(&config)).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let owner = config.id.to_string();
    let sealer = Sealer::open(&folder.file("secret.key"))?;
    let sites = Arc::new(Sites::new(store.clone(), sealer, &owner));
    let throttle = Throttle::new(store.clone(), owner.clone());
    let streams = NfcStreams::new(config.nfc_streams_per_host());
    let settings = config.cold();
    let sha256 = Sha256Hosts::default();
    let cold = Cold { sites: sites.clone(), store: store.clone(), throttle, streams, sha256, settings };
    let engine = Engine::new(store.clone(), cold, clock.clone(), config.engine(), owner.clone());
    engine.check_clock().await?;
    // Before each login: what this process has lost is ended first, so that a session that its new owner has
    // ended does not come back to life.
    let gate = engine.clone();
    sites.set_gate(Arc::new(move || {
        let engine = gate.clone();
        Box::pin(async move { engine.renew().await })
    }));
    sites.refresh().await?;
    let api = Arc::new(Api {
        engine: engine.clone(),
        store: store.clone(),
        sites: sites.clone(),
        clock: clock.clone(),
        attempts: config.engine().attempts,
        token: folder.token()?,
        plugin_token: Some(folder.plugin_token(&config)?),
        usage_threshold_percent: config.usage_threshold_percent.clamp(0.0, 100.0),
        acting: std::sync::Mutex::default(),
        streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        refusals: Refusals::default(),
        log,
        about: About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            id: owner.clone(),
            started_at: clock.now(),
            now: clock.now(),
            configuration: config.without_secrets(),
        },
    });
    let tls = RustlsConfig::from_pem_file(folder.file("tls/certificate.pem"), folder.file("tls/key.pem"))
        .await
        .map_err(RunError::Tls)?;
    let handle = Handle::new();
    let ending = handle.clone();
    let stopped = tokio::spawn(async move {
        stop.await;
        tracing::info!("ending");
        ending.graceful_shutdown(Some(DRAIN));
    });
    let driving = tokio::spawn({
        let engine = engine.clone();
        async move { Box::pin(engine.run()).await }
    });
    let throttling = tokio::spawn({
        let (engine, clock) = (engine.clone(), clock.clone());
        async move { engine.workflow().throttle.follow(clock).await }
    });
    let sampling = tokio::spawn({
        let sampler = Sampler {
            sites: sites.clone(),
            store: store.clone(),
            clock: clock.clone(),
            owner: owner.clone(),
        };
        async move { sampler.run().await }
    });
    let refreshing = tokio::spawn({
        let sites = sites.clone();
        let engine = engine.clone();
        async move {
            loop {
                tokio::time::sleep(REFRESH).await;
                if let Err(error) = engine.check_clock().await {
                    tracing::error!(%error, "no migration is taken up");
                }
                if let Err(error) = sites.refresh().await {
                    tracing::warn!(%error, "the list of vCenters is read again later");
                }
            }
        }
    });
    tracing::info!(listen = %config.listen, "the appliance runs");
    let mut listening = axum_server::bind(config.listen).acceptor(Door::new(RustlsAcceptor::new(tls)));
    listening.http_builder().http1().header_read_timeout(NEXT_REQUEST);
    let served = listening
        .handle(handle)
        .first_request_timeout(FIRST_REQUEST)
        .serve(router(api).into_make_service_with_connect_info::<SocketAddr>())
        .await
        .map_err(|source| RunError::Listen { listen: config.listen, source });
    stopped.abort();
    refreshing.abort();
    sampling.abort();
    throttling.abort();
    engine.stop().await;
    let _ = driving.await;
    sites.logout().await;
    store.close().await;
    served
}
