//! References to managed objects.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A managed object of one vCenter: its type and its id, such as `VirtualMachine:vm-12`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MoRef {
    /// The managed object type, such as `VirtualMachine`.
    #[serde(deserialize_with = "kind")]
    pub kind: Cow<'static, str>,
    /// The id, unique within the vCenter.
    pub id: String,
}

/// The types that an inventory is full of: their names are not kept ten times for each VM.
const KINDS: &[&str] = &[
    "VirtualMachine",
    "HostSystem",
    "ResourcePool",
    "Network",
    "Folder",
    "Datacenter",
    "ClusterComputeResource",
    "Datastore",
    "DistributedVirtualPortgroup",
    "ComputeResource",
    "VirtualApp",
];

impl MoRef {
    /// A reference from its two parts.
    pub fn new(kind: impl AsRef<str>, id: impl Into<String>) -> Self {
        let kind = kind.as_ref();
        let known = KINDS.iter().find(|known| **known == kind);
        let kind = known.map_or_else(|| Cow::Owned(kind.to_owned()), |known| Cow::Borrowed(*known));
        Self { kind, id: id.into() }
    }
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, str>, D::Error> {
    Ok(MoRef::new(String::deserialize(deserializer)?, "").kind)
}

impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
