//! `api/preferences`: what the user has set.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{Method, StatusCode};
use hdm_shared::plugin::Preferences;

use super::Caller;
use crate::problem::Failure;
use crate::upstream::Call;

fn call(caller: &Caller, method: Method) -> Call {
    let vcenter = caller.session.vcenter.id.to_string();
    Call::new(method, &["preferences", &vcenter, caller.user()]).by(caller.user())
}

/// What is set, or the defaults.
pub async fn read(caller: Caller) -> Result<Json<Preferences>, Failure> {
    let found = caller.app.upstream.ask::<Preferences>(call(&caller, Method::GET)).await;
    match found {
        Err(failure) if failure.problem.status == 404 => Ok(Json(Preferences::default())),
        found => Ok(Json(found?)),
    }
}

/// Sets it.
pub async fn write(
    caller: Caller,
    body: Result<Json<Preferences>, JsonRejection>,
) -> Result<Json<Preferences>, Failure> {
    let Json(wanted) = body?;
    caller.app.upstream.send(call(&caller, Method::PUT).json(&wanted)?).await?;
    Ok(Json(wanted))
}

/// Forgets it.
pub async fn reset(caller: Caller) -> Result<Json<Preferences>, Failure> {
    match caller.app.upstream.send(call(&caller, Method::DELETE)).await {
        Err(failure) if failure.problem.status != StatusCode::NOT_FOUND.as_u16() => Err(failure),
        _ => Ok(Json(Preferences::default())),
    }
}
