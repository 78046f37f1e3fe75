//! `hdm support-bundle`.
//!
//! ```text
//! hdm-support-TIME/
//!   README.txt          what is what, and what could not be read
//!   about.json          version, clock and configuration of the appliance
//!   appliance.log       what it has logged last
//!   metrics.txt
//!   vcenters.json       each with `hdm vcenter check`
//!   migrations/ID.json  each with its log
//!   report.json, events.json
//!   with/…              files named with --with
//! ```

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use hdm_shared::event::EventPage;
use hdm_shared::vcenter::VcenterView;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::report;
use super::status::whole_log;
use crate::cli::{Output, SupportBundle};
use crate::client::{Client, encode};
use crate::failure::Failure;
use crate::output;

/// How many migrations are packed with their logs; the newest.
const MAX_MIGRATIONS: usize = 2_000;
/// How many events are packed; the newest. What one answer holds at most.
const MAX_EVENTS: usize = 1_000;
/// The largest file that is packed with the rest, in bytes.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Packs a bundle.
pub async fn run(client: &Client, output: Output, asked: SupportBundle) -> Result<(), Failure> {
    let now = Timestamp::now();
    let name = format!("hdm-support-{}", now.strftime("%Y%m%dT%H%M%SZ"));
    let path = asked.file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    // An appliance that does not answer at all has nothing to pack: that is said before a file is made.
    let about: Value = client.get("/about").await?;
    let mut bundle = Bundle::new(&path, &name)?;
    let packed = fill(client, &mut bundle, about, &asked, now).await.and_then(|()| bundle.end());
    let missing = match packed {
        Ok(missing) => missing,
        Err(failure) => {
            let _ = std::fs::remove_file(&path);
            return Err(failure);
        }
    };
    match output {
        Output::Json => output::json(&json!({"file": path, "missing": missing})),
        Output::Table | Output::Csv => {
            println!(
                "{} is written. It names VMs, vCenters, networks and users, and holds no password.",
                path.display()
            );
            for line in &missing {
                println!("Not in it: {line}");
            }
            Ok(())
        }
    }
}

async fn fill(
    client: &Client,
    bundle: &mut Bundle,
    about: Value,
    asked: &SupportBundle,
    now: Timestamp,
) -> Result<(), Failure> {
    bundle.json("about.json", Ok(about))?;
    bundle.text("appliance.log", client.text("/api/v1/log").await)?;
    bundle.text("metrics.txt", client.text("/metrics").await)?;
    bundle.json("vcenters.json", vcenters(client).await)?;
    events(client, bundle).await?;
    migrations(client, bundle, asked.since).await?;
    for file in &asked.with {
        bundle.file(file)?;
    }
    let mut text = format!(
        "HDM support bundle of {now:.0}, made by hdm {}.\n\nIt names virtual machines, vCenters, networks and users. Passwords and tokens are not in it.\nPacked: what has ended since {:.0}, and all that has not ended.\n",
        env!("CARGO_PKG_VERSION"),
        asked.since
    );
    for line in &bundle.missing {
        text.extend(["Not in it: ", line.as_str(), "\n"]);
    }
    bundle.text("README.txt", Ok(text))
}

/// The vCenters, each with what a check of it says.
async fn vcenters(client: &Client) -> Result<Vec<Value>, Failure> {
    let known: Vec<VcenterView> = client.get("/vcenters").await?;
    let mut all = Vec::new();
    for vcenter in known {
        let path = format!("/vcenters/{}/check", encode(vcenter.id.as_str()));
        let check = client.post::<Value>(&path, &json!({})).await;
        let check = check.unwrap_or_else(|failure| json!({"failed": failure.to_string()}));
        all.push(json!({"vcenter": vcenter, "check": check}));
    }
    Ok(all)
}

/// The report, and each migration in it with its log.
async fn migrations(client: &Client, bundle: &mut Bundle, since: Timestamp) -> Result<(), Failure> {
    let (entries, more) = match report::read(client, since, None, MAX_MIGRATIONS).await {
        Ok(read) => read,
        Err(failure) => return bundle.json::<()>("report.json", Err(failure)),
    };
    if more {
        let left_out = format!("all but the newest {MAX_MIGRATIONS} migrations; ask for less with --since");
        bundle.missing.push(left_out);
    }
    for entry in &entries {
        let path = format!("/migrations/{}", entry.id);
        let migration = async {
            let view: Value = client.get(&path).await?;
            Ok(json!({"migration": view, "log": whole_log(client, &path).await?}))
        };
        bundle.json(&format!("migrations/{}.json", entry.id), migration.await)?;
    }
    bundle.json("report.json", Ok(entries))
}

/// The newest events.
async fn events(client: &Client, bundle: &mut Bundle) -> Result<(), Failure> {
    let page = client.find::<EventPage>("/events", &[("limit", MAX_EVENTS.to_string())]).await;
    if page.as_ref().is_ok_and(|page| page.events.len() >= MAX_EVENTS) {
        bundle.missing.push(format!("all but the newest {MAX_EVENTS} events"));
    }
    bundle.json("events.json", page)
}

/// An archive in the making.
struct Bundle {
    archive: tar::Builder<GzEncoder<std::fs::File>>,
    folder: String,
    missing: Vec<String>,
    files: BTreeSet<String>,
}

impl Bundle {
    /// A new file, which only its owner may read.
    fn new(path: &Path, folder: &str) -> Result<Self, Failure> {
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
                Failure::NotAdmitted(format!(
                    "{} cannot be made: {error}. Name another file with --file.",
                    path.display()
                ))
            })?;
        let archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        Ok(Self { archive, folder: folder.to_owned(), missing: Vec::new(), files: BTreeSet::new() })
    }

    fn json<T: serde::Serialize>(&mut self, name: &str, value: Result<T, Failure>) -> Result<(), Failure> {
        let text = value.and_then(|value| {
            serde_json::to_string_pretty(&value).map_err(|error| Failure::Other(error.to_string()))
        });
        self.text(name, text)
    }

    /// Adds what was read; what could not be read is told instead.
    fn text(&mut self, name: &str, text: Result<String, Failure>) -> Result<(), Failure> {
        match text {
            Ok(text) => self.add(name, text.as_bytes()),
            Err(failure) => {
                self.missing.push(format!("{name}: {failure}"));
                Ok(())
            }
        }
    }

    /// Adds a file of this machine.
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let read = || {
            let bytes = std::fs::metadata(path)?.len();
            if bytes > MAX_FILE_BYTES {
                let why = format!("it has {bytes} bytes, and {MAX_FILE_BYTES} are the most that is packed");
                return Err(std::io::Error::other(why));
            }
            std::fs::read(path)
        };
        let content = match read() {
            Ok(content) => content,
            Err(error) => {
                self.missing.push(format!("{}: {error}", path.display()));
                return Ok(());
            }
        };
        let own = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned());
        // Two logs of one name are both wanted.
        let name = (0..).map(|n| if n == 0 { format!("with/{own}") } else { format!("with/{n}-{own}") });
        let name = name.into_iter().find(|name| !self.files.contains(name)).unwrap_or(own);
        self.add(&name, &content)
    }

    fn add(&mut self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(Timestamp::now().as_second().unsigned_abs());
        self.archive.append_data(&mut header, format!("{}/{name}", self.folder), content)?;
        self.files.insert(name.to_owned());
        Ok(())
    }

    /// Writes it to its end; says what is not in it.
    fn end(self) -> Result<Vec<String>, Failure> {
        let mut file = self.archive.into_inner()?.finish()?;
        file.flush()?;
        file.sync_all()?;
        Ok(self.missing)
    }
}
