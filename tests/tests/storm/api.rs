//! The appliance's API as a script uses it: an answer may fail to come.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Method, RequestBuilder};
use serde_json::Value;

/// How long an answer is waited for where only something is read.
const READING: Duration = Duration::from_secs(3);

/// Calls to one appliance.
pub struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// What came back.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Answer {
    /// Whether what was asked for was done.
    pub fn well(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Api {
    /// Reads how an appliance is reached.
    pub fn of(folder: &Path) -> Self {
        let profile = std::fs::read_to_string(folder.join("client.toml")).unwrap();
        let value = |key: &str| {
            let line = profile.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix('='));
            line.unwrap_or_else(|| panic!("no {key} in {profile}")).trim().trim_matches('"').to_owned()
        };
        let pem = std::fs::read(folder.join("tls/certificate.pem")).unwrap();
        let certificate = Certificate::from_pem(&pem).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy();
        Self { http: http.build().unwrap(), url: value("url"), token: value("token") }
    }

    /// Reads; `None` if no answer came.
    pub async fn get(&self, path: &str) -> Option<Answer> {
        answer(self.ask(Method::GET, path).timeout(READING)).await
    }

    /// Asks for something under a key, so that it can be asked for again; `None` if no answer came.
    pub async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: &Value,
        patience: Duration,
    ) -> Option<Answer> {
        let mut request = self.ask(Method::POST, path).json(body).timeout(patience);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        answer(request).await
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token)
    }
}

async fn answer(request: RequestBuilder) -> Option<Answer> {
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let body = serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or(Value::Null);
    Some(Answer { status, body })
}
