//! Tables for people, JSON for scripts.

use comfy_table::{ContentArrangement, Table, presets};
use hdm_shared::problem::Finding;
use serde::Serialize;

use crate::failure::Failure;

/// Prints a value as JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// A table with these columns.
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|column| column.to_uppercase()));
    table
}

/// Prints a table without the blanks at the ends of its lines.
pub fn print(table: &Table) {
    for line in table.to_string().lines() {
        println!("{}", line.strip_prefix(' ').unwrap_or(line).trim_end());
    }
}

/// What was checked, a line each.
pub fn checks(passed: &[String], findings: &[Finding]) {
    for passed in passed {
        println!("ok       {passed}");
    }
    for found in findings {
        println!("{}  {}", severity(found), finding(found));
    }
}

/// How much a finding matters, in one word.
pub fn severity(finding: &Finding) -> &'static str {
    if finding.blocks() { "BLOCKED" } else { "warning" }
}

/// A finding as sentences: what it is, what to do, and where the command line says it.
pub fn finding(finding: &Finding) -> String {
    let remedy = match option(&finding.code) {
        Some(option) => format!("{} ({option}).", finding.remedy.trim_end_matches('.')),
        None => finding.remedy.clone(),
    };
    format!("{} {remedy}", finding.message)
}

/// The option or command that mends what a finding is about.
fn option(code: &str) -> Option<&'static str> {
    Some(match code {
        "network-unmapped" => "--network SOURCE=TARGET",
        "mac-in-use" | "mac-reserved" => "--mac new",
        "name-unusable" | "name-taken" | "name-reserved" => "--rename",
        "powered-on" => "--shutdown guest, --shutdown hard",
        "already-moving" => "hdm cancel",
        "privileges-missing" => "hdm vcenter privileges lists all that are needed",
        "vm-unknown" | "vm-needed" | "vm-missing" => "hdm vms lists them",
        "cluster-unknown" | "cluster-needed" => "hdm clouds lists them, --cluster names one",
        "host-unknown" => "hdm clouds lists them, --host names one",
        "pool-unknown" => "hdm clouds lists them, --pool names one",
        "datastore-unknown" | "datastore-needed" => "hdm clouds lists them, --datastore names one",
        "folder-unknown" => "hdm clouds lists them, --folder names one by its path",
        "network-unknown" => "hdm clouds lists them, --network SOURCE=TARGET names them",
        _ => return None,
    })
}

/// A size for people: binary units, three digits.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// How long something will still take, for people.
pub fn range(low_seconds: u64, high_seconds: u64) -> String {
    format!("{} left", span(low_seconds, high_seconds))
}

/// How long something takes, for people.
pub fn span(low_seconds: u64, high_seconds: u64) -> String {
    let (low, high) = (duration(low_seconds), duration(high_seconds));
    if low == high { format!("about {low}") } else { format!("{low} to {high}") }
}

/// How long something took, for people.
pub fn took(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { duration(ms.div_ceil(1_000)) }
}

/// A time for people: two digits that matter.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        3_600..360_000 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_option_that_mends_it() {
        let found = |code| Finding::blocker(code, "web", "The name 'web' is taken.", "Give it another name.");
        assert_eq!(
            finding(&found("name-taken")),
            "The name 'web' is taken. Give it another name (--rename)."
        );
        assert_eq!(finding(&found("template")), "The name 'web' is taken. Give it another name.");
    }

    #[test]
    fn a_range_of_times_is_one_time_if_its_ends_look_the_same() {
        assert_eq!(range(5, 90), "5 s to 2 min left");
        assert_eq!(range(100, 110), "about 2 min left");
        assert_eq!(range(3_600, 4_000_000), "1 h 0 min to 46 d left");
    }

    #[test]
    fn sizes_have_binary_units() {
        let shown: Vec<_> = [0, 1023, 1024, 1536, 100 << 20, u64::MAX].into_iter().map(bytes).collect();
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "100 MiB", "16384 PiB"]);
    }
}
