//! A cache of a vCenter's inventory, kept by one WaitForUpdatesEx.
//!
//! One task asks vCenter for changes and applies each to the object it is about; nothing else is read again.
//! Readers take a snapshot ([`InventoryView`]) that never changes under them. When vCenter forgets the
//! collector, or the session, or cannot be reached, the cache is marked stale, keeps what it knows, and
//! starts a new collector as soon as it can.

mod apply;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::MoRef;
use crate::error::Error;
use crate::property::{property_set, view_object_set};
use crate::session::Session;

pub use apply::WATCHED;
pub use view::{
    ClusterSummary, DatacenterSummary, DatastoreSummary, FolderSummary, HostSummary, InventoryView,
    NetworkSummary, PoolSummary, UnusualDevices, VmSummary,
};

use apply::Store;

/// How fresh the cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// The first read is under way.
    Connecting,
    /// Changes arrive as they happen.
    Live {
        /// Since when.
        since: Timestamp,
    },
    /// The vCenter cannot be asked; what is known may be old.
    Stale {
        /// Since when.
        since: Timestamp,
        /// Why, in words.
        why: String,
    },
}

/// The cache of one vCenter. Dropping the last clone ends it.
#[derive(Clone, Debug)]
pub struct Inventory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    vcenter: String,
    view: watch::Receiver<Arc<InventoryView>>,
    state: watch::Receiver<CacheState>,
    keeper: JoinHandle<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// First and longest pause before a new collector is tried.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));
/// How many objects one update may bring; the next call brings the rest. Each is some 10 KB of XML, and three times that
/// while it is read: what the first reading of a large inventory takes is hardly given back to the system.
const MAX_OBJECT_UPDATES: u32 = 100;
/// What a WaitForUpdatesEx may take longer than the server is asked to hold it.
const GRACE: Duration = Duration::from_secs(60);

impl Inventory {
    /// Starts the cache. Needs a tokio runtime.
    pub fn start(session: Session) -> Self {
        let (view_sender, view) = watch::channel(Arc::new(InventoryView::default()));
        let (state_sender, state) = watch::channel(CacheState::Connecting);
        let vcenter = session.name().to_owned();
        let keeper = tokio::spawn(keep(session, view_sender, state_sender));
        Self { shared: Arc::new(Shared { vcenter, view, state, keeper }) }
    }

    /// What is known now.
    pub fn snapshot(&self) -> Arc<InventoryView> {
        self.shared.view.borrow().clone()
    }

    /// How fresh that is.
    pub fn state(&self) -> CacheState {
        self.shared.state.borrow().clone()
    }

    /// Hears of each change.
    pub fn changed(&self) -> watch::Receiver<Arc<InventoryView>> {
        self.shared.view.clone()
    }

    /// Hears of each change of freshness.
    pub fn state_changed(&self) -> watch::Receiver<CacheState> {
        self.shared.state.clone()
    }

    /// Waits until the cache is live, however long that takes.
    pub async fn live(&self) {
        let mut state = self.shared.state.clone();
        if state.wait_for(|state| matches!(state, CacheState::Live { .. })).await.is_err() {
            // The keeper has ended with its runtime; nothing will be live any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until everything was read once, however long that takes. It may be old by now: see
    /// [`Inventory::state`].
    pub async fn known(&self) {
        // The first view is the empty one that nobody read; each that follows is whole.
        if self.shared.view.clone().changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Why the cache is not live, as the end of a sentence.
    pub fn why_not_live(&self) -> String {
        match self.state() {
            CacheState::Stale { why, .. } => why,
            _ => "it is still being read".into(),
        }
    }

    /// Waits until the cache is live; the error says why it is not.
    pub async fn ready(&self, deadline: Instant) -> Result<(), Error> {
        tokio::time::timeout_at(deadline.into(), self.live()).await.map_err(|_| Error::Unreachable {
            vcenter: self.shared.vcenter.clone(),
            sent: false,
            source: format!("its inventory is not known: {}", self.why_not_live()).into(),
        })
    }
}

async fn keep(session: Session, view: watch::Sender<Arc<InventoryView>>, state: watch::Sender<CacheState>) {
    let mut pause = PAUSE.0;
    loop {
        let begun = Instant::now();
        let Err(error) = follow(&session, &view, &state).await;
        tracing::debug!(vcenter = session.name(), %error, "the inventory is stale");
        let why = error.to_string();
        state.send_modify(|state| {
            let since = match state {
                CacheState::Stale { since, .. } => *since,
                _ => Timestamp::now(),
            };
            *state = CacheState::Stale { since, why };
        });
        if begun.elapsed() > PAUSE.1 {
            pause = PAUSE.0;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// Reads everything, then follows the changes until something fails.
async fn follow(
    session: &Session,
    view: &watch::Sender<Arc<InventoryView>>,
    state: &watch::Sender<CacheState>,
) -> Result<std::convert::Infallible, Error> {
    let default_collector = session.content().await?.property_collector.clone();
    let kinds: Vec<&str> = WATCHED.iter().map(|(kind, _)| *kind).collect();
    let container = session.create_view(&kinds).await?;
    let followed = async {
        // A collector of our own: cancelling or losing it disturbs nobody else in the session.
        let collector = session.call_for_moref("CreatePropertyCollector", &default_collector, |_| {}).await?;
        let Err(error) = follow_with(session, &collector, &container, view, state).await;
        // Its filter goes with it. In a session that goes on it would otherwise stay until the session ends.
        if let Err(error) = session.call("DestroyPropertyCollector", &collector, |_| {}).await {
            tracing::debug!(vcenter = session.name(), %error, "a collector could not be destroyed");
        }
        Err(error)
    }
    .await;
    session.destroy_view(&container).await;
    followed
}

/// The same with a collector and a view.
async fn follow_with(
    session: &Session,
    collector: &MoRef,
    container: &MoRef,
    view: &watch::Sender<Arc<InventoryView>>,
    state: &watch::Sender<CacheState>,
) -> Result<std::convert::Infallible, Error> {
    create_filter(session, collector, container).await?;
    let mut store = Store::default();
    let mut version = String::new();
    loop {
        let answer = wait_for_updates(session, collector, &version).await?;
        let Some(set) = answer.child("returnval") else { continue };
        version = set.string("version");
        for filter in set.all("filterSet") {
            for object in filter.all("objectSet") {
                store.apply(object);
            }
        }
        if set.flag("truncated") {
            continue;
        }
        view.send_replace(Arc::new(store.view()));
        state.send_if_modified(|state| {
            let was_live = matches!(state, CacheState::Live { .. });
            if !was_live {
                *state = CacheState::Live { since: Timestamp::now() };
            }
            !was_live
        });
    }
}

async fn create_filter(session: &Session, collector: &MoRef, container: &MoRef) -> Result<(), Error> {
    session
        .call("CreateFilter", collector, |w| {
            w.element("spec", |w| {
                for (kind, paths) in WATCHED {
                    property_set(w, kind, paths);
                }
                view_object_set(w, container);
            });
            w.value("partialUpdates", false);
        })
        .await
        .map(drop)
}

async fn wait_for_updates(
    session: &Session,
    collector: &MoRef,
    version: &str,
) -> Result<crate::wire::Node, Error> {
    let hold = session.limits().long_poll;
    session
        .call_within("WaitForUpdatesEx", collector, hold + GRACE, |w| {
            w.value("version", version);
            w.element("options", |w| {
                w.value("maxWaitSeconds", hold.as_secs());
                w.value("maxObjectUpdates", MAX_OBJECT_UPDATES);
            });
        })
        .await
}
/// Takes an answer for an update of an inventory.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_inventory(update: &crate::wire::Node) {
    let mut store = apply::Store::default();
    for _ in 0..2 {
        for object in update.all("filterSet").flat_map(|filter| filter.all("objectSet")) {
            store.apply(object);
        }
        let _ = store.view();
    }
}
