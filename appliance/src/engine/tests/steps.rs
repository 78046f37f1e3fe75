//! What is done step by step, and undone.

use super::*;

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
