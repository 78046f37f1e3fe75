//! Everything of HDM that speaks to a vCenter or to an ESXi host.
//!
//! ```text
//!   verb · nfc · ovf     typed operations: power, snapshots, tasks, leases, OVF …
//!   inventory            a cache of the whole inventory, kept by WaitForUpdatesEx
//!   property             typed reads of single objects
//!   wire                 HTTP, pinned TLS, SOAP envelopes, XML with limits, faults
//! ```
//!
//! XML never leaves this crate. Certificates are pinned by their thumbprint; there is no insecure mode.
//! Every call has a limit on time and size, see [`Limits`].

mod client_session;
mod error;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
mod inventory;
mod lease;
mod moref;
mod nfc;
mod ovf;
mod property;
mod session;
mod task;
mod verb;
mod wire;

pub use client_session::ClientSessions;
pub use error::{Error, Fault};
pub use inventory::{
    CacheState, ClusterSummary, DatacenterSummary, DatastoreSummary, FolderSummary, HostSummary, Inventory,
    InventoryView, NetworkSummary, PoolSummary, UnusualDevices, VmSummary, WATCHED,
};
pub use lease::{Lease, LeaseDevice, LeaseInfo, LeaseState, ManifestEntry};
pub use moref::MoRef;
pub use nfc::{Export, Pipe, PipeLimits, PipeProgress, Piped, RateLimit, StreamChecker, StreamDamage};
pub use ovf::{
    Descriptor, DescriptorParams, DiskEdit, FileItem, ImportEdit, ImportSpec, ImportSpecParams, NicEdit,
    OvfFile,
};
pub use property::{
    BootDevice, ControllerDetails, DeviceDetails, DiskBacking, DiskDetails, FoundVms, Heartbeat, HostAddress,
    HostUsage, NicDetails, PowerState, Question, SnapshotDetails, ToolsState, UnreadableVm, VmDetails,
    VmKind,
};
pub use session::{About, Credentials, LoginGate, Session, SessionInfo};
pub use task::{NewTask, TaskInfo, TaskResult, TaskState};
pub use verb::{
    Attached, EventEx, EventRecord, EventSeverity, ExtensionInfo, ExtensionPlugin, ExtensionSpec,
    ExtensionTexts, NicChange, VmConfigChange,
};
pub use wire::{Endpoint, Limits, PresentedCertificate, Secret, Thumbprint, client, probe};
