//! Leases while they are held: opened against what blocks them, told of progress, watched.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use hdm_shared::migration::DiskProgress;
use hdm_vsphere::{Error, Lease, LeaseInfo, LeaseState, MoRef, PipeProgress, Session};

use super::meter::{self, Meter};
use super::{Cold, ColdCx, vm};
use crate::engine::{Clock, StepError};

/// How often a lease that refuses is asked why.
const LOOKS: u32 = 10;
/// How often a file is sent or read under the same leases.
const TRIES: u32 = 3;
/// How long a host may be out of reach before that costs an attempt.
const OUTAGE: Duration = Duration::from_secs(300);
/// The pause before a host out of reach is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Leases that live and end together.
pub struct Held {
    /// Each with the word for it in messages.
    pub leases: Vec<(&'static str, Lease)>,
    /// The shortest of the times they live without a word.
    pub timeout: Duration,
    /// The migration's tasks, which show the progress.
    pub tasks: Vec<(Session, MoRef)>,
    /// Whether a lease that vCenter has forgotten costs no attempt.
    pub forgiving: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// How a lease ended.
pub struct Ended {
    /// The vCenter, if it has forgotten the lease, which it does when it restarts.
    forgotten_by: Option<String>,
    /// Which lease, and why, as a sentence.
    why: String,
}

impl Ended {
    /// What that means for the step. A vCenter that was away and is back is waited for like one that is away.
    fn error(self, held: &Held, before: &str) -> StepError {
        let why = format!("{before}{}", self.why);
        match self.forgotten_by.filter(|_| held.forgiving) {
            Some(what) => StepError::Passing { what, why },
            None => StepError::retry(why),
        }
    }
}

/// Opens an export. A lease of ours whose answer was lost blocks a second one until it expires, so a refusal is waited
/// out for that long.
pub async fn open<F: Future<Output = Result<Lease, Error>>>(
    cold: &Cold,
    cx: &ColdCx<'_>,
    export: impl Fn() -> F,
) -> Result<Lease, StepError> {
    let give_up = cx.clock().mark() + cold.settings.lease_expiry;
    loop {
        match export().await {
            Ok(lease) => return Ok(lease),
            Err(error) if is_blocked(&error) && cx.clock().mark() < give_up => {
                vm::pause(cx, Duration::from_secs(1)).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Faults that say that something else holds the VM.
fn is_blocked(error: &Error) -> bool {
    matches!(error.fault_kind(), Some("TaskInProgress" | "InvalidState" | "ResourceInUse" | "FileLocked"))
}

/// Waits until a lease's files can be transferred.
pub async fn ready(cold: &Cold, cx: &ColdCx<'_>, lease: &Lease) -> Result<LeaseInfo, StepError> {
    let patience = cold.patience(cx);
    let ready = async { Ok(patience.bound(lease.wait_ready(vm::unbounded())).await) };
    match vm::or_cancel(cx, ready).await? {
        Some(info) => Ok(info?),
        None => Err(StepError::retry(format!(
            "Lease {} was not ready within {} s.",
            lease.moref(),
            cold.settings.task.as_secs()
        ))),
    }
}

/// The migration's tasks at both sides, as far as they are open.
pub fn tasks(cold: &Cold, cx: &ColdCx<'_>) -> Result<Vec<(Session, MoRef)>, StepError> {
    let tasks = [
        (cold.source(cx)?.session, cx.memo().source_task.clone()),
        (cold.cloud(cx)?.session, cx.memo().cloud_task.clone()),
    ];
    Ok(tasks.into_iter().filter_map(|(session, task)| Some((session, task?))).collect())
}

/// Does the work on all files at once, while the leases are told of progress and it is shown; a cancel and a lease that
/// ends stop it. What the works note is logged in the end.
pub async fn all<T>(
    held: &Held,
    cx: &mut ColdCx<'_>,
    (meters, set): (&[Meter], fn(&mut DiskProgress, &PipeProgress)),
    works: Vec<BoxFuture<'_, Result<T, StepError>>>,
    notes: &Mutex<Vec<String>>,
) -> Result<Vec<T>, StepError> {
    let cancel = cx.cancel().clone();
    let all = works.into_iter().collect::<FuturesUnordered<_>>().try_collect();
    let outcome = tokio::select! {
        outcome = all => outcome,
        error = keep_alive(held, || meter::percent(meters)) => Err(error),
        () = meter::show(cx.clock(), cx.progress(), meters, set) => Err(StepError::Cancelled),
        () = cancel.cancelled() => Err(StepError::Cancelled),
    };
    let notes = std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner));
    for note in notes {
        cx.log(note).await?;
    }
    outcome
}

/// Moves a file, and again while the leases live: what has arrived of the others is kept. `doing` is what happens to
/// it, such as `The transfer of`, and `again` what is said of another try, such as `is sent again`.
pub async fn insist<T, F: Future<Output = Result<T, Error>>>(
    held: &Held,
    file: &str,
    (doing, again): (&str, &str),
    notes: &Mutex<Vec<String>>,
    run: impl Fn() -> F,
) -> Result<T, StepError> {
    let mut tries = 1;
    let mut away: Option<Duration> = None;
    loop {
        let error = match run().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if matches!(error, Error::Damaged { .. } | Error::Certificate { .. }) {
            return Err(StepError::retry(format!("{doing} {file} broke: {error}.")));
        }
        // Why it broke matters: a vCenter that is away is waited for, a lease that ended is not.
        if let Some(ended) = ended(held).await? {
            return Err(ended.error(held, &format!("{doing} {file} broke: {error}. ")));
        }
        // A host that cannot be reached has not been sent anything. It is waited for while the leases live.
        if let Error::Nfc { reached: false, .. } = &error {
            let since = *away.get_or_insert_with(|| held.clock.mark());
            if held.clock.mark() < since + OUTAGE {
                tracing::info!(file, %error, "waiting for a host");
                held.clock.sleep(TRY_AGAIN).await;
                continue;
            }
            return Err(StepError::retry(format!(
                "{doing} {file} broke {} s ago and cannot go on: {error}.",
                OUTAGE.as_secs()
            )));
        }
        away = None;
        if tries >= TRIES {
            return Err(StepError::retry(format!("{doing} {file} broke: {error}.")));
        }
        let note = format!("{file} {again}, because that broke: {error}");
        tracing::info!("{note}");
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
        tries += 1;
    }
}

/// Keeps the leases alive until one cannot be kept, and shows the progress in the migration's tasks. Each lease is told
/// apart from the others: a vCenter that takes long to answer must not let a lease at the other run out.
async fn keep_alive(held: &Held, percent: impl Fn() -> u8) -> StepError {
    let percent = &percent;
    let mut all: FuturesUnordered<_> =
        held.leases.iter().map(|(_, lease)| keep_one(held, lease, percent)).collect();
    tokio::select! {
        Some(error) = all.next() => error,
        never = show(held, percent) => match never {},
    }
}

/// How often something is told within the time that leases live: one call may be lost, and the next comes well before
/// the end.
fn pause(held: &Held) -> Duration {
    (held.timeout / 4).clamp(Duration::from_millis(200), Duration::from_secs(30))
}

/// Tells a lease of progress until that fails for longer than it lives, or a lease has ended.
async fn keep_one(held: &Held, lease: &Lease, percent: &impl Fn() -> u8) -> StepError {
    let mut lives_until = held.clock.mark() + held.timeout;
    loop {
        match lease.progress(percent()).await {
            Ok(()) => lives_until = held.clock.mark() + held.timeout,
            Err(error) if error.is_passing() && held.clock.mark() < lives_until => {}
            Err(error) if error.is_passing() => return error.into(),
            Err(error) => {
                let before = "A lease ended too early. ";
                // The lease refuses before it tells why.
                for _ in 0..LOOKS {
                    match ended(held).await {
                        Ok(Some(ended)) => return ended.error(held, before),
                        Ok(None) => held.clock.sleep(Duration::from_millis(200)).await,
                        Err(error) => return error.into(),
                    }
                }
                return StepError::retry(format!("{before}{error}"));
            }
        }
        held.clock.sleep(pause(held)).await;
    }
}

/// Shows the progress in the tasks, for as long as it is polled. Only a help for those who watch: what goes wrong here
/// is of no consequence.
async fn show(held: &Held, percent: &impl Fn() -> u8) -> Infallible {
    let mut shown = None;
    loop {
        let said = percent();
        if shown != Some(said) {
            for (session, task) in &held.tasks {
                if let Err(error) = session.update_task_progress(task, said).await {
                    tracing::debug!(%error, "the progress is not shown in a task");
                }
            }
            shown = Some(said);
        }
        held.clock.sleep(pause(held)).await;
    }
}

/// The vCenter that has forgotten its lease, if one has and if that costs no attempt.
pub async fn forgotten_by(held: &Held) -> Result<Option<String>, Error> {
    let ended = ended(held).await?;
    Ok(ended.and_then(|ended| ended.forgotten_by).filter(|_| held.forgiving))
}

/// Which lease has ended, and why; `None` while all hold.
async fn ended(held: &Held) -> Result<Option<Ended>, Error> {
    for (name, lease) in &held.leases {
        let (forgotten_by, why) = match lease.state().await {
            Ok(LeaseState::Ready | LeaseState::Initializing) => continue,
            Ok(LeaseState::Done) => (None, "it was completed by somebody else".to_owned()),
            Ok(LeaseState::Error(fault)) => (None, fault.to_string()),
            Err(error) if error.is_gone() => {
                let vcenter = lease.vcenter().to_owned();
                let why = format!("{vcenter} does not know it any more");
                (Some(vcenter), why)
            }
            Err(error) => return Err(error),
        };
        return Ok(Some(Ended { forgotten_by, why: format!("The {name}'s lease has ended: {why}.") }));
    }
    Ok(None)
}
