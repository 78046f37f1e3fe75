//! Samples of how much the clouds' clusters are used, taken by one appliance for all that share the database.
//!
//! Every 20 s the appliance that has the duty asks each cloud's hosts what they use (`summary.quickStats`, which
//! vCenter refreshes about that often) and stores a reading for each cluster and one for the cloud as a whole. A
//! cloud that does not answer in time leaves a gap.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_shared::sample::{Sample, SampleSeries, TIERS, Tier};
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{HostUsage, InventoryView, MoRef};
use jiff::{SignedDuration, Timestamp};

use crate::engine::Clock;
use crate::sites::{Site, Sites};
use crate::store::{Reading, Store, StoreError, step_of};

/// What the duty is called in the store.
const DUTY: &str = "sampling";
/// How many samples one answer holds.
const MAX_SAMPLES: usize = 4_400;
/// How many are read for it: an hour each for a year.
pub const MAX_READ: u32 = 8_800;
/// How many clusters of a cloud are sampled; the cloud as a whole counts all of its hosts.
const MAX_CLUSTERS: usize = 256;
/// How long a cloud may take to answer; what comes later would belong to another step.
const PATIENCE: Duration = Duration::from_secs(15);

/// Takes samples.
pub struct Sampler {
    /// The vCenters.
    pub sites: Arc<Sites>,
    /// Where samples go.
    pub store: Store,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// This appliance.
    pub owner: String,
}

impl Sampler {
    /// Takes samples for ever, at the beginning of each step.
    pub async fn run(&self) {
        let step = TIERS[0].step_seconds;
        loop {
            let now = self.clock.now().as_millisecond();
            let next = step_of(now, step) + step * 1_000;
            let pause = Duration::from_millis(u64::try_from(next - now).unwrap_or(1_000));
            self.clock.sleep(pause).await;
            if let Err(error) = self.sample().await {
                tracing::warn!(%error, "no sample is taken");
            }
        }
    }

    /// Takes one sample of each cloud, unless another appliance does.
    async fn sample(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let until = now.checked_add(SignedDuration::from_secs(3 * TIERS[0].step_seconds)).unwrap_or(now);
        if !self.store.take_duty(DUTY, &self.owner, until, now).await? {
            return Ok(());
        }
        let open: BTreeSet<MigrationId> =
            self.store.open_workflows().await?.into_iter().map(|record| record.id).collect();
        let clouds = self.sites.of_role(VcenterRole::Cloud);
        let asked = futures_util::future::join_all(clouds.into_iter().map(|site| ask(site, &open))).await;
        let readings: Vec<Reading> = asked.into_iter().flatten().collect();
        self.store.add_readings(&readings, now).await
    }
}

async fn ask(site: Site, open: &BTreeSet<MigrationId>) -> Vec<Reading> {
    match tokio::time::timeout(PATIENCE, site.session.host_usage()).await {
        Ok(Ok(hosts)) => readings(&site.id, &site.inventory.snapshot(), &hosts, open),
        Ok(Err(error)) => {
            tracing::debug!(vcenter = %site.id, %error, "its use is not known now");
            Vec::new()
        }
        Err(_) => {
            tracing::debug!(vcenter = %site.id, "it took too long to tell its use");
            Vec::new()
        }
    }
}

/// What the hosts of a cloud say, by cluster and in all. Where nothing can be said there is no reading.
fn readings(
    cloud: &hdm_shared::VcenterId,
    view: &InventoryView,
    hosts: &[HostUsage],
    open: &BTreeSet<MigrationId>,
) -> Vec<Reading> {
    let moved = |cluster: Option<&MoRef>| {
        let there = view.vms.values().filter(|vm| cluster.is_none() || vm.cluster.as_ref() == cluster);
        let moved = there.filter(|vm| vm.hdm_migration.as_deref().is_some_and(|id| has_ended(id, open)));
        u32::try_from(moved.count()).unwrap_or(u32::MAX)
    };
    let clusters: BTreeSet<&MoRef> = hosts.iter().filter_map(|host| host.parent.as_ref()).collect();
    let all = std::iter::once(None).chain(clusters.into_iter().take(MAX_CLUSTERS).map(Some));
    all.filter_map(|cluster| {
        let of = hosts.iter().filter(|h| cluster.is_none() || h.parent.as_ref() == cluster);
        let (cpu_percent, memory_percent) = used(of)?;
        let id = cluster.map(|c| c.id.clone()).unwrap_or_default();
        Some(Reading {
            cloud: cloud.clone(),
            cluster: id,
            cpu_percent,
            memory_percent,
            cold_vms: moved(cluster),
        })
    })
    .collect()
}

/// A copy carries its migration's id from birth; it counts once its migration has ended.
fn has_ended(id: &str, open: &BTreeSet<MigrationId>) -> bool {
    id.parse::<MigrationId>().is_ok_and(|id| !open.contains(&id))
}

/// CPU and memory in use, in percent; absent if no host that answers has any.
#[allow(clippy::cast_precision_loss, reason = "percent need no 53 bits")]
fn used<'h>(hosts: impl Iterator<Item = &'h HostUsage>) -> Option<(f64, f64)> {
    let mut sum = HostUsage::default();
    for host in hosts.filter(|host| host.connected) {
        sum.cpu_mhz = sum.cpu_mhz.saturating_add(host.cpu_mhz);
        sum.cpu_used_mhz = sum.cpu_used_mhz.saturating_add(host.cpu_used_mhz);
        sum.memory_bytes = sum.memory_bytes.saturating_add(host.memory_bytes);
        sum.memory_used_bytes = sum.memory_used_bytes.saturating_add(host.memory_used_bytes);
    }
    let percent = |used: u64, all: u64| (all > 0).then(|| used as f64 * 100.0 / all as f64);
    Some((percent(sum.cpu_used_mhz, sum.cpu_mhz)?, percent(sum.memory_used_bytes, sum.memory_bytes)?))
}

/// The finest resolution that is kept since a moment, and the moment; an hour ago if none is given.
pub fn choose(from_ms: Option<i64>, now: Timestamp) -> (Tier, i64) {
    let now_ms = now.as_millisecond();
    let oldest = |tier: &Tier| now_ms - (tier.kept_seconds + tier.step_seconds) * 1_000;
    let from_ms = from_ms.unwrap_or(now_ms - TIERS[0].kept_seconds * 1_000);
    let fits = TIERS.iter().find(|tier| from_ms >= oldest(tier));
    let tier = *fits.unwrap_or(&TIERS[TIERS.len() - 1]);
    (tier, from_ms.max(oldest(&tier)))
}

/// The series of samples in a resolution. If there are too many, each two, three, … steps become one.
pub fn series(tier: Tier, samples: Vec<Sample>, threshold_percent: f64) -> SampleSeries {
    let merged = i64::try_from(samples.len().div_ceil(MAX_SAMPLES).max(1)).unwrap_or(1);
    let step_seconds = tier.step_seconds * merged;
    if merged == 1 {
        return SampleSeries { step_seconds, samples, threshold_percent };
    }
    let mut coarser: Vec<(Sample, f64)> = Vec::new();
    for sample in samples {
        let at_ms = step_of(sample.at_ms, step_seconds);
        match coarser.last_mut().filter(|(last, _)| last.at_ms == at_ms) {
            Some((last, n)) => {
                last.cpu_percent += (sample.cpu_percent - last.cpu_percent) / (*n + 1.0);
                last.memory_percent += (sample.memory_percent - last.memory_percent) / (*n + 1.0);
                last.cold_vms = sample.cold_vms;
                *n += 1.0;
            }
            None => coarser.push((Sample { at_ms, ..sample }, 1.0)),
        }
    }
    let mut samples: Vec<Sample> = coarser.into_iter().map(|(sample, _)| sample).collect();
    let too_many = samples.len().saturating_sub(MAX_SAMPLES);
    samples.drain(..too_many);
    SampleSeries { step_seconds, samples, threshold_percent }
}

#[cfg(test)]
#[path = "sampling_tests.rs"]
mod tests;
