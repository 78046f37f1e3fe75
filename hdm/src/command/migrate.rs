//! `hdm migrate cold`.

use hdm_shared::change::{OptionsChange, TargetChange};
use hdm_shared::migration::{
    ColdOptions, ColdRequest, DiskFormat, MacPolicy, MigrationView, Plan, ShutdownMode, TargetChoice,
};
use hdm_shared::problem::Finding;

use super::{status, timing, vcenter_id, wave};
use crate::cli::{Cold, Disk, Mac, Options, Output, Shutdown, Target};
use crate::client::Client;
use crate::failure::Failure;
use crate::{output, progress};

/// Asks for cold migrations.
pub async fn run(client: &Client, output: Output, asked: Box<Cold>) -> Result<(), Failure> {
    let Some(cloud) = &asked.cloud else { return wave::run(client, output, *asked).await };
    if asked.file.is_some() {
        return wave::run(client, output, *asked).await;
    }
    let request = ColdRequest {
        source: asked.source.as_deref().map(vcenter_id).transpose()?,
        vms: asked.vms,
        cloud: vcenter_id(cloud)?,
        target: target(asked.target),
        options: options(asked.options),
        schedule: timing::schedule(&asked.timing)?,
    };
    if asked.dry_run {
        let plan: Plan = client.post("/migrations/plan", &request).await?;
        return show_plan(output, &plan);
    }
    let mut views: Vec<MigrationView> = client.post("/migrations", &request).await?;
    if !asked.wait {
        return status::show(output, &views);
    }
    let ids: Vec<_> = views.iter().map(|view| view.id).collect();
    views = progress::watch(client, output, &ids).await?;
    status::show(output, &views)?;
    progress::judge(&views)
}

/// The place as the API wants it.
fn target(asked: Target) -> TargetChoice {
    let mut target = TargetChoice::default();
    target_change(asked).apply(&mut target);
    target
}

/// What was said of the place.
pub fn target_change(asked: Target) -> TargetChange {
    TargetChange {
        cluster: asked.cluster,
        host: asked.host,
        pool: asked.pool,
        datastore: asked.datastore,
        folder: asked.folder,
        networks: asked.networks.into_iter().collect(),
        adapters: asked.adapters.into_iter().collect(),
    }
}

/// The options as the API wants them.
fn options(asked: Options) -> ColdOptions {
    let mut options = ColdOptions::default();
    options_change(asked).apply(&mut options);
    options
}

/// What was said of the options.
pub fn options_change(asked: Options) -> OptionsChange {
    OptionsChange {
        disk_format: asked.disk.map(|disk| match disk {
            Disk::Same => DiskFormat::Same,
            Disk::Thin => DiskFormat::Thin,
            Disk::Thick => DiskFormat::Thick,
            Disk::Eager => DiskFormat::Eager,
        }),
        cpus: asked.cpu,
        memory_mib: asked.memory_mib,
        mac: asked.mac.map(|mac| match mac {
            Mac::Keep => MacPolicy::Keep,
            Mac::New => MacPolicy::New,
        }),
        rename: asked.rename,
        power_on: asked.power_on,
        shutdown: asked.shutdown.map(|shutdown| match shutdown {
            Shutdown::Guest => ShutdownMode::Guest,
            Shutdown::Hard => ShutdownMode::Hard,
            Shutdown::Refuse => ShutdownMode::Refuse,
        }),
        shutdown_timeout_seconds: asked.shutdown_timeout,
        restart_guest: asked.restart_guest,
    }
}

fn show_plan(output: Output, plan: &Plan) -> Result<(), Failure> {
    if output == Output::Json {
        output::json(plan)?;
    } else {
        for vm in &plan.vms {
            let path = vm.path.as_deref().unwrap_or(&vm.asked);
            println!("{path}: {}", if vm.admitted() { "can be migrated" } else { "cannot be migrated" });
            println!("  to copy    {}", output::bytes(vm.capacity_bytes));
            for (what, place) in &vm.target {
                println!("  {what:<10} {place}");
            }
            for finding in &vm.findings {
                println!("  {}    {}", output::severity(finding), output::finding(finding));
            }
        }
    }
    let blocked = plan.vms.iter().filter(|vm| vm.findings.iter().any(Finding::blocks)).count();
    if blocked == 0 { Ok(()) } else { Err(Failure::NotAdmitted(format!("{blocked} cannot be migrated."))) }
}
