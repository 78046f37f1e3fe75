//! How a step can end otherwise than well.

use crate::store::StoreError;

/// Why a step is not done. Messages are sentences for the operator: what happened to which object, and what
/// to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// A network or a vCenter in passing: it is waited for and costs no attempt.
    #[error("{why}")]
    Passing {
        /// What is waited for, such as a vCenter's name.
        what: String,
        /// What happened.
        why: String,
    },
    /// It may go well the next time: costs an attempt.
    #[error("{message}")]
    Retry {
        /// What happened.
        message: String,
    },
    /// It cannot go well: everything is undone at once.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
    },
    /// A person must decide.
    #[error("{message}")]
    Operator {
        /// What about.
        message: String,
    },
    /// A cancel ended it.
    #[error("It was cancelled.")]
    Cancelled,
    /// Another appliance drives the workflow: nothing more may be done.
    #[error("Another appliance has taken over.")]
    LostLease,
}

impl StepError {
    /// See [`StepError::Retry`].
    pub fn retry(message: impl Into<String>) -> Self {
        Self::Retry { message: message.into() }
    }

    /// See [`StepError::Refused`].
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into() }
    }

    /// See [`StepError::Operator`].
    pub fn operator(message: impl Into<String>) -> Self {
        Self::Operator { message: message.into() }
    }
}

impl From<hdm_vsphere::Error> for StepError {
    fn from(error: hdm_vsphere::Error) -> Self {
        use hdm_vsphere::Error as E;
        let what = match &error {
            E::Fenced { .. } => return Self::LostLease,
            E::Unreachable { vcenter, .. }
            | E::Timeout { vcenter, .. }
            | E::Busy { vcenter, .. }
            | E::SessionLost { vcenter } => vcenter.clone(),
            // Neither passes by itself, and each may be mended within the next attempts.
            E::Certificate { .. } | E::InvalidLogin { .. } => return Self::retry(sentence(&error)),
            _ if error.fault_kind() == Some("NoPermission") => {
                return Self::refused(format!(
                    "{} Give HDM's account the missing privilege.",
                    sentence(&error)
                ));
            }
            _ => return Self::retry(sentence(&error)),
        };
        Self::Passing { what, why: sentence(&error) }
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::LostLease => Self::LostLease,
            other => Self::Passing { what: "the database".into(), why: sentence(&other) },
        }
    }
}

/// An error's text as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return text };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    // A vCenter's name, a quoted name or a method keeps its spelling.
    let first = if text.starts_with("task ") || text.starts_with("lease ") || text.starts_with("the ") {
        first.to_uppercase().to_string()
    } else {
        first.to_string()
    };
    format!("{first}{}{end}", chars.as_str())
}
