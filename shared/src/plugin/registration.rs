//! Registering the plug-in with a vCenter.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::Finding;

/// Asks for the plug-in to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RegisterPlugin {
    /// Where the plugin server answers, as the vCenter and its users reach it: `https://host[:port]`.
    pub url: String,
    /// The thumbprint (SHA-256, hexadecimal with colons) of the certificate it presents. Without one
    /// the request is refused with the thumbprint presented, so that a person can compare it.
    #[serde(default)]
    pub thumbprint: Option<String>,
    /// Whom users of the vSphere Client may write to; vCenter wants an address, `hdm@<host>` if none is given.
    #[serde(default)]
    pub admin_email: Option<String>,
}

/// How a vCenter knows HDM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistrationView {
    /// The registered version; absent if nothing is registered.
    pub version: Option<String>,
    /// Where the manifest of the plug-in is; absent if only types are registered.
    pub manifest_url: Option<String>,
    /// The thumbprint that is registered.
    pub thumbprint: Option<String>,
    /// Whether the certificate itself is registered too, as vCenter takes it from 8.0.2.0 on.
    pub certificate: bool,
    /// When the registration was last written.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub written_at: Option<Timestamp>,
    /// The addresses of the vCenter, by which it is known among those who fetch the manifest.
    pub vcenter_addresses: Vec<String>,
    /// What was checked and is well, a sentence each.
    pub passed: Vec<String>,
    /// What is not.
    pub findings: Vec<Finding>,
}
