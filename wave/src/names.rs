//! A wave as a name in each line.

use hdm_shared::wave::{Position, Said};

use super::Drafts;

/// Reads names, each by itself in its line; a line that begins with `#` says nothing.
pub fn read(text: &str) -> Drafts {
    let mut drafts = Drafts::default();
    for (line, number) in text.lines().zip(1..) {
        let name = line.trim();
        if name.is_empty() || line.starts_with('#') {
            continue;
        }
        let said = Said { vm: Some(name.to_owned()), ..Said::default() };
        drafts.rows.push((Position { line: number, column: 1 }, said));
        if drafts.is_full() {
            break;
        }
    }
    drafts
}
