//! A wave: many virtual machines that a text names, each with what is said of it.

use serde::{Deserialize, Serialize};

use crate::change::{OptionsChange, TargetChange};
use crate::ids::VcenterId;

/// The most rows of a wave: as many as may wait in the queue.
pub const MAX_ROWS: usize = 10_000;
/// The longest text that pages send, in bytes: some hundred for each row.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// A text to be read: a table (CSV, or pasted from a spreadsheet), YAML, or a name in each line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveText {
    /// The text.
    pub text: String,
}

/// What a text says of a virtual machine, or of all. What is absent is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Said {
    /// The virtual machine, by name, inventory path or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// The vCenter it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<VcenterId>,
    /// The vCenter it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<VcenterId>,
    /// Where in it.
    #[serde(skip_serializing_if = "TargetChange::is_empty")]
    pub target: TargetChange,
    /// How.
    #[serde(skip_serializing_if = "OptionsChange::is_empty")]
    pub options: OptionsChange,
}

impl Said {
    /// This, and where it says nothing, what is said below it.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            vm: self.vm.or_else(|| below.vm.clone()),
            source: self.source.or_else(|| below.source.clone()),
            cloud: self.cloud.or_else(|| below.cloud.clone()),
            target: self.target.over(&below.target),
            options: self.options.over(&below.options),
        }
    }
}

/// Where in a text something stands; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column: of a table its number, else the character's place in the line.
    pub column: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A mistake in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// Where; nowhere, if it is one of the whole text.
    pub at: Option<Position>,
    /// What, as a sentence.
    pub what: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

/// One virtual machine of a wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveRow {
    /// Where it begins.
    pub at: Position,
    /// The virtual machine.
    pub vm: String,
    /// What is said of it alone.
    pub said: Said,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    /// What is said of all.
    pub defaults: Said,
    /// Its virtual machines, in their order, at most [`MAX_ROWS`].
    pub rows: Vec<WaveRow>,
    /// What is wrong, by place; none of it may be carried out if there is anything.
    pub mistakes: Vec<Mistake>,
}
