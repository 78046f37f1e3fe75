//! Every step of a workflow meets every kind of trouble, on both databases: an error, a refusal, an outage, a
//! lost answer, a crash before and after, and another appliance that takes over.
//!
//! The workflow makes one thing per step in a small world. At the end each thing was made exactly once and is
//! there, or every thing is gone.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use hdm_shared::MigrationId;
use hdm_shared::event::{EventSeverity, EventView};
use hdm_shared::migration::MigrationState;
use hdm_shared::retry::Backoff;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use uuid::Uuid;

use super::*;
use crate::store::{Line, NewEvent, NewWorkflow, Store, StoreError};
use crate::testing::Database;

/// A clock that runs a hundred times as fast as the machine's.
#[derive(Debug)]
struct FastClock {
    start: Instant,
}

const SPEED: u32 = 100;

impl Clock for FastClock {
    fn now(&self) -> Timestamp {
        let elapsed = jiff::SignedDuration::try_from(self.start.elapsed() * SPEED).unwrap();
        Timestamp::UNIX_EPOCH.checked_add(elapsed).unwrap()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time / SPEED))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Error,
    ErrorAlways,
    Refusal,
    Outage,
    LongOutage,
    LostAnswer,
    CrashBefore,
    CrashAfter,
    Operator,
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
}

/// Four steps; the third is the point of no return.
struct Toy {
    world: Arc<Mutex<World>>,
    crash: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

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
            let forever = matches!(found, Some(Trouble::ErrorAlways | Trouble::LongOutage));
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
            Some(Trouble::Operator) => return Err(StepError::operator("Somebody look.")),
            Some(Trouble::Outage | Trouble::LongOutage) => {
                return Err(StepError::Passing { what: "world".into(), why: "It is away.".into() });
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

    async fn attempt_begins(&self, _cx: &mut Cx<'_, Self>) -> Result<(), StepError> {
        Ok(())
    }

    async fn attempt_ended(
        &self,
        _cx: &mut Cx<'_, Self>,
        _outcome: &AttemptOutcome,
    ) -> Result<(), StepError> {
        Ok(())
    }

    async fn interrupt(&self, _input: &String, _memo: &Memo) -> Option<Interrupt> {
        None
    }

    async fn take_over(&self, _input: &String, former_owner: &str) -> Result<(), StepError> {
        self.world.lock().unwrap().taken_over.push(former_owner.to_owned());
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

    async fn post(&self, _input: &String, _memo: &Memo, _event: &EventView) -> Result<(), StepError> {
        // The clock is asked so that a posting takes its turn like a call would.
        let _ = self.clock.now();
        Ok(())
    }
}

/// A world, a database, and the appliances that come and go.
struct Stage {
    store: Store,
    world: Arc<Mutex<World>>,
    crash: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

impl Stage {
    async fn new(database: &Database) -> Self {
        Self {
            store: database.open().await,
            world: Arc::default(),
            crash: Arc::new(Notify::new()),
            clock: Arc::new(FastClock { start: Instant::now() }),
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
        let id = MigrationId(Uuid::now_v7());
        let new = NewWorkflow {
            id,
            kind: Toy::KIND,
            input: "\"input\"".into(),
            memo: "{\"intents\":[]}".into(),
            queue_line: "cluster".into(),
            first_line: Line { kind: "accepted", step: None, message: "Accepted.".into(), event: None },
        };
        self.store.queue_workflows::<StoreError>(self.clock.now(), |_| Ok(vec![new])).await.unwrap();
        id
    }

    /// Waits until the workflow settles, replacing an appliance that crashes by `next`.
    async fn settle(&self, id: MigrationId, first: &str, next: &str) -> MigrationState {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut engine = self.engine(first);
        let mut run = tokio::spawn({
            let engine = engine.clone();
            async move { engine.run().await }
        });
        loop {
            tokio::select! {
                () = self.crash.notified() => {
                    run.abort();
                    engine.crash();
                    engine = self.engine(next);
                    run = tokio::spawn({
                        let engine = engine.clone();
                        async move { engine.run().await }
                    });
                }
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            let record = self.store.workflow(id).await.unwrap().unwrap();
            if (record.state.is_final() || record.state == MigrationState::NeedsOperator)
                && record.lease_until == 0
            {
                run.abort();
                engine.stop().await;
                return record.state;
            }
            assert!(Instant::now() < deadline, "{:?} {:#?}", record, self.store.log(id).await);
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

async fn databases() -> [Database; 2] {
    [Database::sqlite(), Database::postgres().await]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_passes_at_whichever_step_each_thing_is_made_once() {
    for database in databases().await {
        for step in STEPS {
            for trouble in [
                Trouble::Error,
                Trouble::Outage,
                Trouble::LostAnswer,
                Trouble::CrashBefore,
                Trouble::CrashAfter,
            ] {
                let stage = Stage::new(&database).await;
                stage.world.lock().unwrap().trouble = Some((step, false, trouble));
                let id = stage.queue().await;
                let state = stage.settle(id, "a", "a").await;
                assert_eq!(state, MigrationState::Done, "{trouble:?} at {step}");
                stage.all_there_once();
                assert_eq!(stage.world.lock().unwrap().met, 1);
                let attempt = stage.store.workflow(id).await.unwrap().unwrap().attempt;
                assert_eq!(attempt, if trouble == Trouble::Error { 2 } else { 1 }, "{trouble:?} at {step}");
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
}
