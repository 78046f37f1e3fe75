//! `hdm migrate cold`.

use hdm_shared::migration::{
    ColdOptions, ColdRequest, DiskFormat, MacPolicy, MigrationView, Plan, ShutdownMode, TargetChoice,
};
use hdm_shared::problem::Finding;

use super::{status, vcenter_id};
use crate::cli::{Cold, Disk, Mac, Options, Output, Shutdown, Target};
use crate::client::Client;
use crate::failure::Failure;
use crate::{output, progress};

/// Asks for cold migrations.
pub async fn run(client: &Client, output: Output, asked: Box<Cold>) -> Result<(), Failure> {
    let request = ColdRequest {
        source: asked.source.as_deref().map(vcenter_id).transpose()?,
        vms: asked.vms,
        cloud: vcenter_id(&asked.cloud)?,
        target: target(asked.target),
        options: options(asked.options),
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
    views = progress::watch(client, &ids).await?;
    status::show(output, &views)?;
    progress::judge(&views)
}

/// The place as the API wants it.
pub fn target(target: Target) -> TargetChoice {
    TargetChoice {
        cluster: target.cluster,
        host: target.host,
        pool: target.pool,
        datastore: target.datastore,
        folder: target.folder,
        networks: target.networks.into_iter().collect(),
        adapters: target.adapters.into_iter().collect(),
    }
}

/// The options as the API wants them.
pub fn options(asked: Options) -> ColdOptions {
    let default = ColdOptions::default();
    ColdOptions {
        disk_format: match asked.disk {
            None | Some(Disk::Same) => DiskFormat::Same,
            Some(Disk::Thin) => DiskFormat::Thin,
            Some(Disk::Thick) => DiskFormat::Thick,
            Some(Disk::Eager) => DiskFormat::Eager,
        },
        cpus: asked.cpu,
        memory_mib: asked.memory_mib,
        mac: match asked.mac {
            None | Some(Mac::Keep) => MacPolicy::Keep,
            Some(Mac::New) => MacPolicy::New,
        },
        rename: asked.rename,
        power_on: asked.power_on,
        shutdown: match asked.shutdown {
            None | Some(Shutdown::Guest) => ShutdownMode::Guest,
            Some(Shutdown::Hard) => ShutdownMode::Hard,
            Some(Shutdown::Refuse) => ShutdownMode::Refuse,
        },
        shutdown_timeout_seconds: asked.shutdown_timeout.unwrap_or(default.shutdown_timeout_seconds),
        restart_guest: asked.restart_guest.unwrap_or(default.restart_guest),
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
                let word = if finding.blocks() { "BLOCKED" } else { "warning" };
                println!("  {word}    {} {}", finding.message, finding.remedy);
            }
        }
    }
    let blocked = plan.vms.iter().filter(|vm| vm.findings.iter().any(Finding::blocks)).count();
    if blocked == 0 { Ok(()) } else { Err(Failure::NotAdmitted(format!("{blocked} cannot be migrated."))) }
}
