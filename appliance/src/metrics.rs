//! `/metrics`, for Prometheus. `docs/metrics.md` says what each number means.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hdm_shared::migration::MigrationState;
use hdm_vsphere::CacheState;
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::{Api, ApiError};
use crate::store::Record;

type Labelled = Family<Vec<(&'static str, String)>, Gauge>;

/// The states that a migration can be in before its end; each is told, also if no migration is in it.
const OPEN: [MigrationState; 6] = [
    MigrationState::Queued,
    MigrationState::Running,
    MigrationState::Waiting,
    MigrationState::Paused,
    MigrationState::NeedsOperator,
    MigrationState::Unwinding,
];

/// The numbers of this moment.
pub async fn show(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, ApiError> {
    let mut registry = Registry::with_prefix("hdm");
    migrations(&mut registry, &api.engine.open().await?, api.clock.now());
    gauge(
        &mut registry,
        "migrations_driven",
        "Migrations that this appliance drives",
        api.engine.driven() as u64,
    );
    gauge(
        &mut registry,
        "events_unposted",
        "Events that the vCenters do not show yet",
        api.store.count_unposted().await?,
    );
    vcenters(&mut registry, &api);
    api.engine.counts().register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| ApiError::conflict(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

/// What the database tells: the same at every appliance that shares it.
fn migrations(registry: &mut Registry, open: &[Record], now: Timestamp) {
    let states = Labelled::default();
    registry.register("migrations", "Migrations that have not ended, by state", states.clone());
    let word = |state: MigrationState| state.label().to_lowercase().replace(' ', "-");
    let mut counts: BTreeMap<String, i64> = OPEN.into_iter().map(|state| (word(state), 0)).collect();
    for record in open {
        *counts.entry(word(record.state)).or_default() += 1;
    }
    for (state, count) in counts {
        states.get_or_create(&vec![("state", state)]).set(count);
    }
    let waits = open.iter().filter(|record| record.state != MigrationState::NeedsOperator);
    let since = waits.filter_map(|record| record.waiting_since).min();
    let longest = since.map_or(0, |since| u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0));
    gauge(
        registry,
        "longest_wait_seconds",
        "Seconds for which the migration that waits longest has waited for a vCenter or its next attempt",
        longest,
    );
    let rate = open.iter().flat_map(|record| &record.progress).map(|disk| disk.rate_bytes_per_second).sum();
    gauge(
        registry,
        "transfer_bytes_per_second",
        "Bytes on the wire of all running transfers, per second",
        rate,
    );
}

/// The vCenters as this appliance sees them.
fn vcenters(registry: &mut Registry, api: &Api) {
    let live = Labelled::default();
    registry.register(
        "vcenter_live",
        "Whether a vCenter's inventory is current (1) or not (0)",
        live.clone(),
    );
    let vms = Labelled::default();
    registry.register("vcenter_vms", "Virtual machines a vCenter shows", vms.clone());
    for (record, site) in api.sites.all() {
        let label = vec![("vcenter", record.id.to_string())];
        live.get_or_create(&label).set(i64::from(matches!(site.inventory.state(), CacheState::Live { .. })));
        vms.get_or_create(&label).set(i64::try_from(site.inventory.snapshot().vms.len()).unwrap_or(i64::MAX));
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}
