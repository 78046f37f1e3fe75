//! The doors of the API: who stays outside is told so, is logged, and holds nothing up.
//!
//! Nothing of a request is read before its token is known to be good. A connection that does not speak TLS, or not in
//! time, is closed without a word: there is nothing that could be said to it in safety.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use futures_util::{StreamExt, stream};
use tokio::net::TcpStream;

/// How long whoever has a connection may take for the head of the first request.
pub const FIRST_REQUEST: Duration = Duration::from_secs(10);
/// How long for the head of the next, which is also how long a connection is kept of which nothing is asked. Longer than
/// callers keep theirs (90 s), or a request would now and then meet a door that is just being shut.
pub const NEXT_REQUEST: Duration = Duration::from_secs(120);
/// How long a body may take.
pub const BODY: Duration = Duration::from_secs(30);
/// How often refusals of one kind are logged at most: whoever knocks must not fill the log.
const LOGGED: Duration = Duration::from_secs(1);

/// A body that fails when it has not come whole within a time.
pub fn within(body: Body, limit: Duration) -> Body {
    let until = tokio::time::Instant::now() + limit;
    let late = move || format!("it did not arrive within {} seconds", limit.as_secs());
    Body::from_stream(stream::unfold(Some(body.into_data_stream()), move |chunks| async move {
        let mut chunks = chunks?;
        match tokio::time::timeout_at(until, chunks.next()).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(chunks))),
            Ok(Some(Err(error))) => Some((Err(error), None)),
            Ok(None) => None,
            Err(_) => Some((Err(axum::Error::new(io::Error::other(late()))), None)),
        }
    }))
}

/// Logs refusals of one kind, now and then.
#[derive(Debug, Default)]
pub struct Refusals {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Refusals {
    /// Logs one, with how many were not logged before it; or counts it.
    pub fn log(&self, peer: Option<SocketAddr>, what: impl Display) {
        if let Some(before) = self.turn(Instant::now()) {
            let peer = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
            tracing::warn!(peer, not_logged_before = before, "refused: {what}");
        }
    }

    fn turn(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now.duration_since(last) < LOGGED) {
            state.1 += 1;
            return None;
        }
        let (_, counted) = std::mem::replace(&mut *state, (Some(now), 0));
        Some(counted)
    }
}

/// Accepts TLS connections, and logs those that are none.
#[derive(Clone, Debug)]
pub struct Door {
    tls: RustlsAcceptor,
    refusals: Arc<Refusals>,
}

impl Door {
    /// Logs what `tls` refuses.
    pub fn new(tls: RustlsAcceptor) -> Self {
        Self { tls, refusals: Arc::default() }
    }
}

type Accepted<S> =
    (<RustlsAcceptor as Accept<TcpStream, S>>::Stream, <RustlsAcceptor as Accept<TcpStream, S>>::Service);

impl<S: Send + 'static> Accept<TcpStream, S> for Door {
    type Stream = <RustlsAcceptor as Accept<TcpStream, S>>::Stream;
    type Service = <RustlsAcceptor as Accept<TcpStream, S>>::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<Accepted<S>>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let peer = stream.peer_addr().ok();
        let (accepting, refusals) = (self.tls.accept(stream, service), self.refusals.clone());
        Box::pin(async move {
            let accepted = accepting.await;
            if let Err(error) = &accepted {
                refusals.log(peer, format!("no TLS connection came about: {error}"));
            }
            accepted
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_body_that_trickles_in_is_given_up() {
        let whole = within(Body::from("{}"), BODY);
        assert_eq!(axum::body::to_bytes(whole, 2).await.unwrap(), "{}");
        let first = stream::iter([Ok::<_, io::Error>("{")]);
        let trickling = within(Body::from_stream(first.chain(stream::pending())), Duration::ZERO);
        let error = axum::body::to_bytes(trickling, 2).await.unwrap_err();
        assert!(error.to_string().contains("did not arrive"), "{error}");
    }

    #[test]
    fn whoever_knocks_often_is_logged_now_and_then_and_counted() {
        let (refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.turn(start), Some(0));
        for _ in 0..5 {
            assert_eq!(refusals.turn(start + LOGGED / 2), None);
        }
        assert_eq!(refusals.turn(start + LOGGED), Some(5));
        assert_eq!(refusals.turn(start + LOGGED * 2), Some(0));
    }
}
