//! Databases for tests: a SQLite file, and a PostgreSQL server of the test process's own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use tempfile::TempDir;
use uuid::Uuid;

use crate::store::Store;

/// A fresh database; it goes with the value.
pub struct Database {
    /// Its address, for further handles.
    pub url: String,
    _directory: Option<TempDir>,
}

impl Database {
    /// A SQLite file.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("test.db").display());
        Self { url, _directory: Some(directory) }
    }

    /// A database of the process's PostgreSQL server.
    pub async fn postgres() -> Self {
        let base = server();
        let name = format!("t{}", Uuid::new_v4().simple());
        create_database(&base, &name).await;
        Self { url: format!("{base}/{name}"), _directory: None }
    }

    /// Opens it.
    pub async fn open(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }
}

async fn create_database(base: &str, name: &str) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        match Store::create_database(&format!("{base}/postgres"), name).await {
            Ok(()) => return,
            Err(error) if std::time::Instant::now() > deadline => panic!("PostgreSQL did not start: {error}"),
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

/// The server's address without a database. The server ends when its standard input does, that is with this
/// process.
fn server() -> String {
    static SERVER: OnceLock<(String, Mutex<Child>)> = OnceLock::new();
    let (url, _) = SERVER.get_or_init(|| {
        let bin = binaries();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let script = format!(
            "set -e; d=$(mktemp -d /tmp/hdm-pg-XXXXXX); exec 3<&0; \
             {bin}/initdb -D $d/data -U postgres -A trust --no-sync >/dev/null; \
             {bin}/postgres -D $d/data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=$d \
             -c fsync=off -c max_connections=200 </dev/null >$d/log 2>&1 & p=$!; \
             cat <&3 >/dev/null || true; kill -INT $p; wait $p || true; rm -rf $d",
            bin = bin.display(),
        );
        // PostgreSQL refuses to run as root.
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let mut command = if root { Command::new("runuser") } else { Command::new("sh") };
        if root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        let child = command.arg("-c").arg(script).current_dir("/tmp").stdin(Stdio::piped()).spawn().unwrap();
        (format!("postgres://postgres@127.0.0.1:{port}"), Mutex::new(child))
    });
    url.clone()
}

/// Debian keeps them outside of PATH.
fn binaries() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .expect("PostgreSQL is missing: run `cargo xtask setup`")
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL is missing: run `cargo xtask setup`")
}
