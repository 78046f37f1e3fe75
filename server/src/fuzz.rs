//! What the fuzz target in `server/fuzz` does with its input, and its replay: whatever pages, the vSphere Client or
//! somebody in their place ask of the plugin server is answered, and what is wrong with it told as a problem that the
//! caller can mend. The corpus is committed beside the target.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::cell::RefCell;

use axum::body::Body;
use axum::http::{Request, header};
use hdm_shared::plugin::SessionGrant;
use hdm_shared::problem::Problem;
use hdm_shared::testing::WrittenRequest;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::tests::setting::Setting;

/// The largest input, in bytes: what is larger says nothing that is new.
const MAX_BYTES: usize = 64 << 10;
/// After so many requests the server is another one, which knows no session and none of what was asked.
const MAX_REQUESTS: u32 = 4_096;

thread_local! {
    static STAGE: RefCell<Option<Stage>> = const { RefCell::new(None) };
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
}

/// A plugin server before an appliance and a vCenter in memory, and a user who may do everything.
struct Stage {
    setting: Setting,
    grant: SessionGrant,
    asked: u32,
}

/// A request. Without a token of its own it carries that of the user.
pub fn request(data: &[u8]) {
    if data.len() > MAX_BYTES {
        return;
    }
    let Some(written) = WrittenRequest::read(data) else { return };
    RUNTIME.with(|runtime| {
        STAGE.with_borrow_mut(|stage| {
            runtime.block_on(async {
                if stage.as_ref().is_none_or(|stage| stage.asked >= MAX_REQUESTS) {
                    *stage = Some(Stage::new().await);
                }
                stage.as_mut().unwrap().ask(&written).await;
            });
        });
    });
}

impl Stage {
    async fn new() -> Self {
        let setting = Setting::new().await;
        setting.administrator();
        setting.appliance.change(|world| world.plan = serde_json::json!({"vms": []}));
        let grant = setting.grant("root", None).await;
        Self { setting, grant, asked: 0 }
    }

    async fn ask(&mut self, written: &WrittenRequest<'_>) {
        let mut request = Request::builder().method(written.method).uri(written.path);
        for (name, value) in &written.headers {
            request = request.header(*name, *value);
        }
        if !written.has("authorization") {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.grant.token));
        }
        if !written.has("content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let Ok(request) = request.body(Body::from(written.body.to_vec())) else { return };
        self.asked += 1;
        let answer = self.setting.router().oneshot(request).await.unwrap();
        let (status, kind) = (answer.status(), answer.headers().get(header::CONTENT_TYPE).cloned());
        assert!(answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let body = axum::body::to_bytes(answer.into_body(), 64 << 20).await.unwrap();
        self.setting.appliance.change(|world| world.asked.clear());
        if !status.is_client_error() && !status.is_server_error() || body.is_empty() {
            return;
        }
        assert_eq!(kind.unwrap(), "application/problem+json", "{status}");
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem.status, status.as_u16());
        // The appliance and the vCenter answer; all that goes wrong is what the caller has asked for.
        assert!(status.is_client_error(), "{problem:?}");
        assert!(!problem.detail.is_empty() && !problem.title.is_empty(), "{problem:?}");
    }
}

#[cfg(test)]
mod tests {
    use hdm_vsphere::fuzz::replay;

    use super::*;

    #[test]
    fn the_corpus_of_requests_is_answered() {
        assert!(replay(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/request"), request) > 10);
    }
}
