//! The two leases of a transfer, opened in order.

use hdm_vsphere::{DescriptorParams, ImportSpecParams, Lease, LeaseInfo, VmDetails};

use super::super::held::{self, Held};
use super::super::target_spec::Wanted;
use super::super::{Cold, ColdCx, adapters, facts, place};
use super::plan::{self, File};
use crate::engine::StepError;
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
    /// Whether both vCenters have taken the wish for SHA-256 checksums.
    pub sha256: bool,
    /// Both, to be kept alive together.
    pub held: Held,
}

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
    let export = export(cold, cx).await?;
    let export_info = held::ready(cold, cx, &export).await?;
    let mut sha256 = export.set_checksum_type("sha256").await?;

    let disks = plan::disks(wanted);
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
    let import_info = held::ready(cold, cx, &import).await?;
    sha256 &= import.set_checksum_type("sha256").await?;
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
    let leases = Leases {
        held: Held {
            leases: vec![("export", export.clone()), ("import", import.clone())],
            timeout,
            tasks: held::tasks(cold, cx)?,
            forgiving: number < TRANSFERS_PER_ATTEMPT * cx.attempt(),
            clock: cx.clock().clone(),
        },
        export,
        import,
        import_info,
        files,
        sha256,
    };
    Ok((leases, placed))
}

/// Exports our snapshot.
async fn export(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<Lease, StepError> {
    let session = cold.source(cx)?.session;
    let Some(snapshot) = cx.memo().snapshot.clone() else {
        return Err(StepError::refused("The source has no snapshot of this migration.".to_owned()));
    };
    let lease = held::open(cold, cx, || session.export_snapshot(&snapshot)).await?;
    let moref = lease.moref().clone();
    cx.save("the export's lease", |m| {
        if let Some(transfer) = &mut m.transfer {
            transfer.export = Some(moref);
        }
    })
    .await?;
    Ok(lease)
}
