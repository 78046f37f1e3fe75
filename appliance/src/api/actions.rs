//! Acting on migrations: on several at once, and dismissing one.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use hdm_shared::MigrationId;
use hdm_shared::changes::{ActionOutcome, ActionReport, ActionRequest, MAX_ACTED_ON};
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;
use hdm_shared::problem::Problem;

use super::caller::User;
use super::migrations::{RetryRequest, id, look, try_again};
use super::{Api, ApiError, Shared};

/// Does something to several migrations. Each is done or refused by itself; the report tells of each, in the
/// order of the request.
#[utoipa::path(post, path = "/api/v1/migrations/actions", operation_id = "act", tag = "migrations", request_body = ActionRequest,
    responses((status = 200, body = ActionReport), (status = 400, body = Problem)))]
pub async fn act(
    State(api): Shared,
    User(user): User,
    body: Result<Json<ActionRequest>, JsonRejection>,
) -> Result<Json<ActionReport>, ApiError> {
    let Json(request) = body?;
    if request.migrations.len() > MAX_ACTED_ON {
        return Err(ApiError::bad_request(format!(
            "The request names {} migrations; at most {MAX_ACTED_ON} are possible.",
            request.migrations.len()
        )));
    }
    let mut outcomes = Vec::with_capacity(request.migrations.len());
    for migration in request.migrations {
        let problem = one(&api, request.action, migration, &user).await.err().map(|error| error.0);
        outcomes.push(ActionOutcome { migration, problem });
    }
    Ok(Json(ActionReport { outcomes }))
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
pub async fn dismiss(State(api): Shared, Path(text): Path<String>) -> Result<Json<MigrationView>, ApiError> {
    let id = id(&text)?;
    api.engine.dismiss(id).await?;
    Ok(Json(look(&api, id).await?))
}
