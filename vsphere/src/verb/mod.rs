//! Typed operations on VMs, snapshots, pools, events, extensions and rights.

mod attached;
mod event;
mod extension;
mod pool;
mod power;
mod reconfigure;
mod rights;
mod snapshot;

pub use attached::Attached;
pub use event::{EventEx, EventRecord, EventSeverity};
pub use extension::{ExtensionInfo, ExtensionPlugin, ExtensionSpec, ExtensionTexts};
pub(crate) use reconfigure::{DEVICE_ORDER, connectable};
pub use reconfigure::{NicChange, VmConfigChange};
