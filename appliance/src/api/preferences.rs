//! `/api/v1/preferences`: what each user of a vCenter has set.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hdm_shared::VcenterId;
use hdm_shared::plugin::{MAX_PREFERENCES_BYTES, Preferences};
use hdm_shared::problem::Problem;

use super::caller::{Caller, MAX_USER_CHARS, forbidden};
use super::vcenters::unknown;
use super::{Api, ApiError, Shared};

/// What a user has set; the defaults if nothing.
#[utoipa::path(get, path = "/api/v1/preferences/{vcenter}/{user}", operation_id = "show_preferences", tag = "preferences",
    params(("vcenter" = String, Path), ("user" = String, Path)),
    responses((status = 200, description = "Preferences, a JSON object"), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn show(
    State(api): Shared,
    caller: Caller,
    Path((vcenter, user)): Path<(VcenterId, String)>,
) -> Result<Json<Preferences>, ApiError> {
    check(&api, &caller, &vcenter, &user).await?;
    Ok(Json(api.store.preferences(&vcenter, &user).await?.unwrap_or_default()))
}

/// Keeps what a user has set: at most 64 KiB as JSON.
#[utoipa::path(put, path = "/api/v1/preferences/{vcenter}/{user}", operation_id = "set_preferences", tag = "preferences",
    params(("vcenter" = String, Path), ("user" = String, Path)),
    request_body(content_type = "application/json", description = "Preferences, a JSON object"),
    responses((status = 200, description = "Preferences, a JSON object"), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 413, body = Problem)))]
pub async fn set(
    State(api): Shared,
    caller: Caller,
    Path((vcenter, user)): Path<(VcenterId, String)>,
    body: Bytes,
) -> Result<Json<Preferences>, ApiError> {
    check(&api, &caller, &vcenter, &user).await?;
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "Too large",
            format!("Preferences may have {MAX_PREFERENCES_BYTES} bytes; these have more. Reset them."),
        )
    };
    if body.len() > MAX_PREFERENCES_BYTES {
        return Err(too_large());
    }
    let wrong =
        |error: serde_json::Error| ApiError::bad_request(format!("These are no preferences: {error}."));
    // A struct would also be read from an array.
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body).map_err(wrong)?;
    let preferences: Preferences = serde_json::from_value(object.into()).map_err(wrong)?;
    // What is kept has every key, so that it may be longer than what was sent.
    if serde_json::to_vec(&preferences).map_err(wrong)?.len() > MAX_PREFERENCES_BYTES {
        return Err(too_large());
    }
    api.store.set_preferences(&vcenter, &user, &preferences, api.clock.now()).await?;
    Ok(Json(preferences))
}

/// Forgets what a user has set.
#[utoipa::path(delete, path = "/api/v1/preferences/{vcenter}/{user}", operation_id = "forget_preferences", tag = "preferences",
    params(("vcenter" = String, Path), ("user" = String, Path)),
    responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn forget(
    State(api): Shared,
    caller: Caller,
    Path((vcenter, user)): Path<(VcenterId, String)>,
) -> Result<StatusCode, ApiError> {
    check(&api, &caller, &vcenter, &user).await?;
    api.store.forget_preferences(&vcenter, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The plugin server asks for the user it acts for, and for nobody else.
async fn check(api: &Api, caller: &Caller, vcenter: &VcenterId, user: &str) -> Result<(), ApiError> {
    if let Caller::Plugin { acting: Some(acting) } = caller
        && acting != user
    {
        return Err(forbidden(format!("'{acting}' cannot see or change what '{user}' has set.")));
    }
    if user.is_empty() || user.chars().count() > MAX_USER_CHARS || user.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "A user's name has 1 to {MAX_USER_CHARS} characters, none of them a control character."
        )));
    }
    let known = api.store.vcenters().await?;
    if known.iter().any(|record| record.id == *vcenter) { Ok(()) } else { Err(unknown(vcenter)) }
}
