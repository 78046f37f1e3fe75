//! A migration as it is asked for and as it is shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::display::MigrationKind;
use crate::ids::{MigrationId, ObjectId, VcenterId};
use crate::problem::Finding;
use crate::schedule::Schedule;

/// How many migrations run at once over all source clusters (manual: cold migrations, at most eight).
pub const MAX_RUNNING: usize = 8;
/// How many virtual machines one request may name.
pub const MAX_VMS_PER_REQUEST: usize = 1_000;

/// What to do with the disks' allocation at the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DiskFormat {
    /// Each disk as it is at the source.
    #[default]
    Same,
    /// Thin provisioned.
    Thin,
    /// Thick provisioned, zeroed when first written.
    Thick,
    /// Thick provisioned, zeroed at once.
    Eager,
}

/// What to do with the MAC addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MacPolicy {
    /// The target's adapters get the source's addresses, as manual ones.
    #[default]
    Keep,
    /// The target vCenter generates new ones.
    New,
}

/// How a running source is shut down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownMode {
    /// Ask the guest; power off if it is still running after the deadline.
    #[default]
    Guest,
    /// Power off at once.
    Hard,
    /// Do not touch a running VM: refuse to migrate it.
    Refuse,
}

/// How it is made sure that a copy is what its source is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Verify {
    /// Both hosts' checksums of the streams, compared with what passed.
    #[default]
    Checksums,
    /// That, and before the copy is connected its disks are read again from the target's host and compared with what
    /// was read from the source: data that the target's storage lost or changed is found. Takes about as long again.
    Readback,
}

/// A request for cold migrations: the same target for each VM named.
///
/// Targets are named by name, inventory path or managed object id. What is left out HDM chooses, if there
/// is exactly one sensible choice; else the request is refused with the candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ColdRequest {
    /// The vCenter the VMs are in; may be left out when only one source is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<VcenterId>,
    /// The VMs, each by name, inventory path or id. At most [`MAX_VMS_PER_REQUEST`].
    pub vms: Vec<String>,
    /// The vCenter to move to.
    pub cloud: VcenterId,
    /// Where in it.
    #[serde(default)]
    pub target: TargetChoice,
    /// How each VM is moved and what it becomes.
    #[serde(default)]
    pub options: ColdOptions,
    /// When they may begin; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

/// Where in the target vCenter a VM goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TargetChoice {
    /// Cluster, or standalone host as a compute resource.
    pub cluster: Option<String>,
    /// Host; chosen by HDM if absent.
    pub host: Option<String>,
    /// Resource pool; the cluster's root pool if absent.
    pub pool: Option<String>,
    /// Datastore. A datastore cluster is refused with the names of its members.
    pub datastore: Option<String>,
    /// VM folder; the datacenter's root VM folder if absent, or the only one that is released.
    pub folder: Option<String>,
    /// Source network to target network, by name or id.
    pub networks: BTreeMap<String, String>,
    /// Network adapter, by its label such as `Network adapter 1`, to target network: goes before `networks`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub adapters: BTreeMap<String, String>,
}

/// How a VM is moved and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ColdOptions {
    /// Disk allocation at the target.
    pub disk_format: DiskFormat,
    /// Number of virtual CPUs at the target; the source's if absent. 1 to 768.
    pub cpus: Option<u32>,
    /// Memory at the target in MiB; the source's if absent. A multiple of 4.
    pub memory_mib: Option<u64>,
    /// MAC addresses at the target.
    pub mac: MacPolicy,
    /// The VM's name at the target; only with a single VM. The source's if absent.
    pub rename: Option<String>,
    /// Whether the target is powered on. It is then the only running copy.
    pub power_on: bool,
    /// How a running source is shut down.
    pub shutdown: ShutdownMode,
    /// How long a guest may take to shut down before it is powered off, in seconds. 10 to 3,600.
    pub shutdown_timeout_seconds: u32,
    /// How often a target whose guest never came up is restarted. 0 to 3.
    pub restart_guest: u32,
    /// How it is made sure that the copy is what the source is.
    pub verify: Verify,
}

impl Default for ColdOptions {
    fn default() -> Self {
        Self {
            disk_format: DiskFormat::Same,
            cpus: None,
            memory_mib: None,
            mac: MacPolicy::Keep,
            rename: None,
            power_on: false,
            shutdown: ShutdownMode::Guest,
            shutdown_timeout_seconds: 300,
            restart_guest: 0,
            verify: Verify::Checksums,
        }
    }
}

/// The state of a migration.
///
/// ```text
/// Queued ⇄ Paused        Running ⇄ Waiting
///   │  └──► Cancelled       │  │
///   └──────► Running ───────┘  ├──► Done
///                              ├──► NeedsOperator ──► Running | Done | Cancelled
///                              └──► Unwinding ──► Cancelled | Failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MigrationState {
    /// Accepted; its turn has not come.
    Queued,
    /// A step is being done.
    Running,
    /// Waiting for a vCenter to come back, or for the next attempt.
    Waiting,
    /// Taken out of the queue until resumed.
    Paused,
    /// Past the point of no return and unable to go on; a person must decide. Nothing is deleted.
    NeedsOperator,
    /// Undoing what was done.
    Unwinding,
    /// Finished: the VM is at the target.
    Done,
    /// Cancelled: the VM is at the source, nothing is left at the target. Past the point of no return that is a
    /// source that was released; its copy is kept, off and disconnected.
    Cancelled,
    /// Failed: the VM is at the source, nothing is left at the target.
    Failed,
}

impl MigrationState {
    /// Whether the migration has ended for good.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Paused => "Paused",
            Self::NeedsOperator => "Needs operator",
            Self::Unwinding => "Unwinding",
            Self::Done => "Done",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
        }
    }
}

/// The transfer of one disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DiskProgress {
    /// The disk's label in the source, such as `Hard disk 1`.
    pub label: String,
    /// The disk's size.
    pub capacity_bytes: u64,
    /// The address behind the newest grain sent; the true progress, out of `capacity_bytes`.
    pub position_bytes: u64,
    /// What went over the wire, compressed.
    pub wire_bytes: u64,
    /// The wire's rate over the last seconds, in bytes per second.
    pub rate_bytes_per_second: u64,
    /// How far the copy has been read back, out of `capacity_bytes`; absent if that was not asked for. All of it means
    /// that it holds what the source's disk holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_back_bytes: Option<u64>,
    /// Whether the disk has arrived and both sides' checksums agreed.
    pub verified: bool,
    /// The checksum both sides agreed on, such as `sha256:…`; it covers the stream, not the disk.
    pub checksum: Option<String>,
}

/// How long something will still take. A range, because nobody knows; each end is a time that it could take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// If all goes well.
    pub low_seconds: u64,
    /// If it goes as badly as it has gone so far.
    pub high_seconds: u64,
}

/// A migration as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationView {
    /// Its id.
    pub id: MigrationId,
    /// The source VM.
    pub vm: ObjectId,
    /// How it is moved.
    pub kind: MigrationKind,
    /// The source VM's name when the request was accepted.
    pub vm_name: String,
    /// The cluster the source VM was in, by name.
    pub source_cluster: String,
    /// The same cluster's managed object id; empty if it was in none.
    pub source_cluster_id: String,
    /// The vCenter it goes to.
    pub cloud: VcenterId,
    /// The target VM's name.
    pub target_name: String,
    /// The target VM, once it exists.
    pub target_vm: Option<ObjectId>,
    /// Its task in the source's vCenter, such as `task-12`, once it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Where it stands.
    pub state: MigrationState,
    /// The step being done, waited for or failed in, as a stable word such as `transfer`.
    pub step: Option<String>,
    /// The step in words.
    pub step_label: Option<String>,
    /// Number of steps done, and of all steps.
    pub steps_done: u32,
    /// Number of all steps.
    pub steps_total: u32,
    /// Whether the point of no return has been passed.
    pub committed: bool,
    /// Place in the queue, from 1, while queued and not waiting for its window.
    pub queue_position: Option<u32>,
    /// When it may begin, if that is ruled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// When its window opens, while it waits for that.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::instant::read_if_any"
    )]
    pub starts_at: Option<Timestamp>,
    /// Whether its window ended before its turn came; then it waits until it is cancelled.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub window_over: bool,
    /// The current or last attempt, from 1, and how many there are.
    pub attempt: u32,
    /// How many attempts there are in all.
    pub attempts_max: u32,
    /// What it waits for, in words.
    pub waiting_for: Option<String>,
    /// Since when it waits.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub waiting_since: Option<Timestamp>,
    /// How much it may send, in Mbit/s, if that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_mbit_per_second: Option<f64>,
    /// The transfer, disk by disk.
    pub disks: Vec<DiskProgress>,
    /// How long it will still take, once that can be said.
    pub estimate: Option<Estimate>,
    /// Whether somebody took it off the list of what is in progress.
    pub dismissed: bool,
    /// Whether a cancel has been asked for.
    pub cancel_requested: bool,
    /// What went wrong last, in words, with the way out.
    pub error: Option<String>,
    /// What the move cannot carry or had to change.
    pub warnings: Vec<Finding>,
    /// A question that vCenter asks about the target, with its choices.
    pub question: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was accepted.
    #[serde(deserialize_with = "crate::instant::read")]
    pub created_at: Timestamp,
    /// When its first step began.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub ended_at: Option<Timestamp>,
}

/// One line of a migration's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    /// Number of the line within the migration, from 1.
    pub seq: u64,
    /// When.
    #[serde(deserialize_with = "crate::instant::read")]
    pub at: Timestamp,
    /// What kind of line, such as `step-started`.
    pub kind: String,
    /// The step it is about.
    pub step: Option<String>,
    /// What happened, in words.
    pub message: String,
}

/// What a dry run, or a request that was refused, says of one VM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmPlan {
    /// The VM as it was named in the request.
    pub asked: String,
    /// The VM found.
    pub vm: Option<ObjectId>,
    /// Its inventory path.
    pub path: Option<String>,
    /// Its name at the target.
    pub target_name: Option<String>,
    /// Where it would go, in words: cluster, host, pool, datastore, folder, each network.
    pub target: BTreeMap<String, String>,
    /// What it would take: the sum of its disks' capacities.
    pub capacity_bytes: u64,
    /// The managed object id of the cluster it is in, where it waits for its turn; absent if it is in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_cluster_id: Option<String>,
    /// What stands in the way, and what the move cannot carry.
    pub findings: Vec<Finding>,
}

impl VmPlan {
    /// Whether nothing stands in the way.
    pub fn admitted(&self) -> bool {
        !self.findings.iter().any(Finding::blocks)
    }
}

/// What a request would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Plan {
    /// One entry for each VM named.
    pub vms: Vec<VmPlan>,
}
