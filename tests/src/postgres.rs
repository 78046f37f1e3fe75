//! A PostgreSQL server of the test process's own. It ends with the process, however that ends.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use crate::wait;

/// Makes an empty database and returns its address.
pub async fn database() -> String {
    let base = tokio::task::spawn_blocking(|| &SERVER.get_or_init(server).0).await.unwrap();
    let name = format!("t{}", MADE.fetch_add(1, Ordering::Relaxed));
    wait::until("PostgreSQL makes a database", async || {
        let mut psql = tokio::process::Command::new(binaries().join("psql"));
        psql.args(["--quiet", "--no-psqlrc", "--command", &format!("CREATE DATABASE {name}")]);
        let made = psql.arg(format!("{base}/postgres")).output().await.unwrap();
        if made.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&made.stderr).into_owned()) }
    })
    .await;
    format!("{base}/{name}")
}

/// How many databases were made.
static MADE: AtomicU32 = AtomicU32::new(0);
static SERVER: OnceLock<(String, Mutex<Child>)> = OnceLock::new();

/// Starts it. It ends when its standard input does, that is with this process.
fn server() -> (String, Mutex<Child>) {
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
