//! What can go wrong when a vCenter or a host is spoken to.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use crate::wire::Thumbprint;

/// A SOAP fault, or the fault of a task or a lease: its type's name, its message and its simple fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The fault's type, such as `InvalidState`; `Unknown` if the server named none.
    pub kind: String,
    /// The server's message.
    pub message: String,
    /// The fields of the fault that are plain text or references.
    pub detail: BTreeMap<String, String>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.message.is_empty() {
            f.write_str(&self.kind)
        } else {
            write!(f, "{} ({})", self.message, self.kind)
        }
    }
}

type Source = Box<dyn StdError + Send + Sync>;

/// An operation that failed. Messages name the vCenter or host and the object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum Error {
    #[error("{vcenter} cannot be reached: {source}")]
    Unreachable {
        vcenter: String,
        /// Whether the request may have arrived there.
        sent: bool,
        source: Source,
    },
    #[error("{vcenter} did not answer {operation} in time")]
    Timeout { vcenter: String, operation: String },
    #[error("{vcenter} answered {operation} with HTTP status {status}")]
    Busy { vcenter: String, operation: String, status: u16 },
    #[error(
        "{host} presents a certificate with thumbprint {presented}, but {expected} is trusted: compare it \
         with the server's own, and trust it if the certificate was replaced on purpose"
    )]
    Certificate { host: String, expected: Thumbprint, presented: String },
    #[error("{vcenter} refused the login of '{user}': check the user name and the password")]
    InvalidLogin { vcenter: String, user: String },
    #[error("{vcenter} does not know the session shown to it: it has ended, or belongs to another vCenter")]
    TokenRefused { vcenter: String },
    #[error("{vcenter} ended the session")]
    SessionLost { vcenter: String },
    #[error("another appliance has taken over; {vcenter} is not spoken to any more")]
    Fenced { vcenter: String },
    #[error("{operation} of {object} failed: {fault}")]
    Fault { operation: String, object: String, fault: Fault },
    #[error("task {task} is no longer known to vCenter")]
    TaskVanished { task: String },
    #[error("task {operation} ({task}) failed: {fault}")]
    TaskFailed { task: String, operation: String, fault: Fault },
    #[error("task {operation} ({task}) was cancelled")]
    TaskCancelled { task: String, operation: String },
    #[error("lease {lease} failed: {fault}")]
    LeaseFailed { lease: String, fault: Fault },
    #[error("{what} exceeds the limit of {limit}")]
    Limit { what: String, limit: String },
    #[error("{operation}: the answer cannot be understood: {detail}")]
    Protocol { operation: String, detail: String },
    #[error("{what} was not found")]
    NotFound { what: String },
    #[error("'{0}' is not the address of a vCenter: use https://host[:port][/sdk]")]
    BadUrl(String),
    #[error("'{0}' is not a thumbprint: use 20 or 32 hexadecimal bytes with colons between them")]
    BadThumbprint(String),
    #[error("{host}: {device}: {detail}")]
    Nfc {
        host: String,
        device: String,
        detail: String,
        status: Option<u16>,
        /// Whether the host was reached at all.
        reached: bool,
    },
    #[error("{host} wants the length of {device} beforehand")]
    LengthRequired { host: String, device: String },
    #[error("{device} arrived damaged: {detail}")]
    Damaged { device: String, detail: String },
    #[error("no TLS: {0}")]
    Tls(Source),
}

impl Error {
    /// Whether this is a network's or a vCenter's doing in passing: wait for it, and try again.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::Busy { .. } | Self::SessionLost { .. }
        )
    }

    /// Whether the call may have taken effect although it failed: its answer was lost.
    pub fn maybe_took_effect(&self) -> bool {
        match self {
            Self::Unreachable { sent, .. } => *sent,
            Self::Timeout { .. } | Self::Busy { .. } | Self::TaskVanished { .. } | Self::Protocol { .. } => {
                true
            }
            _ => false,
        }
    }

    /// The fault's type, if there was a fault.
    pub fn fault_kind(&self) -> Option<&str> {
        self.fault().map(|fault| fault.kind.as_str())
    }

    /// The fault, if there was one.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Fault { fault, .. } | Self::TaskFailed { fault, .. } | Self::LeaseFailed { fault, .. } => {
                Some(fault)
            }
            _ => None,
        }
    }

    /// Whether the object is no longer there.
    pub fn is_gone(&self) -> bool {
        self.fault_kind() == Some("ManagedObjectNotFound")
            || matches!(self, Self::NotFound { .. } | Self::TaskVanished { .. })
    }
}
