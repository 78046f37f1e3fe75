//! `hdm lab up`: two simulated sites.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::cli::LabUp;
use crate::failure::Failure;

/// The size of the disk of a VM that is only there to be many.
const GENERATED_DISK_BYTES: u64 = 1 << 30;

/// What a simulated site prints when it is ready.
#[derive(Clone, Debug, Deserialize)]
pub struct Ready {
    /// `onprem` or `cloud`.
    pub name: String,
    /// Of the SOAP endpoint.
    pub url: String,
    /// The one login.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Of its certificate.
    pub sha256: String,
    /// Of the lab's own API: faults, and the truth.
    pub admin_url: String,
    /// For that.
    pub admin_token: String,
    /// The login page of the stand-in of the vSphere Client, if the site serves one.
    pub client_url: Option<String>,
}

/// A site while it runs; it ends with this value.
#[derive(Debug)]
pub struct Site {
    /// How to reach it.
    pub ready: Ready,
    /// The same as it was printed.
    pub printed: Value,
    _stdin: ChildStdin,
    _process: Child,
}

impl Site {
    /// Asks the lab's own API.
    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.answer(reqwest::Client::new().get(format!("{}{path}", self.ready.admin_url))).await
    }

    /// Tells the lab's own API.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.answer(reqwest::Client::new().post(format!("{}{path}", self.ready.admin_url)).json(body)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let other = |error: reqwest::Error| Failure::Other(format!("{}: {error}", self.ready.name));
        let response = request.bearer_auth(&self.ready.admin_token).send().await.map_err(other)?;
        let well = response.status().is_success();
        let answer: Value = response.json().await.map_err(other)?;
        if well { Ok(answer) } else { Err(Failure::Other(format!("{}: {answer}", self.ready.name))) }
    }
}

/// Starts both sites, prints their addresses, and stays until Ctrl-C.
pub async fn up(asked: LabUp) -> Result<(), Failure> {
    let sites = start(&asked, None).await?;
    let printed: serde_json::Map<String, Value> =
        sites.iter().map(|site| (site.ready.name.clone(), site.printed.clone())).collect();
    crate::output::json(&printed)?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// Starts both sites: `onprem` with VMs, `cloud` without; `client` are the pages of a vSphere Client that `onprem` serves.
pub async fn start(asked: &LabUp, client: Option<&Path>) -> Result<[Site; 2], Failure> {
    std::fs::create_dir_all(&asked.dir)?;
    let given = given(asked.config.as_deref())?;
    let mut onprem = config("onprem", onprem_vms(asked), asked.vms);
    let mut cloud = config("cloud", json!([]), 0);
    // A link that shapes nothing yet; the lab's own API can make it thin, slow, or cut it.
    cloud["link"] = json!({});
    if let Some(client) = client {
        onprem["client"] = json!({"dir": std::path::absolute(client)?});
    }
    overlay(&mut onprem, &given["onprem"]);
    overlay(&mut cloud, &given["cloud"]);
    let onprem = start_site(asked, onprem).await?;
    let cloud = start_site(asked, cloud).await?;
    Ok([onprem, cloud])
}

/// What `--config` says of both sites; nothing without it.
fn given(file: Option<&Path>) -> Result<Value, Failure> {
    let Some(file) = file else { return Ok(json!({})) };
    let wrong = |why: String| Failure::Other(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let given: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let known = |key: &String| key == "onprem" || key == "cloud";
    match given.as_object().map(|sites| sites.keys().find(|key| !known(key))) {
        Some(None) => Ok(given),
        Some(Some(other)) => {
            Err(wrong(format!("there is no site '{other}'; the keys are 'onprem' and 'cloud'.")))
        }
        None => Err(wrong("an object with the keys 'onprem' and 'cloud' is needed.".into())),
    }
}

/// Puts each key that is given in place of the usual one.
fn overlay(config: &mut Value, given: &Value) {
    for (key, value) in given.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
}

fn config(name: &str, vms: Value, generated: u32) -> Value {
    // Disks count with their capacity: each generated VM needs room for its one.
    let first = (1_u64 << 40) + u64::from(generated) * GENERATED_DISK_BYTES;
    json!({
        "name": name,
        "user": "administrator@vsphere.local",
        "inventory": {
            "datacenters": [{
                "name": "DC0",
                "folders": ["Prod", "Test"],
                "clusters": [
                    {"name": "C0", "drs": true, "hosts": 2, "pools": ["Gold"]},
                    {"name": "C1", "drs": false, "hosts": 1}
                ],
                "datastores": [
                    {"name": "ds0", "capacity_bytes": first},
                    {"name": "ds1", "capacity_bytes": 1_u64 << 40}
                ],
                "networks": ["VM Network", "Prod LAN"]
            }],
            "vms": vms,
            "generated_vms": {"count": generated, "prefix": "vm-", "disks": 1, "disk_size_bytes": GENERATED_DISK_BYTES}
        }
    })
}

fn onprem_vms(asked: &LabUp) -> Value {
    let nic = json!([{"network": "VM Network", "type": "vmxnet3", "mac": "00:50:56:10:20:30"}]);
    let mut vms = vec![json!({
        "name": "files-01", "folder": "Prod", "cluster": "C0", "datastore": "ds0", "cpu": 2, "memory_mib": 512,
        "nics": [{"network": "Prod LAN", "type": "vmxnet3", "mac": "00:50:56:10:20:31"}],
        "disks": [
            {"size_bytes": 64 << 20, "content": "random:1", "controller": "pvscsi"},
            {"size_bytes": 256 << 20, "content": "sparse:2", "controller": "pvscsi"}
        ]
    })];
    vms.extend([("db-01", 3), ("mail-01", 4), ("wiki-01", 5)].map(|(name, n)| idle_vm(name, n)));
    if let Some(image) = &asked.guest_image {
        let size = std::fs::metadata(image).map_or(0, |data| data.len());
        let image = std::path::absolute(image).unwrap_or_else(|_| image.clone());
        vms.push(json!({
            "name": "web-01", "folder": "Prod", "cluster": "C0", "datastore": "ds0", "cpu": 1, "memory_mib": 256,
            "bootable": true, "nics": nic,
            "disks": [{"size_bytes": size, "content": format!("file:{}", image.display()), "controller": "pvscsi"}]
        }));
    }
    Value::Array(vms)
}

/// A small VM that is off: something to move by hand.
fn idle_vm(name: &str, n: u8) -> Value {
    json!({
        "name": name, "folder": "Test", "cluster": "C0", "datastore": "ds0", "cpu": 1, "memory_mib": 256,
        "nics": [{"network": "VM Network", "type": "vmxnet3", "mac": format!("00:50:56:10:20:4{n}")}],
        "disks": [{"size_bytes": 32 << 20, "content": format!("random:{n}"), "controller": "pvscsi"}]
    })
}

async fn start_site(asked: &LabUp, mut config: Value) -> Result<Site, Failure> {
    let name = config["name"].as_str().unwrap_or_default().to_owned();
    let dir = std::path::absolute(&asked.dir)?;
    config["dir"] = json!(dir.join(&name));
    let file = dir.join(format!("{name}.json"));
    std::fs::write(&file, config.to_string())?;
    let log_path = dir.join(format!("{name}.log"));
    let log = std::fs::File::create(&log_path)?;
    let mut process = Command::new(&asked.lab_binary)
        .args(["serve", "--exit-on-stdin-eof", "--config"])
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| no_binary(&asked.lab_binary, &error))?;
    let broken = || {
        Failure::Other(format!("The simulated vCenter '{name}' did not start; see {}.", log_path.display()))
    };
    let stdin = process.stdin.take().ok_or_else(broken)?;
    let mut lines = BufReader::new(process.stdout.take().ok_or_else(broken)?).lines();
    let line = lines.next_line().await?.ok_or_else(broken)?;
    let printed: Value = serde_json::from_str(&line).map_err(|_| broken())?;
    let ready: Ready = serde_json::from_value(printed.clone()).map_err(|_| broken())?;
    // Somebody must read on, or a site that prints more is ended by a closed pipe.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok(Site { ready, printed, _stdin: stdin, _process: process })
}

fn no_binary(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!(
        "{} cannot be started: {error}. `cargo xtask setup` builds it; --lab-binary names another.",
        path.display()
    ))
}
