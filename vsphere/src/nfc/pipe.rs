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

use reqwest::StatusCode;
use tokio::sync::mpsc;

use super::export::{self, Export, Piece, PipeProgress, Piped, ReadError, Sink};
use crate::error::Error;
use crate::lease::LeaseDevice;

/// How much may be under way between both hosts, in chunks of what the network gives (up to 64 KiB).
const CHUNKS: usize = 16;

/// One file to be moved.
#[derive(Clone, Debug)]
pub struct Pipe {
    /// Where it comes from.
    pub export: Export,
    /// Where it goes.
    pub to: LeaseDevice,
}

impl Pipe {
    /// Moves the file. The error names the host, and [`Error::Damaged`] a stream that cannot be right.
    pub async fn run(&self, progress: &Arc<PipeProgress>) -> Result<Piped, Error> {
        match self.pass(progress, None).await {
            Err(Error::LengthRequired { .. }) => {
                tracing::info!(host = %self.to.host(), "the host wants lengths: measuring first");
                // What is only measured is no progress.
                let measured = self.export.read(&Arc::default()).await?;
                let sent = self.pass(progress, Some(measured.wire_bytes)).await?;
                if sent == measured {
                    return Ok(sent);
                }
                Err(self.export.damaged("two exports of the same snapshot differ".into()))
            }
            other => other,
        }
    }

    async fn pass(&self, progress: &Arc<PipeProgress>, length: Option<u64>) -> Result<Piped, Error> {
        let (pieces, receiver) = mpsc::channel::<Piece>(CHUNKS);
        let sink = Sink { pieces, to: self.to.clone() };
        let reader = self.export.start(Some(sink), progress.clone()).await?;
        let read = reader.join();
        let upload = self.upload(receiver, length);
        let (mut read, mut upload) = (std::pin::pin!(read), std::pin::pin!(upload));
        let (read, uploaded) = tokio::select! {
            uploaded = &mut upload => (read.await, uploaded),
            read = &mut read => {
                let answer = tokio::time::timeout(self.export.limits.answer, upload).await;
                (read, answer.unwrap_or_else(|_| Err(self.silent())))
            }
        };
        // Whatever the reader found comes first: an upload fails because its source did.
        match (read, uploaded) {
            (Ok(piped), Ok(taken_bytes)) if piped.wire_bytes == taken_bytes => Ok(piped),
            (Err(ReadError::Failed(error)), _) | (_, Err(error)) => Err(error),
            (_, Ok(_)) => Err(self.refused("the host answered before it had received the whole file", None)),
        }
    }

    /// Sends what the queue gives and returns how many bytes of it went into the request.
    async fn upload(&self, receiver: mpsc::Receiver<Piece>, length: Option<u64>) -> Result<u64, Error> {
        let label = &self.export.label;
        let client = export::pinned(label, &self.to, self.export.limits.connect)?;
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
            .map_err(|e| export::http(label, &self.to, &e))?;
        match response.status() {
            status if status.is_success() => Ok(taken.load(Ordering::Relaxed)),
            StatusCode::LENGTH_REQUIRED if length.is_none() => {
                Err(Error::LengthRequired { host: self.to.host(), device: label.clone() })
            }
            status => {
                let detail = format!("the host answered the import with HTTP status {status}");
                Err(self.refused(&detail, Some(status.as_u16())))
            }
        }
    }

    fn silent(&self) -> Error {
        let seconds = self.export.limits.answer.as_secs();
        self.refused(&format!("the host did not answer within {seconds} s after the last byte"), None)
    }

    fn refused(&self, detail: &str, status: Option<u16>) -> Error {
        export::nfc(&self.export.label, &self.to, detail, status)
    }
}
