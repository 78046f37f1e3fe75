//! Events that the vCenters are to show.

use super::*;

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
