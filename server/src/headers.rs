//! Headers that every answer carries.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::Shared;

/// What pages may load and who may frame them. The framing origins follow.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                      img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'self'; \
                      form-action 'none'; frame-ancestors 'self'";

/// The content security policy with further origins that may frame the pages.
pub fn policy(origins: impl IntoIterator<Item = String>) -> String {
    let mut policy = POLICY.to_owned();
    for origin in origins.into_iter().filter(|origin| is_origin(origin)) {
        policy.push(' ');
        policy.push_str(&origin);
    }
    policy
}

/// Whether a text is an origin and nothing else: it must not bring a directive of its own.
pub fn is_origin(text: &str) -> bool {
    url::Url::parse(text)
        .is_ok_and(|url| url.scheme() == "https" && url.origin().ascii_serialization() == text)
}

/// Adds the headers to whatever is answered.
pub async fn add(State(app): Shared, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let origins = app.config.frame_ancestors.iter().cloned().chain(app.vcenters.origins());
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(origins)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    // What is not a file is for one user.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_added() {
        let all = ["https://vc.example.org", "https://vc.example.org:444", "https://a b", "x; script-src *"];
        let policy = policy(all.map(str::to_owned));
        assert!(
            policy.ends_with("frame-ancestors 'self' https://vc.example.org https://vc.example.org:444"),
            "{policy}"
        );
        for bad in ["http://vc", "https://vc/", "https://vc/a", "https://u@vc", "", "*"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
