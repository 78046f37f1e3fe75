//! Reads waves: texts that name many virtual machines, each with its place and options.
//!
//! | module | subject |
//! |---|---|
//! | `field` | the columns, and what each takes |
//! | `table` | a wave as a table |
//! | `yaml` | a wave as a list, with defaults for all |
//! | `names` | a wave as a name in each line |
//!
//! The command line reads them from files (`hdm migrate cold --file`), the plugin server from what somebody pastes into
//! the wizard. Nothing is known here of what there is in a vCenter: names stay names.

pub mod field;
mod names;
mod table;
mod yaml;

#[cfg(any(test, feature = "testing"))]
pub mod fuzz;

use hdm_shared::wave::{MAX_ROWS, Mistake, Position, Said, Wave, WaveRow};

/// How many mistakes are told at once.
const MAX_MISTAKES: usize = 200;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table.
    Table,
    /// YAML.
    Yaml,
    /// A name in each line.
    Names,
}

impl Kind {
    /// How a text looks. A first line of several values, or of the word `vm`, is that of a table; one that begins with
    /// a part of a plan, or with the mark of a document, is that of YAML; else there is a name in each line.
    pub fn of(text: &str) -> Self {
        let Some(first) = first_line(text) else { return Self::Names };
        let is_yaml =
            |part: &str| first.strip_prefix(part).is_some_and(|rest| rest.trim_start().starts_with(':'));
        if ["vms", "defaults"].into_iter().any(is_yaml) || first.starts_with("---") {
            return Self::Yaml;
        }
        let is_table =
            table::separator(first).is_some() || field::column(first.trim_matches('"')) == Some("vm");
        if is_table { Self::Table } else { Self::Names }
    }
}

/// The first line that says something.
fn first_line(text: &str) -> Option<&str> {
    text.split(['\n', '\r']).find(|line| !line.starts_with('#') && !line.trim().is_empty())
}

/// Reads a wave. Every mistake is told with its place, at most 200, and rows without mistakes are there, too.
pub fn read(text: &str, kind: Kind) -> Wave {
    // Some programs put a mark before what they write.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Lines end as they do in one system or another; places count them in one way.
    let text = &text.replace("\r\n", "\n").replace('\r', "\n");
    let drafts = match kind {
        Kind::Table => table::read(text),
        Kind::Yaml => yaml::read(text),
        Kind::Names => names::read(text),
    };
    let mut wave = Wave { defaults: drafts.defaults, mistakes: drafts.mistakes, rows: Vec::new() };
    for (at, mut said) in drafts.rows {
        match said.vm.take() {
            Some(vm) => wave.rows.push(WaveRow { at, vm, said }),
            None => wave.mistakes.push(mistake(
                at,
                "The row names no virtual machine.",
                "Name it in the column 'vm'.",
            )),
        }
    }
    if wave.rows.len() > MAX_ROWS {
        let what = format!("More than {MAX_ROWS} virtual machines are named.");
        wave.rows.truncate(MAX_ROWS);
        wave.mistakes.push(whole(&what, "Divide them into several parts."));
    }
    if wave.rows.is_empty() && wave.mistakes.is_empty() {
        wave.mistakes.push(whole("No virtual machine is named.", "Add a row for each."));
    }
    wave.mistakes.sort_by_key(|mistake| mistake.at);
    if wave.mistakes.len() > MAX_MISTAKES {
        wave.mistakes.truncate(MAX_MISTAKES);
        wave.mistakes.push(whole("There are more mistakes than are shown.", "Mend these first."));
    }
    wave
}

/// What was read of a text.
#[derive(Debug, Default)]
struct Drafts {
    /// What it says of all rows.
    defaults: Said,
    rows: Vec<(Position, Said)>,
    mistakes: Vec<Mistake>,
}

impl Drafts {
    /// Whether more is not worth reading.
    fn is_full(&self) -> bool {
        self.rows.len() > MAX_ROWS || self.mistakes.len() > MAX_MISTAKES
    }
}

fn mistake(at: Position, what: impl Into<String>, remedy: impl Into<String>) -> Mistake {
    Mistake { at: Some(at), what: what.into(), remedy: remedy.into() }
}

fn whole(what: &str, remedy: &str) -> Mistake {
    Mistake { at: None, what: what.to_owned(), remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests;
