//! How a step can end otherwise than well.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

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
    /// A vCenter refuses HDM's login, or shows another certificate. It is waited for, however long, until a person has
    /// told HDM what is new there, and costs no attempt.
    #[error("{why}")]
    Locked {
        /// The vCenter.
        what: String,
        /// What happened, and what to do.
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

/// Runs a part of a workflow; a panic in it becomes an error that costs an attempt and says so, for there is
/// nobody else to finish or undo what it had begun.
pub(super) async fn caught<T>(
    what: &str,
    part: impl Future<Output = Result<T, StepError>>,
) -> Result<T, StepError> {
    // A record or a memo is changed by one assignment after it was written: a panic leaves neither half-changed.
    match AssertUnwindSafe(part).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => {
            let words = panic_words(&*panic);
            tracing::error!(what, "a panic, which is a defect of HDM: {words}");
            Err(StepError::retry(format!("A defect of HDM ended {what}: {words}")))
        }
    }
}

/// What a panic said.
pub(super) fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it said nothing".into())
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
            E::Certificate { host, .. } => {
                let why = format!("{} Do so with hdm vcenter update {host} --thumbprint.", sentence(&error));
                return Self::Locked { what: host.clone(), why };
            }
            E::InvalidLogin { vcenter, .. } => {
                let why = format!("{} Give the new one with hdm vcenter update {vcenter}.", sentence(&error));
                return Self::Locked { what: vcenter.clone(), why };
            }
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
