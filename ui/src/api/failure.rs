//! Why a request brought nothing.

use hdm_shared::plugin::{APPLIANCE_AWAY, FORBIDDEN, SESSION_UNKNOWN, VCENTER_UNKNOWN};
use hdm_shared::problem::{Finding, Problem};

use crate::i18n::t;
use crate::json;

/// Why a request brought nothing. Each has its own words and its own way out.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The plugin server does not know the session; it is exchanged again unseen.
    SessionUnknown,
    /// The vSphere Client's own session has ended.
    SessionEnded,
    /// A privilege is missing; in the server's words.
    Forbidden(String),
    /// The plugin server cannot reach the appliance; in its words.
    ApplianceAway(String),
    /// HDM does not know the vCenter; in the server's words.
    VcenterUnknown(String),
    /// The plugin server cannot be reached.
    ServerAway,
    /// There was no answer in time; whether something was done is not known.
    TooSlow,
    /// The server refused, and says why.
    Refused(Problem),
    /// The answer could not be read; with what was wrong with it.
    Nonsense(String),
}

impl Failure {
    /// What an answer other than 2xx means.
    pub fn of_answer(status: u16, text: &str) -> Self {
        let problem = json::read::<Problem>(text).ok();
        let detail = |problem: &Problem| problem.detail.clone();
        match problem {
            Some(problem) if problem.kind == SESSION_UNKNOWN => Self::SessionUnknown,
            Some(problem) if problem.kind == APPLIANCE_AWAY => Self::ApplianceAway(detail(&problem)),
            Some(problem) if problem.kind == VCENTER_UNKNOWN => Self::VcenterUnknown(detail(&problem)),
            // Where it is told object by object, that is not to be lost.
            Some(problem) if problem.kind == FORBIDDEN && problem.findings.is_empty() => {
                Self::Forbidden(detail(&problem))
            }
            // The exchange itself was refused: there is no session in the Client any more.
            Some(problem) if problem.status == 401 => Self::SessionEnded,
            Some(problem) => Self::Refused(problem),
            // The Client's proxy answers in its own manner when the server behind it is away.
            None if matches!(status, 404 | 502 | 503 | 504) => Self::ServerAway,
            None if status == 401 => Self::SessionEnded,
            None => Self::Nonsense(format!("HTTP {status}")),
        }
    }

    /// Whether it may pass by itself.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::ServerAway | Self::ApplianceAway(_) | Self::TooSlow)
    }

    /// Whether a request that failed so had no effect for sure.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.status < 500,
            Self::Forbidden(_) => true,
            _ => false,
        }
    }

    /// Whether something stands in the way of what was asked for, which a check tells as well.
    pub fn is_not_admitted(&self) -> bool {
        matches!(self, Self::Refused(problem) if problem.kind == "urn:hdm:problem:not-admitted")
    }

    /// What was found, object by object.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Refused(problem) => &problem.findings,
            _ => &[],
        }
    }

    /// What to tell the user: what happened and what to do.
    pub fn words(&self) -> String {
        match self {
            Self::SessionUnknown | Self::SessionEnded => t::trouble::session_ended().to_owned(),
            Self::Forbidden(detail) | Self::ApplianceAway(detail) | Self::VcenterUnknown(detail) => {
                detail.clone()
            }
            Self::ServerAway => t::trouble::server_away().to_owned(),
            Self::TooSlow => t::trouble::too_slow().to_owned(),
            Self::Refused(problem) => problem.detail.clone(),
            Self::Nonsense(what) => t::trouble::nonsense(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, status: u16) -> String {
        let problem = Problem {
            kind: kind.into(),
            title: "T".into(),
            status,
            detail: "You lack HDM.Migrate on web-01.".into(),
            findings: Vec::new(),
        };
        json::write(&problem).unwrap_or_default()
    }

    #[test]
    fn each_problem_is_told_apart_by_its_kind() {
        assert_eq!(Failure::of_answer(401, &problem(SESSION_UNKNOWN, 401)), Failure::SessionUnknown);
        let unknown = Failure::of_answer(403, &problem(VCENTER_UNKNOWN, 403));
        assert!(matches!(unknown, Failure::VcenterUnknown(_)));
        let forbidden = Failure::of_answer(403, &problem(FORBIDDEN, 403));
        assert_eq!(forbidden.words(), "You lack HDM.Migrate on web-01.");
        assert!(matches!(Failure::of_answer(409, &problem("urn:x", 409)), Failure::Refused(_)));
    }

    #[test]
    fn only_a_refusal_says_that_nothing_was_done() {
        assert!(Failure::of_answer(422, &problem("urn:x", 422)).is_final());
        assert!(!Failure::of_answer(504, &problem("urn:x", 504)).is_final());
        assert!(!Failure::ServerAway.is_final());
    }

    #[test]
    fn what_the_proxy_says_when_the_server_is_away_is_understood() {
        assert_eq!(Failure::of_answer(502, "<html>Bad gateway</html>"), Failure::ServerAway);
        assert_eq!(Failure::of_answer(401, ""), Failure::SessionEnded);
    }
}
