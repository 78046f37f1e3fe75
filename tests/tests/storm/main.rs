//! Storms: many migrations at once while everything that can go wrong does, drawn from a seed, and a judge at the
//! end who believes only the two sites.
//!
//! A short one with fixed seeds is part of every run of the tests; `cargo xtask storm` runs more. Troubles happen at
//! counted events, so that a seed that failed once fails again in most runs. The trace of a storm that was not
//! survived is kept, with its plan and the logs of the appliance and both sites.

#![allow(clippy::unwrap_used, reason = "tests")]

mod api;
mod ask;
mod client;
mod crew;
mod deed;
mod family;
mod operator;
mod plan;
mod player;
mod tally;
mod trouble;
mod verdict;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdm_tests::Lab;
use hdm_tests::judge::Truth;
use serde_json::json;

use plan::{Kind, Plan};
use player::Player;
use tally::Report;

/// How many rounds a storm has in every run of the tests, and in a longer one.
const SHORT: usize = 3;
const LONG: usize = 6;

/// The seeds of every run of the tests.
const FIXED: [u64; 3] = [1, 2, 3];

/// Runs one storm to its verdict.
async fn storm(seed: u64, rounds: usize, kind: Kind) -> Report {
    let plan = Plan::draw(seed, rounds, kind);
    let vms: Vec<_> = plan.vms.iter().map(|vm| vm.config.clone()).collect();
    let lab = Arc::new(Lab::start_with(json!(vms), extra()).await);
    let before = Truth::of(&lab).await;
    let mut player = Player::start(lab.clone(), &plan).await;
    let twice = Arc::new(Mutex::new(BTreeSet::new()));
    let watch = tokio::spawn(watch::two_live_copies(lab, twice.clone()));
    if plan.pair {
        player.trace.count("storms of two appliances");
    }
    player.play(&plan).await;
    player.settle().await;
    watch.abort();
    player.judge(&before).await;
    let mut twice = twice.lock().unwrap().clone();
    // Who powers on one copy beside the other has two; HDM cannot hinder them, and they make it good.
    twice.retain(|vm| !player.has_powered_on(vm));
    player.faults.extend(twice.into_iter().map(|vm| format!("two copies of {vm} were live at once")));
    let result = Report {
        seed,
        seconds: player.trace.seconds(),
        counts: player.trace.counts.clone(),
        faults: player.faults.clone(),
    };
    if !result.faults.is_empty() || std::env::var_os("HDM_STORM_KEEP").is_some() {
        keep(&plan, &player, &result);
    }
    result
}

/// What both sites have beside their VMs: a link, and a vSphere Client.
fn extra() -> serde_json::Value {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/client");
    json!({"link": {}, "client": {"dir": dir}})
}

/// Where the traces of storms are kept that were not survived.
fn kept(seed: u64) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("storm-{seed}"))
}

fn keep(plan: &Plan, player: &Player, result: &Report) {
    let folder = kept(plan.seed);
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("plan.txt", format!("{plan:#?}\n"));
    write("trace.txt", player.trace.text());
    write("result.json", result.line().to_string());
    let folder = player.lab.directory.path();
    let mut logs = player.crew.logs();
    logs.extend(["onprem.log", "cloud.log"].map(|log| folder.join(log)));
    for log in logs {
        let name = log.strip_prefix(folder).unwrap_or(&log).to_string_lossy().replace('/', "-");
        write(&name, std::fs::read_to_string(&log).unwrap_or_default());
    }
}

/// Runs one that may end by a panic of the harness, which is a fault like any other.
async fn run(seed: u64, rounds: usize, kind: Kind) -> Report {
    let begun = Instant::now();
    let apart = tokio::task::LocalSet::new();
    let result = apart.run_until(async { tokio::task::spawn_local(storm(seed, rounds, kind)).await }).await;
    let result = result.unwrap_or_else(|panic| {
        let faults = vec![format!("the storm itself has ended: {panic}")];
        Report { seed, seconds: begun.elapsed().as_secs(), counts: BTreeMap::new(), faults }
    });
    println!("{}", result.line());
    result
}

/// Panics unless all were survived; prints what they were together.
fn all_survived(results: &[Report]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (what, count) in results.iter().flat_map(|result| &result.counts) {
        *counts.entry(what).or_default() += count;
    }
    let failed: Vec<u64> = results.iter().filter(|one| !one.faults.is_empty()).map(|one| one.seed).collect();
    let seconds: u64 = results.iter().map(|result| result.seconds).sum();
    println!(
        "{}",
        json!({"storms": results.len(), "seconds": seconds, "counts": counts, "failed seeds": failed})
    );
    for result in results.iter().filter(|result| !result.faults.is_empty()) {
        eprintln!("Seed {} was not survived; its trace is in {}.", result.seed, kept(result.seed).display());
        result.faults.iter().for_each(|fault| eprintln!("  {fault}"));
    }
    assert!(failed.is_empty(), "seeds that were not survived: {failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_ones_are_survived() {
    let pairs = FIXED.map(|seed| Plan::draw(seed, SHORT, Kind::Mixed).pair);
    assert!(pairs.contains(&true) && pairs.contains(&false), "one appliance and two: {pairs:?}");
    let mut results = Vec::new();
    for seed in FIXED {
        results.push(run(seed, SHORT, Kind::Mixed).await);
    }
    all_survived(&results);
}

/// `cargo xtask storm` sets the first seed and the time; seeds follow until that is over.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as it is told to: cargo xtask storm"]
async fn one_after_the_other() {
    let number = |name: &str, or: u64| {
        std::env::var(name).map_or(or, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
    };
    let (first, minutes) = (number("HDM_STORM_SEED", 1), number("HDM_STORM_MINUTES", 1));
    let kind = match std::env::var("HDM_STORM_KIND").as_deref() {
        Ok("kills") => Kind::Kills,
        Ok("mixed") | Err(_) => Kind::Mixed,
        Ok(other) => panic!("HDM_STORM_KIND={other}"),
    };
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    let mut results = Vec::new();
    for seed in first.. {
        results.push(run(seed, LONG, kind).await);
        if Instant::now() >= end {
            break;
        }
    }
    all_survived(&results);
}
