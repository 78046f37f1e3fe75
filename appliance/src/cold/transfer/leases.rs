//! The two leases of a transfer: opened in order, told of progress, watched.

use std::sync::Arc;
use std::time::Duration;

use hdm_vsphere::{
    DescriptorParams, Error, ImportSpecParams, Lease, LeaseInfo, LeaseState, MoRef, Session, VmDetails,
};

use super::super::target_spec::Wanted;
use super::super::{Cold, ColdCx, adapters, facts, place, vm};
use super::plan::{self, File};
use crate::engine::{Clock, StepError};
use crate::nfc_streams::Placed;

/// Both leases, ready, and the files to send.
pub struct Leases {
    /// The export's.
    pub export: Lease,
    /// The import's.
    pub import: Lease,
    /// What the import's lease told when it became ready.
    pub import_info: LeaseInfo,
    /// The files.
    pub files: Vec<File>,
    /// The shorter of the two times a lease lives without a word.
    pub timeout: Duration,
    /// The migration's tasks, which show the progress.
    pub tasks: Vec<(Session, MoRef)>,
    /// Whether a lease that vCenter has forgotten costs no attempt.
    pub forgiving: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

/// How a lease ended.
pub struct Ended {
    /// The vCenter, if it has forgotten the lease, which it does when it restarts.
    forgotten_by: Option<String>,
    /// Which lease, and why, as a sentence.
    why: String,
}

impl Ended {
    /// What that means for the step. A vCenter that was away and is back is waited for like one that is away.
    pub fn error(self, leases: &Leases, before: &str) -> StepError {
        let why = format!("{before}{}", self.why);
        match self.forgotten_by.filter(|_| leases.forgiving) {
            Some(what) => StepError::Passing { what, why },
            None => StepError::retry(why),
        }
    }
}

/// How often a lease that refuses is asked why.
const LOOKS: u32 = 10;
/// How many transfers one attempt may begin because a vCenter restarted: more than that is no accident.
const TRANSFERS_PER_ATTEMPT: u32 = 5;

/// Opens both leases. Each intent and each lease is saved before the next call. What counts the import at its host is
/// kept for as long as that works.
pub async fn open(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    source: &VmDetails,
    wanted: &Wanted,
    number: u32,
) -> Result<(Leases, Placed), StepError> {
    let (from, to) = (cold.source(cx)?.session, cold.cloud(cx)?.session);
    let export = open_export(cold, cx).await?;
    let export_info = ready(cold, cx, &export).await?;
    export.set_checksum_type("sha256").await?;

    let disks: Vec<plan::Disk> = wanted
        .disks
        .iter()
        .map(|d| plan::Disk {
            label: d.label.clone(),
            capacity_bytes: d.capacity_bytes,
            controller: d.controller.clone(),
            bus: d.bus,
            unit: d.unit,
        })
        .collect();
    let offered = plan::offer(&export_info.devices, &disks).map_err(StepError::refused)?;
    let params = DescriptorParams {
        name: wanted.name.clone(),
        files: offered.iter().map(|o| o.as_ovf_file(&disks)).collect(),
    };
    let descriptor = from.create_descriptor(&source.vm, &params).await?;

    let (host, placed) = place::host(cold, cx, facts::hardware_version(&wanted.hw_version)).await?;
    let input = cx.input().clone();
    let nics = adapters::in_order(cx, source);
    let params = ImportSpecParams {
        name: wanted.name.clone(),
        host: Some(host.object.clone()),
        networks: adapters::mapping(&input.place, &nics).into_iter().collect(),
        disk_provisioning: wanted.provisioning().to_owned(),
    };
    let mut spec = to
        .create_import_spec(&descriptor.ovf, &input.place.pool.object, &input.place.datastore.object, &params)
        .await?;
    if !spec.errors().is_empty() {
        return Err(StepError::refused(format!(
            "{} cannot import '{}': {}",
            input.cloud,
            input.vm_name,
            spec.errors().join(" ")
        )));
    }
    for warning in
        descriptor.warnings.iter().map(String::as_str).chain(spec.warnings().iter().map(String::as_str))
    {
        cx.log(format!("vCenter remarks: {warning}")).await?;
    }
    adapters::place_in_spec(&to, &mut spec, &descriptor, &params, &input, &nics).await?;
    spec.edit(&wanted.import_edit()).map_err(StepError::from)?;

    let now = cx.clock().now();
    cx.save("about to import", |m| {
        if let Some(transfer) = &mut m.transfer {
            transfer.import_asked = Some(now);
        }
    })
    .await?;
    let import =
        to.import_vapp(&input.place.pool.object, &spec, &input.place.folder.object, Some(&host.object)).await;
    let import = match import {
        Ok(import) => import,
        Err(error) => {
            if !error.maybe_took_effect() {
                // Refused, so that nothing can show itself later.
                cx.save("the import was refused", |m| {
                    if let Some(transfer) = &mut m.transfer {
                        transfer.import_asked = None;
                    }
                })
                .await?;
            }
            return Err(error.into());
        }
    };
    let moref = import.moref().clone();
    cx.save("the import's lease", |m| {
        if let Some(transfer) = &mut m.transfer {
            transfer.import = Some(moref);
        }
    })
    .await?;
    let import_info = ready(cold, cx, &import).await?;
    import.set_checksum_type("sha256").await?;
    let timeout = export_info.timeout.min(import_info.timeout);
    cx.save("the copy in the making", |m| {
        if let Some(transfer) = &mut m.transfer {
            transfer.entity = Some(import_info.entity.clone());
            transfer.lease_seconds = timeout.as_secs().max(1);
        }
    })
    .await?;
    cx.log(format!("Transfer {number} to the host '{}' has begun.", host.name)).await?;
    let paired = plan::pair(&offered, &export_info.devices, spec.file_items(), &import_info.devices, &disks);
    let plan::Paired { files, left } = paired.map_err(StepError::retry)?;
    if !left.is_empty() {
        let note = format!(
            "The import takes no {}; {} makes its own, so that what the firmware kept there, such as boot entries, is not carried.",
            left.join(", "),
            input.cloud
        );
        cx.log(note.clone()).await?;
        if !cx.memo().notes.contains(&note) {
            cx.save("what the copy lacks", |m| m.notes.push(note)).await?;
        }
    }
    let tasks = [(from, cx.memo().source_task.clone()), (to, cx.memo().cloud_task.clone())];
    let leases = Leases {
        export,
        import,
        import_info,
        files,
        timeout,
        tasks: tasks.into_iter().filter_map(|(session, task)| Some((session, task?))).collect(),
        forgiving: number < TRANSFERS_PER_ATTEMPT * cx.attempt(),
        clock: cx.clock().clone(),
    };
    Ok((leases, placed))
}

/// Exports our snapshot. A lease of ours whose answer was lost blocks a second one until it expires, so a
/// refusal is waited out for that long.
async fn open_export(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<Lease, StepError> {
    let session = cold.source(cx)?.session;
    let Some(snapshot) = cx.memo().snapshot.clone() else {
        return Err(StepError::refused("The source has no snapshot of this migration.".to_owned()));
    };
    let give_up = cx.clock().now().as_second() + vm::as_seconds(cold.settings.lease_expiry);
    let lease = loop {
        match session.export_snapshot(&snapshot).await {
            Ok(lease) => break lease,
            Err(error) if is_blocked(&error) && cx.clock().now().as_second() < give_up => {
                vm::pause(cx, Duration::from_secs(1)).await?;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let moref = lease.moref().clone();
    cx.save("the export's lease", |m| {
        if let Some(transfer) = &mut m.transfer {
            transfer.export = Some(moref);
        }
    })
    .await?;
    Ok(lease)
}

/// Faults that say that something else holds the VM.
fn is_blocked(error: &Error) -> bool {
    matches!(error.fault_kind(), Some("TaskInProgress" | "InvalidState" | "ResourceInUse" | "FileLocked"))
}

async fn ready(cold: &Cold, cx: &ColdCx<'_>, lease: &Lease) -> Result<LeaseInfo, StepError> {
    let patience = cold.patience(cx);
    let ready = async { Ok(patience.bound(lease.wait_ready(vm::unbounded())).await) };
    match vm::or_cancel(cx, ready).await? {
        Some(info) => Ok(info?),
        None => Err(StepError::retry(format!(
            "Lease {} was not ready within {} s.",
            lease.moref(),
            cold.settings.task.as_secs()
        ))),
    }
}

/// Tells both leases of progress until it fails for longer than a lease lives, or a lease has ended; and shows
/// the progress in the migration's tasks.
///
/// Four times within a timeout: one call may be lost, and the next comes well before the end.
pub async fn keep_alive(leases: &Leases, percent: impl Fn() -> u8) -> StepError {
    let pause = (leases.timeout / 4).clamp(Duration::from_millis(200), Duration::from_secs(30));
    let mut lives_until = vm::later(leases.clock.now(), leases.timeout);
    let mut shown = None;
    loop {
        let said = percent();
        let told = async {
            leases.export.progress(said).await?;
            leases.import.progress(said).await
        };
        match told.await {
            Ok(()) => lives_until = vm::later(leases.clock.now(), leases.timeout),
            Err(error) if error.is_passing() && leases.clock.now() < lives_until => {}
            Err(error) if error.is_passing() => return error.into(),
            Err(error) => {
                let before = "A lease ended before the transfer. ";
                // The lease refuses before it tells why.
                for _ in 0..LOOKS {
                    match ended(leases).await {
                        Ok(Some(ended)) => return ended.error(leases, before),
                        Ok(None) => leases.clock.sleep(Duration::from_millis(200)).await,
                        Err(error) => return error.into(),
                    }
                }
                return StepError::retry(format!("{before}{error}"));
            }
        }
        if shown != Some(said) {
            show(&leases.tasks, said).await;
            shown = Some(said);
        }
        leases.clock.sleep(pause).await;
    }
}

/// Shows the progress in the tasks. Only a help for those who watch: what goes wrong here is of no consequence.
async fn show(tasks: &[(Session, MoRef)], percent: u8) {
    for (session, task) in tasks {
        if let Err(error) = session.update_task_progress(task, percent).await {
            tracing::debug!(%error, "the progress is not shown in a task");
        }
    }
}

/// The vCenter that has forgotten its lease, if one has and if that costs no attempt.
pub async fn forgotten_by(leases: &Leases) -> Result<Option<String>, Error> {
    let ended = ended(leases).await?;
    Ok(ended.and_then(|ended| ended.forgotten_by).filter(|_| leases.forgiving))
}

/// Which lease has ended, and why; `None` while both hold.
pub async fn ended(leases: &Leases) -> Result<Option<Ended>, Error> {
    for (name, lease) in [("export", &leases.export), ("import", &leases.import)] {
        let (forgotten_by, why) = match lease.state().await {
            Ok(LeaseState::Ready | LeaseState::Initializing) => continue,
            Ok(LeaseState::Done) => (None, "it was completed by somebody else".to_owned()),
            Ok(LeaseState::Error(fault)) => (None, fault.to_string()),
            Err(error) if error.is_gone() => {
                let vcenter = lease.vcenter().to_owned();
                let why = format!("{vcenter} does not know it any more");
                (Some(vcenter), why)
            }
            Err(error) => return Err(error),
        };
        return Ok(Some(Ended { forgotten_by, why: format!("The {name}'s lease has ended: {why}.") }));
    }
    Ok(None)
}
