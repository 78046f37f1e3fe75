//! What is shown of a plan.

use std::collections::BTreeMap;

use hdm_shared::batch_estimate::estimate;
use hdm_shared::migration::{Estimate, MAX_RUNNING, MigrationView};
use hdm_shared::problem::Finding;
use hdm_shared::queue::{Waiting, order};
use serde::Serialize;

use super::check::{Checked, Judged};
use super::space::Datastore;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// How many of the newest migrations that are done tell how long others take.
const MEASURED: u32 = 200;

/// What a plan would do.
#[derive(Debug, Serialize)]
pub struct Report {
    /// What would be started, in the order of the turns.
    pub starts: Vec<Start>,
    /// What has been moved already, or is on its way.
    pub seen: Vec<Told>,
    /// What stands in the way of some.
    pub blocked: Vec<Told>,
    /// What is taken of each datastore.
    pub datastores: Vec<Datastore>,
    /// How long all of it takes; absent if nothing would be started.
    pub estimate: Option<Estimate>,
    /// From how many migrations to the same clouds that was measured; none means that it is assumed.
    pub measured: usize,
    /// How many migrations run or wait before these.
    pub before: usize,
}

/// A row that would be started.
#[derive(Debug, Serialize)]
pub struct Start {
    /// The line of the plan.
    pub line: u64,
    /// The virtual machine's path.
    pub vm: String,
    /// Its name at the target.
    pub name: String,
    /// The vCenter it goes to.
    pub cloud: String,
    /// Where it goes, in words.
    pub target: BTreeMap<String, String>,
    /// The sum of its disks' sizes.
    pub bytes: u64,
    /// How long it takes alone.
    pub estimate: Estimate,
    /// What the move cannot carry.
    pub warnings: Vec<Finding>,
}

/// A row that would not be started.
#[derive(Debug, Serialize)]
pub struct Told {
    /// The line of the plan.
    pub line: u64,
    /// The virtual machine as the row names it.
    pub vm: String,
    /// Why not.
    pub findings: Vec<Finding>,
}

impl Told {
    /// Of a row that was recognised.
    pub fn seen(judged: &Judged) -> Self {
        Self { findings: judged.seen().cloned().into_iter().collect(), ..Self::blocked(judged) }
    }

    /// Of a row that is blocked.
    pub fn blocked(judged: &Judged) -> Self {
        let findings = judged.plan.findings.iter().filter(|finding| finding.blocks()).cloned().collect();
        Self { line: judged.row.line, vm: judged.row.item.vm.clone(), findings }
    }
}

/// Says what a plan would do.
pub async fn report(client: &Client, checked: &Checked) -> Result<Report, Failure> {
    let all: Vec<&Judged> = checked.to_start().collect();
    let lines: Vec<String> = all.iter().map(|judged| queue_line(judged)).collect();
    let waiting: Vec<_> = lines.iter().enumerate().map(|(id, cluster)| Waiting { id, cluster }).collect();
    let all: Vec<&Judged> =
        order(&waiting, &BTreeMap::new()).into_iter().filter_map(|id| all.get(id).copied()).collect();

    let done = find(client, &["done"], MEASURED).await?;
    let goes_there = |view: &&MigrationView| all.iter().any(|judged| judged.row.cloud == view.cloud);
    let done: Vec<&MigrationView> = done.iter().filter(goes_there).collect();
    let time = |sizes: &[u64]| estimate(sizes, done.iter().copied());
    let sizes: Vec<u64> = all.iter().map(|judged| judged.plan.capacity_bytes).collect();
    let whole = time(&sizes);
    let before = find(client, &["queued", "running", "waiting"], 1_000).await?.len();
    Ok(Report {
        starts: all.iter().map(|judged| start(judged, time(&[judged.plan.capacity_bytes]).range)).collect(),
        seen: checked.seen.iter().map(Told::seen).collect(),
        blocked: checked.blocked.iter().map(Told::blocked).collect(),
        datastores: checked.datastores.clone(),
        estimate: Some(whole.range).filter(|_| !sizes.is_empty()),
        measured: whole.measured,
        before,
    })
}

async fn find(client: &Client, states: &[&str], limit: u32) -> Result<Vec<MigrationView>, Failure> {
    let mut query: Vec<(&str, String)> = states.iter().map(|state| ("state", (*state).to_owned())).collect();
    query.push(("limit", limit.to_string()));
    client.find("/migrations", &query).await
}

fn queue_line(judged: &Judged) -> String {
    let vcenter = judged.plan.vm.as_ref().map(|vm| vm.vcenter.to_string()).unwrap_or_default();
    format!("{vcenter}/{}", judged.plan.source_cluster_id.as_deref().unwrap_or_default())
}

fn start(judged: &Judged, estimate: Estimate) -> Start {
    let plan = &judged.plan;
    Start {
        line: judged.row.line,
        vm: plan.path.clone().unwrap_or_else(|| plan.asked.clone()),
        name: plan.target_name.clone().unwrap_or_default(),
        cloud: judged.row.cloud.to_string(),
        target: plan.target.clone(),
        bytes: plan.capacity_bytes,
        estimate,
        warnings: plan.findings.iter().filter(|finding| !finding.blocks()).cloned().collect(),
    }
}

/// Prints what a plan would do.
pub fn print(report: &Report) {
    if !report.starts.is_empty() {
        let mut table = output::table(&["turn", "line", "VM", "becomes", "size", "time", "place"]);
        for (start, turn) in report.starts.iter().zip(1..) {
            let place: Vec<_> = start.target.iter().map(|(what, name)| format!("{what} {name}")).collect();
            table.add_row([
                turn.to_string(),
                start.line.to_string(),
                start.vm.clone(),
                format!("{}: {}", start.cloud, start.name),
                output::bytes(start.bytes),
                output::span(start.estimate.low_seconds, start.estimate.high_seconds),
                place.join(", "),
            ]);
        }
        output::print(&table);
    }
    for start in &report.starts {
        for finding in &start.warnings {
            println!("line {}: warning: {}", start.line, output::finding(finding));
        }
    }
    print_told(&report.seen, "not started");
    print_told(&report.blocked, "BLOCKED");
    if !report.datastores.is_empty() {
        let mut table = output::table(&["datastore", "free and not promised", "taken", "left", "VMs"]);
        for datastore in &report.datastores {
            table.add_row([
                format!("{}: {}", datastore.cloud, datastore.name),
                output::bytes(datastore.unpromised_bytes),
                output::bytes(datastore.taken_bytes),
                output::bytes(datastore.left_bytes),
                datastore.vms.to_string(),
            ]);
        }
        println!();
        output::print(&table);
    }
    let bytes = report.starts.iter().fold(0_u64, |sum, start| sum.saturating_add(start.bytes));
    println!(
        "\n{} to be started with {}; {} moved already or on their way; {} blocked.",
        report.starts.len(),
        output::bytes(bytes),
        report.seen.len(),
        report.blocked.len()
    );
    if let Some(estimate) = report.estimate {
        let ground = match report.measured {
            0 => "assumed at 25 to 100 MB/s, because too little was measured to the same place".to_owned(),
            measured => format!("from {measured} migrations measured"),
        };
        println!(
            "All of it takes {}, {MAX_RUNNING} at a time, {ground}; {} run or wait before.",
            output::span(estimate.low_seconds, estimate.high_seconds),
            report.before
        );
    }
}

/// Prints rows that are not started, each with its line and why.
pub fn print_told(rows: &[Told], word: &str) {
    for told in rows {
        for finding in &told.findings {
            println!("line {}, {}: {word}: {}", told.line, told.vm, output::finding(finding));
        }
    }
}
