//! Clocks that are put forward and back.

use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};

use super::super::live::guard;
use super::*;

const HOUR: i64 = 3_600;

impl Stage {
    /// Lets the time pass until something is so, and tells how long that took.
    async fn time_until(
        &self,
        engine: &Engine<Toy>,
        id: MigrationId,
        what: impl Fn(&Record) -> bool,
    ) -> Duration {
        let begun = self.clock.mark();
        self.until(engine, id, what).await;
        self.clock.mark().saturating_sub(begun)
    }
}

/// An appliance extends its leases while its clock is an hour ahead, and dies. The one that takes over waits for a lease,
/// not for an hour.
#[tokio::test]
async fn leases_are_no_longer_than_leases() {
    for database in databases().await {
        let stage = Stage::new(&database).await;
        stage.world.lock().unwrap().trouble = Some((1, false, Trouble::CrashAfter));
        let id = stage.queue().await;
        let (first, second) = (stage.engine("a"), stage.engine("b"));
        stage.clock.jump(HOUR);
        let run = Stage::run(&first);
        stage.until(&first, id, |_| stage.world.lock().unwrap().met == 1).await;
        run.abort();
        first.crash();
        stage.clock.jump(-HOUR);
        let _run = Stage::run(&second);
        let took = stage.time_until(&second, id, has_settled).await;
        assert!(took < Duration::from_secs(120), "{took:?}");
        assert_eq!(stage.record(id).await.state, MigrationState::Done);
        second.stop().await;
    }
}

/// Whatever is done to the clock meanwhile.
#[tokio::test]
async fn an_outage_lasts_as_long_as_it_lasts() {
    for hours in [1, -1] {
        let stage = Stage::new(&Database::sqlite()).await;
        stage.world.lock().unwrap().trouble = Some((1, false, Trouble::LongOutage));
        let id = stage.queue().await;
        let engine = stage.engine("a");
        let _run = Stage::run(&engine);
        stage.until(&engine, id, |r| r.waiting_for.as_deref() == Some("world")).await;
        stage.clock.jump(hours * HOUR);
        let took = stage.time_until(&engine, id, |r| r.attempt == 2).await;
        let limit = Settings::default().outage;
        assert!((limit / 2..limit * 2).contains(&took), "by {hours} h: {took:?}");
        engine.stop().await;
    }
}

/// What could not be posted while the clock was ahead is posted soon after it is right again.
#[tokio::test]
async fn events_are_posted_soon() {
    let stage = Stage::new(&Database::sqlite()).await;
    stage.world.lock().unwrap().posts_hang = Some("hangs".into());
    let id = stage.queue_with("\"hangs\"").await;
    let engine = stage.engine("a");
    stage.clock.jump(HOUR);
    let _run = Stage::run(&engine);
    let failed = |_: &Record| guard(&engine.shared.unposted).contains_key(&id);
    stage.until(&engine, id, failed).await;
    stage.clock.jump(-HOUR);
    stage.world.lock().unwrap().posts_hang = None;
    let took = stage.time_until(&engine, id, |_| stage.world.lock().unwrap().posted.len() == 3).await;
    assert!(took < Duration::from_secs(300), "{took:?}");
    engine.stop().await;
}

/// The machine's clock, by so many seconds wrong.
#[derive(Debug, Default)]
struct Wrong(AtomicI64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn mark(&self) -> Duration {
        SystemClock.mark()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(time)
    }
}

/// It could begin what has no turn yet.
#[tokio::test]
async fn an_appliance_whose_clock_is_put_wrong_claims_nothing_until_it_is_right() {
    let stage = Stage::new(&Database::postgres().await).await;
    let clock = Arc::new(Wrong::default());
    let toy = Toy { world: stage.world.clone(), crash: stage.crash.clone(), clock: stage.clock.clone() };
    let engine = Engine::new(stage.store.clone(), toy, clock.clone(), Settings::default(), "a".into());
    engine.check_clock().await.unwrap();
    let off = |seconds| {
        clock.0.store(seconds, Ordering::SeqCst);
        engine.shared.clock_is_off()
    };
    assert_eq!([0, HOUR, 0, -HOUR, 5, 0].map(off), [false, true, false, true, false, false]);
}
