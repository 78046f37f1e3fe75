//! `hdm migrate cold`.

use hdm_shared::change::{OptionsChange, TargetChange};
use hdm_shared::migration::{
    ColdOptions, ColdRequest, DiskFormat, MacPolicy, MigrationView, Plan, ShutdownMode, TargetChoice, Verify,
};
use hdm_shared::problem::Finding;

use super::{status, timing, vcenter_id, wave};
use crate::cli::{self, Cold, Disk, Mac, Options, Output, Shutdown, Target};
use crate::client::Client;
use crate::failure::Failure;
use crate::{output, progress};

/// Asks for cold migrations.
pub async fn run(client: &Client, output: Output, asked: Box<Cold>) -> Result<(), Failure> {
    if let Some(file) = asked.file.clone() {
        return wave::run(client, output, &file, *asked).await;
    }
    let Some(cloud) = &asked.cloud else {
        return Err(Failure::NotAdmitted("Nothing says where to: name the vCenter with --cloud.".into()));
    };
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
        disk_format: asked.disk.map(Into::into),
        cpus: asked.cpu,
        memory_mib: asked.memory_mib,
        mac: asked.mac.map(Into::into),
        rename: asked.rename,
        power_on: asked.power_on,
        shutdown: asked.shutdown.map(Into::into),
        shutdown_timeout_seconds: asked.shutdown_timeout,
        restart_guest: asked.restart_guest,
        verify: asked.verify.map(Into::into),
    }
}

impl From<Disk> for DiskFormat {
    fn from(asked: Disk) -> Self {
        match asked {
            Disk::Same => Self::Same,
            Disk::Thin => Self::Thin,
            Disk::Thick => Self::Thick,
            Disk::Eager => Self::Eager,
        }
    }
}

impl From<Mac> for MacPolicy {
    fn from(asked: Mac) -> Self {
        match asked {
            Mac::Keep => Self::Keep,
            Mac::New => Self::New,
        }
    }
}

impl From<cli::Verify> for Verify {
    fn from(asked: cli::Verify) -> Self {
        match asked {
            cli::Verify::Checksums => Self::Checksums,
            cli::Verify::Readback => Self::Readback,
        }
    }
}

impl From<Shutdown> for ShutdownMode {
    fn from(asked: Shutdown) -> Self {
        match asked {
            Shutdown::Guest => Self::Guest,
            Shutdown::Hard => Self::Hard,
            Shutdown::Refuse => Self::Refuse,
        }
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
