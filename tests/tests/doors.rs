//! The API's doors: who has no business there is refused and logged, learns nothing, and holds nobody up.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

use hdm_tests::{Appliance, Lab};
use reqwest::{Certificate, Client, Method, StatusCode};
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What stands in an appliance's `client.toml`.
struct Way {
    url: String,
    address: String,
    certificate: String,
    token: String,
    http: Client,
}

impl Way {
    fn to(appliance: &Appliance) -> Self {
        let profile = std::fs::read_to_string(appliance.directory().join("client.toml")).unwrap();
        let profile: toml::Table = profile.parse().unwrap();
        let of = |key: &str| profile[key].as_str().unwrap().to_owned();
        let certificate = of("certificate");
        let trusted = Certificate::from_pem(certificate.as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let url = of("url");
        let address = url.trim_start_matches("https://").to_owned();
        Self { url, address, certificate, token: of("token"), http }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<String>,
    ) -> (StatusCode, String) {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.unwrap();
        assert!(response.headers().get("set-cookie").is_none() && response.headers().get("server").is_none());
        (response.status(), response.text().await.unwrap())
    }
}

async fn knock(address: &str, words: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A door that is shut before everything is said breaks the rest off.
    let _ = stream.write_all(words).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut answer))
        .await
        .expect("it is closed");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_nothing_is_told_and_each_refusal_is_logged() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let way = Way::to(&appliance);
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let close = format!("{}x", &way.token[..way.token.len() - 1]);
    let tokens = [None, Some(""), Some("wrong"), Some(close.as_str())];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace(['{', '}'], "");
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for token in tokens {
                // A body that would be much work is not even read.
                let body = (method != Method::GET).then(|| "[".repeat(1_000));
                let (status, text) = way.ask(method.clone(), &path, token, body).await;
                assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}: {text}");
                for secret in [&way.token, "onprem", "cloud", "rust", "axum"] {
                    assert!(!text.to_lowercase().contains(secret), "{method} {path} tells {secret}: {text}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
    let (status, _) = way.ask(Method::GET, "/metrics", None, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let log = appliance.log();
    assert!(log.contains("refused: ") && log.contains("peer=\"127.0.0.1:"), "{log}");
    assert!(!log.contains(&close), "what was tried is nobody's business");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_too_deep_or_too_large_or_no_json_are_refused_in_words() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let way = Way::to(&appliance);
    let path = "/api/v1/migrations";
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let nested = format!("{{\"vms\": {}1{}}}", "{\"a\":".repeat(50_000), "}".repeat(50_000));
    let large = format!("{{\"vms\": [\"{}\"]}}", "x".repeat(5 << 20));
    let twice = "{\"vms\": [\"a\"], \"cloud\": \"cloud\", \"cloud\": \"other\"}".to_owned();
    for (body, status, word) in [
        (deep, 400, "bad-request"),
        (nested, 400, "bad-request"),
        (large, 413, "too-large"),
        ("{\"vms\": [\"a\"".into(), 400, "bad-request"),
        ("\u{0}".into(), 400, "bad-request"),
        (twice, 400, "bad-request"),
    ] {
        let (code, text) = way.ask(Method::POST, path, Some(&way.token), Some(body)).await;
        assert_eq!(code.as_u16(), status, "{text}");
        assert!(text.contains(word) && text.len() < 2_000, "{text}");
    }
    let (code, text) = way.ask(Method::GET, path, Some(&way.token), None).await;
    assert_eq!((code, text.as_str()), (StatusCode::OK, "[]"), "it still works, and nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_speaks_no_tls_is_shut_out() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let way = Way::to(&appliance);
    let request =
        format!("GET /api/v1/migrations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", way.token);
    for words in [request.as_bytes(), b"\x16\x03\x01\xff\xff", &[0; 9_000], b"SSH-2.0-x\r\n"] {
        let answer = knock(&way.address, words).await;
        // At most a TLS alert: no HTTP, no word.
        assert!(answer.len() < 32 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let log = appliance.log();
    assert!(log.contains("no TLS connection came about"), "{log}");
    assert!(!log.contains(&way.token), "the token of one who sent it in clear stands nowhere");
    let (code, _) = way.ask(Method::GET, "/healthz", None, None).await;
    assert_eq!(code, StatusCode::OK);
}

/// Speaks TLS, says something, and waits for the answer until the door is shut.
fn say(way: &Way, words: &str) -> String {
    let certificate = rustls::pki_types::CertificateDer::from_pem_slice(way.certificate.as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let name = "127.0.0.1".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = std::net::TcpStream::connect(&way.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(100))).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, socket);
    stream.write_all(words.as_bytes()).unwrap();
    stream.flush().unwrap();
    let mut answer = Vec::new();
    // It may be shut without a word of TLS, but shut it must be.
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "it is still open: {error}");
    }
    String::from_utf8(answer).unwrap()
}

/// A connection that was closed upon the refusal would have carried neither it nor the next answer.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_much_is_heard_out_and_goes_on_over_the_same_connection() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let way = Way::to(&appliance);
    let body = format!("{{\"vms\": [\"{}\"]}}", "x".repeat(20 << 20));
    let asked = format!(
        "POST /api/v1/migrations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        way.token,
        body.len()
    );
    let said = tokio::task::spawn_blocking(move || say(&way, &asked)).await.unwrap();
    let answers: Vec<&str> = said.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(answers, ["413", "200"], "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_half_of_it_is_not_waited_for() {
    let lab = Lab::start(json!([])).await;
    let appliance = Appliance::start(&lab).await;
    let way = Arc::new(Way::to(&appliance));
    let post = format!(
        "POST /api/v1/migrations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        way.token
    );
    let cases = [
        (String::new(), ""),
        ("GET /healthz HTTP/1.1\r\nHost: ".into(), ""),
        (post, "did not arrive within"),
    ];
    let mut asked = Vec::new();
    for (words, answer) in cases {
        let way = way.clone();
        asked.push((answer, tokio::task::spawn_blocking(move || say(&way, &words))));
    }
    for (answer, said) in asked {
        let said = said.await.unwrap();
        assert!(said.contains(answer) && said.is_empty() == answer.is_empty(), "{said}");
    }
}
