//! What HDM says of how long a transfer will still take, against how long it took, while the rate changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hdm_tests::lab::vm;
use serde_json::json;

use crate::disks::{bytes_as_f64, mib};
use crate::hdm;
use crate::stage::Stage;
use crate::table::{head, row};

const DISK_MIB: u64 = 48;
/// How often it is asked.
const LOOK: Duration = Duration::from_millis(500);

/// A run: its name, and its limits in Mbit/s, each from a second on.
struct Run {
    name: &'static str,
    vm: &'static str,
    limits: &'static [(u64, &'static str)],
}

const RUNS: [Run; 5] = [
    Run { name: "steady, 8 Mbit/s", vm: "steady", limits: &[(0, "8")] },
    Run { name: "12, then 5 Mbit/s after 18 s", vm: "slower", limits: &[(0, "12"), (18, "5")] },
    Run { name: "5, then 15 Mbit/s after 30 s", vm: "faster", limits: &[(0, "5"), (30, "15")] },
    Run {
        name: "14 and 4 Mbit/s in turns of 8 s",
        vm: "turns",
        limits: &[
            (0, "14"),
            (8, "4"),
            (16, "14"),
            (24, "4"),
            (32, "14"),
            (40, "4"),
            (48, "14"),
            (56, "4"),
            (64, "14"),
        ],
    },
    Run { name: "6 Mbit/s, the disk's second half is empty", vm: "half", limits: &[(0, "6")] },
];

/// What was said at a time.
struct Said {
    at: Instant,
    position: u64,
    estimate: Option<(f64, f64)>,
}

/// Records estimates and prints how wrong they were.
pub async fn of_changing_rates() {
    let folder = tempfile::tempdir().unwrap();
    let half = folder.path().join("half.raw");
    let mut random = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> =
        std::iter::repeat_with(|| random.u8(..)).take(usize::try_from(mib(DISK_MIB) / 2).unwrap()).collect();
    std::fs::write(&half, bytes).unwrap();
    let vms = RUNS.iter().map(|run| {
        let mut vm = vm(run.vm, &[DISK_MIB]);
        if run.vm == "half" {
            vm["disks"][0]["content"] = json!(format!("file:{}", half.display()));
        }
        vm
    });
    let stage = Stage::new(json!(vms.collect::<Vec<_>>()), json!({})).await;
    // Before each has its own limit they share one that is about as much: neither a rush nor a standstill.
    stage.appliance.hdm(&["limit", "--mbit-per-second", "40"]).await.ok();
    let ids = hdm::start(&stage, &RUNS.map(|run| run.vm), &[]).await;
    for (run, id) in RUNS.iter().zip(&ids) {
        stage.appliance.hdm(&["limit", id, "--mbit-per-second", run.limits[0].1]).await.ok();
    }
    stage.appliance.hdm(&["limit", "--mbit-per-second", "none"]).await.ok();
    let stage = Arc::new(stage);
    let runs: Vec<_> =
        RUNS.iter().zip(ids).map(|(run, id)| tokio::spawn(follow(stage.clone(), run, id))).collect();
    println!("\n### Estimates of the time left, {} disks of {DISK_MIB} MiB at changing rates", RUNS.len());
    head(&["rate", "passed", "said, s", "it took, s", "within", "error of the middle"]);
    for (run, followed) in RUNS.iter().zip(runs) {
        let (said, end) = followed.await.unwrap();
        for part in [25_u64, 50, 75] {
            let reached = said.iter().find(|said| said.position >= mib(DISK_MIB) * part / 100).unwrap();
            let left = end.duration_since(reached.at).as_secs_f64();
            let (shown, within, error) = match reached.estimate {
                None => ("nothing".to_owned(), "–", "–".to_owned()),
                Some((low, high)) => {
                    let error = f64::midpoint(low, high) / left - 1.0;
                    // A second is what the numbers are rounded to.
                    let within = low - 1.0 <= left && left <= high + 1.0;
                    let within = if within { "yes" } else { "no" };
                    (format!("{low:.0} to {high:.0}"), within, format!("{:+.0} %", error * 100.0))
                }
            };
            row(&[run.name, &format!("{part} %"), &shown, &format!("{left:.0}"), within, &error]);
        }
    }
}

/// Changes the limit when it is time, notes what is said, and when the last byte had passed.
async fn follow(stage: Arc<Stage>, run: &Run, id: String) -> (Vec<Said>, Instant) {
    let begun = Instant::now();
    let (mut said, mut limits) = (Vec::new(), run.limits[1..].iter());
    let mut next = limits.next();
    loop {
        let now = stage.appliance.status(&id).await;
        let disk = &now["disks"][0];
        let position = disk["position_bytes"].as_u64().unwrap_or(0);
        let estimate = now["estimate"]["low_seconds"].as_f64().zip(now["estimate"]["high_seconds"].as_f64());
        said.push(Said { at: Instant::now(), position, estimate });
        if bytes_as_f64(position) >= bytes_as_f64(mib(DISK_MIB)) {
            return (said, Instant::now());
        }
        assert!(now["state"] == "running" || now["state"] == "queued", "{now:#}");
        if let Some((after, limit)) = next
            && begun.elapsed() >= Duration::from_secs(*after)
        {
            stage.appliance.hdm(&["limit", &id, "--mbit-per-second", limit]).await.ok();
            next = limits.next();
        }
        tokio::time::sleep(LOOK).await;
    }
}
