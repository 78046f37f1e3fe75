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
#[cfg(any(test, feature = "testing"))]
pub(crate) use extension::fuzz_extension;
pub use extension::{ExtensionInfo, ExtensionPlugin, ExtensionSpec, ExtensionTexts};
pub(crate) use reconfigure::{DEVICE_ORDER, connectable};
pub use reconfigure::{NicChange, VmConfigChange};
