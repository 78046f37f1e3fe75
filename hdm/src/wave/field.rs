//! The columns of a plan, and what each takes. They are called as the options of `hdm migrate cold` are.

use clap::ValueEnum;
use hdm_shared::VcenterId;
use hdm_shared::batch::BatchItem;
use hdm_shared::change::{OptionsChange, TargetChange};
use hdm_shared::migration::{ColdOptions, TargetChoice};

use crate::cli::{Disk, Mac, Shutdown, Verify};

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

/// What is said of a row so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The virtual machine.
    pub vm: Option<String>,
    /// The vCenter it is in.
    pub source: Option<VcenterId>,
    /// The vCenter it goes to.
    pub cloud: Option<VcenterId>,
    /// Where in it.
    pub target: TargetChange,
    /// How.
    pub options: OptionsChange,
}

/// A column that may be named.
pub fn column(name: &str) -> Option<&'static str> {
    let name = name.trim();
    COLUMNS.iter().copied().find(|column| column.eq_ignore_ascii_case(name))
}

/// Whether a column pairs two names.
pub fn pairs(column: &str) -> bool {
    matches!(column, "network" | "adapter")
}

impl Draft {
    /// Takes a value for a column of [`COLUMNS`]; an empty one says nothing. The error is a sentence.
    pub fn set(&mut self, column: &str, text: &str) -> Result<(), String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let name = || Some(text.to_owned());
        match column {
            "vm" => self.vm = name(),
            "source" => self.source = Some(vcenter(text)?),
            "cloud" => self.cloud = Some(vcenter(text)?),
            "cluster" => self.target.cluster = name(),
            "host" => self.target.host = name(),
            "pool" => self.target.pool = name(),
            "datastore" => self.target.datastore = name(),
            "folder" => self.target.folder = name(),
            "network" | "adapter" => {
                for part in text.split([';', '\n']).filter(|part| !part.trim().is_empty()) {
                    let (from, to) = part.split_once('=').ok_or_else(|| {
                        format!("'{part}' is no pair: write SOURCE=TARGET, and a semicolon between pairs.")
                    })?;
                    self.pair(column, from, to)?;
                }
            }
            "disk" => {
                self.options.disk_format = Some(choice::<Disk>(text)?.into());
            }
            "cpu" => self.options.cpus = Some(number(text)?),
            "memory-mib" => self.options.memory_mib = Some(number(text)?),
            "mac" => {
                self.options.mac = Some(choice::<Mac>(text)?.into());
            }
            "rename" => self.options.rename = name(),
            "power-on" => self.options.power_on = Some(truth(text)?),
            "shutdown" => {
                self.options.shutdown = Some(choice::<Shutdown>(text)?.into());
            }
            "shutdown-timeout" => self.options.shutdown_timeout_seconds = Some(number(text)?),
            "restart-guest" => self.options.restart_guest = Some(number(text)?),
            "verify" => self.options.verify = Some(choice::<Verify>(text)?.into()),
            other => return Err(unknown(other)),
        }
        Ok(())
    }

    /// Pairs a source's network or adapter with a target's network.
    pub fn pair(&mut self, column: &str, from: &str, to: &str) -> Result<(), String> {
        let (from, to) = (from.trim(), to.trim());
        if from.is_empty() || to.is_empty() {
            return Err(format!("'{from}={to}' is no pair: both sides need a name."));
        }
        let pairs = if column == "adapter" { &mut self.target.adapters } else { &mut self.target.networks };
        match pairs.insert(from.to_owned(), to.to_owned()) {
            Some(before) if before != to => Err(format!("'{from}' is paired with '{before}' already.")),
            _ => Ok(()),
        }
    }

    /// The row, from this and, for what it leaves out, from what is below it, the nearest first. The error is what is
    /// missing, and what to do.
    pub fn finish(
        &self,
        below: [&Self; 2],
    ) -> Result<(Option<VcenterId>, VcenterId, BatchItem), (String, String)> {
        let layers = [self, below[0], below[1]];
        let vm = layers.iter().find_map(|layer| layer.vm.clone()).ok_or_else(|| {
            ("The row names no virtual machine.".to_owned(), "Name it in the column 'vm'.".to_owned())
        })?;
        let cloud = layers.iter().find_map(|layer| layer.cloud.clone()).ok_or_else(|| {
            (
                format!("Nothing says which vCenter '{vm}' goes to."),
                "Name it in the column 'cloud', in the defaults, or with --cloud.".to_owned(),
            )
        })?;
        let source = layers.iter().find_map(|layer| layer.source.clone());
        let (mut target, mut options) = (TargetChoice::default(), ColdOptions::default());
        // Each changes what the one below it says, as a retry changes what was asked for before.
        for layer in layers.into_iter().rev() {
            layer.target.clone().apply(&mut target);
            layer.options.clone().apply(&mut options);
        }
        Ok((source, cloud, BatchItem { vm, target, options }))
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

fn choice<C: ValueEnum>(text: &str) -> Result<C, String> {
    C::from_str(text, true).map_err(|_| {
        let names = C::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<_> = names.map(|value| value.get_name().to_owned()).collect();
        format!("'{text}' is not possible here: take one of {}.", names.join(", "))
    })
}
