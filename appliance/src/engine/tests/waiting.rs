//! Attempts, outages, and people who are waited for.

use super::*;

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
