//! A PostgreSQL server of the test process's own. It ends with the process, however that ends.

use std::io::Write as _;
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

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Connections are ended, then the server is, with everything in its files.
    Fast,
    /// As by a crash: the next start recovers from the log.
    Immediate,
}

/// Stops the server of this process with all its databases, until [`start_again`].
pub fn stop(how: Stop) {
    tell(match how {
        Stop::Fast => "fast",
        Stop::Immediate => "immediate",
    });
}

/// Starts it again, if it does not run. It answers a little later.
pub fn start_again() {
    tell("start");
}

fn tell(word: &str) {
    let Some((_, child)) = SERVER.get() else { return };
    let mut child = child.lock().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{word}").unwrap();
}

/// How many databases were made.
static MADE: AtomicU32 = AtomicU32::new(0);
static SERVER: OnceLock<(String, Mutex<Child>)> = OnceLock::new();

/// Starts it. It does what its standard input says, and ends when that does, that is with this process.
fn server() -> (String, Mutex<Child>) {
    let bin = binaries();
    let port = port();
    let script = format!(
        "set -e; d=$(mktemp -d /tmp/hdm-pg-XXXXXX); \
         {bin}/initdb -D $d/data -U postgres -A trust --no-sync </dev/null >/dev/null; \
         start() {{ \
           {bin}/postgres -D $d/data -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=$d \
           -c fsync=off -c max_connections=200 </dev/null >>$d/log 2>&1 & p=$!; \
         }}; \
         end() {{ kill -$1 $p 2>/dev/null || true; wait $p || true; }}; \
         start; \
         while read -r word; do case $word in \
           fast) end INT;; \
           immediate) end QUIT;; \
           start) kill -0 $p 2>/dev/null || start;; \
         esac; done; \
         end INT; rm -rf $d",
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

/// A port that is free, and stays so while the server is stopped: below those that Linux gives to whoever names none.
fn port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    let free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).find(free).expect("a port is free")
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
