//! What a cold migration must not forget: intents before each call that changes something, and what was
//! found before it was changed.
//!
//! A field that is set means "this may have happened"; whether it did is asked of the inventory.

use std::collections::BTreeMap;

use hdm_vsphere::MoRef;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::input::Named;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ColdMemo {
    /// What the source was before anything was changed.
    pub original: Option<Original>,
    /// The migration's task at the source and in the cloud.
    pub source_task: Option<MoRef>,
    /// The same in the cloud: at the cluster first, at the copy once it exists.
    pub cloud_task: Option<MoRef>,
    /// The cloud's task at the cluster, once that at the copy has taken its place.
    pub cluster_task: Option<MoRef>,
    /// The tasks of an attempt, source first.
    pub attempt_tasks: Vec<MoRef>,
    /// The number of that attempt.
    pub attempt_tasks_of: u32,
    /// Those of the tasks whose cancel was answered past the point of no return: they stay cancelled for ever.
    pub answered_cancels: Vec<MoRef>,
    /// The guest was asked to shut down, by the appliance's clock, in Unix seconds.
    pub shutdown_asked: Option<i64>,
    /// It was off then: whatever runs later was powered on by somebody, and is not a guest that has yet to obey.
    pub shutdown_done: bool,
    /// The source was, or may have been, powered off by us.
    pub powered_off: bool,
    /// The source was, or may have been, powered on again by us: that it runs does not mean that a guest has
    /// yet to obey.
    pub powered_on_again: bool,
    /// The source was, or may have been, moved to this pool, and why not if it could not be.
    pub parked: Option<Parked>,
    /// The name of our snapshot; set before it is made.
    pub snapshot_name: Option<String>,
    /// Our snapshot, once seen.
    pub snapshot: Option<MoRef>,
    /// What the source looked like after our own last change to it.
    pub seal: Option<Seal>,
    /// The current transfer.
    pub transfer: Option<Transfer>,
    /// Number of transfers begun.
    pub transfers: u32,
    /// The target VM, once the import has ended well.
    pub target: Option<MoRef>,
    /// The lease under which the target is read back, while it is open.
    pub read_back: Option<MoRef>,
    /// Number of leases opened to read it back.
    pub read_backs: u32,
    /// Whether the target was, or may have been, changed after the import.
    pub completed: bool,
    /// Whether the source's adapters were, or may have been, set not to connect.
    pub disconnected: bool,
    /// Whether the target's adapters were, or may have been, set to connect.
    pub connected: bool,
    /// Whether the target's power-on was, or may have been, asked for.
    pub power_on_asked: bool,
    /// Restarts of the target's guest so far.
    pub guest_restarts: u32,
    /// Whether the target's guest has ever shown a sign of life.
    pub guest_alive: bool,
    /// When the wait for the guest began, in Unix seconds of the appliance's clock.
    pub tools_since: Option<i64>,
    /// What a vCenter asks about the target.
    pub question: Option<String>,
    /// What was found on the way that the operator should know.
    pub notes: Vec<String>,
}

/// What the source was before anything was changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Whether it ran.
    pub powered_on: bool,
    /// Its resource pool.
    pub pool: Option<Named>,
    /// Its notes.
    pub annotation: String,
    /// Whether VMware Tools ran.
    pub tools_ran: bool,
    /// Device key of each adapter, and whether it was to connect at power-on.
    pub start_connected: BTreeMap<i32, bool>,
    /// Device key of each adapter, and the name of its network.
    pub networks: BTreeMap<i32, String>,
    /// Device key of each disk, and whether it was thin and whether zeroed at once.
    pub allocation: BTreeMap<i32, (bool, bool)>,
}

/// Where the source waits while it is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Parked {
    /// In this pool.
    Pool(MoRef),
    /// Where it was; its notes say so.
    Stays,
}

/// What the source looked like after our own last change. Whatever differs later is somebody else's doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// Its `config.changeVersion`.
    pub change_version: String,
    /// The vCenter's clock just before the snapshot was made: since then nobody may have powered it on.
    pub since: Timestamp,
}

/// One transfer, from the intent to import until its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Its number, from 1; the target carries it.
    pub number: u32,
    /// The export's lease, once known.
    pub export: Option<MoRef>,
    /// When the import was, or may have been, asked for.
    pub import_asked: Option<Timestamp>,
    /// The import's lease, once known.
    pub import: Option<MoRef>,
    /// The VM that the import makes, once known.
    pub entity: Option<MoRef>,
    /// How long both leases live without a word from us, in seconds; 0 until known.
    pub lease_seconds: u64,
    /// Each disk's label, and the checksum of what it holds; only if the copy is to be read back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, String>,
}
