//! HTTPS to the appliance. Only the appliance's own certificate is trusted.

use std::path::PathBuf;
use std::time::Duration;

use hdm_appliance::config::ClientProfile;
use hdm_shared::problem::Problem;
use reqwest::{Certificate, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// How long a call may take: adding a vCenter waits for its inventory, a release for its tasks.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Calls to one appliance.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    profile: ClientProfile,
}

/// The folder used if none is named.
pub fn default_folder() -> Result<PathBuf, Failure> {
    let home =
        std::env::var_os("HOME").ok_or_else(|| Failure::Other("HOME is not set; name the folder.".into()))?;
    Ok(PathBuf::from(home).join(".hdm"))
}

impl Client {
    /// Reads the profile.
    pub fn open(profile: Option<PathBuf>) -> Result<Self, Failure> {
        let path = match profile {
            Some(path) => path,
            None => default_folder()?.join("client.toml"),
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::Unreachable(format!(
                "{}: {error}. Name the appliance's client.toml with --profile or HDM_PROFILE; `hdm appliance init` makes one.",
                path.display()
            ))
        })?;
        let profile: ClientProfile =
            toml::from_str(&text).map_err(|error| Failure::Other(format!("{}: {error}", path.display())))?;
        Self::new(profile)
    }

    /// A client for a profile.
    pub fn new(profile: ClientProfile) -> Result<Self, Failure> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let other = |error: reqwest::Error| Failure::Other(format!("The profile cannot be used: {error}"));
        let certificate = Certificate::from_pem(profile.certificate.as_bytes()).map_err(other)?;
        let http = reqwest::Client::builder()
            .tls_certs_only([certificate])
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(other)?;
        Ok(Self { http, profile })
    }

    /// `GET`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// `GET` with a query.
    pub async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, path).query(query);
        self.answer(request).await
    }

    /// `GET` of what is no JSON, by its whole path.
    pub async fn text(&self, path: &str) -> Result<String, Failure> {
        self.send(self.request_to(Method::GET, path)).await
    }

    /// `POST`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PUT`.
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// `DELETE` that is answered with what is left.
    pub async fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::DELETE, path, None::<&()>).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        let response = self.send(self.request(Method::DELETE, path)).await?;
        drop(response);
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.request_to(method, &format!("/api/v1{path}"))
    }

    fn request_to(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let user: String = std::env::var("USER")
            .unwrap_or_else(|_| "cli".into())
            .chars()
            .filter(char::is_ascii_graphic)
            .collect();
        self.http
            .request(method, format!("{}{path}", self.profile.url))
            .bearer_auth(&self.profile.token)
            .header("HDM-User", user)
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, Failure> {
        let text = self.send(request).await?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Other(format!("The appliance's answer cannot be understood: {error}")))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<String, Failure> {
        let unreachable = |error: reqwest::Error| {
            let mut cause: &dyn std::error::Error = &error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            let url = &self.profile.url;
            Failure::Unreachable(format!(
                "The appliance at {url} cannot be reached: {cause}. Does `hdm appliance run` run?"
            ))
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = response.text().await.map_err(unreachable)?;
        if status.is_success() {
            return Ok(text);
        }
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(Failure::Refused(Box::new(problem))),
            Err(_) => {
                Err(Failure::Other(format!("The appliance answered with HTTP status {status}: {text}")))
            }
        }
    }
}

/// A part of an address.
pub fn encode(part: &str) -> String {
    url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>().replace('+', "%20")
}
