//! How a migration is shown: its phase, its state in the chart and in words, what may be done to it.
//!
//! Everybody who shows migrations (tables, charts, CSV, the command line) takes the words from here.

use serde::{Deserialize, Serialize};

use crate::migration::MigrationState;

/// How a virtual machine is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MigrationKind {
    /// Off while its disks are copied.
    #[default]
    Cold,
}

/// A part of a migration that an administrator knows; each is made of one or more steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Accepted, not begun.
    Queue,
    /// What was admitted is checked again.
    Check,
    /// The source is shut down and set aside.
    ShutDown,
    /// Its disks are frozen.
    Snapshot,
    /// The disks travel.
    Transfer,
    /// The copy gets what the import dropped, is read back if that was asked for, and the source is compared with what
    /// was recorded.
    Verify,
    /// The network changes sides and the copy is powered on.
    ChangeOver,
    /// The source is retired.
    Finish,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 8] = [
        Self::Queue,
        Self::Check,
        Self::ShutDown,
        Self::Snapshot,
        Self::Transfer,
        Self::Verify,
        Self::ChangeOver,
        Self::Finish,
    ];

    /// The phase a step belongs to, by the step's stable word.
    pub fn of_step(step: Option<&str>) -> Self {
        match step {
            None => Self::Queue,
            Some("stop-source" | "park-source") => Self::ShutDown,
            Some("snapshot-source") => Self::Snapshot,
            Some("transfer") => Self::Transfer,
            Some("complete-target" | "read-back" | "verify-source") => Self::Verify,
            Some("disconnect-source" | "connect-target" | "power-on-target" | "await-tools") => {
                Self::ChangeOver
            }
            Some("retire-source" | "close-tasks") => Self::Finish,
            Some(_) => Self::Check,
        }
    }
}

/// The state of a migration in the chart "Migration State Distribution".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ChartState {
    /// A person must decide.
    NeedsOperator,
    /// It could not be done, and was undone.
    Failed,
    /// It is being prepared or finished.
    Migrating,
    /// Its disks travel.
    Transferring,
    /// It waits for a vCenter or its next attempt.
    Waiting,
    /// It is being undone.
    Unwinding,
    /// It waits for its turn.
    Queued,
    /// It was taken out of the queue.
    Paused,
    /// The virtual machine is in the cloud.
    Migrated,
}

impl ChartState {
    /// All, in the order of the legend: what needs a person first.
    pub const ALL: [Self; 9] = [
        Self::NeedsOperator,
        Self::Failed,
        Self::Migrating,
        Self::Transferring,
        Self::Waiting,
        Self::Unwinding,
        Self::Queued,
        Self::Paused,
        Self::Migrated,
    ];

    /// Where a migration belongs. A cancelled one is in no state of the chart: nothing is under way and
    /// nothing was moved.
    pub fn of(state: MigrationState, phase: Phase) -> Option<Self> {
        Some(match (state, phase) {
            (MigrationState::Running, Phase::Transfer) => Self::Transferring,
            (MigrationState::Running, _) => Self::Migrating,
            (MigrationState::Queued, _) => Self::Queued,
            (MigrationState::Paused, _) => Self::Paused,
            (MigrationState::Waiting, _) => Self::Waiting,
            (MigrationState::NeedsOperator, _) => Self::NeedsOperator,
            (MigrationState::Unwinding, _) => Self::Unwinding,
            (MigrationState::Done, _) => Self::Migrated,
            (MigrationState::Failed, _) => Self::Failed,
            (MigrationState::Cancelled, _) => return None,
        })
    }

    /// A stable word, for style classes and scripts.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsOperator => "needs-operator",
            Self::Failed => "failed",
            Self::Migrating => "migrating",
            Self::Transferring => "transferring",
            Self::Waiting => "waiting",
            Self::Unwinding => "unwinding",
            Self::Queued => "queued",
            Self::Paused => "paused",
            Self::Migrated => "migrated",
        }
    }
}

/// What a person may do to a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Take it out of the queue until it is resumed.
    Pause,
    /// Put it back into the queue.
    Resume,
    /// Undo it.
    Cancel,
    /// Let it go on, or start it anew.
    Retry,
    /// Take it off the list of what is in progress; its history stays.
    Dismiss,
}

impl Action {
    /// All, the most frequent first and those that undo work last.
    pub const ALL: [Self; 5] = [Self::Pause, Self::Resume, Self::Retry, Self::Dismiss, Self::Cancel];

    /// The stable word of the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
            Self::Dismiss => "dismiss",
        }
    }

    /// Whether it makes sense in a state. The engine decides in the end: a cancel can come too late.
    pub fn applies(self, state: MigrationState, committed: bool, dismissed: bool) -> bool {
        use MigrationState as S;
        match self {
            Self::Pause => state == S::Queued,
            Self::Resume => state == S::Paused,
            Self::Cancel => {
                !committed
                    && matches!(state, S::Queued | S::Paused | S::Running | S::Waiting | S::NeedsOperator)
            }
            Self::Retry => matches!(state, S::NeedsOperator | S::Failed | S::Cancelled),
            Self::Dismiss => state.is_final() && !dismissed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cancelled_migration_is_in_no_state_of_the_chart() {
        use MigrationState as S;
        for state in
            [S::Queued, S::Running, S::Waiting, S::Paused, S::NeedsOperator, S::Unwinding, S::Done, S::Failed]
        {
            for phase in Phase::ALL {
                assert!(ChartState::of(state, phase).is_some(), "{state:?} {phase:?}");
            }
        }
        assert_eq!(ChartState::of(S::Cancelled, Phase::Queue), None);
    }

    #[test]
    fn past_the_point_of_no_return_nothing_can_be_cancelled() {
        assert!(Action::Cancel.applies(MigrationState::Running, false, false));
        assert!(!Action::Cancel.applies(MigrationState::Running, true, false));
        assert!(!Action::Pause.applies(MigrationState::Running, false, false));
        assert!(Action::Pause.applies(MigrationState::Queued, false, false));
        assert!(!Action::Dismiss.applies(MigrationState::Failed, false, true));
    }
}
