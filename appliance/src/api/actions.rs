//! Acting on migrations: on several at once, and dismissing one.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use hdm_shared::MigrationId;
use hdm_shared::changes::{ActionOutcome, ActionReport, ActionRequest, MAX_ACTED_ON};
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;
use hdm_shared::problem::Problem;

use super::batches::{key_reused, once};
use super::caller::User;
use super::migrations::{RetryRequest, id, look, try_again};
use super::{Api, ApiError, Shared};
use crate::store::{Answered, Once, StoreError};

/// Does something to several migrations. Each is done or refused by itself; the report tells of each, in the
/// order of the request. A request with an `Idempotency-Key` that was made before, within a day, is answered with
/// its report and does nothing more.
#[utoipa::path(post, path = "/api/v1/migrations/actions", operation_id = "act", tag = "migrations", request_body = ActionRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As with batches")),
    responses((status = 200, body = ActionReport), (status = 400, body = Problem),
        (status = 409, description = "The same request is still being carried out", body = Problem),
        (status = 422, description = "The key was used for another request", body = Problem)))]
pub async fn act(
    State(api): Shared,
    User(user): User,
    headers: HeaderMap,
    body: Result<Json<ActionRequest>, JsonRejection>,
) -> Result<Json<ActionReport>, ApiError> {
    let Json(request) = body?;
    if request.migrations.len() > MAX_ACTED_ON {
        return Err(ApiError::bad_request(format!(
            "The request names {} migrations; at most {MAX_ACTED_ON} are possible.",
            request.migrations.len()
        )));
    }
    let Some(once) = once(&headers, &user, &request)? else {
        return Ok(Json(all(&api, request, &user).await));
    };
    let begun = Begun::new(&api, &once)?;
    match api.store.answered_before(&once, api.clock.now()).await? {
        Some(Answered::Before(text)) => {
            return Ok(Json(serde_json::from_str(&text).map_err(StoreError::from)?));
        }
        Some(Answered::OtherRequest) => return Err(key_reused()),
        None => {}
    }
    // Goes on when nobody waits for the answer any more, so that it is there for whoever asks again.
    let work = tokio::spawn(async move {
        let report = all(&begun.api, request, &user).await;
        let text = serde_json::to_string(&report).unwrap_or_default();
        if let Err(error) = begun.api.store.remember_answer(&begun.once, &text, begun.api.clock.now()).await {
            tracing::warn!(%error, "what was done is not remembered under its key");
        }
        report
    });
    let report = work.await.map_err(|error| {
        tracing::error!(%error, "an action ended in the middle");
        let detail = "The appliance failed while it acted. Look at the list for what was done.";
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The appliance failed", detail)
    })?;
    Ok(Json(report))
}

/// A request that is being carried out.
struct Begun {
    api: Arc<Api>,
    once: Once,
}

impl Begun {
    fn new(api: &Arc<Api>, once: &Once) -> Result<Self, ApiError> {
        let mut acting = api.acting.lock().unwrap_or_else(PoisonError::into_inner);
        if acting.insert(once.clone()) {
            return Ok(Self { api: api.clone(), once: once.clone() });
        }
        Err(ApiError::conflict("The same request is still being carried out. Ask again in a moment."))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.api.acting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.once);
    }
}

async fn all(api: &Api, request: ActionRequest, user: &str) -> ActionReport {
    let mut outcomes = Vec::with_capacity(request.migrations.len());
    for migration in request.migrations {
        let problem = one(api, request.action, migration, user).await.err().map(|error| error.0);
        outcomes.push(ActionOutcome { migration, problem });
    }
    ActionReport { outcomes }
}

async fn one(api: &Api, action: Action, id: MigrationId, user: &str) -> Result<(), ApiError> {
    match action {
        Action::Pause => Ok(api.engine.pause(id, user).await?),
        Action::Resume => Ok(api.engine.resume(id, user).await?),
        Action::Cancel => Ok(api.engine.cancel(id, user).await?),
        Action::Retry => try_again(api, id, RetryRequest::default(), user).await.map(drop),
        Action::Dismiss => Ok(api.engine.dismiss(id).await?),
    }
}

/// Takes a migration that has ended off the list of what is in progress. Its history stays.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/dismiss", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, body = MigrationView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn dismiss(
    State(api): Shared,
    text: Result<Path<String>, PathRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    let id = id(text)?;
    api.engine.dismiss(id).await?;
    Ok(Json(look(&api, id).await?))
}
