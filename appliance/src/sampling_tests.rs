#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Mutex;

use futures_util::future::BoxFuture;
use hdm_shared::VcenterId;
use hdm_vsphere::VmSummary;
use uuid::Uuid;

use super::*;
use crate::secret::{self, Sealer};
use crate::testing::Database;

fn cluster(id: &str) -> MoRef {
    MoRef::new("ClusterComputeResource", id)
}

fn host(parent: &str, connected: bool, cpu_used_mhz: u64, memory_used_bytes: u64) -> HostUsage {
    let parent = Some(cluster(parent));
    HostUsage { parent, connected, cpu_mhz: 1_000, cpu_used_mhz, memory_bytes: 100, memory_used_bytes }
}

fn sample(at_ms: i64, cpu_percent: f64) -> Sample {
    Sample { at_ms, cpu_percent, memory_percent: 0.0, cold_vms: 1 }
}

#[test]
fn clusters_and_the_whole_cloud_are_read_and_what_nobody_can_say_is_not_there() {
    let cloud: VcenterId = "cloud".parse().unwrap();
    let (moved, moving) = (MigrationId(Uuid::from_u128(1)), MigrationId(Uuid::from_u128(2)));
    let mut view = InventoryView::default();
    for (n, (mark, at)) in
        [(Some(moved), "c1"), (Some(moving), "c1"), (None, "c1"), (Some(moved), "c2")].into_iter().enumerate()
    {
        let vm = MoRef::new("VirtualMachine", format!("vm-{n}"));
        let hdm_migration = mark.map(|id| id.to_string());
        let summary =
            VmSummary { vm: vm.clone(), cluster: Some(cluster(at)), hdm_migration, ..VmSummary::default() };
        view.vms.insert(vm, Arc::new(summary));
    }
    let hosts = [
        host("c1", true, 500, 10),
        host("c1", true, 100, 50),
        host("c2", false, 900, 90),
        host("c3", true, 0, 0),
    ];
    let read = readings(&cloud, &view, &hosts, &BTreeSet::from([moving]));
    let read: Vec<_> =
        read.iter().map(|r| (r.cluster.as_str(), r.cpu_percent, r.memory_percent, r.cold_vms)).collect();
    assert_eq!(read, [("", 20.0, 20.0, 2), ("c1", 30.0, 30.0, 1), ("c3", 0.0, 0.0, 0)]);
}

#[test]
fn the_finest_resolution_that_reaches_back_is_chosen() {
    let now = Timestamp::from_second(1_000_000_000).unwrap();
    let ago = |seconds: i64| Some(now.as_millisecond() - seconds * 1_000);
    let step = |from_ms: Option<i64>| choose(from_ms, now).0.step_seconds;
    assert_eq!(step(None), 20);
    assert_eq!(step(ago(3_600)), 20);
    assert_eq!(step(ago(4_000)), 300);
    assert_eq!(step(ago(86_400)), 300);
    assert_eq!(step(ago(100_000)), 3_600);
    let (tier, from_ms) = choose(Some(i64::MIN), now);
    assert_eq!(tier.step_seconds, 3_600);
    assert!(from_ms > now.as_millisecond() - 366 * 86_400_000, "no more is kept");
}

#[test]
fn a_year_is_told_in_steps_of_two_hours_and_a_gap_in_it_stays() {
    let hour = 3_600_000;
    let hours = (0..8_760).filter(|n| !(100..200).contains(n));
    let samples: Vec<Sample> =
        hours.map(|n| sample(n * hour, if n % 2 == 0 { 10.0 } else { 30.0 })).collect();
    let told = series(TIERS[2], samples, 80.0);
    assert_eq!((told.step_seconds, told.samples.len()), (7_200, 4_380 - 50));
    assert!(told.samples.iter().all(|s| (s.cpu_percent - 20.0).abs() < 1e-9 && s.at_ms % (2 * hour) == 0));
    assert!(told.samples.windows(2).any(|two| two[1].at_ms - two[0].at_ms == 102 * hour));
    let few = series(TIERS[0], vec![sample(0, 1.0)], 75.0);
    assert_eq!((few.step_seconds, few.threshold_percent, few.samples.len()), (20, 75.0, 1));
}

/// A clock that is set, and remembers how long it was asked to wait.
#[derive(Debug)]
struct SetClock {
    now: Mutex<Timestamp>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn mark(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.now.lock().unwrap().as_second()).unwrap())
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::try_from(time).unwrap()).unwrap();
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_appliance_takes_the_samples_until_its_lease_is_over() {
    let database = Database::sqlite();
    let store = database.open().await;
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, secret::new_key().unwrap()).unwrap();
    let sites = Arc::new(Sites::new(store.clone(), Sealer::open(&key).unwrap(), "one"));
    let clock = Arc::new(SetClock { now: Mutex::new(Timestamp::from_second(1_000_007).unwrap()) });
    let sampler = |owner: &str| Sampler {
        sites: sites.clone(),
        store: store.clone(),
        clock: clock.clone(),
        owner: owner.to_owned(),
    };
    let holds = async |owner: &str| {
        let now = clock.now();
        store
            .take_duty(DUTY, owner, now.checked_add(SignedDuration::from_secs(60)).unwrap(), now)
            .await
            .unwrap()
    };
    sampler("one").sample().await.unwrap();
    sampler("two").sample().await.unwrap();
    assert!(!holds("two").await, "the first has the duty");
    *clock.now.lock().unwrap() = Timestamp::from_second(1_000_100).unwrap();
    sampler("two").sample().await.unwrap();
    assert!(!holds("one").await, "the first was away for longer than its lease");

    // A sample is taken at the beginning of a step.
    *clock.now.lock().unwrap() = Timestamp::from_second(1_000_107).unwrap();
    let sampler = sampler("two");
    let run = tokio::time::timeout(Duration::from_millis(50), sampler.run());
    assert!(run.await.is_err());
    assert_eq!(clock.now(), Timestamp::from_second(1_000_120).unwrap());
}
