//! The types of HDM's events, as vCenter shows them and HDM's own log has them.

/// A migration was accepted.
pub const ACCEPTED: &str = "com.hdm.migration.Accepted";
/// Its first step begins.
pub const STARTED: &str = "com.hdm.migration.Started";
/// An attempt failed.
pub const ATTEMPT_FAILED: &str = "com.hdm.migration.AttemptFailed";
/// It waits for a vCenter.
pub const WAITING: &str = "com.hdm.migration.Waiting";
/// Its source stays in its resource pool, because its cluster has no DRS.
pub const SOURCE_STAYS: &str = "com.hdm.migration.SourceStays";
/// It has passed the point of no return.
pub const COMMITTED: &str = "com.hdm.migration.Committed";
/// A person took it out of the queue.
pub const PAUSED: &str = "com.hdm.migration.Paused";
/// A person must decide.
pub const NEEDS_OPERATOR: &str = "com.hdm.migration.NeedsOperator";
/// A person let it go on.
pub const RESUMED: &str = "com.hdm.migration.Resumed";
/// It is being undone.
pub const UNWINDING: &str = "com.hdm.migration.Unwinding";
/// It is done.
pub const DONE: &str = "com.hdm.migration.Done";
/// It was cancelled and undone.
pub const CANCELLED: &str = "com.hdm.migration.Cancelled";
/// It failed and was undone.
pub const FAILED: &str = "com.hdm.migration.Failed";
/// The source of a migration was released.
pub const RELEASED: &str = "com.hdm.migration.SourceReleased";
/// A vCenter was added.
pub const VCENTER_ADDED: &str = "com.hdm.vcenter.Added";
/// How a vCenter is reached, or what of it is released, was changed.
pub const VCENTER_CHANGED: &str = "com.hdm.vcenter.Changed";
/// A vCenter was removed.
pub const VCENTER_REMOVED: &str = "com.hdm.vcenter.Removed";

/// Every type with its text, for the extension's registration.
pub fn texts() -> Vec<(&'static str, &'static str)> {
    vec![
        (ACCEPTED, "HDM: migration accepted"),
        (STARTED, "HDM: migration started"),
        (ATTEMPT_FAILED, "HDM: attempt of a migration failed"),
        (WAITING, "HDM: migration waits"),
        (SOURCE_STAYS, "HDM: source of a migration stays in its resource pool"),
        (COMMITTED, "HDM: migration passed the point of no return"),
        (PAUSED, "HDM: migration paused"),
        (NEEDS_OPERATOR, "HDM: migration needs an operator"),
        (RESUMED, "HDM: migration goes on"),
        (UNWINDING, "HDM: migration is being undone"),
        (DONE, "HDM: migration done"),
        (CANCELLED, "HDM: migration cancelled"),
        (FAILED, "HDM: migration failed"),
        (RELEASED, "HDM: source of a migration released"),
        (VCENTER_ADDED, "HDM: vCenter added"),
        (VCENTER_CHANGED, "HDM: vCenter changed"),
        (VCENTER_REMOVED, "HDM: vCenter removed"),
    ]
}
