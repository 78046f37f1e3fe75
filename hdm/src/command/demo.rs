//! `hdm demo`: the main job on simulated sites, from a guest that boots to its checksums.

use std::path::Path;
use std::time::{Duration, Instant};

use hdm_appliance::appliance;
use hdm_appliance::config::{Config, Folder};
use hdm_appliance::recent_log::RecentLog;
use hdm_server::config::{ApplianceFile, Config as ServerConfig, Folder as ServerFolder};
use hdm_shared::migration::{ColdOptions, ColdRequest, MigrationState, MigrationView, TargetChoice};
use hdm_shared::plugin::registration::{RegisterPlugin, RegistrationView};
use hdm_shared::vcenter::{AddVcenter, VcenterRole, VcenterView};
use serde_json::{Value, json};

use super::lab::{self, Site};
use super::{server, vcenter_id};
use crate::cli::Demo;
use crate::client::Client;
use crate::failure::Failure;
use crate::{output, progress};

/// The VM that boots, and the one whose disks are compared byte for byte.
const GUEST: &str = "web-01";
const FILES: &str = "files-01";
/// The folders of what runs.
const APPLIANCE: &str = "appliance";
const SERVER: &str = "server";
/// How long a guest may take to boot without hardware help.
const BOOT: Duration = Duration::from_secs(120);
/// Between two questions whether something is up.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a part of HDM may take until it answers.
const START: Duration = Duration::from_secs(30);

/// Shows one real migration.
pub async fn run(asked: Demo) -> Result<(), Failure> {
    if asked.lab.guest_image.is_none() {
        return Err(Failure::Other(
            "The demonstration needs --guest-image; `cargo xtask setup` builds one.".into(),
        ));
    }
    let begun = Instant::now();
    println!("Two simulated sites start: onprem, with VMs, and cloud, without.");
    let [onprem, cloud] = lab::start(&asked.lab, asked.client_dir.as_deref()).await?;
    // Only now: a demonstration that is running has its sites' folders locked, and the start has failed.
    clear(&asked.lab.dir)?;
    println!("An appliance starts and gets to know both.");
    let (client, profile) = start_appliance(&asked.lab.dir).await?;
    add(&client, &onprem, VcenterRole::Source).await?;
    add(&client, &cloud, VcenterRole::Cloud).await?;
    if let Some(pages) = &asked.ui_dir {
        println!("The plug-in is registered with the vSphere Client of onprem.");
        register(&client, &asked.lab.dir, pages).await?;
    }

    println!("{GUEST} boots on-premises and writes a marker into its disk.");
    let marker = uuid::Uuid::new_v4().to_string();
    onprem.post(&format!("/vms/{GUEST}/act"), &json!({"do": "power_on"})).await?;
    exec(&onprem, &format!("echo {marker} > /marker && sync")).await?;

    println!("{GUEST} and {FILES} are migrated cold.");
    let mut views = Vec::new();
    for (vm, power_on) in [(GUEST, true), (FILES, false)] {
        views.extend(start(&client, vm, power_on).await?);
    }
    let ids: Vec<_> = views.iter().map(|view| view.id).collect();
    let views = progress::watch(&client, crate::cli::Output::Table, &ids).await?;
    progress::judge(&views)?;

    println!("{GUEST} runs in the cloud, from its own moved disk; its marker is read there.");
    let found = exec(&cloud, "cat /marker").await?;
    let matched = compare(&onprem, &cloud, &views, &marker, found.trim()).await?;
    println!("The demonstration took {} s.", begun.elapsed().as_secs());
    if !matched {
        return Err(Failure::Other("Something differs; see the table.".into()));
    }
    if asked.once {
        return Ok(());
    }
    if let Some(url) = &onprem.ready.client_url {
        println!("\nThe vSphere Client, in a browser that may trust the certificate of a simulated vCenter:");
        println!("  {url}");
        println!("  user {}, password {}", onprem.ready.user, onprem.ready.password);
        println!(
            "  Menu > HDM shows what has moved; right-click wiki-01, then HDM > Migrate, moves the next."
        );
    }
    println!("\nEverything stays up until Ctrl-C. In another terminal:");
    if let Some(folder) = std::env::current_exe()?.parent() {
        println!("  export PATH={}:$PATH", folder.display());
    }
    println!("  export HDM_PROFILE={}", profile.display());
    println!("  hdm status            the migrations");
    println!("  hdm vms               what could be moved");
    println!("  hdm clouds            where to");
    println!("  hdm source release {FILES}");
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// What an earlier demonstration left would be in the way.
fn clear(dir: &Path) -> Result<(), Failure> {
    for made in [APPLIANCE, SERVER] {
        match std::fs::remove_dir_all(dir.join(made)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Makes an appliance and runs it in this process.
async fn start_appliance(dir: &Path) -> Result<(Client, std::path::PathBuf), Failure> {
    let other = |error: &dyn std::error::Error| Failure::Other(format!("{error}."));
    let free = free_address()?;
    let folder = Folder::at(std::path::absolute(dir.join(APPLIANCE))?);
    let config = Config { id: uuid::Uuid::new_v4(), listen: free, ..Config::default() };
    folder.init(&config).map_err(|error| other(&error))?;
    let profile = folder.file("client.toml");
    let running = folder.clone();
    tokio::spawn(async move {
        if let Err(error) = appliance::run(&running, RecentLog::default(), std::future::pending()).await {
            eprintln!("hdm: the appliance ended: {error}.");
        }
    });
    let client = Client::open(Some(profile.clone()))?;
    until(START, async || client.get::<Vec<VcenterView>>("/vcenters").await).await?;
    Ok((client, profile))
}

/// Makes a plugin server, runs it in this process, and registers it with `onprem`.
async fn register(client: &Client, dir: &Path, pages: &Path) -> Result<(), Failure> {
    let other = |error: &dyn std::fmt::Display| Failure::Other(format!("{error}."));
    let appliance = std::fs::read_to_string(dir.join(APPLIANCE).join("plugin-server.toml"))?;
    let appliance = ApplianceFile::parse(&appliance).map_err(|error| other(&error))?;
    let (listen, loopback) = (free_address()?, free_address()?);
    let ui_dir = Some(std::path::absolute(pages)?);
    let config = ServerConfig { listen, loopback, ui_dir, ..ServerConfig::default() };
    let folder = ServerFolder::at(std::path::absolute(dir.join(SERVER))?);
    let made = folder.init(&config, &[listen.ip().to_string()], &appliance, None);
    let thumbprint = made.map_err(|error| other(&error))?;
    tokio::spawn(async move {
        if let Err(error) = hdm_server::server::run(&folder, server::plugin(), std::future::pending()).await {
            eprintln!("hdm: the plugin server ended: {error}.");
        }
    });
    let asked = RegisterPlugin {
        url: format!("https://{listen}"),
        thumbprint: Some(thumbprint.to_string()),
        admin_email: None,
    };
    until(START, async || client.put::<RegistrationView>("/vcenters/onprem/plugin", &asked).await).await?;
    Ok(())
}

/// An address where nobody listens yet.
fn free_address() -> std::io::Result<std::net::SocketAddr> {
    std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()
}

async fn add(client: &Client, site: &Site, role: VcenterRole) -> Result<(), Failure> {
    let ready = &site.ready;
    let request = AddVcenter {
        id: vcenter_id(&ready.name)?,
        role,
        url: ready.url.clone(),
        user: ready.user.clone(),
        password: ready.password.clone(),
        thumbprint: Some(ready.sha256.clone()),
    };
    client.post::<VcenterView>("/vcenters", &request).await.map(drop)
}

async fn start(client: &Client, vm: &str, power_on: bool) -> Result<Vec<MigrationView>, Failure> {
    let same = |name: &str| (name.to_owned(), name.to_owned());
    let request = ColdRequest {
        source: None,
        vms: vec![vm.to_owned()],
        cloud: vcenter_id("cloud")?,
        target: TargetChoice {
            cluster: Some("C0".into()),
            datastore: Some("ds0".into()),
            networks: [same("VM Network"), same("Prod LAN")].into(),
            ..TargetChoice::default()
        },
        options: ColdOptions { power_on, ..ColdOptions::default() },
        schedule: None,
    };
    client.post("/migrations", &request).await
}

/// Runs a command in the guest, once it is up.
async fn exec(site: &Site, command: &str) -> Result<String, Failure> {
    let body = json!({"command": command, "timeout_ms": 10_000});
    let answer = until(BOOT, async || site.post(&format!("/vms/{GUEST}/exec"), &body).await).await?;
    if answer["code"] != 0 {
        return Err(Failure::Other(format!("'{command}' failed in the guest: {answer}")));
    }
    Ok(answer["stdout"].as_str().unwrap_or_default().to_owned())
}

/// Asks again and again until it goes well, for so long at most.
async fn until<T>(patience: Duration, ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let deadline = Instant::now() + patience;
    loop {
        match ask().await {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
            end => return end,
        }
    }
}

/// Shows what was compared; whether all of it matched.
async fn compare(
    onprem: &Site,
    cloud: &Site,
    views: &[MigrationView],
    marker: &str,
    found: &str,
) -> Result<bool, Failure> {
    let mut table = output::table(&["compared", "on-premises", "cloud", ""]);
    let mut matched = true;
    let mut row = |what: String, here: &str, there: &str| {
        let same = here == there && !here.is_empty();
        matched &= same;
        let short = |text: &str| text.chars().take(36).collect::<String>();
        table.add_row([
            what,
            short(here),
            short(there),
            if same { "ok".into() } else { "DIFFERENT".to_owned() },
        ]);
    };
    row(format!("{GUEST}: marker"), marker, found);
    let (here, there) = (sums(onprem).await?, sums(cloud).await?);
    if here.is_empty() || views.iter().any(|view| view.disks.is_empty()) {
        return Err(Failure::Other("There is nothing to compare: the sites show no disks.".into()));
    }
    for (label, sum) in &here {
        let other = there.iter().find(|(other, _)| other == label).map_or("", |(_, sum)| sum);
        row(format!("{FILES}: sha256 of {label}"), sum, other);
    }
    for view in views {
        for disk in &view.disks {
            let verified = if disk.verified { "agreed" } else { "not agreed" };
            row(format!("{}: {} on the wire", view.vm_name, disk.label), "agreed", verified);
        }
    }
    output::print(&table);
    Ok(matched && views.iter().all(|view| view.state == MigrationState::Done))
}

/// The disks of the VM that was not started, by label, as the site itself hashes them.
async fn sums(site: &Site) -> Result<Vec<(String, String)>, Failure> {
    let dump: Value = site.get("/dump?disks=1").await?;
    let vms = dump["vms"].as_array().cloned().unwrap_or_default();
    let disks = vms.iter().find(|vm| vm["name"] == FILES).map(|vm| vm["disks"].clone());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let disks = disks.and_then(|disks| disks.as_array().cloned()).unwrap_or_default();
    // What is no sum, such as that a disk is gone, equals nothing.
    let sum = |disk: &Value| {
        let sum = text(&disk["sha256"]);
        if sum.len() == 64 { sum } else { String::new() }
    };
    Ok(disks.iter().map(|disk| (text(&disk["label"]), sum(disk))).collect())
}
