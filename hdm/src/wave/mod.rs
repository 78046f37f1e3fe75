//! A plan for a wave: a file that names many virtual machines, each with its place and options.
//!
//! | module | subject |
//! |---|---|
//! | `check` | the whole plan against the appliance |
//! | `space` | what it takes of each datastore |
//! | `report` | what is shown of it |
//!
//! The file is read by `hdm_wave`. What a row leaves out comes from the plan's defaults, and what those leave out from
//! the command line.

pub mod check;
pub mod report;
mod space;

use std::path::Path;

use hdm_shared::batch::BatchItem;
use hdm_shared::migration::{ColdOptions, TargetChoice};
use hdm_shared::problem::Finding;
use hdm_shared::wave::{Mistake, Said, WaveRow};
use hdm_shared::{ObjectId, VcenterId};
use hdm_wave::Kind;

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// One row of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins in.
    pub line: u64,
    /// The vCenter the virtual machine is in, if it is named.
    pub source: Option<VcenterId>,
    /// The vCenter it goes to.
    pub cloud: VcenterId,
    /// The virtual machine, where it goes, and how.
    pub item: BatchItem,
}

/// Reads a plan. Every mistake is told at once, with its place in the file.
pub fn read(path: &Path, given: &Said) -> Result<Vec<Row>, Vec<Finding>> {
    let name = path.display().to_string();
    let whole = |what: &str, remedy: &str| vec![Finding::blocker("plan-mistake", &name, what, remedy)];
    let text = text_of(path).map_err(|error| {
        whole(&format!("The plan cannot be read: {error}."), "Name a file of text that can be read.")
    })?;
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let kind = match kind.as_str() {
        "csv" => Kind::Table,
        "yaml" | "yml" => Kind::Yaml,
        "txt" => Kind::of(&text),
        _ => {
            let remedy =
                "Call it something.csv, something.yaml, or something.txt if it has a name in each line.";
            return Err(whole("The name of the file does not say what it holds.", remedy));
        }
    };
    let wave = hdm_wave::read(&text, kind);
    let below = wave.defaults.over(given);
    let mut mistakes = wave.mistakes;
    let mut rows = Vec::with_capacity(wave.rows.len());
    for row in wave.rows {
        match finish(row, &below) {
            Ok(row) => rows.push(row),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        return Ok(rows);
    }
    mistakes.sort_by_key(|mistake| mistake.at);
    let told = mistakes.iter().map(|mistake| {
        let object = mistake.at.map_or_else(|| name.clone(), |at| format!("{name}, {at}"));
        Finding::blocker("plan-mistake", &object, mistake.what.clone(), mistake.remedy.clone())
    });
    Err(told.collect())
}

/// The row, with what is said below it.
fn finish(row: WaveRow, below: &Said) -> Result<Row, Mistake> {
    let said = row.said.over(below);
    let Some(cloud) = said.cloud else {
        return Err(Mistake {
            at: Some(row.at),
            what: format!("Nothing says which vCenter '{}' goes to.", row.vm),
            remedy: "Name it in the column 'cloud', in the defaults, or with --cloud.".to_owned(),
        });
    };
    let (mut target, mut options) = (TargetChoice::default(), ColdOptions::default());
    said.target.apply(&mut target);
    said.options.apply(&mut options);
    let item = BatchItem { vm: row.vm, target, options };
    Ok(Row { line: row.at.line, source: said.source, cloud, item })
}

/// The text of a file.
fn text_of(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_FILE_BYTES {
        let text = format!("it has {size} bytes, and at most {MAX_FILE_BYTES} are read");
        return Err(std::io::Error::other(text));
    }
    std::fs::read_to_string(path)
}

/// An object in messages, by the line that names it.
fn in_line(line: u64, name: &str) -> String {
    format!("line {line}, {name}")
}

/// Where a virtual machine goes on a datastore, and what it takes there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken {
    line: u64,
    vm: Option<ObjectId>,
    cloud: VcenterId,
    cluster: String,
    datastore: String,
    folder: String,
    name: String,
    bytes: u64,
}

#[cfg(test)]
mod tests;
