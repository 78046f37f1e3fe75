//! The engine: takes workflows from the queue and from appliances that are gone, keeps their leases, and
//! passes on what people ask.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, MAX_RUNNING, MigrationState};
use hdm_shared::queue::{Waiting, order};
use hdm_shared::retry::Backoff;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::context::Cx;
use super::driver::{Driver, End};
use super::error::StepError;
use super::live::{Live, Progress, guard};
use super::workflow::{Milestone, Workflow};
use crate::store::{Record, Store, StoreError};

/// The engine's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many attempts a migration has.
    pub attempts: u32,
    /// The pauses between attempts.
    pub retry: Backoff,
    /// The pauses while something passing is waited for.
    pub poll: Backoff,
    /// How long something passing may last before it costs an attempt.
    pub outage: Duration,
    /// How long a lease lasts without being renewed.
    pub lease: Duration,
    /// How often tasks in vCenter are looked at for a cancel.
    pub interrupts: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            attempts: 3,
            retry: Backoff { base: Duration::from_secs(5), max: Duration::from_secs(60) },
            poll: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(10) },
            outage: Duration::from_secs(300),
            lease: Duration::from_secs(30),
            interrupts: Duration::from_secs(3),
        }
    }
}

/// Why something that a person asks cannot be done.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum EngineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("There is no migration {0}. `hdm status` lists those there are.")]
    Unknown(MigrationId),
    #[error("Migration {id} is {state}: {why}")]
    WrongState { id: MigrationId, state: String, why: String },
    #[error("Migration {0} is being worked on just now. Ask again in a moment.")]
    Driven(MigrationId),
    #[error(transparent)]
    Step(#[from] StepError),
}

/// A workflow being driven.
struct Driven<M> {
    live: Arc<Live<M>>,
    task: JoinHandle<()>,
    /// When its lease is over, by what was last written.
    until: Timestamp,
}

/// What the engine's tasks share.
pub(super) struct Shared<W: Workflow> {
    pub(super) store: Store,
    pub(super) workflow: W,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Settings,
    owner: String,
    driven: Mutex<HashMap<MigrationId, Driven<W::Memo>>>,
    wake: Notify,
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
    }

    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.settings.retry.pause(failures, rand::random())
    }

    pub(super) fn poll_pause(&self, failures: u32) -> Duration {
        self.settings.poll.pause(failures, rand::random())
    }

    fn until(&self) -> Timestamp {
        let lease = jiff::SignedDuration::try_from(self.settings.lease).unwrap_or(jiff::SignedDuration::MAX);
        self.clock.now().checked_add(lease).unwrap_or(Timestamp::MAX)
    }

    /// Shows a workflow's events in the vCenters. What fails is done again later.
    pub(super) async fn post_events(&self, id: MigrationId, input: &W::Input, memo: &W::Memo) {
        let events = match self.store.unposted_events(id).await {
            Ok(events) => events,
            Err(error) => return tracing::warn!(migration = %id, %error, "events wait to be posted"),
        };
        for event in events {
            if let Err(error) = self.workflow.post(input, memo, &event).await {
                return tracing::warn!(migration = %id, %error, "an event could not be posted; it will be later");
            }
            if let Err(error) = self.store.event_posted(event.seq).await {
                return tracing::warn!(migration = %id, %error, "an event may be looked up again");
            }
        }
    }
}

impl<W: Workflow> Engine<W> {
    /// Makes an engine that does nothing yet. `owner` names this appliance for ever.
    pub fn new(store: Store, workflow: W, clock: Arc<dyn Clock>, settings: Settings, owner: String) -> Self {
        let shared = Shared {
            store,
            workflow,
            clock,
            settings,
            owner,
            driven: Mutex::default(),
            wake: Notify::new(),
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

    /// Runs until [`Engine::stop`]: claims, starts and keeps leases.
    pub async fn run(&self) {
        let renewals = tokio::spawn({
            let engine = self.clone();
            async move {
                while !engine.shared.stopping.is_cancelled() {
                    engine.renew().await;
                    engine.shared.clock.sleep(engine.shared.settings.lease / 3).await;
                }
            }
        });
        while !self.shared.stopping.is_cancelled() {
            if let Err(error) = self.tick().await {
                tracing::warn!(%error, "the scheduler waits for the database");
            }
            let pause =
                self.shared.clock.sleep(self.shared.settings.poll.max.min(self.shared.settings.lease / 2));
            tokio::select! {
                () = self.shared.wake.notified() => {}
                () = self.shared.stopping.cancelled() => {}
                () = pause => {}
            }
        }
        renewals.abort();
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

    /// Looks at the store again soon.
    pub fn wake(&self) {
        self.shared.changed();
        self.shared.wake.notify_one();
    }

    /// One look at the store: claim what nobody drives, start what has its turn, post what is not posted.
    async fn tick(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        for id in shared.store.claimable(&shared.owner, shared.clock.now()).await? {
            let known = guard(&shared.driven).contains_key(&id);
            if known {
                continue;
            }
            let claimed = shared.store.claim(id, &shared.owner, shared.until(), shared.clock.now()).await?;
            if let Some(claimed) = claimed {
                self.start(claimed.record, claimed.former_owner)?;
            }
        }
        self.start_queued().await?;
        for id in shared.store.unposted_of(&shared.owner, shared.clock.now()).await? {
            let driven = guard(&shared.driven).contains_key(&id);
            if !driven && let Some(record) = shared.store.workflow(id).await? {
                let input: W::Input = serde_json::from_str(&record.input)?;
                let memo: W::Memo = serde_json::from_str(&record.memo)?;
                shared.post_events(id, &input, &memo).await;
            }
        }
        Ok(())
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
            let now = shared.clock.now();
            let Some(record) = shared.store.start_queued(id, &shared.owner, shared.until(), now).await?
            else {
                // Somebody else was faster; whatever changed is seen at the next look.
                return Ok(());
            };
            self.start(record, None)?;
        }
    }

    /// The queued workflows in the order of their turns.
    async fn turns(&self, open: &[Record]) -> Result<Vec<MigrationId>, StoreError> {
        let waiting: Vec<_> = open
            .iter()
            .filter(|r| r.state == MigrationState::Queued)
            .map(|r| Waiting { id: r.id, cluster: &r.queue_line })
            .collect();
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        Ok(order(&waiting, &self.shared.store.last_turns().await?))
    }

    /// Drives a claimed workflow in a task of its own.
    fn start(&self, record: Record, former_owner: Option<String>) -> Result<(), StoreError> {
        let id = record.id;
        let fence = record.fence;
        let input: W::Input = serde_json::from_str(&record.input)?;
        let memo: W::Memo = serde_json::from_str(&record.memo)?;
        let progress = Progress::default();
        progress.set(record.progress.clone());
        let live = Arc::new(Live {
            memo: Mutex::new(memo.clone()),
            progress,
            cancel: watch::Sender::new(record.cancel_by.clone()),
            fence,
        });
        let driver = Driver {
            shared: self.shared.clone(),
            live: live.clone(),
            input: Arc::new(input),
            memo,
            record,
            former_owner,
        };
        let engine = self.clone();
        let mut driven = guard(&self.shared.driven);
        let task = tokio::spawn(async move {
            let end = driver.drive().await;
            tracing::debug!(migration = %id, ?end, "no longer driven");
            if end == End::Settled || end == End::Lost {
                // Whoever lost it hits no row here.
                if let Err(error) = engine.shared.store.release(id, fence).await {
                    tracing::warn!(migration = %id, %error, "its lease ends by itself");
                }
            }
            let mut driven = guard(&engine.shared.driven);
            if driven.get(&id).is_some_and(|d| d.live.fence == fence) {
                driven.remove(&id);
            }
            drop(driven);
            engine.wake();
        });
        driven.insert(id, Driven { live, task, until: self.shared.until() });
        drop(driven);
        self.shared.changed();
        Ok(())
    }

    /// Extends the leases of what is driven. A driver whose lease is lost, or could not be extended in time,
    /// is ended here, before anybody else may have begun.
    pub async fn renew(&self) -> bool {
        let shared = &self.shared;
        let held: Vec<_> = guard(&shared.driven).iter().map(|(id, d)| (*id, d.live.clone())).collect();
        let mut well = true;
        for (id, live) in held {
            let until = shared.until();
            let shown = (live.progress.get(), live.progress.estimate());
            match shared.store.renew_showing(id, live.fence, until, shown).await {
                Ok(Some(cancel)) => {
                    if let Some(driven) = guard(&shared.driven).get_mut(&id) {
                        driven.until = until;
                    }
                    if cancel.is_some() && live.cancel.borrow().is_none() {
                        live.cancel.send_replace(cancel);
                    }
                }
                Ok(None) => self.abandon(id, live.fence, "another appliance has taken it over"),
                Err(error) => {
                    well = false;
                    let over = guard(&shared.driven).get(&id).is_some_and(|d| d.until <= shared.clock.now());
                    if over {
                        self.abandon(id, live.fence, &format!("its lease could not be kept: {error}"));
                    }
                }
            }
        }
        well
    }

    fn abandon(&self, id: MigrationId, fence: i64, why: &str) {
        let mut driven = guard(&self.shared.driven);
        if driven.get(&id).is_some_and(|d| d.live.fence == fence)
            && let Some(lost) = driven.remove(&id)
        {
            lost.task.abort();
            tracing::warn!(migration = %id, why, "no longer driven here");
            self.wake();
        }
    }

    /// A workflow with its place in the queue and what is known of its progress.
    pub async fn look(&self, id: MigrationId) -> Result<(Record, Option<u32>), EngineError> {
        let record = self.shared.store.workflow(id).await?.ok_or(EngineError::Unknown(id))?;
        let positions =
            if record.state == MigrationState::Queued { self.positions().await? } else { BTreeMap::new() };
        let position = positions.get(&id).copied();
        Ok((self.with_progress(record), position))
    }

    /// The newest workflows, newest first, with their places in the queue.
    pub async fn list(&self, limit: u32) -> Result<Vec<(Record, Option<u32>)>, EngineError> {
        let positions = self.positions().await?;
        let records = self.shared.store.workflows(limit).await?;
        Ok(records
            .into_iter()
            .map(|r| (positions.get(&r.id).copied(), self.with_progress(r)))
            .map(|(p, r)| (r, p))
            .collect())
    }

    pub(super) async fn positions(&self) -> Result<BTreeMap<MigrationId, u32>, StoreError> {
        let open = self.shared.store.open_workflows().await?;
        Ok(self.turns(&open).await?.into_iter().zip(1..).collect())
    }

    pub(super) fn with_progress(&self, mut record: Record) -> Record {
        let live = guard(&self.shared.driven).get(&record.id).map(|d| d.live.progress.clone());
        if let Some(progress) = live {
            let disks: Vec<DiskProgress> = progress.get();
            if !disks.is_empty() {
                record.progress = disks;
            }
            record.estimate = progress.estimate();
        }
        record
    }

    /// Cancels: what waits at once, what runs as soon as it can.
    pub async fn cancel(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let shared = &self.shared;
        let (record, _) = self.look(id).await?;
        let wrong = |why: &str| EngineError::WrongState {
            id,
            state: record.state.label().to_lowercase(),
            why: why.to_owned(),
        };
        match record.state {
            state if state.is_final() => Err(wrong("it has ended, so there is nothing to cancel.")),
            MigrationState::Unwinding => Err(wrong("it is being undone already.")),
            MigrationState::Queued | MigrationState::Paused => {
                let now = shared.clock.now();
                if shared.store.change_state(id, record.state, MigrationState::Cancelled, now).await? {
                    self.tell(
                        id,
                        Milestone::Undone { verdict: crate::store::Verdict::Cancelled { by: by.into() } },
                    )
                    .await?;
                    self.wake();
                    return Ok(());
                }
                // Its turn has just come.
                self.ask_cancel(id, by).await
            }
            MigrationState::NeedsOperator if record.committed => Err(wrong(
                "it is past the point of no return, so both copies are kept. Go on with hdm retry, or power off the copy and go back with hdm source release.",
            )),
            MigrationState::NeedsOperator if record.verdict.is_some() => Err(wrong(
                "it is being undone already and waits for you. Mend what it names, then hdm retry.",
            )),
            MigrationState::NeedsOperator => {
                self.ask_cancel(id, by).await?;
                self.go_on(id, MigrationState::Running, by).await
            }
            _ if record.committed && !Self::heeds_cancel(&record) => Err(wrong(
                "the VM has been moved already, and only its source is being put away. To go back, wait for the end, power off the copy and use hdm source release.",
            )),
            _ => self.ask_cancel(id, by).await,
        }
    }

    /// Whether a cancel past the point of no return can still make a difference.
    fn heeds_cancel(record: &Record) -> bool {
        W::steps().iter().skip(record.steps_done).any(|step| W::heeds_cancel(*step))
    }

    async fn ask_cancel(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        self.shared.store.ask_cancel(id, by).await?;
        if let Some(driven) = guard(&self.shared.driven).get(&id) {
            driven.live.cancel.send_replace(Some(by.to_owned()));
        }
        self.shared.changed();
        Ok(())
    }

    /// Takes a queued workflow out of the queue until it is resumed.
    pub async fn pause(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        self.requeue(
            id,
            (MigrationState::Queued, MigrationState::Paused),
            ("paused", format!("{by} took it out of the queue.")),
            "only a queued migration can be paused.",
        )
        .await
    }

    /// Puts a paused workflow back to its place.
    pub async fn resume(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        self.requeue(
            id,
            (MigrationState::Paused, MigrationState::Queued),
            ("resumed", format!("{by} put it back into the queue.")),
            "only a paused migration can be resumed.",
        )
        .await
    }

    async fn requeue(
        &self,
        id: MigrationId,
        change: (MigrationState, MigrationState),
        (kind, message): (&'static str, String),
        why: &str,
    ) -> Result<(), EngineError> {
        let line = crate::store::Line { kind, step: None, message, event: None };
        let now = self.shared.clock.now();
        if self.shared.store.change_state_saying(id, change, Some(line), now).await? {
            self.wake();
            return Ok(());
        }
        let (record, _) = self.look(id).await?;
        Err(EngineError::WrongState { id, state: record.state.label().to_lowercase(), why: why.into() })
    }

    /// Lets a workflow that waits for a person go on, forward or undoing, with all its attempts anew.
    pub async fn retry(&self, id: MigrationId, by: &str) -> Result<(), EngineError> {
        let (record, _) = self.look(id).await?;
        if record.state != MigrationState::NeedsOperator {
            return Err(EngineError::WrongState {
                id,
                state: record.state.label().to_lowercase(),
                why: "only one that needs an operator can go on.".into(),
            });
        }
        let to = if record.verdict.is_some() { MigrationState::Unwinding } else { MigrationState::Running };
        self.go_on(id, to, by).await
    }

    async fn go_on(&self, id: MigrationId, to: MigrationState, by: &str) -> Result<(), EngineError> {
        self.under_lease(id, async |cx: &mut Cx<'_, W>| {
            if cx.record.state == MigrationState::NeedsOperator {
                cx.record.state = to;
                cx.record.attempt = 1;
                cx.record.error = None;
                let event = W::event(cx.input, &Milestone::Resumed { by: by.to_owned() });
                let line = crate::store::Line {
                    kind: "retried",
                    step: cx.record.step.clone(),
                    message: format!("{by} lets it go on."),
                    event,
                };
                cx.store.write(cx.record, vec![line], cx.clock.now()).await?;
            }
            Ok(())
        })
        .await
    }

    async fn tell(&self, id: MigrationId, milestone: Milestone) -> Result<(), EngineError> {
        let Some(record) = self.shared.store.workflow(id).await? else { return Ok(()) };
        let input: W::Input = serde_json::from_str(&record.input).map_err(StoreError::from)?;
        let mut record = record;
        let message = "It was cancelled before it began.".to_owned();
        let line =
            crate::store::Line { kind: "undone", step: None, message, event: W::event(&input, &milestone) };
        self.shared.store.write(&mut record, vec![line], self.shared.clock.now()).await?;
        Ok(())
    }

    /// Does something for a workflow that nobody drives now, as its owner, and gives the lease back.
    pub async fn under_lease<T>(
        &self,
        id: MigrationId,
        work: impl AsyncFnOnce(&mut Cx<'_, W>) -> Result<T, StepError>,
    ) -> Result<T, EngineError> {
        let shared = &self.shared;
        if guard(&shared.driven).contains_key(&id) {
            return Err(EngineError::Driven(id));
        }
        let claimed = shared.store.claim(id, &shared.owner, shared.until(), shared.clock.now()).await?;
        let Some(claimed) = claimed else { return Err(EngineError::Driven(id)) };
        let mut record = claimed.record;
        let input: W::Input = serde_json::from_str(&record.input).map_err(StoreError::from)?;
        let mut memo: W::Memo = serde_json::from_str(&record.memo).map_err(StoreError::from)?;
        let fence = record.fence;
        let live = Live {
            memo: Mutex::new(memo.clone()),
            progress: Progress::default(),
            cancel: watch::Sender::new(None),
            fence,
        };
        live.progress.set(record.progress.clone());
        let mut cx = Cx {
            store: &shared.store,
            clock: &shared.clock,
            live: &live,
            input: &input,
            memo: &mut memo,
            record: &mut record,
            cancel: CancellationToken::new(),
        };
        let keep = async {
            loop {
                shared.clock.sleep(shared.settings.lease / 3).await;
                if !matches!(shared.store.renew(id, fence, shared.until()).await, Ok(Some(_))) {
                    return;
                }
            }
        };
        let outcome = tokio::select! {
            outcome = work(&mut cx) => outcome,
            () = keep => Err(StepError::LostLease),
        };
        shared.store.release(id, fence).await?;
        self.wake();
        Ok(outcome?)
    }
}

fn is_driven(state: MigrationState) -> bool {
    matches!(state, MigrationState::Running | MigrationState::Waiting | MigrationState::Unwinding)
}
