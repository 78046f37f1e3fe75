//! The two leases of a transfer: opened in order, told of progress, watched.

use std::time::Duration;

use hdm_vsphere::{DescriptorParams, Error, ImportSpecParams, Lease, LeaseInfo, LeaseState, VmDetails};

use super::super::target_spec::Wanted;
use super::super::{Cold, ColdCx, adapters, place, vm};
use super::plan::{self, File};
use crate::engine::StepError;

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
}

/// Opens both leases. Each intent and each lease is saved before the next call.
pub async fn open(
    cold: &Cold,
    cx: &mut ColdCx<'_>,
    source: &VmDetails,
    wanted: &Wanted,
    number: u32,
) -> Result<Leases, StepError> {
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
    let offered = plan::offer(&export_info.devices, &disks);
    let params = DescriptorParams {
        name: wanted.name.clone(),
        files: offered.iter().map(|o| o.as_ovf_file(&disks)).collect(),
    };
    let descriptor = from.create_descriptor(&source.vm, &params).await?;

    let host = place::host(cold, cx)?;
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
    let import = to
        .import_vapp(&input.place.pool.object, &spec, &input.place.folder.object, Some(&host.object))
        .await?;
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
    let files = plan::pair(&offered, &export_info.devices, spec.file_items(), &import_info.devices, &disks)
        .map_err(StepError::retry)?;
    Ok(Leases { export, import, import_info, files, timeout })
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
    let deadline = std::time::Instant::now() + cold.settings.task;
    let cancel = cx.cancel().clone();
    tokio::select! {
        () = cancel.cancelled() => Err(StepError::Cancelled),
        info = lease.wait_ready(deadline) => Ok(info?),
    }
}

/// Tells both leases of progress until it fails for longer than a lease lives, or a lease has ended.
///
/// Four times within a timeout: one call may be lost, and the next comes well before the end.
pub async fn keep_alive(leases: &Leases, percent: impl Fn() -> u8) -> StepError {
    let pause = (leases.timeout / 4).clamp(Duration::from_millis(200), Duration::from_secs(30));
    let mut heard = std::time::Instant::now();
    loop {
        let said = percent();
        let told = async {
            leases.export.progress(said).await?;
            leases.import.progress(said).await
        };
        match told.await {
            Ok(()) => heard = std::time::Instant::now(),
            Err(error) if error.is_passing() && heard.elapsed() < leases.timeout => {}
            Err(error) if error.is_passing() => return error.into(),
            Err(error) => {
                let reason = ended(leases).await.ok().flatten().unwrap_or_else(|| error.to_string());
                return StepError::retry(format!("A lease ended before the transfer. {reason}"));
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Which lease has ended, and why, in a sentence; `None` while both hold.
pub async fn ended(leases: &Leases) -> Result<Option<String>, Error> {
    for (name, lease) in [("export", &leases.export), ("import", &leases.import)] {
        let why = match lease.state().await {
            Ok(LeaseState::Ready | LeaseState::Initializing) => continue,
            Ok(LeaseState::Done) => "it was completed by somebody else".to_owned(),
            Ok(LeaseState::Error(fault)) => fault.to_string(),
            Err(error) if error.is_gone() => "vCenter does not know it any more".to_owned(),
            Err(error) => return Err(error),
        };
        return Ok(Some(format!("The {name}'s lease has ended: {why}")));
    }
    Ok(None)
}
