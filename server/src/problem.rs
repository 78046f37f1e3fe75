//! Failures as the pages hear of them: problem documents (RFC 9457), made in this one place.
//!
//! Texts name the object by the id that the user's page knows, never by a name: a name may be one that the
//! user must not see.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hdm_shared::changes::ApplianceState;
use hdm_shared::codes::problem_type;
use hdm_shared::plugin::{APPLIANCE_AWAY, CLIENT_SESSION, FORBIDDEN, Privilege, SESSION_UNKNOWN};
use hdm_shared::problem::{Finding, Problem};
use hdm_vsphere::Error;

/// How every text of an appliance that is away begins.
pub const AWAY: &str = "Cannot connect with the appliance. ";

/// A request that was not answered as hoped for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the page is told.
    pub problem: Box<Problem>,
    /// After how many seconds asking again makes sense.
    retry_after: Option<u32>,
}

impl Failure {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem {
                kind: problem_type(kind),
                title: title.into(),
                status: status.as_u16(),
                detail: detail.into(),
                findings: Vec::new(),
            }),
            retry_after: None,
        }
    }

    /// A problem that the appliance tells, as it tells it.
    pub fn relayed(problem: Problem) -> Self {
        Self { problem: Box::new(problem), retry_after: None }
    }

    /// The request is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// There is no such thing, or the user may not see it: the answer is the same.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The address is there, and not for this.
    pub fn no_such_method() -> Self {
        let detail = "This address does not take this method.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Method not allowed", detail)
    }

    /// The page has no session here.
    pub fn session_unknown() -> Self {
        let detail =
            "The page's session is unknown or has expired. Exchange the vSphere Client's token again.";
        Self::new(StatusCode::UNAUTHORIZED, SESSION_UNKNOWN, "Session unknown", detail)
    }

    /// The vSphere Client has no session.
    pub fn client_session() -> Self {
        let detail = "The vSphere Client's session has ended, or its vCenter does not know it. Log in to the vSphere \
                      Client again.";
        Self::new(StatusCode::UNAUTHORIZED, CLIENT_SESSION, "Session ended", detail)
    }

    /// The vCenter is none of ours.
    pub fn unknown_vcenter() -> Self {
        let detail =
            "HDM does not know this vCenter. Add it with `hdm vcenter add`, then open the page again.";
        Self::new(StatusCode::FORBIDDEN, "vcenter-unknown", "vCenter unknown", detail)
    }

    /// A privilege is missing.
    pub fn forbidden(privilege: Privilege, object: &str) -> Self {
        let detail = format!(
            "You lack the privilege {} on {object}. Ask the vCenter's administrator for a role that has it.",
            privilege.id()
        );
        Self::new(StatusCode::FORBIDDEN, FORBIDDEN, "Not permitted", detail)
    }

    /// The appliance cannot be reached.
    pub fn appliance_away(state: &ApplianceState) -> Self {
        let reason = state.reason.as_deref().unwrap_or("It does not answer.");
        let detail = format!("{AWAY}{reason}");
        let mut failure =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, APPLIANCE_AWAY, "Appliance away", detail);
        failure.retry_after = Some(2);
        failure
    }

    /// A vCenter cannot be asked.
    pub fn vcenter(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "vcenter", "A vCenter cannot be asked", detail)
    }

    /// A question about rights has failed. The only argument of it that can be wrong is the list of privileges.
    pub fn of_rights(error: Error) -> Self {
        if error.fault_kind() == Some("InvalidArgument") {
            return Self::vcenter(
                "The vCenter does not know HDM's privileges. Register the plugin with `hdm register`.",
            );
        }
        error.into()
    }

    /// Too much at once.
    pub fn busy(detail: impl Into<String>) -> Self {
        let mut failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "Too much at once", detail);
        failure.retry_after = Some(1);
        failure
    }

    /// The request may not come from where it comes from.
    pub fn cross_site() -> Self {
        let detail = "Requests from other sites are refused.";
        Self::new(StatusCode::FORBIDDEN, "cross-site", "Refused", detail)
    }

    /// Its body is of another type.
    pub fn not_json() -> Self {
        let detail = "Bodies are JSON: send them with the type application/json.";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", "Not JSON", detail)
    }

    /// Something of ours does not work.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The plugin server failed", detail)
    }

    /// It took too long.
    pub fn too_slow() -> Self {
        let detail =
            "The request took too long and was given up. Whether it had an effect is seen in the list.";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "too-slow", "Too slow", detail)
    }

    /// The same with what was found.
    #[must_use]
    pub fn with(mut self, findings: Vec<Finding>) -> Self {
        self.problem.findings = findings;
        self
    }

    /// Whether the problem is of a kind.
    pub fn is(&self, kind: &str) -> bool {
        self.problem.kind == kind
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::SessionLost { .. } => Self::session_unknown(),
            Error::TokenRefused { .. } => Self::client_session(),
            _ if error.fault_kind() == Some("NotAuthenticated") => Self::session_unknown(),
            _ => Self::vcenter(format!("{error}. The page asks again by itself.")),
        }
    }
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Self::not_json(),
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            other => Self::bad_request(other.body_text()),
        }
    }
}

impl From<BytesRejection> for Failure {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = "The request's body is larger than this address takes. Select fewer objects.";
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large", detail);
        }
        Self::bad_request(rejection.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

#[cfg(test)]
mod tests {
    use hdm_vsphere::Fault;

    use super::*;

    #[test]
    fn only_a_question_about_rights_is_answered_with_word_of_the_registration() {
        let error = || {
            let fault = Fault { kind: "InvalidArgument".into(), message: "bad".into(), detail: [].into() };
            Error::Fault { operation: "Read".into(), object: "vm-1".into(), fault }
        };
        assert!(Failure::of_rights(error()).problem.detail.contains("hdm register"));
        let other = Failure::from(error()).problem.detail;
        assert!(!other.contains("hdm register") && other.contains("vm-1"), "{other}");
    }
}
