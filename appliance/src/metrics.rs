//! `/metrics`, for Prometheus.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hdm_vsphere::CacheState;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::api::{Api, ApiError};

type Labelled = Family<Vec<(&'static str, String)>, Gauge>;

/// The numbers of this moment.
pub async fn show(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, ApiError> {
    let mut registry = Registry::with_prefix("hdm");
    let migrations = Labelled::default();
    registry.register("migrations", "Migrations that have not ended, by state", migrations.clone());
    let mut states: BTreeMap<String, i64> = BTreeMap::new();
    let mut wire_bytes = 0_u64;
    for (record, _) in api.engine.list(1_000).await? {
        if !record.state.is_final() {
            *states.entry(record.state.label().to_lowercase().replace(' ', "-")).or_default() += 1;
            wire_bytes += record.progress.iter().map(|disk| disk.rate_bytes_per_second).sum::<u64>();
        }
    }
    for (state, count) in states {
        migrations.get_or_create(&vec![("state", state)]).set(count);
    }
    let rate = Gauge::<i64>::default();
    registry.register(
        "transfer_bytes_per_second",
        "Bytes on the wire of all running transfers, per second",
        rate.clone(),
    );
    rate.set(i64::try_from(wire_bytes).unwrap_or(i64::MAX));
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
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| ApiError::conflict(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
