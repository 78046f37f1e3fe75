//! What the product is measured against: `curl | tee >(openssl dgst -sha256) | curl` between two leases, the same
//! with a file in the middle, and govmomi's exporter and importer as govc uses them.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;

use hdm_tests::{Lab, Site};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// What a way of copying took.
#[derive(Clone, Debug)]
pub struct Copied {
    /// From opening the leases to their ends.
    pub seconds: f64,
    /// Of that, while bytes passed.
    pub data_seconds: f64,
    /// Each disk's own time while bytes passed.
    pub each: Vec<f64>,
    /// What the processes have used of the processors while bytes passed.
    pub cpu_seconds: f64,
}

#[derive(Deserialize)]
struct Way {
    from: String,
    to: String,
}

#[derive(Deserialize)]
struct Ways {
    ways: Vec<Way>,
}

#[derive(Deserialize)]
struct Leases {
    open_seconds: f64,
    close_seconds: f64,
}

/// The leases of some VMs, held by govmomi.
struct Held {
    lines: Lines<BufReader<ChildStdout>>,
    stdin: ChildStdin,
    _process: Child,
}

impl Held {
    async fn open(lab: &Lab, vms: &[&str]) -> (Self, Vec<Way>) {
        let mut command = mover("urls", lab);
        let mut process = command.args(vms).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut held = Self { lines: BufReader::new(stdout).lines(), stdin, _process: process };
        let ways: Ways = held.told().await;
        (held, ways.ways)
    }

    /// Ends them and says how long opening and ending took.
    async fn close(mut self) -> f64 {
        self.stdin.write_all(b"\n").await.unwrap();
        let leases: Leases = self.told().await;
        leases.open_seconds + leases.close_seconds
    }

    async fn told<T: serde::de::DeserializeOwned>(&mut self) -> T {
        let line = self.lines.next_line().await.unwrap().expect("lab-mover says something");
        serde_json::from_str(&line).unwrap()
    }
}

/// How a script copies one disk; `FROM`, `TO` and a number `N` are replaced.
const PIPE: &str = "mkfifo fN; openssl dgst -sha256 <fN >sumN & GET 'FROM' | tee fN | POST 'TO'; wait $!";
const DOWNLOAD_THEN_UPLOAD: &str = "GET 'FROM' >diskN; POST 'TO' <diskN; rm diskN";
const GET: &str = "curl --http1.1 -sSfk";
const POST: &str = "curl --http1.1 -sSfk -o answerN -H 'Content-Type: application/x-vnd.vmware-streamVmdk' -H 'Expect:' -X POST -T -";

/// Copies the disks of VMs through pipes, all at once.
pub async fn pipe(lab: &Lab, vms: &[&str]) -> Copied {
    script(lab, vms, PIPE).await
}

/// Copies them to files and from there.
pub async fn download_then_upload(lab: &Lab, vms: &[&str]) -> Copied {
    script(lab, vms, DOWNLOAD_THEN_UPLOAD).await
}

async fn script(lab: &Lab, vms: &[&str], one: &str) -> Copied {
    let (held, ways) = Held::open(lab, vms).await;
    let folder = lab.directory.path().join("copies");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let mut lines = vec!["set -e -o pipefail".to_owned()];
    for (n, way) in ways.iter().enumerate() {
        let line = one.replace("GET", GET).replace("POST", POST).replace('N', &n.to_string());
        let line = line.replace("FROM", &way.from).replace("TO", &way.to);
        lines
            .push(format!("( b=$EPOCHREALTIME; {line}; echo $b $EPOCHREALTIME >time{n} ) & all=\"$all $!\""));
    }
    lines.push("for one in $all; do wait $one; done; times".to_owned());
    let text = lines.join("\n");
    let begun = Instant::now();
    let output = Command::new("bash").arg("-c").arg(&text).current_dir(&folder).output().await.unwrap();
    let data_seconds = begun.elapsed().as_secs_f64();
    assert!(output.status.success(), "{text}: {output:?}");
    let each = (0..ways.len()).map(|n| {
        let times = std::fs::read_to_string(folder.join(format!("time{n}"))).unwrap();
        let times: Vec<f64> = times.split_whitespace().map(|time| time.parse().unwrap()).collect();
        times[1] - times[0]
    });
    let each = each.collect();
    // The second line is about the children.
    let printed = String::from_utf8(output.stdout).unwrap();
    let cpu_seconds = printed.lines().last().unwrap().split(' ').map(in_seconds).sum();
    let leases = held.close().await;
    for vm in vms {
        remove(&lab.cloud, vm).await;
    }
    Copied { seconds: leases + data_seconds, data_seconds, each, cpu_seconds }
}

/// `1m2.345s` as bash prints it.
fn in_seconds(time: &str) -> f64 {
    let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.parse::<f64>().unwrap()
}

/// What govmomi took for one VM, in seconds: its export and its import.
pub async fn govmomi(lab: &Lab, vm: &str) -> (f64, f64) {
    #[derive(Deserialize)]
    struct Took {
        export_seconds: f64,
        import_seconds: f64,
    }
    let output = mover("copy", lab).arg(vm).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let took: Took = serde_json::from_slice(&output.stdout).unwrap();
    remove(&lab.cloud, vm).await;
    (took.export_seconds, took.import_seconds)
}

/// The tool on govmomi, between the lab's sites.
fn mover(what: &str, lab: &Lab) -> Command {
    let path: PathBuf = hdm_tests::lab::binary().with_file_name("lab-mover");
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    let address = |site: &Site| {
        let mut url: url::Url = site.ready.url.parse().unwrap();
        url.set_username(&site.ready.user).unwrap();
        url.set_password(Some(&site.ready.password)).unwrap();
        url.to_string()
    };
    let mut command = Command::new(path);
    command.args([what, "-from", &address(&lab.onprem), "-to", &address(&lab.cloud), "-dir"]);
    command.arg(lab.directory.path()).kill_on_drop(true);
    command
}

async fn remove(site: &Site, vm: &str) {
    site.post(&format!("/vms/{vm}/act"), serde_json::json!({"do": "destroy"})).await;
}
