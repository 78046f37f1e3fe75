//! One file from the host that exports it: read, checked and hashed as it comes, kept by nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::rate::RateLimit;
use super::stream_check::StreamChecker;
use crate::error::Error;
use crate::lease::LeaseDevice;
use crate::wire::{certificate_error, client};

/// After so many bytes a pipe lets the others have their turn. The one whose connection the system favours would else
/// get ever more of the processors: it finds more to read each time.
const TURN_BYTES: u64 = 256 << 10;

/// The limits of a pipe.
#[derive(Clone, Copy, Debug)]
pub struct PipeLimits {
    /// For the TCP and TLS handshakes.
    pub connect: Duration,
    /// How long nothing may move.
    pub idle: Duration,
    /// How long the importing host may take for its answer after the last byte.
    pub answer: Duration,
}

impl Default for PipeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            answer: Duration::from_secs(300),
        }
    }
}

/// How far a pipe is; read it at any time.
#[derive(Debug, Default)]
pub struct PipeProgress {
    position: AtomicU64,
    wire: AtomicU64,
}

impl PipeProgress {
    /// The address behind the newest grain, in bytes of the disk.
    pub fn position_bytes(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// What has gone over the wire, in bytes. A measuring pass does not count.
    pub fn wire_bytes(&self) -> u64 {
        self.wire.load(Ordering::Relaxed)
    }
}

/// What passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piped {
    /// SHA-1 of the stream, if it was taken.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of the stream.
    pub sha256: [u8; 32],
    /// Checksum of what the disk holds, however the host packs it; if grains are unpacked.
    pub content_sha256: Option<[u8; 32]>,
    /// Its length in bytes.
    pub wire_bytes: u64,
}

/// One file to be read.
#[derive(Clone, Debug)]
pub struct Export {
    /// The file in messages, such as `Hard disk 1`.
    pub label: String,
    /// Where it comes from.
    pub from: LeaseDevice,
    /// The disk's size if it is a disk: then the stream's grains are checked.
    pub capacity_bytes: Option<u64>,
    /// Whether the grains are unpacked, too, for [`Piped::content_sha256`].
    pub unpacks: bool,
    /// Whether SHA-1 is taken, too: what hosts give that know nothing better.
    pub sha1: bool,
    /// Limits.
    pub limits: PipeLimits,
    /// What all bytes wait for before they pass on, each in turn.
    pub rates: Vec<Arc<RateLimit>>,
}

impl Export {
    /// Reads the file to its end and keeps nothing.
    pub async fn read(&self, progress: &Arc<PipeProgress>) -> Result<Piped, Error> {
        match self.start(None, progress.clone()).await?.join().await {
            Ok(piped) => Ok(piped),
            Err(ReadError::Failed(error)) => Err(error),
            Err(ReadError::Unread) => Err(nfc(&self.label, &self.from, "the reader ended", None)),
        }
    }

    /// Begins to read: in a task, so that hashing and sending do not wait for each other.
    pub(super) async fn start(
        &self,
        sink: Option<Sink>,
        progress: Arc<PipeProgress>,
    ) -> Result<Reader, Error> {
        progress.position.store(0, Ordering::Relaxed);
        progress.wire.store(0, Ordering::Relaxed);
        let client = pinned(&self.label, &self.from, self.limits.connect)?;
        let request = client.get(self.from.url.clone()).send();
        let response = tokio::time::timeout(self.limits.connect + self.limits.idle, request)
            .await
            .map_err(|_| nfc(&self.label, &self.from, "the host does not answer", None))?
            .map_err(|e| http(&self.label, &self.from, &e))?;
        if !response.status().is_success() {
            let status = response.status();
            let detail = format!("the host answered the export with HTTP status {status}");
            return Err(nfc(&self.label, &self.from, &detail, Some(status.as_u16())));
        }
        Ok(Reader { task: tokio::spawn(read(self.clone(), response, sink, progress)) })
    }

    pub(super) fn damaged(&self, detail: String) -> Error {
        Error::Damaged { device: self.label.clone(), detail }
    }
}

/// A client that trusts the device's host, and no other.
pub(super) fn pinned(label: &str, device: &LeaseDevice, connect: Duration) -> Result<reqwest::Client, Error> {
    let pin = device.thumbprint.ok_or_else(|| {
        let detail = "vCenter does not tell the host's certificate, so the host cannot be trusted";
        nfc(label, device, detail, None)
    })?;
    client(pin, connect)
}

pub(super) fn http(label: &str, device: &LeaseDevice, error: &reqwest::Error) -> Error {
    certificate_error(&device.host(), error).unwrap_or_else(|| {
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Error::Nfc {
            host: device.host(),
            device: label.to_owned(),
            detail: cause.to_string(),
            status: None,
            reached: !error.is_connect(),
        }
    })
}

pub(super) fn nfc(label: &str, device: &LeaseDevice, detail: &str, status: Option<u16>) -> Error {
    Error::Nfc {
        host: device.host(),
        device: label.to_owned(),
        detail: detail.to_owned(),
        status,
        reached: true,
    }
}

/// What the reader passes on.
#[derive(Debug)]
pub(super) enum Piece {
    /// Some of the file.
    Data(Bytes),
    /// The file has been read to its end and is well.
    End,
}

pub(super) enum ReadError {
    /// Reading failed.
    Failed(Error),
    /// Nobody took what was read: the upload ended first.
    Unread,
}

/// Who takes what is read.
#[derive(Debug)]
pub(super) struct Sink {
    /// The queue.
    pub(super) pieces: mpsc::Sender<Piece>,
    /// The host at its end, for messages.
    pub(super) to: LeaseDevice,
}

/// The reading side. Dropped, it ends.
pub(super) struct Reader {
    task: JoinHandle<Result<Piped, ReadError>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    pub(super) async fn join(mut self) -> Result<Piped, ReadError> {
        (&mut self.task).await.unwrap_or(Err(ReadError::Unread))
    }
}

pub(super) async fn read(
    export: Export,
    response: reqwest::Response,
    sink: Option<Sink>,
    progress: Arc<PipeProgress>,
) -> Result<Piped, ReadError> {
    let kind = if export.unpacks { StreamChecker::unpacking } else { StreamChecker::new };
    let mut checker = export.capacity_bytes.map(kind);
    let mut sha1 = export.sha1.then(|| Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
    let mut sha256 = Context::new(&SHA256);
    let (mut wire_bytes, mut turn_ends) = (0, TURN_BYTES);
    let mut stream = response.bytes_stream();
    let idle = export.limits.idle;
    let failed = |detail: &str| ReadError::Failed(nfc(&export.label, &export.from, detail, None));
    loop {
        let next = tokio::time::timeout(idle, stream.next()).await;
        let next = next.map_err(|_| failed(&format!("nothing came for {} s", idle.as_secs())))?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|e| ReadError::Failed(http(&export.label, &export.from, &e)))?;
        if let Some(sha1) = &mut sha1 {
            sha1.update(&chunk);
        }
        sha256.update(&chunk);
        wire_bytes += chunk.len() as u64;
        if let Some(checker) = &mut checker {
            checker.feed(&chunk).map_err(|e| ReadError::Failed(export.damaged(e.to_string())))?;
            progress.position.store(checker.position_bytes(), Ordering::Relaxed);
        }
        progress.wire.store(wire_bytes, Ordering::Relaxed);
        pass_on(&export, sink.as_ref(), chunk).await?;
        if wire_bytes >= turn_ends {
            turn_ends = wire_bytes + TURN_BYTES;
            tokio::task::yield_now().await;
        }
    }
    if let Some(checker) = &mut checker {
        checker.finish().map_err(|e| ReadError::Failed(export.damaged(e.to_string())))?;
    }
    if let Some(sink) = &sink {
        match hand_over(&export, sink, Piece::End).await {
            // An upload of known length ends by itself after its last byte and no longer listens; whether it
            // has taken everything is for the caller to compare.
            Ok(()) | Err(ReadError::Unread) => {}
            Err(failed) => return Err(failed),
        }
    }
    progress.position.store(export.capacity_bytes.unwrap_or_default(), Ordering::Relaxed);
    let content_sha256 = checker.and_then(|checker| checker.content_sha256());
    let sha1 = sha1.map(digest_of);
    Ok(Piped { sha1, sha256: digest_of(sha256), content_sha256, wire_bytes })
}

fn digest_of<const N: usize>(context: Context) -> [u8; N] {
    let mut digest = [0; N];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Lets what was read pass, piece by piece, as the limits allow. While they hold it up nothing more is read.
async fn pass_on(export: &Export, sink: Option<&Sink>, mut chunk: Bytes) -> Result<(), ReadError> {
    while !chunk.is_empty() {
        let most = export.rates.iter().map(|rate| rate.piece_bytes()).min().unwrap_or(usize::MAX);
        let piece = chunk.split_to(most.clamp(1, chunk.len()));
        for rate in &export.rates {
            rate.pass(piece.len() as u64).await;
        }
        if let Some(sink) = sink {
            hand_over(export, sink, Piece::Data(piece)).await?;
        }
    }
    Ok(())
}

/// Queues a piece for the importing host, unless that takes nothing for too long.
async fn hand_over(export: &Export, sink: &Sink, piece: Piece) -> Result<(), ReadError> {
    let idle = export.limits.idle;
    let Ok(sent) = tokio::time::timeout(idle, sink.pieces.send(piece)).await else {
        let detail = format!("the host took nothing for {} s", idle.as_secs());
        return Err(ReadError::Failed(nfc(&export.label, &sink.to, &detail, None)));
    };
    sent.map_err(|_| ReadError::Unread)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn device(url: &str) -> LeaseDevice {
        LeaseDevice {
            key: "k".into(),
            import_key: "i".into(),
            url: url.parse().unwrap(),
            thumbprint: None,
            is_disk: false,
            target_id: "nvram".into(),
            file_size: None,
        }
    }

    /// A host that answers one request with three bytes.
    async fn host_of_three_bytes() -> (reqwest::Response, Export) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 1_024]).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
            connection.write_all(answer).await.unwrap();
        });
        let limits = PipeLimits { idle: Duration::from_millis(200), ..PipeLimits::default() };
        let from = device(&url);
        let label = "nvram".into();
        let export = Export {
            label,
            from,
            capacity_bytes: None,
            unpacks: false,
            sha1: true,
            limits,
            rates: Vec::new(),
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        (client.get(url).send().await.unwrap(), export)
    }

    #[tokio::test]
    async fn a_queue_that_is_full_at_the_end_does_not_hold_the_reader_for_ever() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (response, export) = host_of_three_bytes().await;
        // There is room for the data and not for the end mark, and nobody takes anything.
        let (pieces, _receiver) = mpsc::channel(1);
        let sink = Sink { pieces, to: device("https://target/") };
        let reading = read(export, response, Some(sink), Arc::default());
        let end = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
        let Err(ReadError::Failed(error)) = end else { panic!("it was read as whole") };
        assert!(error.to_string().contains("took nothing"), "{error}");
    }

    #[tokio::test]
    async fn an_upload_that_has_all_bytes_need_not_hear_of_the_end() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (response, export) = host_of_three_bytes().await;
        let (pieces, mut receiver) = mpsc::channel(1);
        let sink = Sink { pieces, to: device("https://target/") };
        let reading = tokio::spawn(read(export, response, Some(sink), Arc::default()));
        assert!(matches!(receiver.recv().await, Some(Piece::Data(_))));
        drop(receiver);
        let Ok(Ok(piped)) = reading.await else { panic!("it was not read as whole") };
        assert_eq!(piped.wire_bytes, 3);
    }
}
