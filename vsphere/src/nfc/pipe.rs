//! One file from the host that exports to the host that imports, without ever being kept.
//!
//! ```text
//! GET ─► reader task: hash, check grains ─► a few chunks ─► POST
//! ```
//!
//! A host that refuses an upload of unknown length (411) gets the file in two passes: the first counts, the
//! second sends; both are hashed and must agree. Dropping the future ends both connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::StatusCode;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::rate::RateLimit;
use super::stream_check::StreamChecker;
use crate::error::Error;
use crate::lease::LeaseDevice;
use crate::wire::{certificate_error, client};

/// How much may be under way between both hosts, in chunks of what the network gives (up to 64 KiB).
const CHUNKS: usize = 16;

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
    /// SHA-1 of the stream.
    pub sha1: [u8; 20],
    /// SHA-256 of the stream.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub wire_bytes: u64,
}

/// One file to be moved.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// The file in messages, such as `Hard disk 1`.
    pub label: String,
    /// Where it comes from.
    pub from: LeaseDevice,
    /// Where it goes.
    pub to: LeaseDevice,
    /// The disk's size if it is a disk: then the stream's grains are checked.
    pub capacity_bytes: Option<u64>,
    /// Limits.
    pub limits: PipeLimits,
    /// What all bytes wait for before they pass on, each in turn.
    pub rates: Vec<Arc<RateLimit>>,
}

impl Pipe {
    /// Moves the file. The error names the host, and [`Error::Damaged`] a stream that cannot be right.
    pub async fn run(&self, progress: &Arc<PipeProgress>) -> Result<Piped, Error> {
        match self.pass(progress, None).await {
            Err(Error::LengthRequired { .. }) => {
                tracing::info!(host = %self.to.host(), "the host wants lengths: measuring first");
                let measured = self.measure().await?;
                let sent = self.pass(progress, Some(measured.wire_bytes)).await?;
                if sent == measured {
                    return Ok(sent);
                }
                Err(self.damaged("two exports of the same snapshot differ".into()))
            }
            other => other,
        }
    }

    async fn pass(&self, progress: &Arc<PipeProgress>, length: Option<u64>) -> Result<Piped, Error> {
        progress.position.store(0, Ordering::Relaxed);
        progress.wire.store(0, Ordering::Relaxed);
        let (sender, receiver) = mpsc::channel::<Piece>(CHUNKS);
        let reader = self.start_reader(Some(sender), progress.clone()).await?;
        let read = reader.join();
        let upload = self.upload(receiver, length);
        let (mut read, mut upload) = (std::pin::pin!(read), std::pin::pin!(upload));
        let (read, uploaded) = tokio::select! {
            uploaded = &mut upload => (read.await, uploaded),
            read = &mut read => {
                let answer = tokio::time::timeout(self.limits.answer, upload).await;
                (read, answer.unwrap_or_else(|_| Err(self.silent())))
            }
        };
        // Whatever the reader found comes first: an upload fails because its source did.
        match (read, uploaded) {
            (Ok(piped), Ok(taken_bytes)) if piped.wire_bytes == taken_bytes => Ok(piped),
            (Err(ReadError::Failed(error)), _) | (_, Err(error)) => Err(error),
            (_, Ok(_)) => {
                Err(self.nfc(&self.to, "the host answered before it had received the whole file", None))
            }
        }
    }

    /// Reads the file to its end and keeps nothing.
    async fn measure(&self) -> Result<Piped, Error> {
        let reader = self.start_reader(None, Arc::default()).await?;
        match reader.join().await {
            Ok(piped) => Ok(piped),
            Err(ReadError::Failed(error)) => Err(error),
            Err(ReadError::Unread) => Err(self.nfc(&self.from, "the reader ended", None)),
        }
    }

    async fn start_reader(
        &self,
        sink: Option<mpsc::Sender<Piece>>,
        progress: Arc<PipeProgress>,
    ) -> Result<Reader, Error> {
        let client = self.client(&self.from)?;
        let request = client.get(self.from.url.clone()).send();
        let response = tokio::time::timeout(self.limits.connect + self.limits.idle, request)
            .await
            .map_err(|_| self.nfc(&self.from, "the host does not answer", None))?
            .map_err(|e| self.http(&self.from, &e))?;
        if !response.status().is_success() {
            let status = response.status();
            let detail = format!("the host answered the export with HTTP status {status}");
            return Err(self.nfc(&self.from, &detail, Some(status.as_u16())));
        }
        Ok(Reader { task: tokio::spawn(read(self.clone(), response, sink, progress)) })
    }

    /// Sends what the queue gives and returns how many bytes of it went into the request.
    async fn upload(&self, receiver: mpsc::Receiver<Piece>, length: Option<u64>) -> Result<u64, Error> {
        let client = self.client(&self.to)?;
        let url = self.to.url.clone();
        // Disks are posted, other files put; the host knows them apart by that (design of NFC over HTTP).
        let mut request = if self.to.is_disk {
            client.post(url).header("Content-Type", "application/x-vnd.vmware-streamVmdk")
        } else {
            client.put(url).header("Content-Type", "application/octet-stream").header("Overwrite", "t")
        };
        if let Some(length) = length {
            request = request.header("Content-Length", length);
        }
        // Only a reader that says so has reached the end: one that failed, panicked or was dropped just
        // closes the queue, and that must break the upload rather than end it well.
        let taken = Arc::new(AtomicU64::new(0));
        let state = Some((receiver, taken.clone()));
        let body = futures_util::stream::unfold(state, |state| async {
            let (mut receiver, taken) = state?;
            match receiver.recv().await {
                Some(Piece::Data(chunk)) => {
                    taken.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    Some((Ok(chunk), Some((receiver, taken))))
                }
                Some(Piece::End) => None,
                None => Some((Err(std::io::Error::other("the export failed")), None)),
            }
        });
        let response = request
            .body(reqwest::Body::wrap_stream(body))
            .send()
            .await
            .map_err(|e| self.http(&self.to, &e))?;
        match response.status() {
            status if status.is_success() => Ok(taken.load(Ordering::Relaxed)),
            StatusCode::LENGTH_REQUIRED if length.is_none() => {
                Err(Error::LengthRequired { host: self.to.host(), device: self.label.clone() })
            }
            status => {
                let detail = format!("the host answered the import with HTTP status {status}");
                Err(self.nfc(&self.to, &detail, Some(status.as_u16())))
            }
        }
    }

    fn client(&self, device: &LeaseDevice) -> Result<reqwest::Client, Error> {
        let pin = device.thumbprint.ok_or_else(|| {
            self.nfc(
                device,
                "vCenter does not tell the host's certificate, so the host cannot be trusted",
                None,
            )
        })?;
        client(pin, self.limits.connect)
    }

    fn http(&self, device: &LeaseDevice, error: &reqwest::Error) -> Error {
        certificate_error(&device.host(), error).unwrap_or_else(|| {
            let mut cause: &dyn std::error::Error = error;
            while let Some(inner) = cause.source() {
                cause = inner;
            }
            Error::Nfc {
                host: device.host(),
                device: self.label.clone(),
                detail: cause.to_string(),
                status: None,
                reached: !error.is_connect(),
            }
        })
    }

    fn nfc(&self, device: &LeaseDevice, detail: &str, status: Option<u16>) -> Error {
        Error::Nfc {
            host: device.host(),
            device: self.label.clone(),
            detail: detail.to_owned(),
            status,
            reached: true,
        }
    }

    fn silent(&self) -> Error {
        let seconds = self.limits.answer.as_secs();
        self.nfc(&self.to, &format!("the host did not answer within {seconds} s after the last byte"), None)
    }

    fn damaged(&self, detail: String) -> Error {
        Error::Damaged { device: self.label.clone(), detail }
    }
}

/// What the reader passes on.
#[derive(Debug)]
enum Piece {
    /// Some of the file.
    Data(Bytes),
    /// The file has been read to its end and is well.
    End,
}

enum ReadError {
    /// Reading failed.
    Failed(Error),
    /// Nobody took what was read: the upload ended first.
    Unread,
}

/// The reading side. Dropped, it ends.
struct Reader {
    task: JoinHandle<Result<Piped, ReadError>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    async fn join(mut self) -> Result<Piped, ReadError> {
        (&mut self.task).await.unwrap_or(Err(ReadError::Unread))
    }
}

async fn read(
    pipe: Pipe,
    response: reqwest::Response,
    sink: Option<mpsc::Sender<Piece>>,
    progress: Arc<PipeProgress>,
) -> Result<Piped, ReadError> {
    let mut checker = pipe.capacity_bytes.map(StreamChecker::new);
    let (mut sha1, mut sha256) = (Context::new(&SHA1_FOR_LEGACY_USE_ONLY), Context::new(&SHA256));
    let (mut wire_bytes, mut turn_ends) = (0, TURN_BYTES);
    let mut stream = response.bytes_stream();
    let idle = pipe.limits.idle;
    let outcome = async {
        loop {
            let next = tokio::time::timeout(idle, stream.next());
            let stalled = || pipe.nfc(&pipe.from, &format!("nothing came for {} s", idle.as_secs()), None);
            let Some(chunk) = next.await.map_err(|_| ReadError::Failed(stalled()))? else { break };
            let chunk = chunk.map_err(|e| ReadError::Failed(pipe.http(&pipe.from, &e)))?;
            sha1.update(&chunk);
            sha256.update(&chunk);
            wire_bytes += chunk.len() as u64;
            if let Some(checker) = &mut checker {
                checker.feed(&chunk).map_err(|e| ReadError::Failed(pipe.damaged(e.to_string())))?;
                progress.position.store(checker.position_bytes(), Ordering::Relaxed);
            }
            progress.wire.store(wire_bytes, Ordering::Relaxed);
            pass_on(&pipe, sink.as_ref(), chunk).await?;
            if wire_bytes >= turn_ends {
                turn_ends = wire_bytes + TURN_BYTES;
                tokio::task::yield_now().await;
            }
        }
        match &mut checker {
            Some(checker) => checker.finish().map_err(|e| ReadError::Failed(pipe.damaged(e.to_string()))),
            None => Ok(()),
        }
    }
    .await;
    outcome?;
    if let Some(sink) = &sink {
        match hand_over(&pipe, sink, Piece::End).await {
            // An upload of known length ends by itself after its last byte and no longer listens; whether it
            // has taken everything is for the caller to compare.
            Ok(()) | Err(ReadError::Unread) => {}
            Err(failed) => return Err(failed),
        }
    }
    progress.position.store(pipe.capacity_bytes.unwrap_or_default(), Ordering::Relaxed);
    let mut piped = Piped { sha1: [0; 20], sha256: [0; 32], wire_bytes };
    piped.sha1.copy_from_slice(sha1.finish().as_ref());
    piped.sha256.copy_from_slice(sha256.finish().as_ref());
    Ok(piped)
}

/// Lets what was read pass, piece by piece, as the limits allow. While they hold it up nothing more is read.
async fn pass_on(pipe: &Pipe, sink: Option<&mpsc::Sender<Piece>>, mut chunk: Bytes) -> Result<(), ReadError> {
    while !chunk.is_empty() {
        let most = pipe.rates.iter().map(|rate| rate.piece_bytes()).min().unwrap_or(usize::MAX);
        let piece = chunk.split_to(most.clamp(1, chunk.len()));
        for rate in &pipe.rates {
            rate.pass(piece.len() as u64).await;
        }
        if let Some(sink) = sink {
            hand_over(pipe, sink, Piece::Data(piece)).await?;
        }
    }
    Ok(())
}

/// Queues a piece for the importing host, unless that takes nothing for too long.
async fn hand_over(pipe: &Pipe, sink: &mpsc::Sender<Piece>, piece: Piece) -> Result<(), ReadError> {
    let idle = pipe.limits.idle;
    let Ok(sent) = tokio::time::timeout(idle, sink.send(piece)).await else {
        let detail = format!("the host took nothing for {} s", idle.as_secs());
        return Err(ReadError::Failed(pipe.nfc(&pipe.to, &detail, None)));
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
    async fn export() -> (reqwest::Response, Pipe) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 1_024]).await.unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc";
            connection.write_all(answer).await.unwrap();
        });
        let limits = PipeLimits { idle: Duration::from_millis(200), ..PipeLimits::default() };
        let (from, to) = (device(&url), device("https://target/"));
        let pipe = Pipe { label: "nvram".into(), from, to, capacity_bytes: None, limits, rates: Vec::new() };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        (client.get(url).send().await.unwrap(), pipe)
    }

    #[tokio::test]
    async fn a_queue_that_is_full_at_the_end_does_not_hold_the_reader_for_ever() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (response, pipe) = export().await;
        // There is room for the data and not for the end mark, and nobody takes anything.
        let (sender, _receiver) = mpsc::channel(1);
        let reading = read(pipe, response, Some(sender), Arc::default());
        let end = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
        let Err(ReadError::Failed(error)) = end else { panic!("it was read as whole") };
        assert!(error.to_string().contains("took nothing"), "{error}");
    }

    #[tokio::test]
    async fn an_upload_that_has_all_bytes_need_not_hear_of_the_end() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (response, pipe) = export().await;
        let (sender, mut receiver) = mpsc::channel(1);
        let reading = tokio::spawn(read(pipe, response, Some(sender), Arc::default()));
        assert!(matches!(receiver.recv().await, Some(Piece::Data(_))));
        drop(receiver);
        let Ok(Ok(piped)) = reading.await else { panic!("it was not read as whole") };
        assert_eq!(piped.wire_bytes, 3);
    }
}
