//! The task that follows the appliance's changes.
//!
//! It also finds out whether the appliance answers, and reads its list of vCenters. Everybody else takes both
//! from here, so that an appliance that is away is asked by one task and not by every page.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use hdm_shared::changes::ChangePage;
use tokio::sync::{Notify, watch};

use super::memory::Memory;
use crate::clock::Clock;
use crate::problem::{AWAY, Failure};
use crate::session::Table;
use crate::upstream::{Call, Upstream, read};
use crate::vcenters::{Listed, Vcenters};

/// How often the appliance is asked while pages are open.
const BUSY: Duration = Duration::from_secs(1);
/// How often otherwise.
const QUIET: Duration = Duration::from_secs(3);
/// How long after an answer that did not come it is asked again: within five seconds that an appliance is away, or
/// back, is noticed.
const AWAY_PAUSE: Duration = Duration::from_secs(1);
/// How long pages count as open after they last asked.
const OPEN: Duration = Duration::from_secs(60);
/// How often the list of vCenters is read.
const VCENTERS: Duration = Duration::from_secs(15);
/// How often it is read at most when somebody names a vCenter that is not in it.
const VCENTERS_ASKED: Duration = Duration::from_secs(2);
/// How long an answer may take before the appliance counts as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is followed.
pub struct Feed {
    upstream: Arc<Upstream>,
    vcenters: Arc<Vcenters>,
    table: Arc<Table>,
    clock: Arc<dyn Clock>,
    memory: RwLock<Memory>,
    round: watch::Sender<u64>,
    wanted_ms: AtomicU64,
    listed_ms: AtomicU64,
    /// When somebody who named a vCenter had the list read.
    asked_ms: AtomicU64,
    wake: Notify,
}

impl Feed {
    /// Prepares it; [`Feed::run`] follows.
    pub fn new(
        upstream: Arc<Upstream>,
        vcenters: Arc<Vcenters>,
        table: Arc<Table>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            upstream,
            vcenters,
            table,
            clock,
            memory: RwLock::default(),
            round: watch::Sender::new(0),
            wanted_ms: AtomicU64::new(0),
            listed_ms: AtomicU64::new(0),
            asked_ms: AtomicU64::new(0),
            wake: Notify::new(),
        }
    }

    /// What is known now. Hold it briefly.
    pub fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of each round.
    pub fn rounds(&self) -> watch::Receiver<u64> {
        self.round.subscribe()
    }

    /// Somebody looks: follow closely for a while.
    pub fn look(&self) {
        let now = millis(self.clock.uptime());
        let before = self.wanted_ms.swap(now, Ordering::AcqRel);
        if now.saturating_sub(before) > millis(OPEN) {
            self.wake.notify_one();
        }
    }

    /// Asks now, because something has been done that pages should see at once.
    pub fn hurry(&self) {
        self.wake.notify_one();
    }

    /// Waits, a short while at most, until a change is known.
    pub async fn reaches(&self, at: i64, patience: Duration) {
        let mut rounds = self.rounds();
        let known = async {
            while self.memory().cursor() < at {
                if rounds.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whether it came or not is seen in the memory.
        let _ = tokio::time::timeout(patience, known).await;
    }

    /// Follows until the task is dropped.
    pub async fn run(&self) {
        loop {
            let more = self.round().await;
            if more {
                continue;
            }
            let looked = Duration::from_millis(self.wanted_ms.load(Ordering::Acquire));
            let open = self.clock.uptime().saturating_sub(looked) < OPEN;
            let away = self.upstream.state().away_since.is_some();
            let pause = match (away, open) {
                (true, _) => AWAY_PAUSE,
                (false, true) => BUSY,
                (false, false) => QUIET,
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.wake.notified() => {}
            }
        }
    }

    /// Reads the list of vCenters again, if that has not just been done or tried.
    pub async fn refresh_vcenters(&self) -> Result<(), Failure> {
        let now = millis(self.clock.uptime()).max(1);
        let asked = self.asked_ms.load(Ordering::Acquire);
        let last = asked.max(self.listed_ms.load(Ordering::Acquire));
        let lately = last != 0 && now.saturating_sub(last) < millis(VCENTERS_ASKED);
        let ours = !lately
            && self.asked_ms.compare_exchange(asked, now, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if ours {
            return self.list_vcenters().await;
        }
        let state = self.upstream.state();
        if state.away_since.is_some() { Err(Failure::appliance_away(&state)) } else { Ok(()) }
    }

    /// One round: what has changed, and the vCenters if it is time and the appliance answers. Tells whether more
    /// is waiting.
    pub async fn round(&self) -> bool {
        let since = self.memory().cursor();
        let call = Call::get(&["changes"]).with("since", since);
        let answered = match tokio::time::timeout(PATIENCE, self.upstream.try_send(call)).await {
            Ok(answered) => answered.and_then(|(_, body)| read::<ChangePage>(&body)),
            Err(_) => Err(Failure::internal("The appliance did not answer in time.")),
        };
        let more = match answered {
            Ok(page) => {
                self.upstream.came();
                let more = page.more;
                self.memory.write().unwrap_or_else(PoisonError::into_inner).merge(page, self.clock.now());
                let last = Duration::from_millis(self.listed_ms.load(Ordering::Acquire));
                if last.is_zero() || self.clock.uptime().saturating_sub(last) >= VCENTERS {
                    // What went wrong is known to `upstream`, and is tried again with the next round.
                    let _ = tokio::time::timeout(PATIENCE, self.list_vcenters()).await;
                }
                more
            }
            Err(failure) => {
                let reason = failure.problem.detail.strip_prefix(AWAY).unwrap_or(&failure.problem.detail);
                self.upstream.left(reason.to_owned());
                self.memory.write().unwrap_or_else(PoisonError::into_inner).forget(self.clock.now());
                false
            }
        };
        self.round.send_modify(|round| *round += 1);
        more
    }

    async fn list_vcenters(&self) -> Result<(), Failure> {
        let (_, body) = self.upstream.try_send(Call::get(&["vcenters"])).await?;
        let listed: Vec<Listed> = read(&body)?;
        self.listed_ms.store(millis(self.clock.uptime()).max(1), Ordering::Release);
        self.vcenters.set(listed);
        self.table.sweep(|vcenter| self.vcenters.get(&vcenter.guid).is_some_and(|known| *known == *vcenter));
        Ok(())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
