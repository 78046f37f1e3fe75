//! Two sites and an appliance, as they are measured.

use std::path::Path;

use hdm_tests::lab::site;
use hdm_tests::{Appliance, Lab};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where the target site keeps its disks if it can: what is measured is not how fast this machine's disk writes.
const MEMORY: &str = "/dev/shm";

/// Everything that is there.
pub struct Stage {
    /// The sites.
    pub lab: Lab,
    /// The product.
    pub appliance: Appliance,
    _memory: Option<TempDir>,
}

impl Stage {
    /// With these VMs, and further keys of both sites' configurations. Exports are prepared, which the first round
    /// of whoever measures is for.
    pub async fn new(vms: Value, extra: Value) -> Self {
        let mut onprem = site("onprem", vms, &extra);
        onprem["prepare_exports"] = json!(true);
        Self::at(onprem, site("cloud", json!([]), &extra)).await
    }

    /// With sites of one's own making.
    pub async fn at(onprem: Value, mut cloud: Value) -> Self {
        let memory = Path::new(MEMORY)
            .is_dir()
            .then(|| tempfile::Builder::new().prefix("hdm-bench-").tempdir_in(MEMORY));
        let memory = memory.and_then(Result::ok);
        if let Some(memory) = &memory {
            cloud["dir"] = json!(memory.path());
        }
        let lab = Lab::start_sites(onprem, cloud).await;
        let appliance = Appliance::init(lab.directory.path()).await;
        // The waits of a real installation, and none that suit a test.
        appliance.set(&[
            ("retry_base_ms", 5_000),
            ("retry_max_ms", 60_000),
            ("lease_ms", 30_000),
            ("poll_max_ms", 10_000),
            ("transfer_idle_ms", 60_000),
        ]);
        let appliance = appliance.run(&[("RUST_LOG", "info")]).await;
        appliance.add(&lab.onprem, "source").await;
        appliance.add(&lab.cloud, "cloud").await;
        Self { lab, appliance, _memory: memory }
    }
}
