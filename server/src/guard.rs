//! What every request has to pass before anybody looks at it.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::Shared;
use crate::problem::Failure;

/// How long a request may take, its body included.
const DEADLINE: Duration = Duration::from_secs(75);

/// Refuses what comes from other sites, what has a body other than JSON, and what is too much at once; ends
/// what takes too long.
pub async fn check(State(app): Shared, request: Request, next: Next) -> Response {
    if let Err(failure) = admit(request.method(), request.headers()) {
        return failure.into_response();
    }
    let Ok(_permit) = app.requests.try_acquire() else {
        return Failure::busy("The plugin server answers as many requests as it can. Ask again in a moment.")
            .into_response();
    };
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::too_slow().into_response(),
    }
}

fn admit(method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
    // Fetch metadata (W3C): browsers say where a request comes from, and pages cannot change it.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Err(Failure::cross_site());
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let has_body =
        length.is_some_and(|length| length != "0") || headers.contains_key(header::TRANSFER_ENCODING);
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

    fn status(method: Method, headers: &[(&'static str, &str)]) -> u16 {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        admit(&method, &headers).map_or_else(|failure| failure.problem.status, |()| 200)
    }

    #[test]
    fn only_json_from_our_own_pages_passes() {
        let json = ("content-type", "application/json; charset=utf-8");
        assert_eq!(status(Method::GET, &[]), 200);
        assert_eq!(status(Method::POST, &[]), 200);
        assert_eq!(status(Method::POST, &[json, ("content-length", "2")]), 200);
        assert_eq!(status(Method::POST, &[("content-length", "2")]), 415);
        assert_eq!(status(Method::POST, &[("transfer-encoding", "chunked")]), 415);
        for other in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp"]
        {
            assert_eq!(status(Method::POST, &[("content-type", other)]), 415, "{other}");
            assert_eq!(status(Method::DELETE, &[("content-type", other), ("content-length", "1")]), 415);
        }
        for site in ["same-origin", "same-site", "none"] {
            assert_eq!(status(Method::GET, &[("sec-fetch-site", site)]), 200);
        }
        assert_eq!(status(Method::GET, &[("sec-fetch-site", "cross-site")]), 403);
    }
}
