//! Typed operations on VMs, snapshots, pools, events and extensions.

mod event;
mod extension;
mod pool;
mod power;
mod reconfigure;
mod snapshot;

pub use event::{EventEx, EventRecord, EventSeverity};
pub use extension::{ExtensionInfo, ExtensionSpec};
pub use reconfigure::{NicChange, VmConfigChange};
pub(crate) use reconfigure::{DEVICE_ORDER, connectable};
