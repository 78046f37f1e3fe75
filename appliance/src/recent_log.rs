//! What this process has logged last, kept in memory so that whoever looks for a fault gets it without a way to the
//! machine.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How much is kept, in bytes: some twenty thousand lines.
const MAX_BYTES: usize = 4 << 20;

/// The newest lines. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct RecentLog {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<String>,
    bytes: usize,
}

impl RecentLog {
    /// All that is kept, the oldest first.
    pub fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entries.iter().map(String::as_str).collect()
    }

    /// Keeps an entry, with its line end and without the colours it has for a terminal.
    pub fn keep(&self, entry: &[u8]) {
        let entry = without_colours(&String::from_utf8_lossy(entry));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += entry.len();
        kept.entries.push_back(entry);
        while kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.entries.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }

    /// A writer for a log's formatter, which writes each entry at once: passes it on, and keeps it.
    pub fn beside<W: Write>(&self, writer: W) -> Beside<W> {
        Beside { log: self.clone(), writer }
    }
}

/// See [`RecentLog::beside`].
#[derive(Debug)]
pub struct Beside<W> {
    log: RecentLog,
    writer: W,
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        self.log.keep(entry);
        // What cannot be written elsewhere is kept all the same.
        self.writer.write_all(entry)?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Leaves out what sets colours in a terminal: `ESC [ … letter`.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
        plain.push_str(&part[end..]);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_the_oldest_go() {
        let log = RecentLog::default();
        let line = |n: usize| format!("{n:08} {}\n", "x".repeat(1_000));
        for n in 0..5_000 {
            log.keep(line(n).as_bytes());
        }
        let text = log.text();
        assert!(text.len() <= MAX_BYTES && text.len() > MAX_BYTES - 2_000, "{}", text.len());
        assert!(text.ends_with(&line(4_999)) && !text.contains(&line(0)));
        assert!(text.starts_with("0000"), "it begins with a whole line");
    }

    #[test]
    fn what_is_passed_on_is_kept_without_its_colours() {
        let log = RecentLog::default();
        let mut written = Vec::new();
        let entry = "\u{1b}[2m2026\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m the appliance runs é\n";
        log.beside(&mut written).write_all(entry.as_bytes()).ok();
        assert_eq!(written, entry.as_bytes());
        assert_eq!(log.text(), "2026  INFO the appliance runs é\n");
        log.keep(b"cut \x1b[");
        assert!(log.text().ends_with("cut "));
    }
}
