//! vCenters as they are added, listed and checked.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::VcenterId;
use crate::problem::Finding;

/// What a vCenter is to HDM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VcenterRole {
    /// VMs are moved from it.
    Source,
    /// VMs are moved to it.
    Cloud,
}

/// A request to add a vCenter.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AddVcenter {
    /// The name HDM shall use for it.
    pub id: VcenterId,
    /// What it is to HDM.
    pub role: VcenterRole,
    /// Its address: `https://host[:port][/sdk]` or `host[:port]`.
    pub url: String,
    /// The account HDM shall use.
    pub user: String,
    /// Its password. Encrypted at rest, never shown again.
    pub password: String,
    /// The thumbprint (SHA-256 or SHA-1, hexadecimal with colons) of the certificate to trust.
    ///
    /// Without one the request is refused with the thumbprint presented, so that a person can compare it.
    #[serde(default)]
    pub thumbprint: Option<String>,
}

impl std::fmt::Debug for AddVcenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddVcenter")
            .field("id", &self.id)
            .field("url", &self.url)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A request to change how a vCenter is reached; what is absent stays as it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EditVcenter {
    /// Another account; needs its password.
    pub user: Option<String>,
    /// Another password. Encrypted at rest, never shown again.
    pub password: Option<String>,
    /// The thumbprint of another certificate to trust, as in [`AddVcenter`].
    pub thumbprint: Option<String>,
}

impl std::fmt::Debug for EditVcenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EditVcenter")
            .field("user", &self.user)
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// A vCenter as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VcenterView {
    /// The name HDM uses for it.
    pub id: VcenterId,
    /// What it is to HDM.
    pub role: VcenterRole,
    /// Its address.
    pub url: String,
    /// The account HDM uses.
    pub user: String,
    /// The thumbprint trusted.
    pub thumbprint: String,
    /// What the vCenter calls itself for ever; the vSphere Client's ids of objects end with it.
    pub instance_uuid: String,
    /// Product and version, as it told when it was last asked.
    pub version: Option<String>,
    /// Whether HDM reaches it: `live`, `connecting` or `stale`, in words.
    pub state: String,
    /// Since when.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub since: Option<Timestamp>,
    /// How many VMs it shows, once known.
    pub vms: Option<u64>,
}

/// The certificate a server presents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateView {
    /// SHA-256 thumbprint.
    pub sha256: String,
    /// SHA-1 thumbprint.
    pub sha1: String,
    /// Subject.
    pub subject: String,
    /// When it expires.
    #[serde(deserialize_with = "crate::instant::read")]
    pub not_after: Timestamp,
}

/// What a check of a vCenter found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VcenterCheck {
    /// What was checked and is well, a sentence each.
    pub passed: Vec<String>,
    /// What is not.
    pub findings: Vec<Finding>,
}
