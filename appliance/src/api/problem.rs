//! Errors as HTTP tells them: the only place where the program's errors become status codes.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hdm_shared::codes::problem_type;
use hdm_shared::migration::Plan;
use hdm_shared::problem::{Finding, Problem};

use crate::cold::AcceptError;
use crate::engine::{EngineError, StepError};
use crate::sites::SiteError;
use crate::store::StoreError;

/// A problem document (RFC 9457).
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl ApiError {
    /// A problem of a kind, such as `not-found`.
    pub fn new(status: StatusCode, kind: &str, title: &str, detail: impl Into<String>) -> Self {
        Self(Problem {
            kind: problem_type(kind),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            findings: Vec::new(),
        })
    }

    /// The request is wrong.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// The address has no such method.
    pub fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Not possible here", detail)
    }

    /// More than may be is asked for at once.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many", "Too many at once", detail)
    }

    /// It is in another state.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Not possible now", detail)
    }

    /// A vCenter cannot be asked, or refuses.
    pub fn vcenter(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "vcenter", "A vCenter cannot be asked", detail)
    }

    /// No token, or a wrong one.
    pub fn unauthorized() -> Self {
        let detail =
            "The request carries no valid token. Send the appliance's token as `Authorization: Bearer …`.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "Not authorized", detail)
    }

    /// Checks failed.
    pub fn not_admitted(plan: Plan) -> Self {
        let blocked: Vec<_> =
            plan.vms.iter().filter(|vm| !vm.admitted()).map(|vm| vm.asked.clone()).collect();
        let findings: Vec<Finding> =
            plan.vms.into_iter().flat_map(|vm| vm.findings).filter(Finding::blocks).collect();
        let detail = format!("Nothing was started. Something stands in the way of: {}.", blocked.join(", "));
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "not-admitted", "Not admitted", detail);
        error.0.findings = findings;
        error
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::warn!(status = self.0.status, "{}", self.0.detail);
        }
        let mut response = (status, Json(self.0)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            // RFC 9110, section 11.6.1: it must say what it wants.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::QueueFull) {
            return Self::conflict(format!("{error}."));
        }
        let detail = format!("{error}. Ask again in a moment; if it stays, look at the appliance's log.");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "database", "The database cannot be asked", detail)
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Unknown(_) | EngineError::NotFound(_) => Self::not_found(error.to_string()),
            EngineError::WrongState { .. }
            | EngineError::Driven(_)
            | EngineError::Full
            | EngineError::Clock(..) => Self::conflict(error.to_string()),
            EngineError::Step(StepError::Passing { why, .. } | StepError::Locked { why, .. }) => {
                Self::vcenter(why)
            }
            EngineError::Step(step) => Self::conflict(step.to_string()),
        }
    }
}

impl From<AcceptError> for ApiError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::BadRequest(detail) => Self::bad_request(detail),
            AcceptError::NotAdmitted(plan) => Self::not_admitted(plan),
            AcceptError::Vcenter { .. } => Self::vcenter(error.to_string()),
            AcceptError::Store(error) => error.into(),
        }
    }
}

impl From<hdm_vsphere::Error> for ApiError {
    fn from(error: hdm_vsphere::Error) -> Self {
        use hdm_vsphere::Error as E;
        match &error {
            E::BadUrl(_) | E::BadThumbprint(_) => Self::bad_request(error.to_string()),
            E::InvalidLogin { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "login",
                "The login was refused",
                format!("{error}."),
            ),
            E::Certificate { .. } => certificate(format!("{error}.")),
            _ => Self::vcenter(format!("{error}.")),
        }
    }
}

/// A certificate is not the one that is trusted, or none was named yet.
pub fn certificate(detail: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "certificate", "The certificate is not trusted", detail)
}

impl From<SiteError> for ApiError {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Store(error) => error.into(),
            SiteError::Vsphere(error) => error.into(),
            SiteError::Secret(error) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "secret",
                "A secret cannot be used",
                format!("{error}."),
            ),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let detail = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(&detail),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Self::new(status, "media-type", "The request is not JSON", detail)
            }
            _ => Self::bad_request(detail),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        let detail = rejection.body_text();
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(&detail),
            _ => Self::bad_request(detail),
        }
    }
}

fn too_large(detail: &str) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "The request is too large",
        format!("{detail}. At most {} bytes are taken; ask for fewer things at once.", super::MAX_BODY_BYTES),
    )
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request(rejection.body_text())
    }
}
