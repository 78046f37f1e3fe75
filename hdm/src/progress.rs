//! Migrations while they run: bars on a terminal, lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, MigrationState, MigrationView};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::cli::Output;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;
use crate::patience::Patience;

/// How often the appliance is asked.
const ASK: Duration = Duration::from_millis(500);
/// Of how many migrations one question asks: as many as the API lets name.
const AT_ONCE: usize = 500;

/// Shows migrations until all have settled, and returns them as they are then. A restart of the appliance is
/// waited for.
pub async fn watch(
    client: &Client,
    output: Output,
    ids: &[MigrationId],
) -> Result<Vec<MigrationView>, Failure> {
    let mut shown = Shown::new();
    let mut patience = Patience::new(output);
    loop {
        let Some(views) = patience.bear(look(client, ids).await)? else {
            tokio::time::sleep(ASK).await;
            continue;
        };
        // With JSON standard error is for the problem document, if there is one.
        for view in views.iter().filter(|_| output == Output::Table) {
            shown.show(view);
        }
        if views.iter().all(settled) {
            return Ok(views);
        }
        tokio::time::sleep(ASK).await;
    }
}

/// The migrations as they are now, in the order of their ids.
async fn look(client: &Client, ids: &[MigrationId]) -> Result<Vec<MigrationView>, Failure> {
    let mut known = BTreeMap::new();
    for some in ids.chunks(AT_ONCE) {
        let named: Vec<String> = some.iter().map(MigrationId::to_string).collect();
        let query = [("ids", named.join(",")), ("limit", some.len().to_string())];
        let views: Vec<MigrationView> = client.find("/migrations", &query).await?;
        known.extend(views.into_iter().map(|view| (view.id, view)));
    }
    let found =
        |id| known.remove(id).ok_or_else(|| Failure::Other(format!("Migration {id} is not told any more.")));
    ids.iter().map(found).collect()
}

/// Whether nothing happens any more without a person.
pub fn settled(view: &MigrationView) -> bool {
    view.state.is_final() || view.state == MigrationState::NeedsOperator
}

/// What the ends of migrations mean for the exit code.
pub fn judge(views: &[MigrationView]) -> Result<(), Failure> {
    let worst = |state| views.iter().find(|view| view.state == state);
    for (state, code) in
        [(MigrationState::NeedsOperator, 5), (MigrationState::Failed, 1), (MigrationState::Cancelled, 6)]
    {
        if let Some(view) = worst(state) {
            let why = view.error.clone().unwrap_or_else(|| "Everything was undone.".into());
            let label = state.label().to_lowercase();
            return Err(Failure::Migration { message: format!("'{}' {label}: {why}", view.vm_name), code });
        }
    }
    Ok(())
}

struct Shown {
    bars: Option<MultiProgress>,
    bar: BTreeMap<MigrationId, ProgressBar>,
    said: BTreeMap<MigrationId, String>,
}

impl Shown {
    fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self { bars, bar: BTreeMap::new(), said: BTreeMap::new() }
    }

    fn show(&mut self, view: &MigrationView) {
        let line = line(view);
        let Some(bars) = &self.bars else {
            // In a log a line says what is new; the position alone is not.
            let key = format!(
                "{:?} {:?} {} {:?} {:?} {:?}",
                view.state, view.step, view.attempt, view.waiting_for, view.question, view.starts_at
            );
            if self.said.insert(view.id, key.clone()).as_ref() != Some(&key) {
                eprintln!("{}: {line}", view.vm_name);
            }
            return;
        };
        let bar = self.bar.entry(view.id).or_insert_with(|| {
            let style = ProgressStyle::with_template("{prefix:20} {bar:30} {msg}");
            bars.add(ProgressBar::new(0)).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_prefix(view.vm_name.clone());
        bar.set_length(view.disks.iter().map(|disk| disk.capacity_bytes).sum());
        bar.set_position(view.disks.iter().map(|disk| disk.position_bytes).sum());
        bar.set_message(line);
        if settled(view) {
            bar.abandon();
        }
    }
}

/// Where a migration stands, in a line.
pub fn line(view: &MigrationView) -> String {
    let mut parts = vec![view.state.label().to_owned()];
    if let Some(place) = view.queue_position {
        parts.push(format!("no. {place} in the queue"));
    }
    if let Some(at) = view.starts_at {
        parts.push(format!("waits for its window: starts at {at:.0}"));
    }
    if view.window_over {
        parts.push("its window is over, and it does not begin any more: cancel it, and ask anew".into());
    }
    if let Some(step) = &view.step_label {
        parts.push(format!(
            "{step} ({} of {})",
            (view.steps_done + 1).min(view.steps_total),
            view.steps_total
        ));
    }
    let sum = |of: fn(&DiskProgress) -> u64| view.disks.iter().map(of).sum::<u64>();
    let passed = match view.step.as_deref().filter(|_| !view.state.is_final()) {
        Some("transfer") => Some((sum(|disk| disk.position_bytes), "")),
        Some("read-back") => Some((sum(|disk| disk.read_back_bytes.unwrap_or_default()), " read back")),
        _ => None,
    };
    if let Some((passed, what)) = passed {
        parts.push(format!(
            "{} of {}{what}, {}/s on the wire",
            output::bytes(passed),
            output::bytes(sum(|disk| disk.capacity_bytes)),
            output::bytes(sum(|disk| disk.rate_bytes_per_second))
        ));
        parts.extend(view.limit_mbit_per_second.map(|limit| format!("limited to {limit} Mbit/s")));
        parts.extend(view.estimate.map(|it| output::range(it.low_seconds, it.high_seconds)));
    }
    if view.attempt > 1 {
        parts.push(format!("attempt {} of {}", view.attempt, view.attempts_max));
    }
    if let Some(what) = &view.waiting_for {
        let since = view.waiting_since.map(|at| format!(" since {at:.0}")).unwrap_or_default();
        parts.push(format!("waiting for {what}{since}"));
    }
    if let Some(question) = &view.question {
        parts.push(format!("vCenter asks: {question}"));
    }
    if let Some(error) = &view.error {
        parts.push(error.clone());
    }
    parts.join("; ")
}
