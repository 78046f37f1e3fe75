//! What every request has to pass before anybody looks at it.

use std::time::Duration;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::{bearer, client_token};
use crate::app::{App, Shared};
use crate::menu;
use crate::problem::Failure;

/// How long a request may take, its body included.
const DEADLINE: Duration = Duration::from_secs(75);
/// How long its body may take.
const BODY: Duration = Duration::from_secs(10);

/// Refuses what comes from other sites, what has a body other than JSON, who shows nothing, and what is too
/// much at once; ends what takes too long. Callers who have a session are not kept out by others.
pub async fn check(State(app): Shared, request: Request, next: Next) -> Response {
    if let Err(failure) = admit(request.method(), request.headers(), !request.body().is_end_stream()) {
        return failure.into_response();
    }
    let permits = match shown(&app, request.headers()) {
        Shown::Session => &app.permits.known,
        Shown::Token => &app.permits.strangers,
        Shown::Nothing => return nobody(request.uri().path()).into_response(),
    };
    // A menu that cannot be answered in time is not a reason to hide an action.
    let item = menu::item_at(request.uri().path());
    let instead = |failure: Failure| match item {
        Some(item) => menu::enabled(item).into_response(),
        None => failure.into_response(),
    };
    let Ok(_permit) = permits.try_acquire() else {
        let detail = "The plugin server answers as many requests as it can. Ask again in a moment.";
        return instead(Failure::busy(detail));
    };
    let answer = |request| async move {
        match tokio::time::timeout(DEADLINE, next.run(request)).await {
            Ok(response) => response,
            Err(_) => instead(Failure::too_slow()),
        }
    };
    hdm_doors::answered(request, BODY, answer).await
}

/// What a caller shows.
enum Shown {
    /// One of our tokens, or a Client's token that has a session.
    Session,
    /// A token that may be one of a Client.
    Token,
    /// Nothing that could be good.
    Nothing,
}

fn shown(app: &App, headers: &HeaderMap) -> Shown {
    let ours = bearer(headers).is_some_and(|token| app.keys.check(token, app.clock.now()).is_some());
    match client_token(headers) {
        _ if ours => Shown::Session,
        Ok(token) if app.table.knows(&token) => Shown::Session,
        Ok(_) => Shown::Token,
        Err(_) => Shown::Nothing,
    }
}

/// What a caller is told who shows nothing: which token is missing.
fn nobody(path: &str) -> Failure {
    if path == "/api/session" || path.starts_with("/dyn/") {
        Failure::client_session()
    } else {
        Failure::session_unknown()
    }
}

fn admit(method: &Method, headers: &HeaderMap, has_body: bool) -> Result<(), Failure> {
    // Fetch metadata (W3C): browsers say where a request comes from, and pages cannot change it.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(Failure::cross_site());
    }
    let changes = [Method::POST, Method::PUT, Method::PATCH].contains(method);
    if (has_body || changes && headers.contains_key(header::CONTENT_TYPE)) && !is_json(headers) {
        return Err(Failure::not_json());
    }
    Ok(())
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn status(method: Method, headers: &[(&'static str, &str)], has_body: bool) -> u16 {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        admit(&method, &headers, has_body).map_or_else(|failure| failure.problem.status, |()| 200)
    }

    #[test]
    fn only_json_from_our_own_pages_passes() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(status(Method::GET, &[], false), 200);
        assert_eq!(status(Method::POST, &[], false), 200);
        assert_eq!(status(Method::POST, &[json], true), 200);
        assert_eq!(status(Method::POST, &[], true), 415);
        for other in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
        {
            assert_eq!(status(Method::POST, &[("content-type", other)], false), 415, "{other}");
            assert_eq!(status(Method::DELETE, &[("content-type", other)], true), 415);
        }
        for site in ["same-origin", "same-site", "none"] {
            assert_eq!(status(Method::GET, &[("sec-fetch-site", site)], false), 200);
        }
        assert_eq!(status(Method::GET, &[("sec-fetch-site", "cross-site")], false), 403);
    }
}
