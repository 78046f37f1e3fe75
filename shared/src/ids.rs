//! Identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identifies one migration, for ever. Time-ordered (UUID version 7), so that ids sort by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct MigrationId(pub Uuid);

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MigrationId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self)
    }
}

/// The name an administrator gave a vCenter when it was added, such as `onprem`.
///
/// 1 to 40 characters of `a-z`, `0-9` and `-`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
pub struct VcenterId(String);

/// A vCenter's name that breaks the rule of [`VcenterId`].
#[derive(Debug, thiserror::Error)]
#[error("'{0}' cannot name a vCenter: use 1 to 40 of a-z, 0-9 and '-', beginning with a letter")]
pub struct BadVcenterId(String);

impl VcenterId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VcenterId {
    type Error = BadVcenterId;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        let ok = (1..=40).contains(&s.len())
            && s.starts_with(|c: char| c.is_ascii_lowercase())
            && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if ok { Ok(Self(s)) } else { Err(BadVcenterId(s)) }
    }
}

impl FromStr for VcenterId {
    type Err = BadVcenterId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.to_owned().try_into()
    }
}

impl From<VcenterId> for String {
    fn from(id: VcenterId) -> Self {
        id.0
    }
}

impl fmt::Display for VcenterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One object of one vCenter: `vcenter` plus the managed object's id, such as `onprem:vm-12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectId {
    /// The vCenter that knows the object.
    pub vcenter: VcenterId,
    /// The managed object's id there, such as `vm-12` or `domain-c8`.
    pub moid: String,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.vcenter, self.moid)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_vcenter_name_follows_its_rule() {
        assert_eq!("cloud-2".parse::<VcenterId>().unwrap().as_str(), "cloud-2");
        for bad in ["", "2cloud", "Cloud", "a b", "ä", &"a".repeat(41)] {
            assert!(bad.parse::<VcenterId>().is_err(), "{bad:?} must be refused");
        }
    }

    #[test]
    fn json_refuses_what_parsing_refuses() {
        assert!(serde_json::from_str::<VcenterId>("\"UPPER\"").is_err());
    }
}
