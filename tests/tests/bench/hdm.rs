//! The product, as it is measured.

use std::time::Duration;

use hdm_tests::product::PLACE;
use hdm_tests::wait;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::stage::Stage;

/// What a batch of migrations took.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// From the first transfer's begin, leases and all, to the last one's end.
    pub seconds: f64,
    /// Of that, while bytes passed.
    pub data_seconds: f64,
    /// While bytes of each passed.
    pub each: Vec<f64>,
    /// What the appliance has used of the processors meanwhile.
    pub cpu_seconds: f64,
    /// The most it had in memory meanwhile, in MB.
    pub memory_mb: f64,
    /// What went over the wire.
    pub wire_bytes: u64,
}

/// How often its memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// So much that nothing passes while others begin, in Mbit/s.
const NOTHING: &str = "0.01";

/// Moves VMs, and brings everything back to where it was. If they are to begin together, none goes before the last
/// one's disks can.
pub async fn round(stage: &Stage, vms: &[&str], together: bool) -> Moved {
    let limit = async |limit| stage.appliance.hdm(&["limit", "--mbit-per-second", limit]).await.ok();
    if together {
        limit(NOTHING).await;
    }
    let ids = start(stage, vms, &[]).await;
    let mut begun = None;
    if together {
        for id in &ids {
            wait::until("all can begin", async || {
                let now = stage.appliance.status(id).await;
                let mut disks = now["disks"].as_array().unwrap().iter();
                if disks.all(|disk| disk["wire_bytes"].as_u64() > Some(0)) { Ok(()) } else { Err(now) }
            })
            .await;
        }
        begun = Some(Timestamp::now());
        limit("none").await;
    }
    let before = cpu_seconds(stage.appliance.pid());
    let mut most = 0.0;
    let settled = async {
        for id in &ids {
            let end = stage.appliance.settled(id).await;
            assert_eq!((end["state"].as_str(), end["attempt"].as_u64()), (Some("done"), Some(1)), "{end:#}");
        }
    };
    tokio::select! {
        () = settled => {}
        () = watch(stage.appliance.pid(), &mut most) => {}
    }
    let cpu_seconds = cpu_seconds(stage.appliance.pid()) - before;
    let mut moved = Moved { cpu_seconds, memory_mb: most, ..Moved::default() };
    let (mut steps, mut data) = (Vec::new(), Vec::new());
    for (id, vm) in ids.iter().zip(vms) {
        let end = stage.appliance.status(id).await;
        let disks = end["disks"].as_array().unwrap();
        moved.wire_bytes += disks.iter().map(|disk| disk["wire_bytes"].as_u64().unwrap()).sum::<u64>();
        let log = stage.appliance.log_of(id).await;
        steps.push((at(&log, "step-began", ""), at(&log, "step-done", "")));
        data.push((begun.unwrap_or_else(|| at(&log, "", "has begun")), at(&log, "", "agree on")));
        stage.lab.cloud.post(&format!("/vms/{vm}/act"), json!({"do": "destroy"})).await;
        stage.appliance.hdm(&["source", "release", id]).await.ok();
    }
    (moved.seconds, moved.data_seconds) = (seconds(whole(&steps)), seconds(whole(&data)));
    moved.each = data.into_iter().map(seconds).collect();
    moved
}

/// Asks for migrations, all in one request, and returns their ids in the order of the VMs.
pub async fn start(stage: &Stage, vms: &[&str], further: &[&str]) -> Vec<String> {
    let arguments = [&["-o", "json", "migrate", "cold"], vms, &PLACE[..], further].concat();
    // Over a long link it takes a moment until HDM sees that the copies of the round before are gone.
    let asked = wait::until("the VMs are admitted", async || {
        let tried = stage.appliance.hdm(&arguments).await;
        if tried.code == 0 { Ok(tried.json()) } else { Err(tried) }
    })
    .await;
    let of = |vm: &&str| {
        let views = asked.as_array().unwrap();
        let view =
            views.iter().find(|view| view["vm_name"] == *vm).unwrap_or_else(|| panic!("no {vm} in {asked}"));
        view["id"].as_str().unwrap().to_owned()
    };
    vms.iter().map(of).collect()
}

/// Notes the most that a process has in memory, for as long as it is polled.
async fn watch(pid: u32, most: &mut f64) {
    loop {
        *most = most.max(memory_mb(pid));
        tokio::time::sleep(LOOK).await;
    }
}

/// When the first line of the transfer of this kind, with these words, was written.
fn at(log: &[Value], kind: &str, words: &str) -> Timestamp {
    let is = |line: &&Value| {
        line["step"] == "transfer"
            && line["kind"].as_str().unwrap().contains(kind)
            && line["message"].as_str().unwrap().contains(words)
    };
    let line = log.iter().find(is).unwrap_or_else(|| panic!("no {kind} '{words}' in {log:#?}"));
    line["at"].as_str().unwrap().parse().unwrap()
}

fn whole(spans: &[(Timestamp, Timestamp)]) -> (Timestamp, Timestamp) {
    let begins = spans.iter().map(|span| span.0).min();
    begins.zip(spans.iter().map(|span| span.1).max()).unwrap()
}

fn seconds((from, to): (Timestamp, Timestamp)) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// What a process has used of the processors, in seconds.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // Behind the name, which may hold anything: fields 14 and 15 are user and system time in hundredths (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// What a process has in memory, in MB of 1,000,000 bytes.
pub fn memory_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0 / 1e6
}
