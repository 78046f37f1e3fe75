//! `/api/v1/migrations` and `/api/v1/sources`.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use hdm_shared::change::{OptionsChange, TargetChange};
use hdm_shared::migration::{ColdRequest, LogLine, MigrationState, MigrationView, Plan};
use hdm_shared::problem::Problem;
use hdm_shared::{MigrationId, VcenterId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::batches::{Made, accept, once};
use super::caller::User;
use super::query::{moment, repeated};
use super::{Api, ApiError, Shared};
use crate::cold;
use crate::store::{HistoryFilter, MAX_HISTORY, Record};

/// Which migrations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The newest so many; 100 if not given, 1,000 at most, or 10,000 with `since_ms`.
    limit: Option<u32>,
    /// Only those that have ended since, in milliseconds since 1970 (UTC).
    since_ms: Option<i64>,
    /// Only those from or to this vCenter.
    #[param(value_type = Option<String>)]
    vcenter: Option<VcenterId>,
    /// Only those of VMs of this source cluster, by managed object id.
    cluster_id: Option<String>,
    /// Only those of this VM, by managed object id.
    vm: Option<String>,
    /// Only these, by id with commas between, at most 500; what does not exist is left out.
    ids: Option<String>,
}

impl ListQuery {
    /// Whether a migration is one of those that are told from others by the migration itself.
    fn is_about(&self, view: &MigrationView) -> bool {
        self.vcenter.as_ref().is_none_or(|id| view.vm.vcenter == *id || view.cloud == *id)
            && self.cluster_id.as_ref().is_none_or(|id| view.source_cluster_id == *id)
            && self.vm.as_ref().is_none_or(|id| view.vm.moid == *id)
    }
}

/// How many migrations one page shows, unless it looks back to a given time.
pub(super) const MAX_PAGE: u32 = 1_000;
/// How many migrations can be named at once.
const MAX_NAMED: usize = 500;
/// How many states there are to choose from.
const MAX_STATES: usize = 9;

/// Which lines of a log.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Those after this number; from the beginning if not given.
    after: Option<u64>,
    /// How many; 1,000 if not given, which is also the most.
    limit: Option<u32>,
    /// Whether the newest are meant instead of the oldest. `after` says nothing then.
    #[serde(default)]
    newest: bool,
}

/// What to change when a migration that has ended is tried again; all else stays as it was.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetryRequest {
    /// Another place, or parts of it.
    pub target: TargetChange,
    /// Other options.
    pub options: OptionsChange,
}

/// Whose source to release.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The VM: its name, its inventory path, its id (`onprem:vm-12` or `vm-12`), or the migration's id.
    pub vm: String,
}

/// What was done.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct Done {
    /// In words.
    pub message: String,
}

/// The newest migrations, newest first.
#[utoipa::path(get, path = "/api/v1/migrations", tag = "migrations", params(ListQuery,
        ("state" = Option<Vec<String>>, Query, description = "Only those in this state, such as `done`; may be repeated")),
    responses((status = 200, body = Vec<MigrationView>), (status = 400, body = Problem)))]
pub async fn list(State(api): Shared, uri: Uri) -> Result<Json<Vec<MigrationView>>, ApiError> {
    let (states, query) = repeated::<ListQuery>(&uri, "state", MAX_STATES)?;
    let read = |word: &String| {
        serde_json::from_value::<MigrationState>(word.clone().into())
            .map_err(|_| ApiError::bad_request(format!("'{word}' is no state of a migration.")))
    };
    let states = states.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let ended_since = query.since_ms.map(moment).transpose()?;
    let most = if ended_since.is_some() { MAX_HISTORY } else { MAX_PAGE };
    let limit = query.limit.unwrap_or(100).min(most);
    let ids = query.ids.as_deref().map(ids).transpose()?;
    // What only the migration itself tells is filtered here, so that more are looked at than shown. A VM's own are few
    // among all: those of others are left out by the store already, or the newest would be all that is looked at.
    let by_itself = query.vcenter.is_some() || query.cluster_id.is_some() || query.vm.is_some();
    let looked_at = if by_itself { most } else { limit };
    let input_holds = query.vm.as_ref().map(|moid| format!("\"moid\":{}", serde_json::json!(moid)));
    let filter =
        HistoryFilter { ended_since, states, ids, input_holds, limit: looked_at, ..HistoryFilter::default() };
    let mut shown = views(&api, &api.engine.history(&filter).await?);
    shown.retain(|view| query.is_about(view));
    shown.truncate(limit as usize);
    Ok(Json(shown))
}

/// Reads ids with commas between.
fn ids(text: &str) -> Result<Vec<MigrationId>, ApiError> {
    let wrong = || {
        ApiError::bad_request(format!("`ids` takes 1 to {MAX_NAMED} ids of migrations, with commas between."))
    };
    let ids: Vec<MigrationId> =
        text.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
    if ids.len() > MAX_NAMED { Err(wrong()) } else { Ok(ids) }
}

/// Shows records with their places in the queue. One that cannot be understood is left out: its own address says
/// so too, and the others are shown.
pub fn views(api: &Api, records: &[(Record, Option<u32>)]) -> Vec<MigrationView> {
    let now = api.clock.now();
    let mut views = Vec::with_capacity(records.len());
    for (record, place) in records {
        match cold::view(record, *place, api.attempts, now) {
            Ok(view) => views.push(view),
            Err(error) => tracing::error!(migration = %record.id, %error, "a migration is not listed"),
        }
    }
    views
}

/// Starts a cold migration of each VM named, or of none: everything that stands in the way is told at once.
#[utoipa::path(post, path = "/api/v1/migrations", tag = "migrations", request_body = ColdRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As with batches")),
    responses((status = 201, body = Vec<MigrationView>), (status = 400, body = Problem),
        (status = 422, description = "Not admitted; the findings say why", body = Problem), (status = 502, body = Problem)))]
pub async fn start(
    State(api): Shared,
    User(user): User,
    headers: HeaderMap,
    body: Result<Json<ColdRequest>, JsonRejection>,
) -> Result<Made, ApiError> {
    let Json(request) = body?;
    let request = cold::batch(request)?;
    let once = once(&headers, &user, &request)?;
    accept(&api, &request, &user, once.as_ref()).await
}

/// Says what a request would do, and does nothing.
#[utoipa::path(post, path = "/api/v1/migrations/plan", tag = "migrations", request_body = ColdRequest,
    responses((status = 200, body = Plan), (status = 400, body = Problem), (status = 502, body = Problem)))]
pub async fn plan(
    State(api): Shared,
    body: Result<Json<ColdRequest>, JsonRejection>,
) -> Result<Json<Plan>, ApiError> {
    let Json(request) = body?;
    Ok(Json(cold::plan(api.engine.workflow(), &cold::batch(request)?, api.clock.now()).await?))
}

/// Reads a migration's id.
pub fn id(text: Result<Path<String>, PathRejection>) -> Result<MigrationId, ApiError> {
    let Path(text) = text?;
    text.parse().map_err(|_| {
        ApiError::bad_request(format!("'{text}' is not the id of a migration. `hdm status` lists them."))
    })
}

/// One migration.
#[utoipa::path(get, path = "/api/v1/migrations/{id}", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, body = MigrationView), (status = 404, body = Problem)))]
pub async fn show(
    State(api): Shared,
    text: Result<Path<String>, PathRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    Ok(Json(look(&api, id(text)?).await?))
}

pub async fn look(api: &Api, id: MigrationId) -> Result<MigrationView, ApiError> {
    let (record, place) = api.engine.look(id).await?;
    Ok(cold::view(&record, place, api.attempts, api.clock.now())?)
}

/// A page of a migration's log, oldest first.
#[utoipa::path(get, path = "/api/v1/migrations/{id}/log", tag = "migrations",
    params(("id" = String, Path), LogQuery),
    responses((status = 200, body = Vec<LogLine>), (status = 404, body = Problem)))]
pub async fn log(
    State(api): Shared,
    text: Result<Path<String>, PathRejection>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<Vec<LogLine>>, ApiError> {
    let id = id(text)?;
    let Query(query) = query?;
    api.engine.look(id).await?;
    let limit = query.limit.unwrap_or(crate::store::MAX_PAGE);
    if query.newest {
        return Ok(Json(api.store.newest_of_log(id, limit).await?));
    }
    Ok(Json(api.store.log(id, query.after.unwrap_or(0), limit).await?))
}

/// Cancels a migration: everything is undone. Refused past the point of no return.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/cancel", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, body = MigrationView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn cancel(
    State(api): Shared,
    User(user): User,
    text: Result<Path<String>, PathRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    let id = id(text)?;
    api.engine.cancel(id, &user).await?;
    Ok(Json(look(&api, id).await?))
}

/// Takes a queued migration out of the queue until it is resumed.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/pause", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, body = MigrationView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn pause(
    State(api): Shared,
    User(user): User,
    text: Result<Path<String>, PathRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    let id = id(text)?;
    api.engine.pause(id, &user).await?;
    Ok(Json(look(&api, id).await?))
}

/// Puts a paused migration back into the queue, at its place.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/resume", tag = "migrations", params(("id" = String, Path)),
    responses((status = 200, body = MigrationView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn resume(
    State(api): Shared,
    User(user): User,
    text: Result<Path<String>, PathRejection>,
) -> Result<Json<MigrationView>, ApiError> {
    let id = id(text)?;
    api.engine.resume(id, &user).await?;
    Ok(Json(look(&api, id).await?))
}

/// Lets a migration that needs an operator go on, or starts one that has failed or was cancelled anew, with
/// what the request changes.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/retry", tag = "migrations", params(("id" = String, Path)),
    request_body = RetryRequest,
    responses((status = 200, description = "The same goes on", body = Vec<MigrationView>),
        (status = 201, description = "A new one was started", body = Vec<MigrationView>),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn retry(
    State(api): Shared,
    User(user): User,
    text: Result<Path<String>, PathRejection>,
    body: Result<Json<RetryRequest>, JsonRejection>,
) -> Result<Made, ApiError> {
    let id = id(text)?;
    let Json(change) = body?;
    try_again(&api, id, change, &user).await
}

/// The same within the program.
pub async fn try_again(
    api: &Api,
    id: MigrationId,
    change: RetryRequest,
    user: &str,
) -> Result<Made, ApiError> {
    let (record, _) = api.engine.look(id).await?;
    if matches!(record.state, MigrationState::Failed | MigrationState::Cancelled) {
        let mut request = cold::request_of(&record)?;
        change.target.apply(&mut request.target);
        change.options.apply(&mut request.options);
        // One that is over would keep it from ever beginning.
        request.schedule = request.schedule.filter(|schedule| schedule.check(api.clock.now()).is_ok());
        let made = accept(api, &request.into(), user, None).await?;
        // The new one takes its place among what is in progress. It has begun, whatever becomes of the list.
        if let Err(error) = api.engine.dismiss(id).await {
            tracing::warn!(migration = %id, %error, "it stays on the list although it is tried again");
        }
        return Ok(made);
    }
    if !(change.target.is_empty() && change.options.is_empty()) {
        let why = "Only a migration that has failed or was cancelled can be tried again with other input.";
        return Err(ApiError::conflict(why));
    }
    api.engine.retry(id, user).await?;
    Ok((StatusCode::OK, Json(vec![look(api, id).await?])))
}

/// Lets the source of a migration run again: the copy is seen off and disconnected, the source gets back its
/// pool, its adapters' flags and its notes. Nothing is deleted, nothing is powered on.
#[utoipa::path(post, path = "/api/v1/sources/release", tag = "migrations", request_body = ReleaseRequest,
    responses((status = 200, body = Done), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn release(
    State(api): Shared,
    User(user): User,
    body: Result<Json<ReleaseRequest>, JsonRejection>,
) -> Result<Json<Done>, ApiError> {
    let Json(request) = body?;
    let moved = cold::find_moved(&api.store, &request.vm).await?;
    let cold = api.engine.workflow();
    let release = async |cx: &mut cold::ColdCx<'_>| cold::release(cold, cx, &user, &moved.others).await;
    let message = Box::pin(api.engine.under_lease(moved.last.id, release)).await?;
    Ok(Json(Done { message }))
}
