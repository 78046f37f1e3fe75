//! `api/preferences`: what the user has set.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{Method, StatusCode};
use hdm_shared::plugin::Preferences;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::Caller;
use crate::problem::Failure;
use crate::upstream::Call;

fn call(caller: &Caller, method: Method) -> Call {
    let vcenter = caller.session.vcenter.id.to_string();
    Call::new(method, &["preferences", &vcenter, caller.user()]).by(caller.user())
}

/// What is set, or the defaults.
pub async fn read(caller: Caller) -> Result<Json<Preferences>, Failure> {
    read_of(&caller).await
}

async fn read_of(caller: &Caller) -> Result<Json<Preferences>, Failure> {
    let found = caller.app.upstream.ask::<Preferences>(call(caller, Method::GET)).await;
    match found {
        Err(failure) if failure.problem.status == 404 => Ok(Json(Preferences::default())),
        found => Ok(Json(found?)),
    }
}

/// Sets what is named, and leaves everything else as it is: two pages of one user, each of which knows what was set
/// when it was opened, do not undo each other's changes.
pub async fn write(
    caller: Caller,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<Preferences>, Failure> {
    /// One change after the other, or the second would overwrite what the first has just set.
    static ONE: Mutex<()> = Mutex::const_new(());
    let Json(wanted) = body?;
    let wrong = |error| Failure::bad_request(format!("These are no preferences: {error}."));
    let _one = ONE.lock().await;
    let Json(before) = read_of(&caller).await?;
    let mut all = serde_json::to_value(&before).map_err(wrong)?;
    merge(&mut all, Value::Object(wanted));
    let all: Preferences = serde_json::from_value(all).map_err(wrong)?;
    caller.app.upstream.send(call(&caller, Method::PUT).json(&all)?).await?;
    Ok(Json(all))
}

/// A JSON merge patch (RFC 7396).
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(into) = into.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            into.remove(&key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Forgets it.
pub async fn reset(caller: Caller) -> Result<Json<Preferences>, Failure> {
    match caller.app.upstream.send(call(&caller, Method::DELETE)).await {
        Err(failure) if failure.problem.status != StatusCode::NOT_FOUND.as_u16() => Err(failure),
        _ => Ok(Json(Preferences::default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_is_null_goes() {
        let mut all =
            json!({"skip": true, "columns": {"a": ["x"], "b": ["y"]}, "networks": {"cloud": {"LAN": "n1"}}});
        merge(&mut all, json!({"columns": {"a": ["z"], "b": null}, "networks": {"cloud": {"DMZ": "n2"}}}));
        let wanted =
            json!({"skip": true, "columns": {"a": ["z"]}, "networks": {"cloud": {"LAN": "n1", "DMZ": "n2"}}});
        assert_eq!(all, wanted);
    }
}
