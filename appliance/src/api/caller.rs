//! Who calls, and on whose behalf.
//!
//! Two tokens open the API. The appliance's own is the operator's: whoever holds it may do everything, and the
//! header `HDM-User` says for logs and events who that was. The plugin server has a token of its own, and only
//! with it the header `HDM-Acting-User` is believed: it names a vCenter user whose privileges the plugin server
//! has checked. A name that the operator's token gives and that looks like a vCenter account (it holds `\` or
//! `@`) is marked as coming from the command line, so that nobody acts under a vCenter user's name by it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::{Api, ApiError};

/// The header in which the plugin server names the user it acts for, in UTF-8.
pub const ACTING_USER: &str = "hdm-acting-user";
/// The header in which the operator's own calls name somebody.
const USER: &str = "hdm-user";
/// The longest name of a user, in characters.
pub const MAX_USER_CHARS: usize = 256;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The operator, who may call himself anything.
    Operator {
        /// The name for logs and events.
        name: String,
    },
    /// The plugin server.
    Plugin {
        /// The vCenter user it acts for; absent for its own questions.
        acting: Option<String>,
    },
}

impl Caller {
    /// The name for tasks, logs and events.
    pub fn user(&self) -> String {
        match self {
            Self::Operator { name } => name.clone(),
            Self::Plugin { acting } => acting.clone().unwrap_or_else(|| "plugin server".into()),
        }
    }
}

/// The name on whose behalf a request is made.
#[derive(Clone, Debug)]
pub struct User(pub String);

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Caller::from_parts(parts).map(|caller| Self(caller.user()))
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::from_parts(parts)
    }
}

impl Caller {
    fn from_parts(parts: &Parts) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(ApiError::unauthorized)
    }
}

/// Finds out who calls.
pub fn identify(api: &Api, method: &Method, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let given = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = given.and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
    // An empty file must not open the door.
    let is = |known: &str| {
        !known.is_empty() && verify_slices_are_equal(token.as_bytes(), known.as_bytes()).is_ok()
    };
    let acting = name(headers, ACTING_USER)?;
    if is(&api.token) {
        if acting.is_some() {
            return Err(forbidden(
                "A vCenter user's name is believed only from the plugin server's own credential. Leave the header HDM-Acting-User out, or use the token of plugin-server.toml.",
            ));
        }
        return Ok(Caller::Operator { name: operator(headers) });
    }
    if api.plugin_token.as_deref().is_some_and(is) {
        if acting.is_none() && method != Method::GET {
            return Err(ApiError::bad_request(
                "The plugin server changes nothing on its own: name the vCenter user it acts for in the header HDM-Acting-User.",
            ));
        }
        return Ok(Caller::Plugin { acting });
    }
    Err(ApiError::unauthorized())
}

/// It is not for this caller.
pub fn forbidden(detail: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", "Not allowed", detail)
}

/// A name from a header; absent if it is empty.
fn name(headers: &HeaderMap, header: &str) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(header) else { return Ok(None) };
    let wrong = |why: &str| ApiError::bad_request(format!("The header {header} {why}."));
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong("is not UTF-8"))?.trim();
    // Cutting a name would make two users one.
    if text.chars().count() > MAX_USER_CHARS {
        return Err(wrong(&format!("is longer than {MAX_USER_CHARS} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(wrong("holds a control character"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

fn operator(headers: &HeaderMap) -> String {
    let given = headers.get(USER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let clean: String = given.chars().filter(|c| !c.is_control()).take(64).collect();
    if clean.is_empty() {
        "api".into()
    } else if clean.contains(['\\', '@']) {
        format!("{clean} (command line)")
    } else {
        clean
    }
}
