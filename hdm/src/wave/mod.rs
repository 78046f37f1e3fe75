//! A plan for a wave: a file that names many virtual machines, each with its place and options.
//!
//! | module | subject |
//! |---|---|
//! | `field` | the columns, and what each takes |
//! | `csv` | a plan as a table |
//! | `yaml` | a plan as a list, with defaults for all |
//! | `check` | the whole plan against the appliance |
//! | `space` | what it takes of each datastore |
//! | `report` | what is shown of it |
//!
//! What a row leaves out comes from the plan's defaults, and what those leave out from the command line.

pub mod check;
mod csv;
mod field;
pub mod report;
mod space;
mod yaml;

use std::fmt;
use std::path::Path;

use hdm_shared::batch::BatchItem;
use hdm_shared::problem::Finding;
use hdm_shared::{ObjectId, VcenterId};

pub use field::Draft;

/// The longest plan, in rows: as many as may wait in the queue.
const MAX_ROWS: usize = 10_000;
/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// How many mistakes of a file are told at once.
const MAX_MISTAKES: usize = 200;

/// Where in the file something stands; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column: of a table its number, else the character's place in the line.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub at: Position,
    /// What, as a sentence.
    pub what: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

impl Mistake {
    fn new(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at, what: what.into(), remedy: remedy.into() }
    }
}

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
pub fn read(path: &Path, given: &Draft) -> Result<Vec<Row>, Vec<Finding>> {
    let name = path.display().to_string();
    let about = |at: Option<Position>, what: &str, remedy: &str| {
        let object = at.map_or_else(|| name.clone(), |at| format!("{name}, {at}"));
        Finding::blocker("plan-mistake", &object, what, remedy)
    };
    let whole = |what: String, remedy: &str| vec![about(None, &what, remedy)];
    let text = text_of(path).map_err(|error| {
        whole(format!("The plan cannot be read: {error}."), "Name a file of text that can be read.")
    })?;
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    let drafts = match kind.as_str() {
        "csv" => csv::read(&text),
        "yaml" | "yml" => yaml::read(&text),
        _ => {
            return Err(whole(
                "The name of the file does not say what it holds.".into(),
                "Call it something.csv or something.yaml.",
            ));
        }
    };
    let mut mistakes = drafts.mistakes;
    let mut rows = Vec::with_capacity(drafts.rows.len());
    for (at, draft) in drafts.rows {
        match draft.finish([&drafts.defaults, given]) {
            Ok((source, cloud, item)) => rows.push(Row { line: at.line, source, cloud, item }),
            Err((what, remedy)) => mistakes.push(Mistake::new(at, what, remedy)),
        }
    }
    mistakes.sort_by_key(|mistake| mistake.at);
    if !mistakes.is_empty() {
        let more = mistakes.len().saturating_sub(MAX_MISTAKES);
        let told = mistakes.iter().take(MAX_MISTAKES);
        let mut findings: Vec<_> = told.map(|m| about(Some(m.at), &m.what, &m.remedy)).collect();
        if more > 0 {
            findings.push(about(None, &format!("{more} more mistakes are not shown."), "Mend these first."));
        }
        return Err(findings);
    }
    if rows.is_empty() {
        return Err(whole("The plan names no virtual machine.".into(), "Add a row for each."));
    }
    if rows.len() > MAX_ROWS {
        return Err(whole(
            format!("The plan has {} rows; at most {MAX_ROWS} are possible.", rows.len()),
            "Divide it into several plans.",
        ));
    }
    Ok(rows)
}

/// The text of a file, without the mark that some programs put before it.
fn text_of(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_FILE_BYTES {
        let text = format!("it has {size} bytes, and at most {MAX_FILE_BYTES} are read");
        return Err(std::io::Error::other(text));
    }
    let text = std::fs::read_to_string(path)?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// What was read of a file.
#[derive(Debug, Default)]
struct Drafts {
    /// What the plan itself says of all rows.
    defaults: Draft,
    rows: Vec<(Position, Draft)>,
    mistakes: Vec<Mistake>,
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
