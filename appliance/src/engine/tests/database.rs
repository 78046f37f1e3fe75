//! What the database does meanwhile: answers that are lost, rows that are damaged, a server that hangs.

use super::*;

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
