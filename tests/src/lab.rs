//! Two simulated sites, each a process of its own.

use std::path::PathBuf;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::dump::Dump;
use crate::wait;

/// Where set-up puts the simulated vCenter.
pub fn binary() -> PathBuf {
    let path = std::env::var_os("HDM_LAB_VCENTER").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../lab/vcenter/bin/lab-vcenter"),
        PathBuf::from,
    );
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    path
}

/// What a site prints when it is ready.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs, reason = "the fields are described in lab/vcenter's README")]
pub struct Ready {
    pub name: String,
    pub url: String,
    pub user: String,
    pub password: String,
    pub sha1: String,
    pub sha256: String,
    pub admin_url: String,
    pub admin_token: String,
    pub client_url: Option<String>,
}

/// The account that HDM uses at a site: its role has the privileges that HDM says it needs there, and no other.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub user: String,
    /// Its password, with everything that has a meaning in XML, JSON and addresses.
    pub password: String,
}

impl Account {
    /// Its name at every site.
    pub const USER: &str = "hdm@lab.local";

    /// Makes it, and lets a site's configuration know it.
    async fn in_config(config: &mut Value, name: &str) -> Self {
        let account = Self { user: Self::USER.into(), password: "lab &<%\"é' Passw0rd".into() };
        let add = |config: &mut Value, key: &str, what: Value| {
            if !config[key].is_array() {
                config[key] = json!([]);
            }
            if let Some(all) = config[key].as_array_mut() {
                all.push(what);
            }
        };
        let privileges = crate::product::privileges(name).await;
        add(config, "users", json!({"name": account.user, "password": account.password, "groups": []}));
        add(config, "roles", json!({"name": "HDM account", "privileges": privileges}));
        let whole = json!({"path": "/", "principal": account.user, "role": "HDM account", "propagate": true});
        add(config, "permissions", whole);
        account
    }
}

/// One simulated vCenter with its hosts.
pub struct Site {
    /// Its addresses and secrets.
    pub ready: Ready,
    /// The account that HDM uses.
    pub account: Account,
    http: reqwest::Client,
    // Closing its standard input ends the process, however the test ends.
    _stdin: ChildStdin,
    _process: Child,
}

impl Site {
    /// Starts a site from its configuration; it keeps its files in the directory unless that names another.
    pub async fn start(mut config: Value, directory: &std::path::Path) -> Self {
        let name = config["name"].as_str().unwrap_or("site").to_owned();
        if config["dir"].is_null() {
            config["dir"] = json!(directory.join(&name));
        }
        let account = Account::in_config(&mut config, &name).await;
        let file = directory.join(format!("{name}.json"));
        std::fs::write(&file, serde_json::to_vec_pretty(&config).unwrap()).unwrap();
        let log = std::fs::File::create(directory.join(format!("{name}.log"))).unwrap();
        let mut process = Command::new(binary())
            .args(["serve", "--exit-on-stdin-eof", "--config"])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap_or_else(|| {
            let log = std::fs::read_to_string(directory.join(format!("{name}.log"))).unwrap_or_default();
            panic!("{name} did not start:\n{log}")
        });
        let ready: Ready = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{name}: {e}: {line}"));
        // A reader must stay, or a site that prints more would be ended by a closed pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { ready, account, http: client(), _stdin: stdin, _process: process }
    }

    /// Asks for the truth, disks' sums included.
    pub async fn dump(&self) -> Dump {
        self.dump_of("/dump?disks=1").await
    }

    /// Asks for the truth but for the disks' sums, which take a while.
    pub async fn glance(&self) -> Dump {
        self.dump_of("/dump").await
    }

    async fn dump_of(&self, path: &str) -> Dump {
        let answer = self.http.get(format!("{}{path}", self.ready.admin_url));
        let text = answer.bearer_auth(&self.ready.admin_token).send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}: {text}", self.ready.name))
    }

    /// Arms a fault and returns its id.
    pub async fn arm(&self, rule: Value) -> String {
        let answer = self.post("/faults", rule).await;
        answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
    }

    /// How often a fault has fired.
    pub async fn fired(&self, id: &str) -> u64 {
        let rules = self.get("/faults").await;
        let rules = rules.as_array().or_else(|| rules["faults"].as_array()).cloned().unwrap_or_default();
        let rule = rules.iter().find(|rule| rule["id"] == id).unwrap_or_else(|| panic!("no fault {id}"));
        rule["fired"].as_u64().unwrap_or_else(|| panic!("no count in {rule}"))
    }

    /// Holds up a call or a transfer, until [`Self::meanwhile`] lets it go on.
    pub async fn hold(&self, on: &Value) -> String {
        let effect = if on["nfc"].is_null() { "delay_ms" } else { "stall_ms" };
        self.arm(json!({"on": on, "do": {effect: 60_000}})).await
    }

    /// Waits until what is held up has come, and does something meanwhile.
    pub async fn meanwhile<T>(&self, held: &str, action: impl Future<Output = T>) -> T {
        self.has_fired(held).await;
        let done = action.await;
        self.delete(&format!("/faults/{held}")).await;
        done
    }

    /// Waits until a fault has fired.
    pub async fn has_fired(&self, id: &str) {
        wait::until("the fault happens", async || if self.fired(id).await > 0 { Ok(()) } else { Err(id) })
            .await;
    }

    /// Posts to the admin API; panics unless it answers with success.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}{path}", self.ready.admin_url)).json(&body);
        self.answer(path, request).await
    }

    /// Posts to the admin API, which must refuse; returns why.
    pub async fn refuses(&self, path: &str, body: Value) -> String {
        let tried = self.try_post(path, body).await;
        tried.expect_err(&format!("{}{path} was to be refused", self.ready.name))
    }

    /// Posts to the admin API, which may refuse and says why.
    pub async fn try_post(&self, path: &str, body: Value) -> Result<(), String> {
        let request = self.http.post(format!("{}{path}", self.ready.admin_url)).json(&body);
        let answer = request.bearer_auth(&self.ready.admin_token).send().await.unwrap();
        let well = answer.status().is_success();
        let text = answer.text().await.unwrap();
        if well { Ok(()) } else { Err(text) }
    }

    /// Reads from the admin API.
    pub async fn get(&self, path: &str) -> Value {
        self.answer(path, self.http.get(format!("{}{path}", self.ready.admin_url))).await
    }

    /// Replaces through the admin API.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        let request = self.http.put(format!("{}{path}", self.ready.admin_url)).json(&body);
        self.answer(path, request).await
    }

    /// Deletes through the admin API.
    pub async fn delete(&self, path: &str) -> Value {
        self.answer(path, self.http.delete(format!("{}{path}", self.ready.admin_url))).await
    }

    /// Changes the link to the site; it has one if its configuration says so.
    pub async fn shape_link(&self, shape: Value) {
        let request = self.http.put(format!("{}/link", self.ready.admin_url)).json(&shape);
        self.answer("/link", request).await;
    }

    /// The methods that write, with how often each was called, since the counters were last cleared.
    pub async fn writes(&self) -> Vec<(String, u64)> {
        let calls = self.get("/calls").await;
        let calls = calls["calls"].as_array().cloned().unwrap_or_default();
        let writes = calls.iter().filter(|call| call["writes"] == true);
        writes
            .map(|call| (call["method"].as_str().unwrap().into(), call["count"].as_u64().unwrap()))
            .collect()
    }

    /// How often each device of a VM was transferred, whole or not, by device.
    pub async fn transfers(&self, vm: &str) -> std::collections::BTreeMap<String, u64> {
        let all = self.get("/transfers").await;
        let of_vm = all.as_array().unwrap().iter().filter(|one| one["vm"] == vm);
        of_vm.map(|one| (one["file"].as_str().unwrap().into(), one["count"].as_u64().unwrap())).collect()
    }

    /// Runs a command in a guest, once it is up, and returns what it printed.
    pub async fn exec(&self, vm: &str, command: &str) -> String {
        let ran = wait::until("the guest runs the command", async || {
            let url = format!("{}/vms/{vm}/exec", self.ready.admin_url);
            let request = self.http.post(url).json(&json!({"command": command, "timeout_ms": 60_000}));
            let answer = request.bearer_auth(&self.ready.admin_token).send().await.unwrap();
            let well = answer.status().is_success();
            let said: Value = answer.json().await.unwrap();
            if well { Ok(said) } else { Err(said) }
        })
        .await;
        assert_eq!(ran["code"], 0, "'{command}' in the guest of {vm}: {ran}");
        ran["stdout"].as_str().unwrap_or_default().to_owned()
    }

    async fn answer(&self, path: &str, request: reqwest::RequestBuilder) -> Value {
        let answer = request.bearer_auth(&self.ready.admin_token).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{}{path}: {status}: {text}", self.ready.name);
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

fn client() -> reqwest::Client {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// An on-premises site and a cloud site.
pub struct Lab {
    /// Where the VMs are.
    pub onprem: Site,
    /// Where they go.
    pub cloud: Site,
    /// Where everything is kept; goes with the lab.
    pub directory: TempDir,
}

/// How many of a log's last lines a failed test shows.
const SHOWN_LINES: usize = 20;

impl Drop for Lab {
    /// After a failure the logs are what one wants to read.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.directory.disable_cleanup(true);
        eprintln!("The test's folder is kept: {}", self.directory.path().display());
        for log in logs(self.directory.path()) {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let end = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- the end of {}\n{}", log.display(), end.join("\n"));
        }
    }
}

/// The logs of the sites and of what stands beside them.
fn logs(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = |folder: &std::path::Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let (here, mut logs) = (entries(directory), Vec::new());
    for path in here {
        let below = if path.is_dir() { entries(&path) } else { vec![path] };
        logs.extend(below.into_iter().filter(|file| file.extension().is_some_and(|ending| ending == "log")));
    }
    logs.sort();
    logs
}

impl Lab {
    /// Two sites with the usual clusters, datastores and networks, and these VMs on-premises.
    pub async fn start(vms: Value) -> Self {
        Self::start_with(vms, json!({})).await
    }

    /// The same, with further keys for both sites' configurations.
    pub async fn start_with(vms: Value, extra: Value) -> Self {
        Self::at(directory(), site("onprem", vms, &extra), site("cloud", json!([]), &extra)).await
    }

    /// Two sites of one's own making; [`site`] gives the usual ones to begin with.
    pub async fn start_sites(onprem: Value, cloud: Value) -> Self {
        Self::at(directory(), onprem, cloud).await
    }

    async fn at(directory: TempDir, onprem: Value, cloud: Value) -> Self {
        let onprem = Site::start(onprem, directory.path()).await;
        let cloud = Site::start(cloud, directory.path()).await;
        Self { onprem, cloud, directory }
    }
}

fn directory() -> TempDir {
    tempfile::Builder::new()
        .disable_cleanup(std::env::var_os("HDM_KEEP").is_some())
        .prefix("hdm-e2e-")
        .tempdir()
        .unwrap()
}

/// The usual site's configuration, with these VMs and further keys.
pub fn site(name: &str, vms: Value, extra: &Value) -> Value {
    let mut config = json!({
        "name": name,
        "user": "administrator@vsphere.local",
        "password": "lab-Passw0rd",
        "lease_timeout_seconds": 10,
        "inventory": {
            "datacenters": [{
                "name": "DC0",
                "folders": ["Prod", "Prod/Web", "Test"],
                "clusters": [
                    {"name": "C0", "drs": true, "hosts": 2, "pools": ["Gold"]},
                    {"name": "C1", "drs": false, "hosts": 1}
                ],
                "datastores": [
                    {"name": "ds0", "capacity_bytes": 107_374_182_400_u64},
                    {"name": "ds1", "capacity_bytes": 107_374_182_400_u64}
                ],
                "networks": ["VM Network", "Prod LAN"]
            }],
            "vms": vms
        }
    });
    if let (Some(config), Some(extra)) = (config.as_object_mut(), extra.as_object()) {
        config.extend(extra.clone());
    }
    config
}

/// The disk that a guest boots from, where set-up puts it.
pub fn guest_image() -> PathBuf {
    let path = std::env::var_os("HDM_GUEST_IMAGE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.hdm/guest.raw"), PathBuf::from);
    assert!(path.is_file(), "{} is missing: run `cargo xtask setup`", path.display());
    path.canonicalize().unwrap()
}

/// A VM that is powered on, behaves as if VMware Tools ran in it, and has something for every step of a
/// migration to do: notes, a snapshot of its own, an EFI firmware with variables, a boot order.
pub fn busy_vm(name: &str, disks_mib: &[u64]) -> Value {
    let mut busy = vm(name, disks_mib);
    busy["power"] = json!("on");
    busy["tools"] = json!(true);
    busy["firmware"] = json!("efi");
    busy["nvram"] = json!("what the firmware remembers");
    busy["annotation"] = json!("Ask the shop's team before you touch it.");
    busy["boot_order"] = json!(["nic-0", "disk-0"]);
    busy["snapshots"] = json!(["before the update"]);
    busy
}

/// A VM that really boots, and runs when the site is up.
pub fn guest(name: &str) -> Value {
    let image = guest_image();
    let mut running = vm(name, &[1]);
    running["bootable"] = json!(true);
    running["power"] = json!("on");
    running["memory_mib"] = json!(256);
    running["disks"][0]["size_bytes"] = json!(std::fs::metadata(&image).unwrap().len());
    running["disks"][0]["content"] = json!(format!("file:{}", image.display()));
    running
}

/// A VM with these disks (MiB each, random content of the name's own), one adapter, powered off.
pub fn vm(name: &str, disks_mib: &[u64]) -> Value {
    let seed =
        name.bytes().fold(7_u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()) % 1_000_000);
    let disks: Vec<Value> = disks_mib
        .iter()
        .enumerate()
        .map(|(n, mib)| {
            json!({"size_bytes": mib << 20, "content": format!("random:{}", seed + n as u64), "thin": true, "controller": "pvscsi"})
        })
        .collect();
    json!({
        "name": name, "folder": "Prod", "cluster": "C0", "datastore": "ds0", "cpu": 1, "memory_mib": 64, "power": "off",
        "nics": [{
            "network": "VM Network", "type": "vmxnet3", "start_connected": true,
            "mac": format!("00:50:56:{:02x}:{:02x}:{:02x}", (seed >> 16) & 0x3f, (seed >> 8) & 0xff, seed & 0xff)
        }],
        "disks": disks
    })
}
