//! The product under test: the appliance as a process of its own, and the command line.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::lab::{Lab, Site};
use crate::wait;

/// The `hdm` executable under test.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("HDM_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/debug/hdm"), PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `cargo xtask test rust`, which builds it", path.display());
    path
}

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Outcome {
    /// Its output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    /// Itself, having ended with 0.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self
    }
}

/// A command that runs.
pub struct Spawned {
    process: Child,
    stderr: PathBuf,
}

impl Spawned {
    /// Waits until it has complained of this.
    pub async fn has_said(&self, part: &str) {
        wait::until(part, async || {
            let said = std::fs::read_to_string(&self.stderr).unwrap();
            if said.contains(part) { Ok(()) } else { Err(said) }
        })
        .await;
    }

    /// Stops listening, as `head` does once it has enough.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.process.stdout.take();
        self
    }

    /// Waits for its end.
    pub async fn end(self) -> Outcome {
        let ended = tokio::time::timeout(wait::PATIENCE, self.process.wait_with_output());
        let output = ended.await.expect("hdm ends").unwrap();
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: std::fs::read_to_string(&self.stderr).unwrap(),
        }
    }
}

/// A command that goes on telling things, line by line; it ends with this value.
pub struct Following {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Following {
    /// Waits for a line that contains this.
    pub async fn line_with(&mut self, part: &str) -> String {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("it goes on");
                if line.contains(part) {
                    return line;
                }
            }
        };
        let found = tokio::time::timeout(wait::PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no line with '{part}' came"))
    }
}

/// An appliance: its folder, and its process while it runs.
pub struct Appliance {
    directory: PathBuf,
    process: Option<Child>,
}

impl Appliance {
    /// Makes an appliance beside the lab, starts it, and adds both vCenters.
    pub async fn start(lab: &Lab) -> Self {
        let appliance = Self::init(lab.directory.path()).await.run(&[]).await;
        appliance.add(&lab.onprem, "source").await;
        appliance.add(&lab.cloud, "cloud").await;
        appliance
    }

    /// Makes an appliance's folder, with waits that suit a test.
    pub async fn init(directory: &Path) -> Self {
        Self::init_with(directory.join("appliance"), "sqlite:hdm.db").await
    }

    /// The same in a folder and with a database of one's choice.
    pub async fn init_with(directory: PathBuf, database: &str) -> Self {
        let appliance = Self { directory, process: None };
        let listen = free_address();
        let mut command = Self::command();
        command.args(["appliance", "init", "--database", database, "--listen", &listen, "--dir"]);
        command.arg(&appliance.directory);
        outcome(&mut command, "").await.ok();
        appliance.shorten_waits();
        appliance
    }

    /// Its folder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Retries after milliseconds instead of seconds; nothing else differs from a real installation.
    fn shorten_waits(&self) {
        self.set(&[
            ("retry_base_ms", 200),
            ("retry_max_ms", 1_000),
            ("lease_ms", 3_000),
            ("poll_max_ms", 500),
            ("transfer_idle_ms", 3_000),
            ("tools_seconds", 120),
            ("import_unknown_seconds", 20),
        ]);
    }

    /// Changes numbers of the configuration of an appliance that does not run.
    pub fn set(&self, numbers: &[(&str, u64)]) {
        let file = self.directory.join("hdm.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text: String = text
            .lines()
            .map(|line| {
                let key = line.split('=').next().unwrap_or("").trim();
                match numbers.iter().find(|(name, _)| *name == key) {
                    Some((name, value)) => format!("{name} = {value}\n"),
                    None => format!("{line}\n"),
                }
            })
            .collect();
        std::fs::write(file, text).unwrap();
    }

    /// Takes over the key of another appliance, as those need that share a database.
    pub fn share_key_of(&self, other: &Self) {
        std::fs::copy(other.directory.join("secret.key"), self.directory.join("secret.key")).unwrap();
    }

    /// Starts the process, with further environment, and waits until it answers.
    pub async fn run(mut self, environment: &[(&str, &str)]) -> Self {
        self.start_process(environment).await;
        self
    }

    /// Starts the process again after it was killed or has ended, and waits until it answers.
    pub async fn start_process(&mut self, environment: &[(&str, &str)]) {
        let mut child = self.spawn_process(environment);
        wait::until("the appliance answers", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the appliance ended at once ({status}):\n{}", self.log());
            }
            let tried = self.hdm(&["vcenter", "list", "-o", "json"]).await;
            if tried.code == 0 { Ok(()) } else { Err(tried.stderr) }
        })
        .await;
        self.process = Some(child);
    }

    /// The same without waiting: it may be killed before it answers.
    pub fn start_again(&mut self, environment: &[(&str, &str)]) {
        self.process = Some(self.spawn_process(environment));
    }

    fn spawn_process(&self, environment: &[(&str, &str)]) -> Child {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("appliance.log"))
            .unwrap();
        let mut command = Self::command();
        command.args(["appliance", "run", "--dir"]).arg(&self.directory).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().and_then(Child::id).expect("the appliance runs")
    }

    /// Ends the process as a power cut would.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("the appliance runs");
        process.start_kill().unwrap();
        process.wait().await.unwrap();
    }

    /// How the process has ended, if it has.
    pub fn end(&mut self) -> Option<ExitStatus> {
        self.process.as_mut().and_then(|process| process.try_wait().unwrap())
    }

    /// Whether the process has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(|process| process.try_wait().unwrap().is_some())
    }

    /// Waits until the process was killed, by itself or by somebody else, before the migration settles.
    pub async fn is_killed(&mut self, id: &str) {
        let process = self.process.as_mut().expect("the appliance runs");
        let deadline = std::time::Instant::now() + wait::PATIENCE;
        let status = loop {
            if let Ok(status) =
                tokio::time::timeout(std::time::Duration::from_millis(300), process.wait()).await
            {
                break status.unwrap();
            }
            assert!(std::time::Instant::now() < deadline, "the appliance still runs, and {id} does not end");
        };
        self.process = None;
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        assert!(matches!(signal, Some(6 | 9)), "the appliance was to be killed, but ended with {status}");
    }

    /// Waits until the process ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut process = self.process.take().expect("the appliance runs");
        tokio::time::timeout(wait::PATIENCE, process.wait())
            .await
            .unwrap_or_else(|_| panic!("the appliance still runs:\n{}", self.log()))
            .unwrap()
    }

    /// Ends the process as an administrator would.
    pub async fn stop(&mut self) {
        self.signal("TERM").await;
        self.ended().await;
    }

    /// Sends a signal, such as `STOP`.
    pub async fn signal(&self, name: &str) {
        assert!(self.try_signal(name).await, "SIG{name} could not be sent");
    }

    /// The same to a process that may have died; whether it was sent.
    pub async fn try_signal(&self, name: &str) -> bool {
        let pid = self.pid().to_string();
        Command::new("kill").args(["-s", name, &pid]).status().await.unwrap().success()
    }

    /// What `/metrics` tells.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await
    }

    /// The lines of a migration's log from the first on, at most a page of them.
    pub async fn log_of(&self, id: &str) -> Vec<Value> {
        let text = self.get(&format!("/api/v1/migrations/{id}/log?after=0")).await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Reads from the API.
    async fn get(&self, path: &str) -> String {
        let profile = std::fs::read_to_string(self.directory.join("client.toml")).unwrap();
        let profile: toml::Table = profile.parse().unwrap();
        let of = |key: &str| profile[key].as_str().unwrap_or_else(|| panic!("no {key}"));
        let certificate = reqwest::Certificate::from_pem(of("certificate").as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
        let asked = http.get(format!("{}{path}", of("url"))).bearer_auth(of("token"));
        let answer = asked.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.text().await.unwrap()
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("appliance.log")).unwrap_or_default()
    }

    /// Adds a site as a vCenter.
    pub async fn add(&self, site: &Site, role: &str) {
        let ready = &site.ready;
        let arguments = ["vcenter", "add", &ready.name, "--role", role, "--url", &ready.url];
        let secrets = ["--user", &site.account.user, "--thumbprint", &ready.sha256, "--password-stdin"];
        self.hdm_with_input(&[&arguments[..], &secrets[..]].concat(), &site.account.password).await.ok();
    }

    /// Runs the command line against this appliance.
    pub async fn hdm(&self, arguments: &[&str]) -> Outcome {
        self.hdm_with_input(arguments, "").await
    }

    /// The same, with something on standard input.
    pub async fn hdm_with_input(&self, arguments: &[&str], input: &str) -> Outcome {
        outcome(Self::command().env("HDM_PROFILE", self.directory.join("client.toml")).args(arguments), input)
            .await
    }

    /// Starts the command line and lets it run; what it complains of can be read meanwhile.
    pub fn spawn_hdm(&self, arguments: &[&str]) -> Spawned {
        let stderr = self.directory.join(format!("stderr-{}", free_address()));
        let mut command = Self::command();
        command.env("HDM_PROFILE", self.directory.join("client.toml")).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(std::fs::File::create(&stderr).unwrap());
        Spawned { process: command.spawn().unwrap(), stderr }
    }

    /// Starts a command that goes on telling things.
    pub fn follow(&self, arguments: &[&str]) -> Following {
        let mut command = Self::command();
        command.env("HDM_PROFILE", self.directory.join("client.toml")).args(arguments);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Following { lines, _process: process }
    }

    /// Asks for a cold migration to C0 on ds0 with both networks mapped, and returns its id.
    pub async fn migrate(&self, vm: &str, further: &[&str]) -> String {
        let asked =
            self.hdm(&[&["-o", "json"], &migrate_arguments(vm)[..], further].concat()).await.ok().json();
        let views = asked.as_array().cloned().unwrap_or_else(|| vec![asked.clone()]);
        views[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {asked}")).to_owned()
    }

    /// Asks to cancel a migration while a call or a transfer is held up, which goes on as soon as that is answered; the
    /// current step must be the one that is expected. Returns the migration's id and what was answered.
    pub async fn cancel_during(
        &self,
        site: &Site,
        on: &Value,
        step: &str,
        arguments: &[&str],
    ) -> (String, Outcome) {
        let held = site.hold(on).await;
        let asked = self.hdm(&[&["-o", "json"], arguments].concat()).await.ok().json();
        let id = asked[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {asked}")).to_owned();
        let cancel = async {
            let now = self.status(&id).await;
            assert_eq!(now["step"], step, "{on}: {now}");
            self.hdm(&["cancel", &id]).await
        };
        let answered = site.meanwhile(&held, cancel).await;
        (id, answered)
    }

    /// The steps of a migration that is done, in order, as its log tells them.
    pub async fn steps(&self, id: &str) -> Vec<String> {
        let said = self.hdm(&["status", id]).await.ok().stdout;
        let done = said.lines().filter_map(|line| line.strip_suffix(" is done.")?.split("Step ").nth(1));
        let steps: Vec<String> = done.map(str::to_owned).collect();
        let all = self.status(id).await["steps_total"].as_u64().unwrap();
        assert_eq!(steps.len() as u64, all, "the log tells every step: {said}");
        steps
    }

    /// The migration as it is shown now.
    pub async fn status(&self, id: &str) -> Value {
        self.hdm(&["-o", "json", "status", id]).await.ok().json()
    }

    /// Lets a migration that waits for a person go on, and waits until it is done.
    pub async fn finish_by_retry(&self, id: &str) {
        self.hdm(&["retry", id]).await.ok();
        wait::until("the retry ends", async || {
            let now = self.status(id).await;
            if now["state"] == "done" { Ok(()) } else { Err(now) }
        })
        .await;
    }

    /// Waits until a migration has settled, that is ended or waits for a person, and returns it.
    pub async fn settled(&self, id: &str) -> Value {
        wait::until("the migration settles", async || {
            let tried = self.hdm(&["-o", "json", "status", id]).await;
            if !["done", "cancelled", "failed", "needs-operator"]
                .iter()
                .any(|state| tried.stdout.contains(&format!("\"{state}\"")))
            {
                return Err(format!("{}{}", tried.stdout, tried.stderr));
            }
            Ok(tried.json())
        })
        .await
    }

    fn command() -> Command {
        let mut command = Command::new(binary());
        command.env("RUST_LOG", "info,hdm=debug").env("NO_COLOR", "1").kill_on_drop(true);
        command
    }
}

/// The command that migrates a VM to a cluster on ds0 with both networks mapped.
pub fn migrate_to<'a>(vm: &'a str, cluster: &'a str, further: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = migrate_arguments(vm).to_vec();
    arguments[6] = cluster;
    [&arguments[..], further].concat()
}

/// Where tests move VMs to, if it does not matter: C0 on ds0, with both networks mapped.
pub const PLACE: [&str; 10] = [
    "--cloud",
    "cloud",
    "--cluster",
    "C0",
    "--datastore",
    "ds0",
    "--network",
    "VM Network=VM Network",
    "--network",
    "Prod LAN=Prod LAN",
];

/// The command that migrates a VM to [`PLACE`].
pub fn migrate_arguments(vm: &str) -> [&str; 13] {
    let mut all = [""; 13];
    all[..3].copy_from_slice(&["migrate", "cold", vm]);
    all[3..].copy_from_slice(&PLACE);
    all
}

/// The privileges that HDM says it needs at a site, which is the source unless its name says cloud.
pub async fn privileges(site: &str) -> Value {
    let role = if site.contains("cloud") { "cloud" } else { "source" };
    let asked = ["-o", "json", "vcenter", "privileges", "--role", role];
    outcome(Appliance::command().args(asked), "").await.ok().json()
}

/// An address nobody listens on just now.
pub fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

async fn outcome(command: &mut Command, input: &str) -> Outcome {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that wants no input may be gone before it is written.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output =
        tokio::time::timeout(wait::PATIENCE, child.wait_with_output()).await.expect("hdm ends").unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
