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

use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
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
    use super::*;

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
