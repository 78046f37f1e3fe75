//! `/api/v1/batches`: several migrations at once, all or none.

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode};
use hdm_shared::batch::BatchRequest;
use hdm_shared::migration::{MigrationView, Plan};
use hdm_shared::problem::Problem;
use serde::Serialize;

use super::caller::User;
use super::migrations::look;
use super::{Api, ApiError, Shared};
use crate::cold;
use crate::store::{Once, Queued, StoreError};

/// The header by which a request is made once however often it is sent.
pub const KEY: &str = "idempotency-key";
/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 128;

/// What was made, as it is answered.
pub type Made = (StatusCode, Json<Vec<MigrationView>>);

/// Starts a cold migration of each VM named, each with a target and options of its own, or of none: everything
/// that stands in the way is told at once. A request with an `Idempotency-Key` that was made before, within a
/// day, is answered with what was made then.
#[utoipa::path(post, path = "/api/v1/batches", operation_id = "start_batch", tag = "migrations", request_body = BatchRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 128 visible ASCII characters")),
    responses((status = 201, body = Vec<MigrationView>), (status = 400, body = Problem),
        (status = 422, description = "Not admitted; the findings say why. Or the key was used for another request", body = Problem),
        (status = 502, body = Problem)))]
pub async fn start(
    State(api): Shared,
    User(user): User,
    headers: HeaderMap,
    body: Result<Json<BatchRequest>, JsonRejection>,
) -> Result<Made, ApiError> {
    let Json(request) = body?;
    // What the user sees of the cloud may have changed when the same is sent again.
    let once = once(&headers, &user, &BatchRequest { within: None, ..request.clone() })?;
    accept(&api, &request, &user, once.as_ref()).await
}

/// Says what a request would do, and does nothing.
#[utoipa::path(post, path = "/api/v1/batches/plan", operation_id = "plan_batch", tag = "migrations", request_body = BatchRequest,
    responses((status = 200, body = Plan), (status = 400, body = Problem), (status = 502, body = Problem)))]
pub async fn plan(
    State(api): Shared,
    body: Result<Json<BatchRequest>, JsonRejection>,
) -> Result<Json<Plan>, ApiError> {
    let Json(request) = body?;
    Ok(Json(cold::plan(api.engine.workflow(), &request, api.clock.now()).await?))
}

/// Reads a request's key, if it carries one.
pub fn once(headers: &HeaderMap, user: &str, request: &impl Serialize) -> Result<Option<Once>, ApiError> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let plain = key.chars().all(|c| c.is_ascii_graphic());
    if key.is_empty() || key.len() > MAX_KEY_CHARS || !plain {
        return Err(ApiError::bad_request(format!(
            "An Idempotency-Key has 1 to {MAX_KEY_CHARS} visible ASCII characters. Make a new one, such as a UUID."
        )));
    }
    let text = serde_json::to_vec(request).map_err(StoreError::from)?;
    let digest = hex::encode(digest(&SHA256, &text));
    Ok(Some(Once { user: user.to_owned(), key: key.to_owned(), digest }))
}

/// Accepts a request, or finds what it made before.
pub async fn accept(
    api: &Api,
    request: &BatchRequest,
    user: &str,
    once: Option<&Once>,
) -> Result<Made, ApiError> {
    let now = api.clock.now();
    let before = match once {
        Some(once) => api.store.made_before(once, now).await?,
        None => None,
    };
    let queued = match before {
        Some(before) => before,
        None => cold::accept(api.engine.workflow(), request, user, once, now).await?,
    };
    let views = match queued {
        Queued::Now(records) => {
            api.engine.wake();
            let views = records.iter().map(|record| cold::view(record, None, api.attempts, now));
            views.collect::<Result<_, _>>()?
        }
        Queued::Before(ids) => {
            let mut views = Vec::new();
            for id in ids {
                views.push(look(api, id).await?);
            }
            views
        }
        Queued::OtherRequest => return Err(key_reused()),
    };
    Ok((StatusCode::CREATED, Json(views)))
}

/// Another request came under the same key.
pub fn key_reused() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency-key-reused",
        "The key was used for another request",
        "Another request was made under this Idempotency-Key within the last 24 hours, so this one was not. Give each request a key of its own.",
    )
}
