//! What went wrong or stands in the way, for people and for scripts.

use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing: what the move cannot carry, or does differently.
    Warning,
    /// Stands in the way.
    Blocker,
}

/// One result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Stable word for scripts, such as `name-taken`.
    pub code: String,
    /// Whether it blocks.
    pub severity: Severity,
    /// The object it is about, by name.
    pub object: String,
    /// Which part of it, where that matters, such as a network adapter's label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// What was found, as a sentence.
    pub message: String,
    /// What to do about it, as a sentence.
    pub remedy: String,
}

impl Finding {
    /// Something that stands in the way.
    pub fn blocker(code: &str, object: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Blocker, code, object, message, remedy)
    }

    /// Something worth knowing.
    pub fn warning(code: &str, object: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, object, message, remedy)
    }

    fn new(
        severity: Severity,
        code: &str,
        object: &str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        debug_assert!(crate::codes::FINDINGS.contains(&code), "'{code}' is missing in codes::FINDINGS");
        Self {
            code: code.into(),
            severity,
            object: object.into(),
            part: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// About a part of the object.
    #[must_use]
    pub fn of_part(mut self, part: &str) -> Self {
        self.part = Some(part.into());
        self
    }

    /// Whether it stands in the way.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Blocker
    }
}

/// The body of a failed request: a problem document (RFC 9457), `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// Identifies the kind of problem, such as `urn:hdm:problem:not-admitted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened to which object, and what to do.
    pub detail: String,
    /// Every check that failed, if checks failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
