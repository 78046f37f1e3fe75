//! `hdm report`.

use hdm_shared::csv::csv;
use hdm_shared::display::Phase;
use hdm_shared::migration::MigrationState;
use hdm_shared::report::{ReportEntry, ReportPage};
use jiff::Timestamp;

use crate::cli::{Output, Report};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// Reports migrations.
pub async fn run(client: &Client, output: Output, asked: Report) -> Result<(), Failure> {
    let (mut entries, _) = read(client, asked.since, asked.until, usize::MAX).await?;
    entries.reverse();
    match output {
        Output::Json => output::json(&entries),
        Output::Csv => {
            print!("{}", as_csv(&entries, Timestamp::now()));
            Ok(())
        }
        Output::Table => {
            as_table(&entries, Timestamp::now());
            Ok(())
        }
    }
}

/// Reads a report page by page, the newest first; of more than `most` migrations the newest, and that there are more.
pub async fn read(
    client: &Client,
    since: Timestamp,
    until: Option<Timestamp>,
    most: usize,
) -> Result<(Vec<ReportEntry>, bool), Failure> {
    let mut query = vec![("since_ms", since.as_millisecond().to_string())];
    query.extend(until.map(|until| ("until_ms", until.as_millisecond().to_string())));
    let mut entries: Vec<ReportEntry> = Vec::new();
    let mut before: Option<u64> = None;
    loop {
        let mut query = query.clone();
        query.extend(before.map(|before| ("before", before.to_string())));
        let page: ReportPage = client.find("/report", &query).await?;
        entries.extend(page.migrations);
        before = page.next;
        if before.is_none() || entries.len() >= most {
            let more = before.is_some() || entries.len() > most;
            entries.truncate(most);
            return Ok((entries, more));
        }
    }
}

fn as_table(entries: &[ReportEntry], now: Timestamp) {
    let mut table = output::table(&[
        "VM", "to", "state", "begun", "took", "queued", "transfer", "waited", "down", "disks", "wire",
        "attempts",
    ]);
    for entry in entries {
        let down = entry.downtime.map(|down| {
            let lasts = if down.until.is_none() { " so far" } else { "" };
            format!("{}{lasts}", output::took(down.ms(now)))
        });
        table.add_row([
            entry.vm_name.clone(),
            format!("{}: {}", entry.cloud, entry.target_name),
            entry.state.label().to_owned(),
            entry.started_at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}")),
            entry.started_at.map_or_else(|| "-".to_owned(), |_| output::took(took_ms(entry, now))),
            output::took(entry.times.of_phase(Phase::Queue)),
            output::took(entry.times.of_phase(Phase::Transfer)),
            output::took(entry.times.waiting_ms + entry.times.operator_ms),
            down.unwrap_or_else(|| "-".to_owned()),
            output::bytes(capacity(entry)),
            output::bytes(wire(entry)),
            entry.attempts.to_string(),
        ]);
    }
    if !entries.is_empty() {
        output::print(&table);
        println!();
    }
    println!("{}", summary(entries, now));
    for entry in entries.iter().filter(|entry| entry.state == MigrationState::NeedsOperator) {
        let error = entry.error.as_deref().unwrap_or("It does not say why.");
        println!("{} needs you: {error} (migration {})", entry.vm_name, entry.id);
    }
}

/// The whole in a sentence or two.
fn summary(entries: &[ReportEntry], now: Timestamp) -> String {
    if entries.is_empty() {
        return "Nothing has ended in that time, and nothing is under way.".to_owned();
    }
    let mut parts = Vec::new();
    for (state, words) in [
        (MigrationState::Done, "moved"),
        (MigrationState::Failed, "failed and undone"),
        (MigrationState::Cancelled, "cancelled"),
        (MigrationState::NeedsOperator, "waiting for you"),
        (MigrationState::Running, "running"),
        (MigrationState::Waiting, "waiting for a vCenter or the next attempt"),
        (MigrationState::Unwinding, "being undone"),
        (MigrationState::Queued, "queued"),
        (MigrationState::Paused, "paused"),
    ] {
        let count = entries.iter().filter(|entry| entry.state == state).count();
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    let mut sentences = vec![format!("{}.", parts.join(", "))];
    let moved: Vec<_> = entries.iter().filter(|entry| entry.state == MigrationState::Done).collect();
    let first = moved.iter().filter_map(|entry| entry.started_at).min();
    let last = moved.iter().filter_map(|entry| entry.ended_at).max();
    if let (Some(first), Some(last)) = (first, last) {
        let took = u64::try_from(last.duration_since(first).as_millis()).unwrap_or(0);
        sentences.push(format!(
            "Moved {} of disks ({} on the wire) within {}.",
            output::bytes(moved.iter().map(|entry| capacity(entry)).sum()),
            output::bytes(moved.iter().map(|entry| wire(entry)).sum()),
            output::took(took)
        ));
    }
    let longest = entries
        .iter()
        .filter_map(|entry| entry.downtime.map(|down| (down.ms(now), &entry.vm_name)))
        .max_by_key(|(ms, _)| *ms);
    if let Some((ms, name)) = longest {
        sentences.push(format!("The longest downtime was {} ({name}).", output::took(ms)));
    }
    sentences.join(" ")
}

/// One line for each migration, for spreadsheets: times as RFC 3339, durations in seconds, sizes in bytes.
fn as_csv(entries: &[ReportEntry], now: Timestamp) -> String {
    const HEADER: [&str; 27] = [
        "id",
        "vm",
        "vm_name",
        "source_cluster",
        "cloud",
        "target_name",
        "state",
        "requested_by",
        "created_at",
        "started_at",
        "ended_at",
        "attempts",
        "queue_s",
        "check_s",
        "shut_down_s",
        "snapshot_s",
        "transfer_s",
        "verify_s",
        "change_over_s",
        "finish_s",
        "waiting_s",
        "operator_s",
        "undoing_s",
        "downtime_s",
        "disks_bytes",
        "wire_bytes",
        "checksums",
    ];
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1_000, ms % 1_000);
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
    let rows = entries.iter().map(|entry| {
        let mut row = vec![
            entry.id.to_string(),
            entry.vm.to_string(),
            entry.vm_name.clone(),
            entry.source_cluster.clone(),
            entry.cloud.to_string(),
            entry.target_name.clone(),
            entry.state.label().to_owned(),
            entry.requested_by.clone(),
            entry.created_at.to_string(),
            moment(entry.started_at),
            moment(entry.ended_at),
            entry.attempts.to_string(),
        ];
        row.extend(Phase::ALL.map(|phase| seconds(entry.times.of_phase(phase))));
        let times = &entry.times;
        row.extend([times.waiting_ms, times.operator_ms, times.undoing_ms].map(seconds));
        row.push(entry.downtime.map(|down| seconds(down.ms(now))).unwrap_or_default());
        row.push(capacity(entry).to_string());
        row.push(wire(entry).to_string());
        let checksum = |disk: &hdm_shared::report::ReportDisk| {
            disk.checksum.as_ref().map(|checksum| format!("{}={checksum}", disk.label))
        };
        row.push(entry.disks.iter().filter_map(checksum).collect::<Vec<_>>().join("; "));
        row
    });
    csv(&HEADER, rows)
}

fn took_ms(entry: &ReportEntry, now: Timestamp) -> u64 {
    let Some(started) = entry.started_at else { return 0 };
    u64::try_from(entry.ended_at.unwrap_or(now).duration_since(started).as_millis()).unwrap_or(0)
}

fn capacity(entry: &ReportEntry) -> u64 {
    entry.disks.iter().map(|disk| disk.capacity_bytes).sum()
}

fn wire(entry: &ReportEntry) -> u64 {
    entry.disks.iter().map(|disk| disk.wire_bytes).sum()
}
