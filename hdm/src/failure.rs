//! Errors as the command line tells them, and exit codes.

use std::process::ExitCode;

use hdm_shared::problem::Problem;

use crate::cli::Output;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The appliance refused; nothing was done.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// Checks failed: the text says which.
    #[error("{0}")]
    NotAdmitted(String),
    /// The appliance cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// A migration ended otherwise than hoped for.
    #[error("{message}")]
    Migration {
        /// What happened.
        message: String,
        /// 1, 5 or 6.
        code: u8,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

impl Failure {
    /// Prints it and gives the exit code.
    pub fn report(&self, output: Output) -> ExitCode {
        match (self, output) {
            (Self::Refused(problem), Output::Json) => {
                eprintln!("{}", serde_json::to_string_pretty(problem).unwrap_or_default());
            }
            (Self::Refused(problem), Output::Table) => {
                eprintln!("hdm: {}", problem.detail);
                for finding in &problem.findings {
                    eprintln!("  {}: {} {}", finding.object, finding.message, finding.remedy);
                }
            }
            _ => eprintln!("hdm: {self}"),
        }
        ExitCode::from(match self {
            Self::Refused(problem) if problem.status < 500 => 3,
            Self::Refused(_) | Self::Other(_) => 1,
            Self::NotAdmitted(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Migration { code, .. } => *code,
        })
    }
}
