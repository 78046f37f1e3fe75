//! Disks from site to site, over a link that is none.

use hdm_tests::lab::vm;
use serde_json::{Value, json};

use crate::hdm::memory_mb;
use crate::stage::Stage;
use crate::table::{Goals, Values, head, row};
use crate::{hdm, others, rounds};

const MIB: u64 = 1 << 20;
const GIB: f64 = (1 << 30) as f64;

/// One disk full of what cannot be compressed, and one that is a quarter full, against all others.
pub async fn one(goals: &mut Goals) {
    let mib = std::env::var("HDM_BENCH_MIB").map_or(1_024, |mib| mib.parse().unwrap());
    let mut quarter = vm("quarter", &[4 * mib]);
    quarter["disks"][0]["content"] = json!("quarter:4");
    let stage = Stage::new(json!([vm("full", &[mib]), quarter]), json!({})).await;
    println!("\n### One disk");
    head(&["disk", "way", "s", "of the pipe's speed", "CPU s per GiB"]);
    let disks =
        [("full", format!("{mib} MiB, full")), ("quarter", format!("{} MiB, a quarter full", 4 * mib))];
    for (vm, disk) in disks {
        against_all(&stage, vm, &disk, goals).await;
    }
}

async fn against_all(stage: &Stage, vm: &str, disk: &str, goals: &mut Goals) {
    // The export is prepared meanwhile.
    others::pipe(&stage.lab, &[vm]).await;
    let [mut ours, mut pipe, mut files, mut govmomi, mut our_cpu, mut pipe_cpu] =
        std::array::from_fn(|_| Values::default());
    for _ in 0..rounds() {
        let moved = hdm::round(stage, &[vm], false).await;
        let gib = bytes_as_f64(moved.wire_bytes) / GIB;
        ours.add(moved.seconds);
        our_cpu.add(moved.cpu_seconds / gib);
        let copied = others::pipe(&stage.lab, &[vm]).await;
        pipe.add(copied.seconds);
        pipe_cpu.add(copied.cpu_seconds / gib);
        files.add(others::download_then_upload(&stage.lab, &[vm]).await.seconds);
        let (export, import) = others::govmomi(&stage.lab, vm).await;
        govmomi.add(export + import);
    }
    let line = |way: &str, took: &Values, cpu: &Values| {
        row(&[disk, way, &took.shown(2), &pipe.by(took).shown(2), &cpu.shown(2)]);
    };
    let none = Values::default();
    line("HDM", &ours, &our_cpu);
    line("`curl \\| tee >(openssl dgst -sha256) \\| curl`", &pipe, &pipe_cpu);
    line("the same `curl` to a file, then from it", &files, &none);
    line("govmomi's exporter, then its importer", &govmomi, &none);
    goals.at_least(&format!("One disk of {disk}: HDM's speed, of the pipe's"), 0.9, &pipe.by(&ours));
    let won = govmomi.by(&ours).by(&files.by(&pipe));
    let goal = format!(
        "A disk of {disk}: what HDM wins over govmomi, of what the pipe wins over download, then upload"
    );
    goals.at_least(&goal, 0.9, &won);
}

/// Eight VMs at once, and the disks of one VM.
pub async fn several(goals: &mut Goals) {
    let names: Vec<String> = (0..8).map(|n| format!("vm-{n}")).collect();
    let mut vms: Vec<Value> = names.iter().map(|name| vm(name, &[256])).collect();
    vms.push(vm("four-disks", &[256; 4]));
    let stage = Stage::new(json!(vms), json!({})).await;
    let mut idle = Values::default();
    idle.add(memory_mb(stage.appliance.pid()));
    goals.at_most("Memory of an appliance that has nothing to do", 60.0, "MB", &idle);
    println!("\n### Several at once");
    head(&[
        "what",
        "way",
        "s",
        "of the pipes' speed",
        "slowest, of the fastest's time",
        "CPU s per GiB",
        "MB in memory",
    ]);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (speed, spread, memory) = against_pipes(&stage, &names, "8 VMs with a disk of 256 MiB").await;
    goals.at_least("Eight at once: HDM's speed, of eight pipes'", 0.9, &speed);
    goals.at_most("Eight at once: the slowest, of the fastest's time", 1.15, "", &spread);
    goals.at_most("Memory with eight transfers", 150.0, "MB", &memory);
    let (speed, ..) = against_pipes(&stage, &["four-disks"], "1 VM with 4 disks of 256 MiB").await;
    goals.at_least("The disks of one VM at once: HDM's speed, of as many pipes'", 0.9, &speed);
}

async fn against_pipes(stage: &Stage, vms: &[&str], what: &str) -> (Values, Values, Values) {
    // The exports are prepared meanwhile.
    others::pipe(&stage.lab, vms).await;
    let [mut ours, mut pipes, mut our_spread, mut pipe_spread, mut our_cpu, mut pipe_cpu, mut memory] =
        std::array::from_fn(|_| Values::default());
    for _ in 0..rounds() {
        let moved = hdm::round(stage, vms, true).await;
        let gib = bytes_as_f64(moved.wire_bytes) / GIB;
        ours.add(moved.data_seconds);
        our_spread.add(spread(&moved.each));
        our_cpu.add(moved.cpu_seconds / gib);
        memory.add(moved.memory_mb);
        let copied = others::pipe(&stage.lab, vms).await;
        pipes.add(copied.data_seconds);
        pipe_spread.add(spread(&copied.each));
        pipe_cpu.add(copied.cpu_seconds / gib);
    }
    let line = |way: &str, took: &Values, spread: &Values, cpu: &Values, memory: &str| {
        row(&[what, way, &took.shown(2), &pipes.by(took).shown(2), &spread.shown(2), &cpu.shown(2), memory]);
    };
    line("HDM", &ours, &our_spread, &our_cpu, &memory.shown(0));
    line("as many pipes", &pipes, &pipe_spread, &pipe_cpu, "");
    (pipes.by(&ours), our_spread, memory)
}

fn spread(each: &[f64]) -> f64 {
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    each.iter().copied().fold(0.0, f64::max) / least
}

#[allow(clippy::cast_precision_loss, reason = "a quotient for people")]
pub fn bytes_as_f64(bytes: u64) -> f64 {
    bytes as f64
}

/// So many MiB in bytes.
pub fn mib(mib: u64) -> u64 {
    mib * MIB
}
