//! Answering with a file.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::Asset;

/// Answers with a file, in the smallest form that the caller takes, or with 304 if the caller has it.
pub fn serve(asset: &Asset, request: &HeaderMap) -> Response {
    let (body, encoding) = choose(asset, request);
    // Each form has a tag of its own (RFC 9110, 8.8.3): a proxy must not mix them up.
    let tag = format!("\"{}{}\"", asset.tag, encoding.map(|name| format!("-{name}")).unwrap_or_default());
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|value| holds(value, &tag));
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { (StatusCode::OK, body).into_response() };
    let cache = if asset.forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(encoding) = encoding.filter(|_| !known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn choose(asset: &Asset, request: &HeaderMap) -> (Bytes, Option<&'static str>) {
    for (packed, name) in [(&asset.brotli, "br"), (&asset.gzip, "gzip")] {
        if let Some(packed) = packed
            && accepts(request, name)
        {
            return (packed.clone(), Some(name));
        }
    }
    (asset.plain.clone(), None)
}

/// Whether an encoding is accepted by name (RFC 9110, 12.5.3). What is refused with `q=0` is not.
pub(crate) fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
            named && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
        })
    })
}

/// Whether an entity tag is in a list of them; weak ones count (RFC 9110, 13.1.2).
pub(crate) fn holds(value: &HeaderValue, tag: &str) -> bool {
    let Ok(text) = value.to_str() else { return false };
    text.split(',').map(str::trim).any(|given| given == "*" || given.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::Assets;
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_smallest_form_that_is_accepted_is_sent_and_known_ones_are_not() {
        let mut assets = Assets::default();
        assets.add("index.html", "hello ".repeat(500).into_bytes());
        let asset = assets.get("index.html").unwrap();
        let ask = |accepted: &str| serve(asset, &request(&[("accept-encoding", accepted)]));
        let encoding = |answer: &Response| {
            answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(encoding(&ask("gzip, deflate, br")).as_deref(), Some("br"));
        assert_eq!(encoding(&ask("gzip;q=0.5")).as_deref(), Some("gzip"));
        assert_eq!(encoding(&ask("br;q=0, identity")), None);
        assert_eq!(encoding(&serve(asset, &HeaderMap::new())), None);
        let tag = ask("br").headers()["etag"].to_str().unwrap().to_owned();
        let again = |tag: &str| serve(asset, &request(&[("accept-encoding", "br"), ("if-none-match", tag)]));
        assert_eq!(again(&tag).status(), 304);
        assert_eq!(again(&format!("\"x\", W/{tag}")).status(), 304);
        assert_eq!(again("\"x\"").status(), 200);
    }
}
