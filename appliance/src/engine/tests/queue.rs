//! The queue: how many run, what people do in it, windows.

use super::*;

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
