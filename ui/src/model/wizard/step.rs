//! The steps.

use serde::{Deserialize, Serialize};

/// A step of the wizard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    /// What happens.
    #[default]
    Instructions,
    /// Cold, or what is not there yet.
    Type,
    /// Which cloud.
    Cloud,
    /// Which virtual machines, and what they become.
    Vms,
    /// Where in the cloud.
    Target,
    /// Which networks.
    Network,
    /// What would be done, checked by the appliance.
    Summary,
    /// How it goes.
    Status,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Instructions,
        Self::Type,
        Self::Cloud,
        Self::Vms,
        Self::Target,
        Self::Network,
        Self::Summary,
        Self::Status,
    ];

    /// Its number, from 1.
    pub fn number(self) -> usize {
        Self::ALL.iter().position(|step| *step == self).unwrap_or(0) + 1
    }

    /// The step after it; the Status is reached only by migrating.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Summary | Self::Status => None,
            _ => Self::ALL.get(self.number()).copied(),
        }
    }

    /// The step before it; from the Status there is no way back.
    pub fn previous(self) -> Option<Self> {
        if self == Self::Status { None } else { Self::ALL.get(self.number().checked_sub(2)?).copied() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_way_past_the_summary_and_none_back_from_the_status() {
        assert_eq!(Step::Instructions.next(), Some(Step::Type));
        assert_eq!(Step::Network.next(), Some(Step::Summary));
        assert_eq!(Step::Summary.next(), None);
        assert_eq!(Step::Status.previous(), None);
        assert_eq!(Step::Instructions.previous(), None);
        assert_eq!(Step::Summary.previous(), Some(Step::Network));
        assert_eq!(Step::Status.number(), 8);
    }
}
