//! The columns of a wave, and what each takes. They are called as the options of `hdm migrate cold` are.

use hdm_shared::VcenterId;
use hdm_shared::migration::{DiskFormat, MacPolicy, ShutdownMode, Verify};
use hdm_shared::wave::Said;

/// The columns, as messages list them.
pub const COLUMNS: &[&str] = &[
    "vm",
    "source",
    "cloud",
    "cluster",
    "host",
    "pool",
    "datastore",
    "folder",
    "network",
    "adapter",
    "disk",
    "cpu",
    "memory-mib",
    "mac",
    "rename",
    "power-on",
    "shutdown",
    "shutdown-timeout",
    "restart-guest",
    "verify",
];

const DISK_FORMATS: &[(&str, DiskFormat)] = &[
    ("same", DiskFormat::Same),
    ("thin", DiskFormat::Thin),
    ("thick", DiskFormat::Thick),
    ("eager", DiskFormat::Eager),
];
const MAC_POLICIES: &[(&str, MacPolicy)] = &[("keep", MacPolicy::Keep), ("new", MacPolicy::New)];
const SHUTDOWN_MODES: &[(&str, ShutdownMode)] =
    &[("guest", ShutdownMode::Guest), ("hard", ShutdownMode::Hard), ("refuse", ShutdownMode::Refuse)];
const WAYS_TO_VERIFY: &[(&str, Verify)] = &[("checksums", Verify::Checksums), ("readback", Verify::Readback)];

/// A column that may be named.
pub fn column(name: &str) -> Option<&'static str> {
    let name = name.trim();
    COLUMNS.iter().copied().find(|column| column.eq_ignore_ascii_case(name))
}

/// Whether a column pairs two names.
pub fn pairs(column: &str) -> bool {
    matches!(column, "network" | "adapter")
}

/// Takes a value for a column of [`COLUMNS`]; an empty one says nothing. The error is a sentence.
pub fn set(said: &mut Said, column: &str, text: &str) -> Result<(), String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(());
    }
    let name = || Some(text.to_owned());
    match column {
        "vm" => said.vm = name(),
        "source" => said.source = Some(vcenter(text)?),
        "cloud" => said.cloud = Some(vcenter(text)?),
        "cluster" => said.target.cluster = name(),
        "host" => said.target.host = name(),
        "pool" => said.target.pool = name(),
        "datastore" => said.target.datastore = name(),
        "folder" => said.target.folder = name(),
        "network" | "adapter" => {
            for part in text.split([';', '\n']).filter(|part| !part.trim().is_empty()) {
                let (from, to) = part.split_once('=').ok_or_else(|| {
                    format!("'{part}' is no pair: write SOURCE=TARGET, and a semicolon between pairs.")
                })?;
                pair(said, column, from, to)?;
            }
        }
        "disk" => said.options.disk_format = Some(choice(text, DISK_FORMATS)?),
        "cpu" => said.options.cpus = Some(number(text)?),
        "memory-mib" => said.options.memory_mib = Some(number(text)?),
        "mac" => said.options.mac = Some(choice(text, MAC_POLICIES)?),
        "rename" => said.options.rename = name(),
        "power-on" => said.options.power_on = Some(truth(text)?),
        "shutdown" => said.options.shutdown = Some(choice(text, SHUTDOWN_MODES)?),
        "shutdown-timeout" => said.options.shutdown_timeout_seconds = Some(number(text)?),
        "restart-guest" => said.options.restart_guest = Some(number(text)?),
        "verify" => said.options.verify = Some(choice(text, WAYS_TO_VERIFY)?),
        other => return Err(unknown(other)),
    }
    Ok(())
}

/// Pairs a source's network or adapter with a target's network.
pub fn pair(said: &mut Said, column: &str, from: &str, to: &str) -> Result<(), String> {
    let (from, to) = (from.trim(), to.trim());
    if from.is_empty() || to.is_empty() {
        return Err(format!("'{from}={to}' is no pair: both sides need a name."));
    }
    let pairs = if column == "adapter" { &mut said.target.adapters } else { &mut said.target.networks };
    match pairs.insert(from.to_owned(), to.to_owned()) {
        Some(before) if before != to => Err(format!("'{from}' is paired with '{before}' already.")),
        _ => Ok(()),
    }
}

/// What to say of a column that there is not.
pub fn unknown(name: &str) -> String {
    format!("There is no column '{name}'.")
}

/// What to do about it.
pub fn known() -> String {
    format!("Take one of: {}.", COLUMNS.join(", "))
}

fn vcenter(text: &str) -> Result<VcenterId, String> {
    text.parse().map_err(|error: hdm_shared::ids::BadVcenterId| format!("{error}."))
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("'{text}' is no whole number that is possible here."))
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(format!("'{text}' is neither true nor false.")),
    }
}

fn choice<C: Copy>(text: &str, words: &[(&str, C)]) -> Result<C, String> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!("'{text}' is not possible here: take one of {}.", words.join(", "))
    })
}
