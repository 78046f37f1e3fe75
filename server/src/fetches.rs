//! When the manifest was fetched, by whom, in which version.
//!
//! A vCenter that has registered the plugin fetches the manifest at the next login; whether it did is the
//! first thing to look at when the plugin does not appear.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use hdm_shared::plugin::{ManifestFetch, ManifestFetches};

/// How many are kept.
const KEPT: usize = 100;
/// How much of a caller's name for itself is kept, in characters.
const MAX_AGENT: usize = 200;

/// What is remembered, over restarts too.
#[derive(Debug)]
pub struct Fetches {
    version: String,
    file: Option<PathBuf>,
    kept: Mutex<VecDeque<ManifestFetch>>,
}

impl Fetches {
    /// Reads what an earlier process has written. A file that cannot be read counts as empty: what is in it
    /// only helps.
    pub fn open(version: &str, file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let kept = text.and_then(|text| serde_json::from_str::<ManifestFetches>(&text).ok());
        let kept = kept.map(|known| known.fetches.into_iter().take(KEPT).collect()).unwrap_or_default();
        Self { version: version.to_owned(), file, kept: Mutex::new(kept) }
    }

    /// Notes one.
    pub fn note(&self, mut fetch: ManifestFetch) {
        fetch.agent = fetch.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        tracing::info!(from = fetch.from, version = fetch.version, "the manifest was fetched");
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(fetch);
        kept.truncate(KEPT);
        if let Some(file) = &self.file {
            let all =
                ManifestFetches { version: self.version.clone(), fetches: kept.iter().cloned().collect() };
            let text = serde_json::to_vec(&all).unwrap_or_default();
            let new = file.with_extension("new");
            if let Err(error) = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)) {
                tracing::warn!(%error, file = %file.display(), "the manifest's fetches are not kept");
            }
        }
    }

    /// All that is remembered.
    pub fn all(&self) -> ManifestFetches {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        ManifestFetches { version: self.version.clone(), fetches: kept.iter().cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_newest_are_kept_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("fetches.json"));
        let fetches = Fetches::open("1.0.0", file.clone());
        for n in 0..150 {
            fetches.note(ManifestFetch {
                version: "1.0.0".into(),
                at: jiff::Timestamp::from_second(n).unwrap(),
                from: "192.0.2.1".into(),
                agent: "a\nb".repeat(500),
            });
        }
        let again = Fetches::open("1.0.1", file).all();
        assert_eq!((again.version.as_str(), again.fetches.len()), ("1.0.1", 100));
        assert_eq!(again.fetches[0].at.as_second(), 149);
        assert_eq!(again.fetches[0].agent.len(), 200);
    }
}
