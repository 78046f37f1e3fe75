//! NFC leases: the right to read or write a VM's files at its host for as long as progress is told.
//!
//! ```text
//! initializing ─► ready ─► done        complete
//!       │           └────► error       abort, expiry, a broken or damaged stream
//!       └────────────────► error
//! ```
//!
//! A lease is reached from any session of the same user. vCenter forgets leases when it restarts.

use std::time::{Duration, Instant};

use url::Url;

use crate::MoRef;
use crate::error::{Error, Fault};
use crate::session::Session;
use crate::wire::{Endpoint, Node, Thumbprint, read_fault};

/// A lease at a vCenter.
#[derive(Clone, Debug)]
pub struct Lease {
    session: Session,
    moref: MoRef,
}

/// Where a lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseState {
    /// The host prepares.
    Initializing,
    /// Files can be transferred.
    Ready,
    /// Ended well.
    Done,
    /// Ended otherwise.
    Error(Fault),
}

/// What a lease that is ready tells.
#[derive(Clone, Debug)]
pub struct LeaseInfo {
    /// The lease.
    pub lease: MoRef,
    /// The VM it is about.
    pub entity: MoRef,
    /// Its files.
    pub devices: Vec<LeaseDevice>,
    /// Sum of the disks' sizes in KiB.
    pub total_disk_capacity_kib: u64,
    /// How long it lives without a word.
    pub timeout: Duration,
}

/// A file of a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseDevice {
    /// Its key; the manifest uses it too.
    pub key: String,
    /// For imports, the device's id in the import spec.
    pub import_key: String,
    /// Where it is read or written. A host of `*` is replaced by the vCenter's.
    pub url: Url,
    /// The host's certificate; absent if vCenter does not tell.
    pub thumbprint: Option<Thumbprint>,
    /// Whether it is a disk.
    pub is_disk: bool,
    /// Its file name.
    pub target_id: String,
    /// Its length, if the host knows; for disks of an export it does not.
    pub file_size: Option<u64>,
}

impl LeaseDevice {
    /// The host that has it, as `host:port`.
    pub fn host(&self) -> String {
        Endpoint::host_port(&self.url)
    }
}

/// What a host says of a file it sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The device's key.
    pub key: String,
    /// SHA-1 of the stream.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of the stream.
    pub sha256: Option<[u8; 32]>,
    /// Length of the stream in bytes.
    pub size: u64,
    /// Whether it is a disk.
    pub is_disk: bool,
    /// The disk's size in bytes.
    pub capacity: Option<u64>,
    /// What of it is in use, in bytes.
    pub populated_size: Option<u64>,
}

/// First and longest pause between two looks at a lease that is not ready.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

impl Session {
    /// Opens a lease to read the disks of a VM that is off, as they are.
    pub async fn export_vm(&self, vm: &MoRef) -> Result<Lease, Error> {
        let moref = self.call_for_moref("ExportVm", vm, |_| {}).await?;
        Ok(Lease { session: self.clone(), moref })
    }

    /// Opens a lease to read the disks as they were at a snapshot.
    pub async fn export_snapshot(&self, snapshot: &MoRef) -> Result<Lease, Error> {
        let moref = self.call_for_moref("ExportSnapshot", snapshot, |_| {}).await?;
        Ok(Lease { session: self.clone(), moref })
    }

    /// A lease opened earlier, perhaps by another session. Nothing is asked; it may be gone.
    pub fn attach_lease(&self, lease: &MoRef) -> Lease {
        self.lease(lease.clone())
    }

    /// A lease that a call returned.
    pub(crate) fn lease(&self, moref: MoRef) -> Lease {
        Lease { session: self.clone(), moref }
    }
}

impl Lease {
    /// Its reference.
    pub fn moref(&self) -> &MoRef {
        &self.moref
    }

    /// The name of its vCenter.
    pub fn vcenter(&self) -> &str {
        self.session.name()
    }

    /// Where it stands. [`Error::is_gone`] if vCenter has forgotten it.
    pub async fn state(&self) -> Result<LeaseState, Error> {
        let bag = self.session.read_properties(&self.moref, &["state", "error"]).await?;
        Ok(match bag.get("state").map_or("", |node| &node.text) {
            "ready" => LeaseState::Ready,
            "done" => LeaseState::Done,
            "error" => LeaseState::Error(bag.get("error").map_or_else(unknown_fault, read_fault)),
            _ => LeaseState::Initializing,
        })
    }

    /// The VM it is about, once known.
    pub async fn entity(&self) -> Result<Option<MoRef>, Error> {
        let bag = self.session.read_properties(&self.moref, &["info"]).await?;
        Ok(bag.get("info").and_then(|info| info.moref_at("entity")))
    }

    /// Waits until files can be transferred.
    pub async fn wait_ready(&self, deadline: Instant) -> Result<LeaseInfo, Error> {
        let mut pause = POLL.0;
        loop {
            match self.state().await? {
                LeaseState::Ready => return self.info().await,
                LeaseState::Error(fault) => return Err(self.failed(fault)),
                LeaseState::Done => {
                    return Err(Session::protocol("lease", format!("{} has ended already", self.moref)));
                }
                LeaseState::Initializing if Instant::now() >= deadline => {
                    let vcenter = self.session.endpoint().name.clone();
                    return Err(Error::Timeout { vcenter, operation: format!("lease {}", self.moref) });
                }
                LeaseState::Initializing => {}
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(POLL.1);
        }
    }

    /// What it tells. Only of use when it is ready.
    pub async fn info(&self) -> Result<LeaseInfo, Error> {
        let bag = self.session.read_properties(&self.moref, &["info"]).await?;
        let info = bag.get("info").ok_or_else(|| Session::protocol("lease info", "it is empty"))?;
        read_info(&self.moref, self.session.endpoint(), info)
    }

    /// Tells of progress, which keeps the lease alive.
    pub async fn progress(&self, percent: u8) -> Result<(), Error> {
        let call =
            self.session.call("HttpNfcLeaseProgress", &self.moref, |w| w.value("percent", percent.min(100)));
        call.await.map(drop)
    }

    /// Ends the lease well.
    pub async fn complete(&self) -> Result<(), Error> {
        self.session.call("HttpNfcLeaseComplete", &self.moref, |_| {}).await.map(drop)
    }

    /// Ends the lease otherwise; of an import vCenter removes the VM.
    pub async fn abort(&self, reason: Option<&str>) -> Result<(), Error> {
        self.session
            .call("HttpNfcLeaseAbort", &self.moref, |w| {
                if let Some(reason) = reason {
                    w.element("fault", |w| {
                        w.typed("fault", "SystemError", |w| w.value("reason", reason));
                        w.value("localizedMessage", reason);
                    });
                }
            })
            .await
            .map(drop)
    }

    /// Asks for a kind of checksum, `sha1` or `sha256`, for all disks; `false` if the server does not know how.
    pub async fn set_checksum_type(&self, kind: &str) -> Result<bool, Error> {
        let info = self.info().await?;
        let set = self
            .session
            .call("HttpNfcLeaseSetManifestChecksumType", &self.moref, |w| {
                for device in info.devices.iter().filter(|device| device.is_disk) {
                    w.element("deviceUrlsToChecksumTypes", |w| {
                        w.value("key", &device.key);
                        w.value("value", kind);
                    });
                }
            })
            .await;
        match set {
            Ok(_) => Ok(true),
            Err(e) if e.is_gone() || e.fault_kind() == Some("InvalidState") => Err(e),
            // An older server: it does not know the method, and says so in one way or another.
            Err(error @ (Error::Fault { .. } | Error::Protocol { .. })) => {
                tracing::info!(%error, "the server chooses the checksum itself");
                Ok(false)
            }
            Err(e) => Err(e),
        }
    }

    /// What the host says of the files it sent or received.
    pub async fn manifest(&self) -> Result<Vec<ManifestEntry>, Error> {
        let answer = self.session.call("HttpNfcLeaseGetManifest", &self.moref, |_| {}).await?;
        Ok(answer.all("returnval").map(manifest_entry).collect())
    }

    fn failed(&self, fault: Fault) -> Error {
        Error::LeaseFailed { lease: self.moref.to_string(), fault }
    }
}

fn unknown_fault() -> Fault {
    Fault {
        kind: "Unknown".into(),
        message: "no reason was given".into(),
        detail: std::collections::BTreeMap::new(),
    }
}

/// Reads what a lease tells; `asked` is the vCenter that was asked.
fn read_info(lease: &MoRef, asked: &Endpoint, info: &Node) -> Result<LeaseInfo, Error> {
    let entity =
        info.moref_at("entity").ok_or_else(|| Session::protocol("lease info", "there is no entity in it"))?;
    let devices = info.all("deviceUrl").map(|node| read_device(asked, node)).collect::<Result<_, _>>()?;
    Ok(LeaseInfo {
        lease: lease.clone(),
        entity,
        devices,
        total_disk_capacity_kib: info.parsed("totalDiskCapacityInKB").unwrap_or_default(),
        timeout: Duration::from_secs(info.parsed("leaseTimeout").unwrap_or(300)),
    })
}

fn read_device(asked: &Endpoint, node: &Node) -> Result<LeaseDevice, Error> {
    let text = node.string("url");
    // A host named '*' is the one that was asked (API reference: HttpNfcLeaseDeviceUrl.url).
    let host = asked.url.host_str().unwrap_or_default();
    let url = Url::parse(&text.replacen("://*", &format!("://{host}"), 1))
        .map_err(|e| Session::protocol("lease info", format!("'{text}' is no URL: {e}")))?;
    let thumbprint = node.text_at("sslThumbprint").filter(|t| !t.is_empty()).map(str::parse).transpose()?;
    // Behind '*' stands the server we talk to already, under the certificate trusted there.
    let own = text.contains("://*").then_some(asked.thumbprint);
    Ok(LeaseDevice {
        key: node.string("key"),
        import_key: node.string("importKey"),
        url,
        thumbprint: thumbprint.or(own),
        is_disk: node.flag("disk"),
        target_id: node.string("targetId"),
        file_size: node.parsed("fileSize"),
    })
}

fn manifest_entry(node: &Node) -> ManifestEntry {
    let sum = node.string("checksum");
    let kind = node.string("checksumType").to_lowercase();
    let sha1 = Some(node.string("sha1")).filter(|text| !text.is_empty());
    let typed = |wanted: &str| Some(sum.clone()).filter(|_| kind == wanted);
    ManifestEntry {
        key: node.string("key"),
        sha1: sha1.or_else(|| typed("sha1")).and_then(|text| bytes(&text)),
        sha256: typed("sha256").and_then(|text| bytes(&text)),
        size: node.parsed("size").unwrap_or_default(),
        is_disk: node.flag("disk"),
        capacity: node.parsed("capacity"),
        populated_size: node.parsed("populatedSize"),
    }
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// Takes an answer for what a lease tells.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_lease(info: &Node) -> Option<LeaseInfo> {
    let url = Url::parse("https://vc.example.org/sdk").ok()?;
    let asked = Endpoint { name: "vc".into(), url, thumbprint: Thumbprint::Sha256([0; 32]) };
    let info = read_info(&MoRef::new("HttpNfcLease", "session[1]"), &asked, info).ok()?;
    info.devices.iter().for_each(|device| drop(device.host()));
    Some(info)
}

/// Takes an answer for an entry of a manifest.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_manifest_entry(entry: &Node) -> ManifestEntry {
    manifest_entry(entry)
}
