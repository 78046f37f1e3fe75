//! Every step of a workflow meets every kind of trouble, on both databases: an error, a refusal, an outage, a
//! lost answer, a crash before and after, and another appliance that takes over.
//!
//! The workflow makes one thing per step in a small world. At the end each thing was made exactly once and is
//! there, or every thing is gone.
#![allow(clippy::unwrap_used, reason = "tests")]

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

#[tokio::test(flavor = "multi_thread")]
async fn whatever_passes_at_whichever_step_each_thing_is_made_once() {
    for database in databases().await {
        for step in STEPS {
            for trouble in [
                Trouble::Error,
                Trouble::Panic,
                Trouble::Outage,
                Trouble::LostAnswer,
                Trouble::CrashBefore,
                Trouble::CrashAfter,
            ] {
                let stage = Stage::new(&database).await;
                stage.world.lock().unwrap().trouble = Some((step, false, trouble));
                // What shows the attempts is away meanwhile, and nothing waits for it.
                stage.world.lock().unwrap().hooks_away = 3;
                let id = stage.queue().await;
                let state = stage.settle(id, "a", "a").await;
                assert_eq!(state, MigrationState::Done, "{trouble:?} at {step}");
                stage.all_there_once();
                assert_eq!(stage.world.lock().unwrap().met, 1);
                let attempt = stage.store.workflow(id).await.unwrap().unwrap().attempt;
                let costs = matches!(trouble, Trouble::Error | Trouble::Panic);
                assert_eq!(attempt, if costs { 2 } else { 1 }, "{trouble:?} at {step}");
                assert_eq!(stage.world.lock().unwrap().shown, 0, "{trouble:?} at {step}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_undone_or_waits_for_a_person() {
    let database = Database::sqlite();
    for step in STEPS {
        for trouble in [Trouble::Refusal, Trouble::ErrorAlways, Trouble::LongOutage] {
            let stage = Stage::new(&database).await;
            stage.world.lock().unwrap().trouble = Some((step, false, trouble));
            stage.world.lock().unwrap().hooks_away = 5;
            let id = stage.queue().await;
            let state = stage.settle(id, "a", "a").await;
            let record = stage.store.workflow(id).await.unwrap().unwrap();
            if step < COMMIT {
                assert_eq!(state, MigrationState::Failed, "{trouble:?} at {step}");
                stage.all_gone();
            } else {
                assert_eq!(state, MigrationState::NeedsOperator, "{trouble:?} at {step}");
                assert!(
                    record.committed && stage.world.lock().unwrap().there.contains_key(&0),
                    "nothing is undone"
                );
            }
            if trouble != Trouble::Refusal {
                assert_eq!(record.attempt, 3, "{trouble:?} at {step}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_goes_on_through_everything() {
    for database in databases().await {
        for step in [0, 1] {
            for trouble in [
                Trouble::Error,
                Trouble::Panic,
                Trouble::Outage,
                Trouble::LostAnswer,
                Trouble::CrashBefore,
                Trouble::CrashAfter,
            ] {
                let stage = Stage::new(&database).await;
                let id = stage.queue().await;
                // The second step refuses, and undoing meets the trouble.
                stage.world.lock().unwrap().trouble = Some((1, false, Trouble::Refusal));
                let world = stage.world.clone();
                let armed = tokio::spawn(async move {
                    loop {
                        {
                            let mut world = world.lock().unwrap();
                            if world.met == 1 && world.trouble.is_none() {
                                world.trouble = Some((step, true, trouble));
                                return;
                            }
                        }
                        tokio::task::yield_now().await;
                    }
                });
                let state = stage.settle(id, "a", "a").await;
                armed.abort();
                assert_eq!(state, MigrationState::Failed, "{trouble:?} while undoing {step}");
                stage.all_gone();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_appliance_takes_over_and_ends_the_former_first() {
    let database = Database::postgres().await;
    for step in STEPS {
        let stage = Stage::new(&database).await;
        stage.world.lock().unwrap().trouble = Some((step, false, Trouble::CrashAfter));
        let id = stage.queue().await;
        assert_eq!(stage.settle(id, "a", "b").await, MigrationState::Done);
        stage.all_there_once();
        assert_eq!(stage.world.lock().unwrap().taken_over, ["a"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_it_go_on() {
    let database = Database::sqlite();
    let stage = Stage::new(&database).await;
    stage.world.lock().unwrap().trouble = Some((3, false, Trouble::Operator));
    let id = stage.queue().await;
    assert_eq!(stage.settle(id, "a", "a").await, MigrationState::NeedsOperator);
    let engine = stage.engine("a");
    let refused = engine.cancel(id, "ann").await.unwrap_err().to_string();
    assert!(refused.contains("point of no return"), "{refused}");
    engine.retry(id, "ann").await.unwrap();
    assert_eq!(stage.settle(id, "a", "a").await, MigrationState::Done);
    stage.all_there_once();
    let attempts = stage.world.lock().unwrap().begun.clone();
    assert_eq!(attempts, [1, 2], "what shows an attempt is opened for the one after the retry too");
    assert_eq!(stage.record(id).await.attempts_before, 1);
}

/// The task of the second attempt is opened also if the appliance dies in the pause before it.
#[tokio::test]
async fn an_attempt_is_shown_after_a_crash_in_the_pause() {
    let stage = Stage::new(&Database::sqlite()).await;
    stage.world.lock().unwrap().trouble = Some((1, false, Trouble::Error));
    let id = stage.queue().await;
    let engine = stage.engine("a");
    let run = Stage::run(&engine);
    stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("attempt 2 of 3")).await;
    run.abort();
    engine.crash();
    assert_eq!(stage.settle(id, "a", "a").await, MigrationState::Done);
    assert_eq!(stage.world.lock().unwrap().begun, [1, 2]);
}

/// One vCenter is away for good: the attempts end one after the other, what can be undone is, and only the
/// end waits for the tasks to be closed.
#[tokio::test]
async fn the_end_of_an_attempt_waits_for_no_bookkeeping() {
    let stage = Stage::new(&Database::sqlite()).await;
    {
        let mut world = stage.world.lock().unwrap();
        world.trouble = Some((1, false, Trouble::LongOutage));
        world.hooks_away = u32::MAX;
    }
    let id = stage.queue().await;
    let engine = stage.engine("a");
    let _run = Stage::run(&engine);
    let record = stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("the tasks")).await;
    assert_eq!((record.state, record.attempt), (MigrationState::Unwinding, 3));
    stage.all_gone();

    stage.world.lock().unwrap().hooks_away = 0;
    stage.until(&engine, id, has_settled).await;
    assert_eq!(stage.record(id).await.state, MigrationState::Failed);
    engine.stop().await;
}

/// A cancel ends a wait once; it does not turn waiting into asking without a pause.
#[tokio::test]
async fn a_cancel_during_an_outage_does_not_spin() {
    let stage = Stage::new(&Database::sqlite()).await;
    {
        let mut world = stage.world.lock().unwrap();
        world.trouble = Some((1, false, Trouble::LongOutage));
        world.hooks_away = u32::MAX;
    }
    let id = stage.queue().await;
    let engine = stage.engine("a");
    let _run = Stage::run(&engine);
    stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("world")).await;
    engine.cancel(id, "ann").await.unwrap();
    stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("the tasks")).await;
    stage.all_gone();
    let begun = stage.world.lock().unwrap().hooks;
    let start = stage.clock.now();
    stage.until(&engine, id, |_| stage.clock.now().duration_since(start).as_secs() >= 60).await;
    let asked = stage.world.lock().unwrap().hooks - begun;
    assert!((5..=60).contains(&asked), "{asked} times in a minute");
    stage.world.lock().unwrap().hooks_away = 0;
    let end = stage.until(&engine, id, has_settled).await;
    assert_eq!(end.state, MigrationState::Cancelled);
    engine.stop().await;
}

/// While the former owner's sessions cannot be ended nothing may be written, so that a cancel waits; it is
/// heeded at once afterwards.
#[tokio::test]
async fn a_cancel_during_a_takeover_neither_spins_nor_is_forgotten() {
    let stage = Stage::new(&Database::sqlite()).await;
    stage.world.lock().unwrap().trouble = Some((1, false, Trouble::CrashAfter));
    let id = stage.queue().await;
    let first = stage.engine("a");
    let run = Stage::run(&first);
    stage.until(&first, id, |_| stage.world.lock().unwrap().met == 1).await;
    run.abort();
    first.crash();
    stage.world.lock().unwrap().takeover_away = true;
    let second = stage.engine("b");
    let _run = Stage::run(&second);
    stage.until(&second, id, |r| r.waiting_for.is_some()).await;
    second.cancel(id, "ann").await.unwrap();
    let (begun, start) = (stage.world.lock().unwrap().takeovers, stage.clock.now());
    stage.until(&second, id, |_| stage.clock.now().duration_since(start).as_secs() >= 60).await;
    let asked = stage.world.lock().unwrap().takeovers - begun;
    assert!((5..=60).contains(&asked), "{asked} times in a minute");
    stage.world.lock().unwrap().takeover_away = false;
    assert_eq!(stage.until(&second, id, has_settled).await.state, MigrationState::Cancelled);
    stage.all_gone();
    assert_eq!(stage.world.lock().unwrap().taken_over, ["a"]);
    second.stop().await;
}

/// A person may take as long as it takes to tell what is new at a vCenter. It is said what is waited for, though the
/// vCenter was waited for already.
#[tokio::test]
async fn a_person_is_waited_for_however_long() {
    let stage = Stage::new(&Database::sqlite()).await;
    stage.world.lock().unwrap().trouble = Some((1, false, Trouble::LongOutage));
    let id = stage.queue().await;
    let engine = stage.engine("a");
    let _run = Stage::run(&engine);
    stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("world")).await;
    stage.world.lock().unwrap().trouble = Some((1, false, Trouble::Locked));
    stage.until(&engine, id, |r| r.error.as_deref() == Some("Its lock is new.")).await;
    let start = stage.clock.now();
    let long = stage.until(&engine, id, |_| stage.clock.now().duration_since(start).as_secs() >= 1_000).await;
    assert_eq!((long.state, long.attempt), (MigrationState::Waiting, 1));
    stage.world.lock().unwrap().trouble = None;
    let end = stage.until(&engine, id, has_settled).await;
    assert_eq!((end.state, end.attempt), (MigrationState::Done, 1));
    engine.stop().await;
}

/// Two short outages with hours of work between them are two short outages.
#[tokio::test]
async fn outages_do_not_add_up() {
    for moving in [true, false] {
        let stage = Stage::new(&Database::sqlite()).await;
        let works = Act::WorksThenAway(1_000, moving);
        stage.world.lock().unwrap().script = (1, vec![Act::Away, works, Act::Away, works]);
        let id = stage.queue().await;
        let engine = stage.engine("a");
        let _run = Stage::run(&engine);
        stage.until(&engine, id, |r| r.waiting_for.is_some()).await;
        let works = stage.until(&engine, id, |r| r.waiting_for.is_none()).await;
        assert_eq!((works.state, works.waiting_since, works.steps_done), (MigrationState::Running, None, 1));
        let end = stage.until(&engine, id, has_settled).await;
        assert_eq!((end.state, end.attempt), (MigrationState::Done, 1), "bytes move: {moving}");
        engine.stop().await;
    }
}

/// Whichever commit's answer is lost: the migration ends well, and its log has every line once.
#[tokio::test]
async fn a_lost_answer_of_the_database_wedges_nothing() {
    for database in databases().await {
        for nth in 1..=24 {
            let stage = Stage::new(&database).await;
            let id = stage.queue().await;
            stage.store.lose_commit(nth);
            assert_eq!(stage.settle(id, "a", "a").await, MigrationState::Done, "commit {nth}");
            stage.all_there_once();
            let log = stage.store.log(id, 0, 1_000).await.unwrap();
            let seqs: Vec<u64> = log.iter().map(|line| line.seq).collect();
            assert_eq!(seqs, (1..=u64::try_from(log.len()).unwrap()).collect::<Vec<_>>(), "commit {nth}");
            for kind in ["turn", "started", "done"] {
                assert_eq!(log.iter().filter(|l| l.kind == kind).count(), 1, "{kind}, commit {nth}");
            }
            assert_eq!(log.iter().filter(|l| l.kind == "step-done").count(), 4, "commit {nth}");
        }
    }
}

/// A vCenter that never answers keeps its own events waiting, and nothing else; one that was removed keeps
/// none.
#[tokio::test]
async fn posting_holds_nothing_up() {
    let stage = Stage::new(&Database::sqlite()).await;
    stage.world.lock().unwrap().posts_hang = Some("hangs".into());
    stage.world.lock().unwrap().posts_refused = Some("removed".into());
    let hangs = stage.queue_with("\"hangs\"").await;
    let removed = stage.queue_with("\"removed\"").await;
    let engine = stage.engine("a");
    let _run = Stage::run(&engine);
    stage.until(&engine, hangs, has_settled).await;
    stage.until(&engine, removed, has_settled).await;
    let well = stage.queue_with("\"well\"").await;
    assert_eq!(stage.until(&engine, well, has_settled).await.state, MigrationState::Done);
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let open = stage.store.unposted(0).await.unwrap();
        if open.iter().map(|(id, _)| *id).eq([hangs]) {
            break;
        }
        assert!(Instant::now() < deadline, "{open:?}");
        stage.pass(&engine).await;
    }
    let posted = stage.world.lock().unwrap().posted.clone();
    assert_eq!(posted, ["Started", "Committed", "Done"], "in their order");
    stage.world.lock().unwrap().posts_hang = None;
    loop {
        if stage.store.unposted(0).await.unwrap().is_empty() {
            break;
        }
        assert!(Instant::now() < deadline);
        stage.pass(&engine).await;
    }
    engine.stop().await;
}

/// Each of two appliances would find an event absent and show it.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_appliances_one_posts() {
    for database in databases().await {
        let stage = Stage::new(&database).await;
        stage
            .queue_all(
                &["\"input\""; 8],
                Some(Toy::event(&String::new(), &Milestone::Accepted).unwrap()),
                None,
            )
            .await;
        let (a, b) = (stage.engine("a"), stage.engine("b"));

        let (first, second) = tokio::join!(a.post_all(), b.post_all());

        first.and(second).unwrap();
        assert_eq!(stage.world.lock().unwrap().posted, ["Accepted"; 8]);
        assert!(stage.store.unposted(0).await.unwrap().is_empty());
    }
}

/// What a person lets go on counts among those that may run at once.
#[tokio::test]
async fn no_more_run_than_may_also_if_a_person_asks() {
    for database in databases().await {
        let stage = Stage::new(&database).await;
        stage.world.lock().unwrap().trouble = Some((0, false, Trouble::Operator));
        let id = stage.queue().await;
        assert_eq!(stage.settle(id, "a", "a").await, MigrationState::NeedsOperator);
        let now = stage.clock.now();
        let later = now + jiff::SignedDuration::from_hours(1);
        let mut running = Vec::new();
        for _ in 0..MAX_RUNNING {
            let other = stage.queue().await;
            running.push(stage.store.start_queued(other, "elsewhere", later, now).await.unwrap().unwrap());
        }
        let engine = stage.engine("a");
        let refused = engine.retry(id, "ann").await.unwrap_err().to_string();
        assert!(refused.contains("8 migrations run already"), "{refused}");
        let refused = engine.cancel(id, "ann").await.unwrap_err().to_string();
        assert!(refused.contains("8 migrations run already"), "{refused}");
        let record = stage.record(id).await;
        assert_eq!((record.state, record.cancel_by), (MigrationState::NeedsOperator, None));
        running[0].state = MigrationState::NeedsOperator;
        let line = Line { kind: "note", step: None, message: "Somebody look.".into(), event: None };
        stage.store.write(&mut running[0], vec![line], now).await.unwrap();
        engine.retry(id, "ann").await.unwrap();
        assert_eq!(stage.settle(id, "a", "a").await, MigrationState::Done);
    }
}

/// A row that no appliance understands waits for a person; the others are driven.
#[tokio::test]
async fn a_damaged_row_is_set_aside() {
    let stage = Stage::new(&Database::sqlite()).await;
    let damaged = stage.queue_with("{").await;
    let well = stage.queue().await;
    assert_eq!(stage.settle(well, "a", "a").await, MigrationState::Done);
    let record = stage.record(damaged).await;
    assert_eq!(record.state, MigrationState::NeedsOperator);
    assert!(record.error.unwrap().contains("cannot be driven"));
    assert_eq!(stage.store.log(damaged, 0, 9).await.unwrap().last().unwrap().kind, "needs-operator");
}

/// What people do in the queue is in the log and among the events, with their names.
#[tokio::test]
async fn what_is_done_in_the_queue_is_logged() {
    let stage = Stage::new(&Database::sqlite()).await;
    let id = stage.queue().await;
    let engine = stage.engine("a");
    engine.pause(id, "ann").await.unwrap();
    assert!(engine.pause(id, "ann").await.is_err());
    engine.resume(id, "bob").await.unwrap();
    assert!(engine.resume(id, "bob").await.is_err());
    engine.cancel(id, "eve").await.unwrap();
    let log = stage.store.log(id, 1, 9).await.unwrap();
    let lines: Vec<_> = log.iter().map(|l| (l.kind.as_str(), l.message.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("paused", "Taken out of the queue by ann."),
            ("queued", "Put back into the queue by bob."),
            ("undone", "Cancelled by eve before it began."),
        ]
    );
    let events = stage.store.events(None, 9).await.unwrap();
    let of_lines: Vec<_> = events.iter().map(|e| e.migration_seq.unwrap()).collect();
    assert_eq!(of_lines, [2, 3, 4], "one event for each line");
    let record = stage.record(id).await;
    assert!(record.state == MigrationState::Cancelled && record.ended_at.is_some());
}

/// The database takes the connection and says nothing more: the driver is ended when its lease is over, not
/// when the database answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_driver_ends_with_its_lease_even_if_the_database_hangs() {
    let database = Database::postgres().await;
    let stage = Stage::new(&database).await;
    stage.world.lock().unwrap().script = (1, vec![Act::WorksThenAway(100_000, false)]);
    let id = stage.queue().await;
    let engine = stage.engine("a");
    let _run = Stage::run(&engine);
    stage.until(&engine, id, |r| r.step.as_deref() == Some("two")).await;
    let lock = stage.store.lock_row(id).await;
    let deadline = Instant::now() + Duration::from_secs(30);
    while engine.drives(id) {
        assert!(Instant::now() < deadline, "it is driven still");
        stage.clock.advance(TICK);
        tokio::task::yield_now().await;
    }
    drop(lock);
    engine.stop().await;
}

#[tokio::test]
async fn a_clock_that_differs_from_the_databases_is_found_out() {
    let stage = Stage::new(&Database::postgres().await).await;
    let refused = stage.engine("a").check_clock().await.unwrap_err().to_string();
    assert!(refused.contains("clock and the database's differ by"), "{refused}");
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let toy = Toy { world: stage.world.clone(), crash: stage.crash.clone(), clock: stage.clock.clone() };
    let right = Engine::new(stage.store.clone(), toy, system, Settings::default(), "a".into());
    right.check_clock().await.unwrap();
    let stage = Stage::new(&Database::sqlite()).await;
    stage.engine("a").check_clock().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_begins_outside_its_window_on_whichever_appliance_and_what_runs_goes_on() {
    for database in databases().await {
        let stage = Stage::new(&database).await;
        let now = stage.clock.now();
        let (begin, end) = (now + 20.seconds(), now + 30.seconds());
        let between = Schedule { not_before: Some(begin), not_after: Some(end), daily: None };
        // An outage holds it up beyond the end of its window.
        stage.world.lock().unwrap().trouble = Some((1, false, Trouble::LongOutage));
        let id = stage.queue_for("\"input\"", Some(between)).await;
        let over = Schedule { not_after: Some(now), ..Schedule::default() };
        let late = stage.queue_for("\"input\"", Some(over)).await;
        let (first, second) = (stage.engine("a"), stage.engine("b"));
        let runs = [Stage::run(&first), Stage::run(&second)];
        assert_eq!(first.look(id).await.unwrap().1, None, "it has no turn yet");

        let begun = stage.until(&first, id, |record| record.started_at.is_some()).await;
        assert!(begun.started_at >= Some(begin), "{begun:?}");
        stage.until(&first, id, |_| stage.clock.now() > end).await;
        stage.world.lock().unwrap().trouble = None;
        stage.until(&first, id, |record| record.state == MigrationState::Done).await;

        assert_eq!(stage.record(late).await.state, MigrationState::Queued, "its window is over");
        for run in runs {
            run.abort();
        }
        first.stop().await;
        second.stop().await;
    }
}
