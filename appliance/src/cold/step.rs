//! The steps of a cold migration, in order. Their names are part of the API.

/// A step; see the table in [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColdStep {
    /// Check everything again: a day may have passed in the queue.
    Recheck,
    /// Open the migration's task in both vCenters.
    OpenTasks,
    /// Shut down or power off the source.
    StopSource,
    /// Move the source to `HDM_MIGRATE_POOL`, or say in its notes that it is being moved.
    ParkSource,
    /// Take a snapshot and remember what the source looks like.
    SnapshotSource,
    /// Copy the disks, from lease to lease.
    Transfer,
    /// Read the copy back and set what the import dropped.
    CompleteTarget,
    /// Read the copy's disks again and compare them with what was read from the source, if that was asked for.
    ReadBack,
    /// See that the source is off and unchanged.
    VerifySource,
    /// Let the source's adapters not connect any more.
    DisconnectSource,
    /// Let the target's adapters connect.
    ConnectTarget,
    /// Power on the target.
    PowerOnTarget,
    /// Wait for VMware Tools in the target.
    AwaitTools,
    /// Remove the snapshot, move the source to `HDM_SUCCESS_POOL`, note where it went.
    RetireSource,
    /// Close the tasks.
    CloseTasks,
}

impl ColdStep {
    /// All steps in order.
    pub const ALL: &[Self] = &[
        Self::Recheck,
        Self::OpenTasks,
        Self::StopSource,
        Self::ParkSource,
        Self::SnapshotSource,
        Self::Transfer,
        Self::CompleteTarget,
        Self::ReadBack,
        Self::VerifySource,
        Self::DisconnectSource,
        Self::ConnectTarget,
        Self::PowerOnTarget,
        Self::AwaitTools,
        Self::RetireSource,
        Self::CloseTasks,
    ];

    /// Whether disks travel in it, so that there is news of it at any moment.
    pub fn moves_disks(self) -> bool {
        matches!(self, Self::Transfer | Self::ReadBack)
    }

    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Recheck => "recheck",
            Self::OpenTasks => "open-tasks",
            Self::StopSource => "stop-source",
            Self::ParkSource => "park-source",
            Self::SnapshotSource => "snapshot-source",
            Self::Transfer => "transfer",
            Self::CompleteTarget => "complete-target",
            Self::ReadBack => "read-back",
            Self::VerifySource => "verify-source",
            Self::DisconnectSource => "disconnect-source",
            Self::ConnectTarget => "connect-target",
            Self::PowerOnTarget => "power-on-target",
            Self::AwaitTools => "await-tools",
            Self::RetireSource => "retire-source",
            Self::CloseTasks => "close-tasks",
        }
    }

    /// The step for people.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Recheck => "Check again",
            Self::OpenTasks => "Open tasks",
            Self::StopSource => "Stop the source",
            Self::ParkSource => "Park the source",
            Self::SnapshotSource => "Take a snapshot",
            Self::Transfer => "Transfer the disks",
            Self::CompleteTarget => "Complete the copy",
            Self::ReadBack => "Read the copy back",
            Self::VerifySource => "Verify the source",
            Self::DisconnectSource => "Disconnect the source",
            Self::ConnectTarget => "Connect the copy",
            Self::PowerOnTarget => "Power on the copy",
            Self::AwaitTools => "Wait for the guest",
            Self::RetireSource => "Retire the source",
            Self::CloseTasks => "Close tasks",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_words_are_unique() {
        assert!(ColdStep::ALL.windows(2).all(|w| w[0] < w[1]));
        let words: std::collections::BTreeSet<_> = ColdStep::ALL.iter().map(|s| s.word()).collect();
        assert_eq!(words.len(), ColdStep::ALL.len());
        assert_eq!(super::super::moving(), ["transfer", "read-back"]);
    }
}
