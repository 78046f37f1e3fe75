//! When the manifest was fetched, by whom, in which version.
//!
//! A vCenter that has registered the plugin fetches the manifest at the next login; whether it did is the
//! first thing to look at when the plugin does not appear.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdm_shared::plugin::{ManifestFetch, ManifestFetches};
use tokio::sync::Notify;

/// How many are kept.
const KEPT: usize = 100;
/// How often the file is written at most: everybody may fetch the manifest.
const PAUSE: Duration = Duration::from_secs(1);
/// How much of a caller's name for itself is kept, in characters.
const MAX_AGENT: usize = 200;

/// What is remembered, over restarts too.
#[derive(Debug)]
pub struct Fetches {
    version: String,
    file: Option<PathBuf>,
    kept: Mutex<VecDeque<ManifestFetch>>,
    noted: Notify,
}

impl Fetches {
    /// Reads what an earlier process has written. A file that cannot be read counts as empty: what is in it
    /// only helps.
    pub fn open(version: &str, file: Option<PathBuf>) -> Self {
        let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let kept = text.and_then(|text| serde_json::from_str::<ManifestFetches>(&text).ok());
        let kept = kept.map(|known| known.fetches.into_iter().take(KEPT).collect()).unwrap_or_default();
        Self { version: version.to_owned(), file, kept: Mutex::new(kept), noted: Notify::new() }
    }

    /// Notes one. [`Self::keep`] writes it down.
    pub fn note(&self, mut fetch: ManifestFetch) {
        fetch.agent = fetch.agent.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect();
        tracing::info!(from = fetch.from, version = fetch.version, "the manifest was fetched");
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_front(fetch);
            kept.truncate(KEPT);
        }
        self.noted.notify_one();
    }

    /// Writes down what is noted, at most once in [`PAUSE`], until the task is dropped.
    pub async fn keep(&self) {
        loop {
            self.noted.notified().await;
            self.write().await;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Writes everything down.
    pub async fn write(&self) {
        let Some(file) = &self.file else { return };
        let text = serde_json::to_vec(&self.all()).unwrap_or_default();
        let new = file.with_extension("new");
        let written = async {
            tokio::fs::write(&new, text).await?;
            tokio::fs::rename(&new, file).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, file = %file.display(), "the manifest's fetches are not kept");
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
    use std::sync::Arc;

    use super::*;

    fn fetch(second: i64) -> ManifestFetch {
        ManifestFetch {
            version: "1.0.0".into(),
            at: jiff::Timestamp::from_second(second).unwrap(),
            from: "192.0.2.1".into(),
            agent: "a\nb".repeat(500),
        }
    }

    #[tokio::test]
    async fn the_newest_are_kept_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("fetches.json"));
        let fetches = Fetches::open("1.0.0", file.clone());
        (0..150).for_each(|n| fetches.note(fetch(n)));
        fetches.write().await;
        let again = Fetches::open("1.0.1", file).all();
        assert_eq!((again.version.as_str(), again.fetches.len()), ("1.0.1", 100));
        assert_eq!(again.fetches[0].at.as_second(), 149);
        assert_eq!(again.fetches[0].agent.len(), 200);
    }

    #[tokio::test]
    async fn noting_writes_nothing_and_the_keeper_writes_all_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fetches.json");
        let fetches = Arc::new(Fetches::open("1.0.0", Some(file.clone())));
        (0..50).for_each(|n| fetches.note(fetch(n)));
        assert!(!file.exists(), "no request waits for the disk");
        let keeper = tokio::spawn({
            let fetches = fetches.clone();
            async move { fetches.keep().await }
        });
        while Fetches::open("1.0.0", Some(file.clone())).all().fetches.len() < 50 {
            tokio::task::yield_now().await;
        }
        keeper.abort();
    }
}
