//! The types of HDM's events, as vCenter shows them and HDM's own log has them.

pub use hdm_plugin_manifest::descriptor::{
    ACCEPTED, ATTEMPT_FAILED, CANCELLED, COMMITTED, DONE, FAILED, NEEDS_OPERATOR, PAUSED, RELEASED, RESUMED,
    SOURCE_STAYS, STARTED, UNWINDING, VCENTER_ADDED, VCENTER_CHANGED, VCENTER_REMOVED, WAITING,
};
