//! The engine: takes workflows from the queue and from appliances that are gone.

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use hdm_shared::MigrationId;
use hdm_shared::event::EventSeverity;
use hdm_shared::migration::{MAX_RUNNING, MigrationState};
use hdm_shared::queue::{Waiting, order};
use hdm_shared::schedule::Opens;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::clock::Clock;
use super::counts::Counts;
use super::driver::{Driver, End};
use super::error::{StepError, panic_words};
use super::leases::{LeaseEnd, LeaseTime};
use super::live::{Live, Progress, guard};
use super::posting::Failed;
use super::settings::Settings;
use super::workflow::Workflow;
use crate::store::{Line, NewEvent, Record, Store, StoreError};

/// A workflow being driven.
pub(super) struct Driven<M> {
    pub(super) live: Arc<Live<M>>,
    pub(super) task: JoinHandle<()>,
    /// When its lease is over, by what was last written.
    pub(super) until: LeaseEnd,
}

/// What the engine's tasks share.
pub(super) struct Shared<W: Workflow> {
    pub(super) store: Store,
    pub(super) workflow: W,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counts: Counts,
    pub(super) settings: Settings,
    pub(super) owner: String,
    pub(super) driven: Mutex<HashMap<MigrationId, Driven<W::Memo>>>,
    /// Workflows held for a moment to do what a person asks.
    pub(super) held: Mutex<HashSet<MigrationId>>,
    /// Events that could not be posted, and when they are tried again.
    pub(super) unposted: Mutex<HashMap<MigrationId, Failed>>,
    pub(super) lease_time: Mutex<LeaseTime>,
    /// Whether this machine's clock was wrong at the last look.
    pub(super) clock_is_off: AtomicBool,
    /// Held while the store is looked at: what is claimed then is not driven yet.
    #[cfg(test)]
    looking: tokio::sync::Mutex<()>,
    wake: Notify,
    pub(super) to_post: Notify,
    pub(super) to_renew: Notify,
    changes: watch::Sender<u64>,
    stopping: CancellationToken,
}

/// Drives workflows of one kind. Clones share it.
pub struct Engine<W: Workflow> {
    pub(super) shared: Arc<Shared<W>>,
}

impl<W: Workflow> Clone for Engine<W> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<W: Workflow> Shared<W> {
    pub(super) fn changed(&self) {
        self.changes.send_modify(|n| *n += 1);
        self.to_post.notify_one();
    }

    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.settings.retry.pause(failures, rand::random())
    }

    pub(super) fn poll_pause(&self, failures: u32) -> Duration {
        self.settings.poll.pause(failures, rand::random())
    }

    /// Writes a record and a line, again and again while the database is away: without it nothing may go on.
    pub(super) async fn write(
        &self,
        record: &mut Record,
        live: &Live<W::Memo>,
        line: Line,
    ) -> Result<(), StepError> {
        record.progress = live.progress.get();
        let mut failures = 0;
        loop {
            match self.store.write(record, vec![line.clone()], self.clock.now()).await {
                Ok(()) => {
                    tracing::info!(migration = %record.id, kind = line.kind, "{}", line.message);
                    self.changed();
                    return Ok(());
                }
                Err(StoreError::LostLease) => return Err(StepError::LostLease),
                Err(error) => {
                    failures += 1;
                    tracing::warn!(migration = %record.id, %error, "the database does not take the log");
                    self.clock.sleep(self.poll_pause(failures)).await;
                }
            }
        }
    }
}

impl<W: Workflow> Engine<W> {
    /// Makes an engine that does nothing yet. `owner` names this appliance for ever.
    pub fn new(store: Store, workflow: W, clock: Arc<dyn Clock>, settings: Settings, owner: String) -> Self {
        let lease_time = LeaseTime { time: clock.now(), mark: clock.mark(), of_database: false };
        let shared = Shared {
            store,
            workflow,
            clock,
            lease_time: Mutex::new(lease_time),
            settings,
            owner,
            driven: Mutex::default(),
            held: Mutex::default(),
            unposted: Mutex::default(),
            counts: Counts::default(),
            clock_is_off: AtomicBool::new(false),
            #[cfg(test)]
            looking: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            to_post: Notify::new(),
            to_renew: Notify::new(),
            changes: watch::Sender::new(0),
            stopping: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The workflow's own part.
    pub fn workflow(&self) -> &W {
        &self.shared.workflow
    }

    /// Hears of each change of any workflow this appliance drives or was asked to change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Runs until [`Engine::stop`]: claims, starts, keeps leases, posts events, and forgets what is old. Each in
    /// a task of its own: what waits in one stops no other.
    pub async fn run(&self) {
        let stopping = self.shared.stopping.clone();
        tokio::join!(
            stopping.run_until_cancelled(self.schedule()),
            stopping.run_until_cancelled(self.keep_leases()),
            stopping.run_until_cancelled(self.let_go()),
            stopping.run_until_cancelled(self.post_for_ever()),
            stopping.run_until_cancelled(self.forget_for_ever()),
        );
    }

    async fn schedule(&self) {
        let shared = &self.shared;
        loop {
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the scheduler waits for the database");
            }
            let pause = shared.clock.sleep(shared.settings.poll.max.min(shared.settings.lease / 2));
            tokio::select! {
                () = shared.wake.notified() => {}
                () = pause => {}
            }
        }
    }

    async fn forget_for_ever(&self) {
        const HOUR: Duration = Duration::from_secs(3_600);
        let shared = &self.shared;
        let keep = SignedDuration::try_from(shared.settings.keep).unwrap_or(SignedDuration::MAX);
        loop {
            let end = shared.clock.now().checked_sub(keep).unwrap_or(Timestamp::MIN);
            let pause = match shared.store.forget(end).await {
                Ok(0) => HOUR,
                Ok(count) => {
                    tracing::info!(count, "migrations and events older than they are kept were deleted");
                    shared.settings.poll.base
                }
                Err(error) => {
                    tracing::warn!(%error, "what is old is deleted later");
                    HOUR
                }
            };
            shared.clock.sleep(pause).await;
        }
    }

    /// Ends [`Engine::run`] and all drivers, and gives their leases back. Steps are resumed by whoever claims
    /// them next.
    pub async fn stop(&self) {
        self.shared.stopping.cancel();
        let driven: Vec<_> = guard(&self.shared.driven).drain().collect();
        for (id, driven) in driven {
            driven.task.abort();
            let _ = driven.task.await;
            if let Err(error) = self.shared.store.release(id, driven.live.fence).await {
                tracing::warn!(migration = %id, %error, "its lease ends by itself");
            }
        }
    }

    /// Ends all drivers at once and gives no lease back, as a power cut would.
    #[cfg(test)]
    pub(super) fn crash(&self) {
        self.shared.stopping.cancel();
        for (_, driven) in guard(&self.shared.driven).drain() {
            driven.task.abort();
        }
    }

    /// Whether something may have been claimed that is not driven yet.
    #[cfg(test)]
    pub(super) fn may_be_claiming(&self) -> bool {
        self.shared.looking.try_lock().is_err()
    }

    /// How long the lease that ends first still lasts.
    #[cfg(test)]
    pub(super) fn shortest_lease(&self) -> Duration {
        let now = self.shared.clock.now();
        let left = guard(&self.shared.driven).values().map(|d| d.until.clock.duration_since(now)).min();
        left.map_or(Duration::MAX, |left| left.try_into().unwrap_or(Duration::ZERO))
    }

    /// Whether this appliance drives a workflow.
    #[cfg(test)]
    pub(super) fn drives(&self, id: MigrationId) -> bool {
        guard(&self.shared.driven).contains_key(&id)
    }

    /// Looks at the store again soon.
    pub fn wake(&self) {
        self.shared.changed();
        self.shared.wake.notify_one();
    }

    /// One look at the store: claim what nobody drives, start what has its turn.
    async fn tick(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        #[cfg(test)]
        let _looking = shared.looking.lock().await;
        if shared.clock_is_off() {
            return Ok(());
        }
        for id in shared.store.claimable(&shared.owner, shared.lease_time()).await? {
            if guard(&shared.driven).contains_key(&id) || guard(&shared.held).contains(&id) {
                continue;
            }
            let until = shared.until();
            match shared.store.claim(id, &shared.owner, until.stored, shared.lease_time()).await {
                Ok(Some(record)) => self.start(record, until).await,
                Ok(None) => {}
                // One row that cannot be understood must not keep the others from being driven.
                Err(StoreError::Content(error)) => self.set_aside(id, &error.to_string()).await,
                Err(error) => return Err(error),
            }
        }
        self.start_queued().await
    }

    /// Leaves a workflow that cannot be driven to a person.
    pub(super) async fn set_aside(&self, id: MigrationId, why: &str) {
        let reason = format!(
            "This migration cannot be driven: {why}. Its entry was damaged or written by another version of HDM. Update this appliance or restore the database, then use hdm retry {id}."
        );
        tracing::error!(migration = %id, "{reason}");
        let event = NewEvent {
            type_id: crate::events::NEEDS_OPERATOR.into(),
            severity: EventSeverity::Error,
            object: id.to_string(),
            operation: "Migration".into(),
            user: "HDM".into(),
            message: reason.clone(),
        };
        let shared = &self.shared;
        let now = shared.clock.now();
        if let Err(error) = shared.store.set_aside(id, &shared.owner, &reason, event, now).await {
            tracing::warn!(migration = %id, %error, "it is set aside later");
        }
        shared.changed();
    }

    async fn start_queued(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        loop {
            let open = shared.store.open_workflows().await?;
            let running = open.iter().filter(|r| is_driven(r.state)).count();
            if running >= MAX_RUNNING {
                return Ok(());
            }
            let Some(id) = self.turns(&open).await?.into_iter().next() else { return Ok(()) };
            let (until, now) = (shared.until(), shared.clock.now());
            let Some(record) = shared.store.start_queued(id, &shared.owner, until.stored, now).await? else {
                // Somebody else was faster; whatever changed is seen at the next look.
                return Ok(());
            };
            self.start(record, until).await;
        }
    }

    /// The queued workflows in the order of their turns. Those whose window is not open have none.
    pub(super) async fn turns(&self, open: &[Record]) -> Result<Vec<MigrationId>, StoreError> {
        let now = self.shared.clock.now();
        let waiting: Vec<_> = open
            .iter()
            .filter(|r| r.state == MigrationState::Queued && may_begin(r, now))
            .map(|r| Waiting { id: r.id, cluster: &r.queue_line })
            .collect();
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        Ok(order(&waiting, &self.shared.store.last_turns().await?))
    }

    /// Drives a claimed workflow in a task of its own. `until` is the end of its lease, as it was claimed.
    async fn start(&self, record: Record, until: LeaseEnd) {
        let id = record.id;
        let read = serde_json::from_str(&record.input)
            .and_then(|input: W::Input| Ok((input, serde_json::from_str::<W::Memo>(&record.memo)?)));
        match read {
            Ok((input, memo)) => self.drive(record, input, memo, until),
            Err(error) => self.set_aside(id, &error.to_string()).await,
        }
    }

    fn drive(&self, record: Record, input: W::Input, memo: W::Memo, until: LeaseEnd) {
        let (id, fence) = (record.id, record.fence);
        let progress = Progress::default();
        progress.set(record.progress.clone());
        let live = Arc::new(Live {
            memo: Mutex::new(memo.clone()),
            progress,
            cancel: watch::Sender::new(record.cancel_by.clone()),
            fence,
        });
        let mut driver = Driver {
            shared: self.shared.clone(),
            live: live.clone(),
            input: Arc::new(input),
            memo,
            record,
            books: Books::default(),
            locked: false,
            waits_since: None,
        };
        let engine = self.clone();
        let mut driven = guard(&self.shared.driven);
        let task = tokio::spawn(async move {
            match AssertUnwindSafe(Box::pin(driver.drive())).catch_unwind().await {
                Ok(end @ (End::Settled | End::Lost)) => {
                    tracing::debug!(migration = %id, ?end, "no longer driven");
                    // Whoever lost it hits no row here.
                    if let Err(error) = engine.shared.store.release(id, fence).await {
                        tracing::warn!(migration = %id, %error, "its lease ends by itself");
                    }
                }
                // Steps that panic are caught where they are called: this is the driver itself.
                Err(panic) => engine.set_aside(id, &panic_words(&*panic)).await,
            }
            let mut driven = guard(&engine.shared.driven);
            if driven.get(&id).is_some_and(|d| d.live.fence == fence) {
                driven.remove(&id);
            }
            drop(driven);
            engine.wake();
        });
        driven.insert(id, Driven { live, task, until });
        drop(driven);
        self.shared.changed();
    }
}

/// Whether a workflow that waits may begin now.
fn may_begin(record: &Record, now: Timestamp) -> bool {
    record.schedule.as_ref().is_none_or(|schedule| schedule.opens(now) == Opens::Now)
}

fn is_driven(state: MigrationState) -> bool {
    matches!(state, MigrationState::Running | MigrationState::Waiting | MigrationState::Unwinding)
}
