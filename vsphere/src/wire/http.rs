//! One HTTP client per server, with its certificate pinned.

use std::error::Error as StdError;
use std::time::Duration;

use futures_util::StreamExt;
use url::Url;

use super::limits::Limits;
use super::thumbprint::Thumbprint;
use super::tls::{WrongCertificate, pinned};
use crate::error::Error;

/// A vCenter's address and the certificate trusted there.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The vCenter's name in messages.
    pub name: String,
    /// `https://host[:port]/sdk`.
    pub url: Url,
    /// The certificate trusted.
    pub thumbprint: Thumbprint,
}

impl Endpoint {
    /// Reads an address as people write it: `host`, `host:port` or `https://host[:port][/sdk]`.
    pub fn parse_url(text: &str) -> Result<Url, Error> {
        let bad = || Error::BadUrl(text.chars().take(200).collect());
        let full =
            if text.contains("://") { text.trim().to_owned() } else { format!("https://{}", text.trim()) };
        let mut url = Url::parse(&full).map_err(|_| bad())?;
        if url.scheme() != "https" || url.host_str().is_none() || !url.username().is_empty() {
            return Err(bad());
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/sdk");
        }
        Ok(url)
    }

    /// `host:port`.
    pub fn host_port(url: &Url) -> String {
        format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443))
    }
}

/// A client that accepts one certificate. It follows no redirects, uses no proxy and keeps no cookies.
/// `connect` limits the time of the TCP and TLS handshakes.
pub fn client(pin: Thumbprint, connect: Duration) -> Result<reqwest::Client, Error> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(pinned(pin)?)
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .build()
        .map_err(|e| Error::Tls(e.into()))
}

/// The SOAP endpoint of one vCenter.
#[derive(Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    endpoint: Endpoint,
    limits: Limits,
    user_agent: String,
}

/// What came back of a SOAP call.
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) cookie: Option<String>,
    pub(crate) body: String,
}

/// The SOAP services of a vCenter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// The vSphere API (`/sdk`).
    Vim,
    /// Storage policies (SPBM, `/pbm`).
    Storage,
}

/// How a REST call is authorised.
pub(crate) enum RestAuth<'a> {
    /// By user name and password: to open a session.
    Basic(&'a str, &'a str),
    /// By the session's id.
    Session(&'a str),
}

/// The name of vCenter's session cookie.
const COOKIE: &str = "vmware_soap_session";

impl Http {
    pub(crate) fn new(endpoint: Endpoint, limits: Limits, user_agent: String) -> Result<Self, Error> {
        Ok(Self { client: client(endpoint.thumbprint, limits.connect)?, endpoint, limits, user_agent })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Posts an envelope. `timeout` is for the whole call.
    pub(crate) async fn post(
        &self,
        service: Service,
        operation: &str,
        cookie: Option<&str>,
        body: String,
        timeout: Duration,
    ) -> Result<HttpAnswer, Error> {
        let (url, action) = match service {
            Service::Vim => (self.endpoint.url.clone(), "urn:vim25/7.0"),
            Service::Storage => (self.beside("/pbm")?, "urn:pbm/2.0"),
        };
        let mut request = self
            .client
            .post(url)
            .header("Content-Type", "text/xml; charset=utf-8")
            .header("SOAPAction", action)
            .header("User-Agent", &self.user_agent)
            .timeout(timeout)
            .body(body);
        if let Some(cookie) = cookie {
            request = request.header("Cookie", format!("{COOKIE}={cookie}"));
        }
        let response = request.send().await.map_err(|e| self.error(operation, e))?;
        let status = response.status().as_u16();
        let cookie = response.headers().get_all("Set-Cookie").iter().find_map(|value| {
            let pair = value.to_str().ok()?.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            (name.trim() == COOKIE).then(|| value.trim().to_owned())
        });
        let body = self.read(operation, response).await?;
        Ok(HttpAnswer { status, cookie, body })
    }

    /// Makes a call of the REST API and returns the JSON it answers with, `null` if there is none.
    pub(crate) async fn rest(
        &self,
        method: reqwest::Method,
        path: &str,
        auth: RestAuth<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, Error> {
        let (status, text) = self.rest_answer(method, path, auth, body).await?;
        let protocol = |detail: String| Error::Protocol { operation: path.to_owned(), detail };
        if !(200..300).contains(&status) {
            return Err(protocol(format!("HTTP status {status}")));
        }
        if text.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_str(&text).map_err(|e| protocol(e.to_string()))
    }

    /// The same, with status and text as they came.
    pub(crate) async fn rest_answer(
        &self,
        method: reqwest::Method,
        path: &str,
        auth: RestAuth<'_>,
        body: Option<&serde_json::Value>,
    ) -> Result<(u16, String), Error> {
        let mut request = self
            .client
            .request(method, self.beside(path)?)
            .header("User-Agent", &self.user_agent)
            .timeout(self.limits.call);
        request = match auth {
            RestAuth::Basic(user, password) => request.basic_auth(user, Some(password)),
            RestAuth::Session(id) => request.header("vmware-api-session-id", id),
        };
        if let Some(body) = body {
            request = request
                .header("Content-Type", "application/json")
                .header("Accept", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.map_err(|e| self.error(path, e))?;
        let status = response.status().as_u16();
        Ok((status, self.read(path, response).await?))
    }

    /// Another path of the same server.
    fn beside(&self, path: &str) -> Result<Url, Error> {
        self.endpoint.url.join(path).map_err(|_| Error::BadUrl(path.to_owned()))
    }

    async fn read(&self, operation: &str, response: reqwest::Response) -> Result<String, Error> {
        let limit = self.limits.body_bytes;
        let mut body = Vec::new();
        let mut stream = response.bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| self.error(operation, e))?;
            if body.len() + chunk.len() > limit {
                return Err(Error::Limit {
                    what: format!("the answer of {} to {operation}", self.endpoint.name),
                    limit: format!("{limit} bytes"),
                });
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body)
            .map_err(|_| Error::Protocol { operation: operation.into(), detail: "it is not UTF-8".into() })
    }

    fn error(&self, operation: &str, error: reqwest::Error) -> Error {
        if let Some(wrong) = certificate_error(&self.endpoint.name, &error) {
            return wrong;
        }
        if error.is_timeout() && !error.is_connect() {
            return Error::Timeout { vcenter: self.endpoint.name.clone(), operation: operation.into() };
        }
        let sent = !error.is_connect();
        Error::Unreachable { vcenter: self.endpoint.name.clone(), sent, source: root_cause(&error).into() }
    }
}

/// The error of a wrong certificate, if that is what lies below.
pub(crate) fn certificate_error(host: &str, error: &reqwest::Error) -> Option<Error> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        let other = error.downcast_ref::<rustls::Error>().and_then(|tls| match tls {
            rustls::Error::Other(other) => other.0.downcast_ref::<WrongCertificate>(),
            _ => None,
        });
        if let Some(wrong) = other {
            return Some(Error::Certificate {
                host: host.to_owned(),
                expected: wrong.expected,
                presented: wrong.presented.to_string(),
            });
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        cause = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// The innermost message, which says most: "Connection refused" rather than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn addresses_as_people_write_them() {
        for text in
            ["vc.example.org", "https://vc.example.org", "https://vc.example.org/sdk", " vc.example.org "]
        {
            assert_eq!(Endpoint::parse_url(text).unwrap().as_str(), "https://vc.example.org/sdk", "{text}");
        }
        assert_eq!(Endpoint::host_port(&Endpoint::parse_url("127.0.0.1:8989").unwrap()), "127.0.0.1:8989");
        for bad in ["", "http://vc", "https://user:pw@vc", "https://"] {
            assert!(Endpoint::parse_url(bad).is_err(), "{bad}");
        }
    }
}
