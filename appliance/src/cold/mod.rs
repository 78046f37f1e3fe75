//! The cold migration: a VM that is off is copied whole, and the copy takes its place.
//!
//! | step | does | undo |
//! |---|---|---|
//! | `recheck` | checks everything again | |
//! | `open-tasks` | opens the migration's tasks in both vCenters | closes them as failed |
//! | `stop-source` | shuts the source down | powers it on, if it ran |
//! | `park-source` | moves it to `HDM_MIGRATE_POOL` | moves it back |
//! | `snapshot-source` | takes `hdm_<n>` and seals the source's state | removes it |
//! | `transfer` | copies the disks from lease to lease | deletes the copy, by its mark |
//! | `complete-target` | sets what the import dropped | (goes with the copy) |
//! | `read-back` | reads the copy's disks again, if that was asked for | ends the lease |
//! | `verify-source` | the source is off and unchanged | |
//! | `disconnect-source` | its adapters connect no more | restores them |
//! | `connect-target` | the copy's adapters connect | disconnects them |
//! | **`power-on-target`** | **the point of no return**; powers the copy on if asked | – |
//! | `await-tools` | waits for the guest, if Tools ran before | – |
//! | `retire-source` | removes the snapshot, parks the source in `HDM_SUCCESS_POOL` with a note | – |
//! | `close-tasks` | closes the tasks | – |
//!
//! At every moment at most one copy could be started connected: see [`connect`]. What is created carries our
//! mark from birth: see [`marker`].

mod accept;
mod adapters;
mod admit;
mod await_tools;
mod complete_target;
mod connect;
mod difference;
mod facts;
mod held;
mod input;
mod list;
mod marker;
mod memo;
mod meter;
mod moved;
mod offers;
mod park_source;
mod place;
mod pools;
mod power_on_target;
mod read_back;
mod recheck;
mod release_source;
mod released;
mod report;
mod resolve;
mod retire_source;
mod seal;
mod snapshot_source;
mod step;
mod stop_source;
mod target_spec;
mod tasks;
mod tell;
#[cfg(any(test, feature = "testing"))]
mod testing;
mod transfer;
mod view;
mod vm;

use std::sync::Arc;
use std::time::Duration;

use hdm_shared::event::EventView;
use hdm_vsphere::{Limits, PipeLimits};

use crate::engine::{AttemptOutcome, Cx, Interrupt, Milestone, StepError, Workflow};
use crate::nfc_streams::NfcStreams;
use crate::sites::{Site, Sites};
use crate::store::{NewEvent, Store};
use crate::throttle::Throttle;

pub use accept::{AcceptError, accept, batch, plan};
pub use list::{VmFilter, clouds, vms};
pub use moved::{CopyOf, Moved, find_moved};
pub use offers::{dashboard, offers, whole_offer};
pub use release_source::release;
pub use released::is_released;
pub use report::report;
pub use step::ColdStep;
pub use view::{moving, request_of, view};

#[cfg(any(test, feature = "testing"))]
pub(crate) use accept::fuzz_plan;
#[cfg(test)]
pub(crate) use input::tests::FIRST as FIRST_INPUT;
#[cfg(any(test, feature = "testing"))]
pub(crate) use testing::input as test_input;
#[cfg(any(test, feature = "testing"))]
pub(crate) use transfer::fuzz::fuzz_leases;

use input::ColdInput;
use memo::ColdMemo;
pub use transfer::Sha256Hosts;

/// The context of a cold migration's step.
pub type ColdCx<'a> = Cx<'a, Cold>;

/// The cold migration's numbers.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long a task of vCenter may take.
    pub task: Duration,
    /// How long VMware Tools are waited for after a power-on, restarts included (manual: boot failures).
    pub tools: Duration,
    /// How long a lease is taken to live that did not tell (API reference: 300 s by default).
    pub lease_expiry: Duration,
    /// How long an import whose answer was lost may take to show itself: the time a call may take, and some.
    pub import_unknown: Duration,
    /// Limits of the transfers.
    pub pipe: PipeLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            task: Duration::from_secs(900),
            tools: Duration::from_secs(1_800),
            lease_expiry: Duration::from_secs(330),
            import_unknown: Limits::default().call + Duration::from_secs(30),
            pipe: PipeLimits::default(),
        }
    }
}

/// Cold migrations between the known vCenters.
pub struct Cold {
    /// The vCenters.
    pub sites: Arc<Sites>,
    /// What others have been promised.
    pub store: Store,
    /// How much may be sent.
    pub throttle: Throttle,
    /// How many files a host serves at once.
    pub streams: Arc<NfcStreams>,
    /// Which hosts give SHA-256 checksums.
    pub sha256: Sha256Hosts,
    /// Numbers.
    pub settings: Settings,
}

impl Cold {
    /// The vCenter the VM is in.
    pub fn source(&self, cx: &ColdCx<'_>) -> Result<Site, StepError> {
        self.site(&cx.input().source.vcenter)
    }

    /// The vCenter it goes to.
    pub fn cloud(&self, cx: &ColdCx<'_>) -> Result<Site, StepError> {
        self.site(&cx.input().cloud)
    }

    /// How long a task of vCenter is waited for.
    fn patience(&self, cx: &ColdCx<'_>) -> vm::Patience {
        vm::Patience::new(cx.clock(), self.settings.task)
    }

    fn site(&self, id: &hdm_shared::VcenterId) -> Result<Site, StepError> {
        self.sites.get(id).ok_or_else(|| {
            StepError::operator(format!(
                "The vCenter '{id}' was removed or cannot be used. Add it again under this name, then retry."
            ))
        })
    }
}

impl Workflow for Cold {
    const KIND: &'static str = "cold";
    type Input = ColdInput;
    type Memo = ColdMemo;
    type Step = ColdStep;

    fn steps() -> &'static [ColdStep] {
        ColdStep::ALL
    }

    fn word(step: ColdStep) -> &'static str {
        step.word()
    }

    fn point_of_no_return() -> ColdStep {
        ColdStep::PowerOnTarget
    }

    fn heeds_cancel(step: ColdStep) -> bool {
        matches!(step, ColdStep::PowerOnTarget | ColdStep::AwaitTools)
    }

    async fn run(&self, step: ColdStep, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
        match step {
            ColdStep::Recheck => recheck::run(self, cx).await,
            ColdStep::OpenTasks => tasks::open(self, cx).await,
            ColdStep::StopSource => stop_source::run(self, cx).await,
            ColdStep::ParkSource => park_source::run(self, cx).await,
            ColdStep::SnapshotSource => snapshot_source::run(self, cx).await,
            ColdStep::Transfer => transfer::run(self, cx).await,
            ColdStep::CompleteTarget => complete_target::run(self, cx).await,
            ColdStep::ReadBack => read_back::run(self, cx).await,
            ColdStep::VerifySource => connect::verify_source(self, cx).await,
            ColdStep::DisconnectSource => connect::disconnect_source(self, cx).await,
            ColdStep::ConnectTarget => connect::connect_target(self, cx).await,
            ColdStep::PowerOnTarget => power_on_target::run(self, cx).await,
            ColdStep::AwaitTools => await_tools::run(self, cx).await,
            ColdStep::RetireSource => retire_source::run(self, cx).await,
            ColdStep::CloseTasks => tasks::close(self, cx).await,
        }
    }

    async fn undo(&self, step: ColdStep, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
        match step {
            ColdStep::OpenTasks => tasks::undo_open(self, cx).await,
            ColdStep::StopSource => stop_source::undo(self, cx).await,
            ColdStep::ParkSource => park_source::undo(self, cx).await,
            ColdStep::SnapshotSource => snapshot_source::undo(self, cx).await,
            ColdStep::Transfer => transfer::undo(self, cx).await,
            ColdStep::DisconnectSource => connect::undo_disconnect_source(self, cx).await,
            ColdStep::ConnectTarget => connect::undo_connect_target(self, cx).await,
            ColdStep::CompleteTarget => tasks::undo_follow(self, cx).await,
            ColdStep::ReadBack => read_back::undo(self, cx).await,
            ColdStep::Recheck | ColdStep::VerifySource => Ok(()),
            // Past the point of no return nothing is undone.
            ColdStep::PowerOnTarget
            | ColdStep::AwaitTools
            | ColdStep::RetireSource
            | ColdStep::CloseTasks => {
                Err(StepError::operator("The point of no return has been passed; nothing is undone."))
            }
        }
    }

    async fn attempt_begins(&self, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
        tasks::open_attempt(self, cx, cx.attempt()).await
    }

    async fn attempt_ended(&self, cx: &mut ColdCx<'_>, outcome: &AttemptOutcome) -> Result<(), StepError> {
        tasks::close_attempt(self, cx, outcome).await
    }

    async fn interrupt(&self, input: &ColdInput, memo: &ColdMemo) -> Option<Interrupt> {
        tasks::interrupt(self, input, memo).await
    }

    async fn cancel_answered(&self, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
        tasks::cancel_answered(self, cx).await
    }

    async fn take_over(&self, input: &ColdInput, former_owner: &str) -> Result<(), StepError> {
        for id in [&input.source.vcenter, &input.cloud] {
            self.sites.end_sessions_of(&self.site(id)?, former_owner).await?;
        }
        Ok(())
    }

    fn event(input: &ColdInput, milestone: &Milestone) -> Option<NewEvent> {
        Some(tell::event(input, milestone))
    }

    async fn post(&self, input: &ColdInput, memo: &ColdMemo, event: &EventView) -> Result<(), StepError> {
        tell::post(self, input, memo, event).await
    }
}
