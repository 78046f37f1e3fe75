//! Every step of a workflow meets every kind of trouble, on both databases: an error, a refusal, an outage, a
//! lost answer, a crash before and after, and another appliance that takes over.
//!
//! The workflow makes one thing per step in a small world. At the end each thing was made exactly once and is
//! there, or every thing is gone.
#![allow(clippy::unwrap_used, reason = "tests")]

mod clock;
mod database;
mod posting;
mod queue;
mod steps;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hdm_shared::MigrationId;
use hdm_shared::event::{EventSeverity, EventView};
use hdm_shared::migration::{DiskProgress, MAX_RUNNING, MigrationState};
use hdm_shared::retry::Backoff;
use hdm_shared::schedule::Schedule;
use jiff::ToSpan as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;
use crate::store::{Line, NewEvent, NewWorkflow, Record, Store, StoreError};
use crate::testing::{Database, ManualClock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Error,
    ErrorAlways,
    Refusal,
    Outage,
    LongOutage,
    /// A person is needed, for as long as it is not taken away.
    Locked,
    LostAnswer,
    CrashBefore,
    CrashAfter,
    Operator,
    Panic,
}

/// What a step does when it is run while a script lasts.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It cannot reach the world.
    Away,
    /// It works for so many seconds, bytes moving or not, and cannot reach the world then.
    WorksThenAway(u64, bool),
}

#[derive(Debug, Default)]
struct World {
    /// What is there, by step.
    there: BTreeMap<usize, bool>,
    /// How often each was made.
    made: BTreeMap<usize, u32>,
    /// What happens at which step, and whether while undoing.
    trouble: Option<(usize, bool, Trouble)>,
    met: u32,
    taken_over: Vec<String>,
    /// The step that follows the script, and the script.
    script: (usize, Vec<Act>),
    /// How many of the next calls of the attempts' hooks fail, and how many there were.
    hooks_away: u32,
    hooks: u32,
    /// The attempts that were shown as begun, and how many are shown now.
    begun: Vec<u32>,
    shown: u32,
    /// A takeover cannot be done, and how often it was tried.
    takeover_away: bool,
    takeovers: u32,
    /// The postings: of these inputs they hang, of these they can never be done.
    posts_hang: Option<String>,
    posts_refused: Option<String>,
    posted: Vec<String>,
}

/// Four steps; the third is the point of no return.
struct Toy {
    world: Arc<Mutex<World>>,
    crash: Arc<Notify>,
    clock: Arc<ManualClock>,
}

/// How long anything may take in the world's time. Generous: the machines are slow and shared.
const PATIENCE: Duration = Duration::from_secs(180);
const STEPS: [usize; 4] = [0, 1, 2, 3];
const WORDS: [&str; 4] = ["one", "two", "three", "four"];
const COMMIT: usize = 2;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memo {
    intents: Vec<usize>,
}

impl Toy {
    /// Does `effect`, unless trouble comes first; `effect` is told whether to happen before the trouble.
    async fn meet(&self, step: usize, undoing: bool, effect: impl Fn(&mut World)) -> Result<(), StepError> {
        let trouble = {
            let mut world = self.world.lock().unwrap();
            let found = world.trouble.filter(|(at, undo, _)| (*at, *undo) == (step, undoing)).map(|t| t.2);
            if found.is_some() {
                world.met += 1;
            }
            let forever = matches!(found, Some(Trouble::ErrorAlways | Trouble::LongOutage | Trouble::Locked));
            if found.is_some() && !forever {
                world.trouble = None;
            }
            found
        };
        let happens = || effect(&mut self.world.lock().unwrap());
        match trouble {
            None => happens(),
            Some(Trouble::Error | Trouble::ErrorAlways) => return Err(StepError::retry("It broke.")),
            Some(Trouble::Refusal) => return Err(StepError::refused("It cannot be.")),
            Some(Trouble::Panic) => panic!("It was not thought of."),
            Some(Trouble::Operator) => return Err(StepError::operator("Somebody look.")),
            Some(Trouble::Outage | Trouble::LongOutage) => {
                return Err(StepError::Passing { what: "world".into(), why: "It is away.".into() });
            }
            Some(Trouble::Locked) => {
                return Err(StepError::Locked { what: "world".into(), why: "Its lock is new.".into() });
            }
            Some(Trouble::LostAnswer) => {
                happens();
                return Err(StepError::Passing { what: "world".into(), why: "The answer was lost.".into() });
            }
            Some(Trouble::CrashBefore) => self.stop_here().await,
            Some(Trouble::CrashAfter) => {
                happens();
                self.stop_here().await;
            }
        }
        Ok(())
    }

    /// A call of a hook.
    fn hook(&self) -> Result<(), StepError> {
        let mut world = self.world.lock().unwrap();
        world.hooks += 1;
        if world.hooks_away > 0 {
            world.hooks_away -= 1;
            return Err(StepError::Passing { what: "the tasks".into(), why: "They are away.".into() });
        }
        Ok(())
    }

    async fn stop_here(&self) {
        self.crash.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Workflow for Toy {
    const KIND: &'static str = "toy";
    type Input = String;
    type Memo = Memo;
    type Step = usize;

    fn steps() -> &'static [usize] {
        &STEPS
    }

    fn word(step: usize) -> &'static str {
        WORDS[step]
    }

    fn point_of_no_return() -> usize {
        COMMIT
    }

    fn heeds_cancel(step: usize) -> bool {
        step == COMMIT
    }

    async fn run(&self, step: usize, cx: &mut Cx<'_, Self>) -> Result<(), StepError> {
        cx.save("intent", |memo| memo.intents.push(step)).await?;
        if self.world.lock().unwrap().there.get(&step) == Some(&true) {
            return Ok(());
        }
        let act = {
            let (at, acts) = &mut self.world.lock().unwrap().script;
            if *at == step && !acts.is_empty() { Some(acts.remove(0)) } else { None }
        };
        if let Some(Act::WorksThenAway(seconds, moving)) = act {
            for second in 0..seconds {
                self.clock.sleep(Duration::from_secs(1)).await;
                if moving {
                    cx.progress().set(vec![DiskProgress { wire_bytes: second, ..DiskProgress::default() }]);
                }
            }
        }
        if act.is_some() {
            return Err(StepError::Passing { what: "world".into(), why: "It is away.".into() });
        }
        self.meet(step, false, |world| {
            *world.made.entry(step).or_default() += 1;
            world.there.insert(step, true);
        })
        .await
    }

    async fn undo(&self, step: usize, cx: &mut Cx<'_, Self>) -> Result<(), StepError> {
        assert!(cx.verdict().is_some() && !cx.cancel().is_cancelled());
        self.meet(step, true, |world| {
            world.there.remove(&step);
        })
        .await
    }

    async fn attempt_begins(&self, cx: &mut Cx<'_, Self>) -> Result<(), StepError> {
        self.hook()?;
        let mut world = self.world.lock().unwrap();
        if world.begun.last() != Some(&cx.attempt()) {
            world.begun.push(cx.attempt());
        }
        world.shown = 1;
        Ok(())
    }

    async fn attempt_ended(
        &self,
        _cx: &mut Cx<'_, Self>,
        _outcome: &AttemptOutcome,
    ) -> Result<(), StepError> {
        self.hook()?;
        self.world.lock().unwrap().shown = 0;
        Ok(())
    }

    async fn interrupt(&self, _input: &String, _memo: &Memo) -> Option<Interrupt> {
        None
    }

    async fn take_over(&self, _input: &String, former_owner: &str) -> Result<(), StepError> {
        let mut world = self.world.lock().unwrap();
        world.takeovers += 1;
        if world.takeover_away {
            return Err(StepError::Passing { what: "world".into(), why: "It is away.".into() });
        }
        world.taken_over.push(former_owner.to_owned());
        Ok(())
    }

    fn event(_input: &String, milestone: &Milestone) -> Option<NewEvent> {
        Some(NewEvent {
            type_id: "com.hdm.test".into(),
            severity: EventSeverity::Info,
            object: "toy".into(),
            operation: "test".into(),
            user: "ann".into(),
            message: format!("{milestone:?}"),
        })
    }

    async fn post(&self, input: &String, _memo: &Memo, event: &EventView) -> Result<(), StepError> {
        let hangs = self.world.lock().unwrap().posts_hang.as_ref() == Some(input);
        if hangs {
            std::future::pending::<()>().await;
        }
        let mut world = self.world.lock().unwrap();
        if world.posts_refused.as_ref() == Some(input) {
            return Err(StepError::operator("The world was removed."));
        }
        world.posted.push(event.message.clone());
        Ok(())
    }
}

/// A world, a database, and the appliances that come and go.
struct Stage {
    store: Store,
    world: Arc<Mutex<World>>,
    crash: Arc<Notify>,
    clock: Arc<ManualClock>,
    /// When the clock was moved last.
    moved: tokio::sync::Mutex<Instant>,
}

/// By how much the clock is moved each time everybody had the occasion to do something.
const TICK: Duration = Duration::from_millis(250);

impl Stage {
    async fn new(database: &Database) -> Self {
        Self {
            store: database.open().await,
            world: Arc::default(),
            crash: Arc::new(Notify::new()),
            clock: Arc::new(ManualClock::new()),
            moved: tokio::sync::Mutex::new(Instant::now()),
        }
    }

    fn engine(&self, owner: &str) -> Engine<Toy> {
        let toy = Toy { world: self.world.clone(), crash: self.crash.clone(), clock: self.clock.clone() };
        let settings = Settings {
            poll: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(5) },
            ..Settings::default()
        };
        Engine::new(self.store.clone(), toy, self.clock.clone(), settings, owner.to_owned())
    }

    async fn queue(&self) -> MigrationId {
        self.queue_with("\"input\"").await
    }

    async fn queue_with(&self, input: &str) -> MigrationId {
        self.queue_all(&[input], None, None).await[0]
    }

    async fn queue_for(&self, input: &str, schedule: Option<Schedule>) -> MigrationId {
        self.queue_all(&[input], None, schedule).await[0]
    }

    async fn queue_all(
        &self,
        inputs: &[&str],
        event: Option<NewEvent>,
        schedule: Option<Schedule>,
    ) -> Vec<MigrationId> {
        let new = inputs.iter().map(|input| NewWorkflow {
            id: MigrationId(Uuid::now_v7()),
            kind: Toy::KIND,
            input: (*input).into(),
            memo: "{\"intents\":[]}".into(),
            queue_line: "cluster".into(),
            schedule: schedule.clone(),
            first_line: Line {
                kind: "accepted",
                step: None,
                message: "Accepted.".into(),
                event: event.clone(),
            },
        });
        let new: Vec<_> = new.collect();
        let queued = self.store.queue_workflows::<StoreError>(self.clock.now(), |_| Ok(new)).await.unwrap();
        queued.into_iter().map(|record| record.id).collect()
    }

    /// Lets the time pass a little, once what is driven has had its lease extended. It stands still while
    /// something is claimed, or a slow database would have the lease end before it is driven.
    async fn pass(&self, engine: &Engine<Toy>) {
        // A renewal that failed is tried again by the clock, which must go on then.
        let mut moved = self.moved.lock().await;
        let slow = moved.elapsed() > Duration::from_secs(1);
        let may = !engine.may_be_claiming() && engine.shortest_lease() > engine.shared.settings.lease / 2;
        if slow || may {
            self.clock.advance(TICK);
            *moved = Instant::now();
        }
        tokio::task::yield_now().await;
    }

    fn run(engine: &Engine<Toy>) -> tokio::task::JoinHandle<()> {
        let engine = engine.clone();
        tokio::spawn(async move { engine.run().await })
    }

    async fn record(&self, id: MigrationId) -> Record {
        self.store.workflow(id).await.unwrap().unwrap()
    }

    /// Lets the time pass until something is so.
    async fn until(&self, engine: &Engine<Toy>, id: MigrationId, what: impl Fn(&Record) -> bool) -> Record {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let record = self.record(id).await;
            if what(&record) {
                return record;
            }
            assert!(Instant::now() < deadline, "{:?} {:#?}", record, self.store.log(id, 0, 1_000).await);
            self.pass(engine).await;
        }
    }

    /// Lets the time pass until the workflow settles, replacing an appliance that crashes by `next`.
    async fn settle(&self, id: MigrationId, first: &str, next: &str) -> MigrationState {
        let deadline = Instant::now() + PATIENCE;
        let mut engine = self.engine(first);
        let mut run = Self::run(&engine);
        loop {
            if self.crash.notified().now_or_never().is_some() {
                run.abort();
                engine.crash();
                engine = self.engine(next);
                run = Self::run(&engine);
            }
            let record = self.record(id).await;
            if has_settled(&record) {
                run.abort();
                engine.stop().await;
                return record.state;
            }
            assert!(Instant::now() < deadline, "{:?} {:#?}", record, self.store.log(id, 0, 1_000).await);
            self.pass(&engine).await;
        }
    }

    fn all_there_once(&self) {
        let world = self.world.lock().unwrap();
        let made: Vec<u32> = STEPS.iter().map(|step| world.made.get(step).copied().unwrap_or(0)).collect();
        assert_eq!(made, [1; 4], "each was made exactly once");
        assert!(STEPS.iter().all(|step| world.there.get(step) == Some(&true)));
    }

    fn all_gone(&self) {
        assert!(self.world.lock().unwrap().there.is_empty(), "{:?}", self.world);
    }
}

fn has_settled(record: &Record) -> bool {
    (record.state.is_final() || record.state == MigrationState::NeedsOperator) && record.lease_until == 0
}

async fn databases() -> [Database; 2] {
    [Database::sqlite(), Database::postgres().await]
}
