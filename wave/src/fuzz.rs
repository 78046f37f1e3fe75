//! What the fuzz target in `wave/fuzz` does with its input, and its replay: whatever somebody pastes, the reader returns,
//! in bounds, and never panics. The corpus is committed beside the target.

use hdm_shared::wave::{MAX_ROWS, Wave};

use super::{Kind, MAX_MISTAKES, read};

/// The largest input, in bytes: what is larger says nothing that is new.
const MAX_BYTES: usize = 1 << 20;

/// A text, as what it looks like and as everything else.
pub fn wave(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let _ = Kind::of(text);
    for kind in [Kind::Table, Kind::Yaml, Kind::Names] {
        let Wave { rows, mistakes, .. } = read(text, kind);
        assert!(rows.len() <= MAX_ROWS && mistakes.len() <= MAX_MISTAKES + 1);
        assert!(!rows.is_empty() || !mistakes.is_empty(), "nothing is said");
        let lines = text.split(['\n', '\r']).count() as u64;
        for at in rows.iter().map(|row| row.at).chain(mistakes.iter().filter_map(|m| m.at)) {
            // An end that is missing is missed after the last line.
            assert!((1..=lines + 1).contains(&at.line) && at.column > 0, "{at} of {lines} lines");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_of_waves_is_survived() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/wave");
        assert!(hdm_vsphere::fuzz::replay(folder, wave) > 10);
    }
}
