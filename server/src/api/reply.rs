//! Answers as JSON.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use crate::assets::{accepts, holds, with_gzip};
use crate::problem::Failure;

/// Smaller answers are sent as they are.
const MIN_COMPRESSED: usize = 4 << 10;

/// An answer, compressed if it is large and the caller takes that.
pub fn json(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    Ok(bytes(request, StatusCode::OK, encode(value)?))
}

/// The same, or 304 if the caller has it already.
pub fn conditional(request: &HeaderMap, value: &impl Serialize) -> Result<Response, Failure> {
    let body = encode(value)?;
    let tag = format!("\"{}\"", hex::encode(&digest(&SHA256, &body).as_ref()[..16]));
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|value| holds(value, &tag));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { bytes(request, StatusCode::OK, body) };
    // Kept by the page alone, and asked about each time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// An answer that is JSON already.
pub fn bytes(request: &HeaderMap, status: StatusCode, body: Bytes) -> Response {
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
