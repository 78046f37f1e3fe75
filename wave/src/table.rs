//! A wave as a table: a row of names of columns, then a row for each virtual machine.

use csv::{ReaderBuilder, StringRecord, Trim};
use hdm_shared::wave::{Mistake, Position, Said};

use super::{Drafts, field, first_line, mistake};

/// What parts the columns, as the first line shows; nothing if there is only one. Spreadsheets copy tables with tabs.
pub fn separator(first: &str) -> Option<u8> {
    [b'\t', b',', b';'].into_iter().find(|separator| first.as_bytes().contains(separator))
}

/// Reads a table; a line that begins with `#` says nothing. A column 'network' or 'adapter' may be there several times.
pub fn read(text: &str) -> Drafts {
    let mut reader = ReaderBuilder::new()
        .delimiter(first_line(text).and_then(separator).unwrap_or(b','))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let mut drafts = Drafts::default();
    let mut columns: Option<Vec<Option<&'static str>>> = None;
    let mut lines = Lines { text, byte: 0, line: 1 };
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let at = Position { line: lines.of(error.position()), column: 1 };
                let what = format!("The table cannot be read: {error}.");
                drafts.mistakes.push(mistake(at, what, "Write it as CSV (RFC 4180), in UTF-8."));
                break;
            }
        };
        let line = lines.of(record.position());
        match &columns {
            None => columns = Some(header(&record, line, &mut drafts.mistakes)),
            // A spreadsheet ends with rows of nothing.
            Some(_) if record.iter().all(str::is_empty) => {}
            Some(columns) => {
                let said = row(columns, &record, line, &mut drafts.mistakes);
                drafts.rows.push((Position { line, column: 1 }, said));
            }
        }
        if drafts.is_full() {
            break;
        }
    }
    drafts
}

/// Counts lines. The reader's own count is that of where it began to look for a record: before comments.
struct Lines<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line that a record begins in. Records come in order.
    fn of(&mut self, from: Option<&csv::Position>) -> u64 {
        let from = from.map_or(self.byte, |at| usize::try_from(at.byte()).unwrap_or(usize::MAX));
        let bytes = self.text.as_bytes();
        let mut at = from.min(bytes.len());
        let mut in_comment = false;
        while let Some(byte) = bytes.get(at) {
            in_comment = (in_comment || *byte == b'#') && *byte != b'\n';
            if !in_comment && *byte != b'\n' {
                break;
            }
            at += 1;
        }
        let passed = bytes.get(self.byte..at).unwrap_or_default();
        self.line += passed.split(|byte| *byte == b'\n').skip(1).count() as u64;
        self.byte = self.byte.max(at);
        self.line
    }
}

fn header(record: &StringRecord, line: u64, mistakes: &mut Vec<Mistake>) -> Vec<Option<&'static str>> {
    let mut columns: Vec<Option<&'static str>> = Vec::new();
    for (name, number) in record.iter().zip(1..) {
        let at = Position { line, column: number };
        let column = field::column(name);
        if column.is_none() {
            mistakes.push(mistake(at, field::unknown(name), field::known()));
        } else if columns.contains(&column) && !column.is_some_and(field::pairs) {
            let what = format!("The column '{name}' is there twice.");
            mistakes.push(mistake(at, what, "Leave one of them out."));
        }
        columns.push(column);
    }
    if !columns.contains(&Some("vm")) {
        mistakes.push(mistake(
            Position { line, column: 1 },
            "The first row does not name a column 'vm'.",
            "Let the first row name the columns, 'vm' among them.",
        ));
    }
    columns
}

fn row(
    columns: &[Option<&'static str>],
    record: &StringRecord,
    line: u64,
    mistakes: &mut Vec<Mistake>,
) -> Said {
    let mut said = Said::default();
    for (index, (value, number)) in record.iter().zip(1..).enumerate() {
        let at = Position { line, column: number };
        match columns.get(index) {
            Some(Some(column)) => {
                if let Err(what) = field::set(&mut said, column, value) {
                    let what = format!("Column '{column}': {what}");
                    mistakes.push(mistake(at, what, "Mend the value, or leave it empty."));
                }
            }
            // Told of at the first row.
            Some(None) => {}
            None if value.is_empty() => {}
            None => {
                let what = format!("The row has more values than there are columns: '{value}'.");
                mistakes.push(mistake(at, what, "Put a value that holds commas between quotes."));
            }
        }
    }
    said
}
