//! Answers as JSON.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use crate::assets::{accepts, holds, with_gzip};
use crate::problem::Failure;

/// Smaller answers are sent as they are.
const MIN_COMPRESSED: usize = 4 << 10;
/// Answers from this size on, in bytes, are compressed and hashed apart: each MiB takes some 20 ms.
const LARGE: usize = 256 << 10;

/// An answer, compressed if it is large and the caller takes that.
pub fn json(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    Ok(bytes(request, StatusCode::OK, encode(value)?))
}

/// The same, or 304 if the caller has it already.
pub fn conditional(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    let body = encode(value)?;
    let conditional = true;
    Ok(if body.len() < LARGE {
        finished(request, StatusCode::OK, body, conditional)
    } else {
        unfinished(StatusCode::OK, body, conditional)
    })
}

/// An answer that is JSON already.
pub fn bytes(request: &HeaderMap, status: StatusCode, body: Bytes) -> Response {
    let conditional = false;
    if body.len() < LARGE {
        finished(request, status, body, conditional)
    } else {
        unfinished(status, body, conditional)
    }
}

/// Marks an answer that [`finish`] has to look at.
#[derive(Clone, Copy, Debug)]
struct Unfinished {
    conditional: bool,
}

fn unfinished(status: StatusCode, body: Bytes, conditional: bool) -> Response {
    let mut response = (status, body).into_response();
    response.extensions_mut().insert(Unfinished { conditional });
    response
}

/// Compresses and hashes large answers where that holds up no other request.
pub async fn finish(request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let response = next.run(request).await;
    let Some(Unfinished { conditional }) = response.extensions().get().copied() else { return response };
    let status = response.status();
    let finishing = async {
        // It is in memory as a whole.
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.map_err(|e| e.to_string())?;
        let finished = tokio::task::spawn_blocking(move || finished(&headers, status, body, conditional));
        finished.await.map_err(|error| error.to_string())
    };
    finishing.await.unwrap_or_else(|error| Failure::internal(error).into_response())
}

fn finished(request: &HeaderMap, status: StatusCode, body: Bytes, conditional: bool) -> Response {
    if !conditional {
        return packed(request, status, body);
    }
    let tag = format!("\"{}\"", hex::encode(&digest(&SHA256, &body).as_ref()[..16]));
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|value| holds(value, &tag));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { packed(request, status, body) };
    // Kept by the page alone, and asked about each time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn packed(request: &HeaderMap, status: StatusCode, body: Bytes) -> Response {
    let packed =
        if body.len() >= MIN_COMPRESSED && accepts(request, "gzip") { with_gzip(&body) } else { None };
    let encoded = packed.is_some();
    let mut response = (status, packed.unwrap_or(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, authorization"));
    if encoded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn encode(value: &impl Serialize) -> Result<Bytes, Failure> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| Failure::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::io::Read;

    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(length: usize, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Bytes) {
        let handler = async move |request: HeaderMap| conditional(&request, &"x".repeat(length));
        let router = Router::new().route("/", get(handler)).layer(axum::middleware::from_fn(finish));
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts.status, parts.headers, axum::body::to_bytes(body, usize::MAX).await.unwrap())
    }

    #[tokio::test]
    async fn a_large_answer_is_finished_apart_and_like_a_small_one() {
        let large = conditional(&HeaderMap::new(), &"x".repeat(LARGE)).unwrap();
        assert!(large.extensions().get::<Unfinished>().is_some() && !large.headers().contains_key("etag"));
        for length in [MIN_COMPRESSED, LARGE] {
            let (_, headers, packed) = ask(length, &[("accept-encoding", "gzip")]).await;
            assert_eq!(headers["content-encoding"], "gzip");
            assert_eq!(headers["content-type"], "application/json");
            let mut plain = String::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut plain).unwrap();
            assert_eq!(plain, format!("\"{}\"", "x".repeat(length)));
            let tag = headers["etag"].to_str().unwrap();
            let (status, headers, body) = ask(length, &[("if-none-match", tag)]).await;
            assert_eq!(
                (status, headers["etag"].to_str().unwrap(), body.len()),
                (StatusCode::NOT_MODIFIED, tag, 0)
            );
        }
    }
}
