//! Errors as the command line tells them, and exit codes.

use std::process::ExitCode;

use hdm_shared::codes::problem_type;
use hdm_shared::problem::Problem;
use serde::Serialize;
use serde_json::json;

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
            (Self::Refused(problem), Output::Json) => print_json(problem),
            (_, Output::Json) => print_json(&json!({
                "type": problem_type(self.kind()),
                "title": self.title(),
                "detail": self.to_string(),
                "exit_code": self.code(),
            })),
            (Self::Refused(problem), Output::Table | Output::Csv) => {
                eprintln!("hdm: {}", problem.detail);
                for finding in &problem.findings {
                    eprintln!("  {}: {}", finding.object, crate::output::finding(finding));
                }
            }
            _ => eprintln!("hdm: {self}"),
        }
        ExitCode::from(self.code())
    }

    /// The exit code; `hdm help` lists them.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(problem) if problem.status < 500 => 3,
            Self::Refused(_) | Self::Other(_) => 1,
            Self::NotAdmitted(_) => 3,
            Self::Unreachable(_) => 4,
            Self::Migration { code, .. } => *code,
        }
    }

    /// The last part of the problem's type.
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) | Self::NotAdmitted(_) => "not-admitted",
            Self::Unreachable(_) => "unreachable",
            Self::Migration { code: 5, .. } => "needs-operator",
            Self::Migration { code: 6, .. } => "cancelled",
            Self::Migration { .. } | Self::Other(_) => "failed",
        }
    }

    fn title(&self) -> &'static str {
        match self.kind() {
            "not-admitted" => "Nothing was done",
            "unreachable" => "The appliance cannot be reached",
            "needs-operator" => "A migration needs an operator",
            "cancelled" => "A migration was cancelled",
            _ => "It failed",
        }
    }
}

fn print_json(problem: &impl Serialize) {
    // What cannot be written as JSON does not exist among these types.
    eprintln!("{}", serde_json::to_string_pretty(problem).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_the_exit_code_that_the_help_lists() {
        let refused = |status| {
            let (kind, title, detail) = ("urn:x".into(), "X".into(), "X.".into());
            Failure::Refused(Box::new(Problem { kind, title, status, detail, findings: Vec::new() }))
        };
        let migration = |code| Failure::Migration { message: "X".into(), code };
        for (failure, code) in [
            (refused(404), 3),
            (refused(422), 3),
            (refused(502), 1),
            (Failure::NotAdmitted("X".into()), 3),
            (Failure::Unreachable("X".into()), 4),
            (migration(1), 1),
            (migration(5), 5),
            (migration(6), 6),
            (Failure::Other("X".into()), 1),
        ] {
            assert_eq!(failure.code(), code, "{failure:?}");
        }
    }
}
