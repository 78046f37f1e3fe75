//! References to managed objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A managed object of one vCenter: its type and its id, such as `VirtualMachine:vm-12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MoRef {
    /// The managed object type, such as `VirtualMachine`.
    pub kind: String,
    /// The id, unique within the vCenter.
    pub id: String,
}

impl MoRef {
    /// A reference from its two parts.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
