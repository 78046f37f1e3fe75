//! The inventory of a site of 10,000 VMs: how it is read and followed, by HDM and by others.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hdm_tests::lab::{Site, binary, site};
use hdm_vsphere::WATCHED;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::hdm::memory_mb;
use crate::rounds;
use crate::stage::Stage;
use crate::table::{Goals, Values, head, row};

const VMS: u32 = 10_000;
/// The VM that changes.
const CHANGED: &str = "vm-00007";
#[derive(Deserialize)]
struct Read {
    vms: u32,
    seconds: f64,
    cpu_seconds: f64,
    memory_mb: f64,
}

#[derive(Deserialize)]
struct Changed {
    seconds: f64,
    at: f64,
}

/// A server that is asked.
#[derive(Clone, Deserialize)]
struct Server {
    url: String,
    sha256: String,
}

/// A process that prints lines of JSON and ends with its input.
struct Told {
    lines: Lines<BufReader<ChildStdout>>,
    stdin: Option<ChildStdin>,
    process: Child,
}

impl Told {
    fn start(command: &mut Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { lines, stdin: process.stdin.take(), process }
    }

    async fn next<T: serde::de::DeserializeOwned>(&mut self) -> T {
        let line = self.lines.next_line().await.unwrap().expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Waits until it has told nothing for a while: what one order brings may be told in parts.
    async fn quiet(&mut self) {
        while let Ok(line) = tokio::time::timeout(Duration::from_millis(500), self.lines.next_line()).await {
            line.unwrap().expect("it goes on");
        }
    }

    async fn end(mut self) {
        drop(self.stdin.take());
        self.process.wait().await.unwrap();
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }
}

#[derive(Clone, Copy)]
enum Client {
    Hdm,
    PyVmomi,
    Govmomi,
}

impl Client {
    const ALL: [Self; 3] = [Self::Hdm, Self::PyVmomi, Self::Govmomi];

    fn name(self) -> &'static str {
        match self {
            Self::Hdm => "HDM",
            Self::PyVmomi => "pyVmomi",
            Self::Govmomi => "govmomi",
        }
    }

    /// Begins to read everything.
    fn ask(self, server: &Server, site: &Site) -> Told {
        let ready = &site.ready;
        let (program, script): (PathBuf, Option<PathBuf>) = match self {
            Self::Hdm => (hdm_tests::product::binary().with_file_name("examples/inventory"), None),
            Self::PyVmomi => {
                let here = Path::new(env!("CARGO_MANIFEST_DIR"));
                let python = std::env::var_os("HDM_PYTHON")
                    .map_or_else(|| here.join("../.hdm/python/bin/python3"), PathBuf::from);
                (python, Some(here.join("tests/bench/inventory.py")))
            }
            Self::Govmomi => (tool("lab-inventory"), None),
        };
        let mut command = Command::new(program);
        command.args(script).args([&server.url, &ready.user, &ready.password]);
        if matches!(self, Self::Hdm) {
            command.arg(&server.sha256);
        } else {
            command.args(properties());
        }
        Told::start(&mut command)
    }
}

/// What HDM reads of each VM, for the others to read, too.
fn properties() -> &'static [&'static str] {
    let of_vms = WATCHED.iter().find(|(kind, _)| *kind == "VirtualMachine");
    of_vms.expect("VMs are watched").1
}

fn tool(name: &str) -> PathBuf {
    let path = binary().with_file_name(name);
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    path
}

/// Reads everything and hears of one change.
pub async fn of_ten_thousand(goals: &mut Goals) {
    let mut onprem = site("onprem", json!([]), &json!({}));
    onprem["inventory"]["generated_vms"] = json!({"count": VMS, "disks": 2});
    let stage = Stage::at(onprem, site("cloud", json!([]), &json!({}))).await;
    let site = &stage.lab.onprem;

    let mut tapes = Vec::new();
    for client in Client::ALL {
        tapes.push(record(client, &stage).await);
    }
    let mut all: Vec<[Values; 4]> = Client::ALL.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds() {
        for ((client, tape), [whole, cpu, memory, change]) in Client::ALL.iter().zip(&tapes).zip(&mut all) {
            let mut replay = Told::start(Command::new(tool("lab-replay")).args(["serve", "-in"]).arg(tape));
            let server: Server = replay.next().await;
            let mut asking = client.ask(&server, site);
            let read: Read = asking.next().await;
            assert_eq!(read.vms, VMS);
            let changed: Changed = asking.next().await;
            whole.add(read.seconds);
            cpu.add(read.cpu_seconds);
            memory.add(read.memory_mb * 1e6 / 1_024.0 / f64::from(VMS));
            change.add(changed.seconds * 1e3);
            asking.kill().await;
            replay.end().await;
        }
    }
    println!("\n### {VMS} VMs, on recorded answers");
    head(&["client", "everything, s", "CPU s", "KB in memory per VM", "one change, ms"]);
    for (client, [whole, cpu, memory, change]) in Client::ALL.iter().zip(&all) {
        row(&[client.name(), &whole.shown(2), &cpu.shown(2), &memory.shown(1), &change.shown(1)]);
    }
    goals.at_most(&format!("Memory of an inventory of {VMS} VMs, each"), 4.0, "KB", &all[0][2]);
    for (client, [whole, ..]) in Client::ALL.iter().zip(&all).skip(1) {
        goals.at_most(
            &format!("{VMS} VMs read: HDM's time, of {}'s", client.name()),
            1.0,
            "",
            &all[0][0].by(whole),
        );
    }
    against_the_lab(&stage, goals).await;
}

/// Lets a client read from the lab once, and keeps what it was answered.
async fn record(client: Client, stage: &Stage) -> PathBuf {
    let site = &stage.lab.onprem;
    let tape = stage.lab.directory.path().join(format!("{}.tape", client.name()));
    let mut command = Command::new(tool("lab-replay"));
    let mut recorder = Told::start(command.args(["record", "-target", &site.ready.url, "-out"]).arg(&tape));
    let server: Server = recorder.next().await;
    let mut asking = client.ask(&server, site);
    asking.next::<Read>().await;
    change(site).await;
    asking.next::<Changed>().await;
    asking.kill().await;
    recorder.end().await;
    tape
}

async fn change(site: &Site) {
    site.post(&format!("/vms/{CHANGED}/act"), json!({"do": "reconfigure"})).await;
}

/// How soon HDM sees a change that the lab makes, and how long a list of all VMs takes.
async fn against_the_lab(stage: &Stage, goals: &mut Goals) {
    let site = &stage.lab.onprem;
    let server = Server { url: site.ready.url.clone(), sha256: site.ready.sha256.clone() };
    let [mut seen, mut listed, mut memory] = std::array::from_fn(|_| Values::default());
    let mut asking = Client::Hdm.ask(&server, site);
    asking.next::<Read>().await;
    for _ in 0..rounds() {
        asking.quiet().await;
        let begun = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        change(site).await;
        let changed: Changed = asking.next().await;
        assert!(changed.at >= begun, "what was told is of an earlier change");
        seen.add((changed.at - begun) * 1e3);
        let begun = Instant::now();
        let told = stage.appliance.hdm(&["-o", "json", "vms", "--limit", &VMS.to_string()]).await;
        listed.add(begun.elapsed().as_secs_f64());
        let all = told.ok().json();
        assert_eq!(all["vms"].as_array().map(Vec::len), Some(VMS as usize));
    }
    asking.kill().await;
    memory.add(memory_mb(stage.appliance.pid()));
    println!("\n### {VMS} VMs, in the lab");
    head(&["what", "measured"]);
    row(&["from the order to change a VM until HDM sees the change, ms", &seen.shown(1)]);
    row(&["`hdm vms -o json`, all of them, s", &listed.shown(2)]);
    row(&["the appliance's memory, MB", &memory.shown(0)]);
    goals.at_most("One change of 10,000 VMs is seen", 100.0, "ms", &seen);
    goals.at_most("`hdm vms` of 10,000 VMs", 0.3, "s", &listed);
}
