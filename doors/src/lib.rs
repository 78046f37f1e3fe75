//! What both servers do with the body of every request: it comes in time or not at all, and whoever sends more than is
//! read still hears why.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

/// How much of a body that nobody wants is still taken. Whoever sends more may find the connection closed instead of an
/// answer.
pub const MAX_LEFT_BYTES: usize = 64 << 20;

/// Has a request answered whose body fails when it has not come whole within `limit`.
///
/// What the answer left of the body is read before it goes out, for as long and up to [`MAX_LEFT_BYTES`]: to close a
/// connection on which data is still coming resets it, and the answer is lost on its way (RFC 9112, section 9.6). Of a
/// caller who waits for leave to send his body (RFC 9110, section 10.1.1) nothing is coming.
pub async fn answered<F>(request: Request, limit: Duration, answer: impl FnOnce(Request) -> F) -> Response
where
    F: Future<Output = Response>,
{
    let until = Instant::now() + limit;
    let waits = request.headers().contains_key(EXPECT);
    let (head, body) = request.into_parts();
    let mut left = Left(Arc::new(Mutex::new(Some(body.into_data_stream()))));
    let body = Body::from_stream(in_time(left.clone(), until, limit));
    let answer = answer(Request::from_parts(head, body)).await;
    let mut room = if waits { None } else { Some(MAX_LEFT_BYTES) };
    while let Some(bytes) = room {
        let Ok(Some(Ok(chunk))) = timeout_at(until, left.next()).await else { break };
        room = bytes.checked_sub(chunk.len());
    }
    answer
}

/// Ends with an error at `until`, if it has not ended before.
fn in_time(
    left: Left,
    until: Instant,
    limit: Duration,
) -> impl Stream<Item = Result<Bytes, axum::Error>> + Send {
    let late = move || format!("it did not arrive within {} seconds", limit.as_secs());
    stream::unfold(Some(left), move |left| async move {
        let mut left = left?;
        match timeout_at(until, left.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk, Some(left))),
            Err(_) => Some((Err(axum::Error::new(io::Error::other(late()))), None)),
        }
    })
}

/// What was not read yet of a body, for whoever reads next.
#[derive(Clone)]
struct Left(Arc<Mutex<Option<BodyDataStream>>>);

impl Stream for Left {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(chunks) = body.as_mut() else { return Poll::Ready(None) };
        let polled = chunks.poll_next_unpin(context);
        // After its end, or a failure, nothing is asked of it any more.
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            *body = None;
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::to_bytes;
    use axum::response::IntoResponse;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A body of chunks, and how many of them were asked for.
    fn counted(chunks: usize, bytes: usize) -> (Body, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let chunk = move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from(vec![0; bytes]))
        };
        (Body::from_stream(stream::iter(0..chunks).map(chunk)), asked)
    }

    /// The answer of one who reads the body up to so many bytes.
    async fn read(request: Request, limit: Duration, most: usize) -> String {
        let answer = answered(request, limit, |request| async move {
            match to_bytes(request.into_body(), most).await {
                Ok(body) => format!("{} bytes", body.len()).into_response(),
                Err(error) => error.to_string().into_response(),
            }
        });
        String::from_utf8(to_bytes(answer.await.into_body(), 1_000).await.unwrap().into()).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_handed_on_as_it_is() {
        assert_eq!(read(Request::new(Body::from("{}")), LIMIT, 2).await, "2 bytes");
        assert_eq!(read(Request::new(Body::empty()), LIMIT, 2).await, "0 bytes");
        let broken = stream::iter([Err::<Bytes, _>(io::Error::other("torn"))]);
        assert!(read(Request::new(Body::from_stream(broken)), LIMIT, 2).await.contains("torn"));
    }

    #[tokio::test]
    async fn a_body_that_trickles_in_is_given_up() {
        let first = stream::iter([Ok::<_, io::Error>("{")]);
        let trickling = Body::from_stream(first.chain(stream::pending()));
        let told = read(Request::new(trickling), Duration::ZERO, 2).await;
        assert!(told.contains("did not arrive"), "{told}");
    }

    #[tokio::test]
    async fn what_is_left_of_a_body_is_read_to_its_end() {
        let (body, asked) = counted(100, 1_000);
        let told = read(Request::new(body), LIMIT, 2_000).await;
        assert!(told.contains("length limit exceeded"), "{told}");
        assert_eq!(asked.load(Ordering::Relaxed), 100);
    }

    #[tokio::test]
    async fn there_is_an_end_to_what_is_read_in_vain() {
        let (body, asked) = counted(1_000, 1 << 20);
        read(Request::new(body), LIMIT, 10).await;
        assert_eq!(asked.load(Ordering::Relaxed), (MAX_LEFT_BYTES >> 20) + 2);
        let silent = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
        let answer = answered(Request::new(silent), Duration::ZERO, async |_| ().into_response());
        assert_eq!(answer.await.status(), 200);
    }

    #[tokio::test]
    async fn who_waits_for_leave_is_answered_at_once() {
        let (body, asked) = counted(100, 1_000);
        let mut request = Request::new(body);
        request.headers_mut().insert(EXPECT, "100-continue".parse().unwrap());
        answered(request, LIMIT, async |_| ().into_response()).await;
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }
}
