//! Step `transfer`: every disk from the exporting host through our hands to the importing one.
//!
//! ```text
//! clean up what an earlier try left
//!   └► export lease ─► descriptor ─► import spec, completed ─► import lease
//!        └► pipes, several disks at once, while both leases are told of progress
//!             └► both manifests against what passed ─► import completed ─► export completed
//! ```
//!
//! A disk whose pipe breaks is sent again while both leases live and the host takes a second upload; what
//! has arrived is kept. Once a lease has ended, or this process, the transfer starts anew: an import cannot
//! be resumed. Nothing is kept on our own disk, and of a disk never more than a few blocks in memory.

pub mod cleanup;
#[cfg(any(test, feature = "testing"))]
pub mod fuzz;
mod hosts;
mod leases;
mod manifest;
mod pipes;
pub mod plan;

use std::collections::BTreeMap;

use hdm_shared::migration::{DiskProgress, Verify};
use hdm_vsphere::VmDetails;

use super::memo::Transfer;
use super::target_spec::{self, Before, Wanted};
use super::vm::{self, Seen};
use super::{Cold, ColdCx, held, seal};
use crate::engine::StepError;
pub use hosts::Sha256Hosts;
use leases::Leases;
use manifest::{Passed, Side, Strength};

/// Copies the disks.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if vm::find_target(cold, cx).await?.is_some() {
        return Ok(());
    }
    cleanup::everything(cold, cx).await?;
    let outcome = transfer(cold, cx).await;
    if outcome.is_err() {
        // At once, while this process knows the leases; whatever fails here is done again by the next try
        // or by the undo.
        if let Err(error) = cleanup::abort_leases(cold, cx).await {
            cx.log(format!("The leases could not be ended: {error}")).await?;
        }
    }
    outcome
}

/// Removes the copy, unless it has become the only one.
pub async fn undo(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    if cx.memo().target.is_some() && matches!(vm::look_at_source(cold, cx).await?, Seen::Gone) {
        return Err(StepError::operator(format!(
            "'{}' is not in the inventory any more, so its copy '{}' in {} is not deleted: it may be the only one. Put the source back or remove the mark {} from the copy, then retry.",
            cx.input().vm_path,
            cx.input().target_name,
            cx.input().cloud,
            super::marker::KEY
        )));
    }
    cleanup::everything(cold, cx).await
}

async fn transfer(cold: &Cold, cx: &mut ColdCx<'_>) -> Result<(), StepError> {
    let source = seal::check(cold, cx).await?;
    let number = cx.memo().transfers + 1;
    let wanted = wanted(cx, &source, number);
    show(cx, &wanted);
    cx.save("about to export", |m| {
        m.transfers = number;
        m.transfer = Some(Transfer { number, ..Transfer::default() });
    })
    .await?;
    let (leases, _placed) = leases::open(cold, cx, &source, &wanted, number).await?;
    let outcome = under(cold, cx, &leases).await;
    if let Err(StepError::Retry { message }) = &outcome
        && let Some(vcenter) = held::forgotten_by(&leases.held).await?
    {
        // One that restarted has forgotten its lease, whatever it was asked last.
        return Err(StepError::Passing { what: vcenter, why: message.clone() });
    }
    outcome
}

/// Everything that needs both leases.
async fn under(cold: &Cold, cx: &mut ColdCx<'_>, leases: &Leases) -> Result<(), StepError> {
    let passed = pipes::run(cold, cx, leases).await?;
    let strengths = verify(cold, leases, &passed).await?;
    tell_checksums(cx, &passed, &strengths).await?;
    let contents = passed.iter().filter_map(|f| Some((f.label.clone(), hex::encode(f.content_sha256?))));
    let contents: BTreeMap<_, _> = contents.collect();
    if !contents.is_empty() {
        cx.save("what the disks hold", |m| {
            if let Some(transfer) = &mut m.transfer {
                transfer.contents = contents;
            }
        })
        .await?;
    }
    finish(cold, cx, leases).await
}

/// What the target shall be; its adapters connect only later.
pub fn wanted(cx: &ColdCx<'_>, source: &VmDetails, number: u32) -> Wanted {
    let input = cx.input();
    let original = cx.memo().original.clone().unwrap_or_default();
    let before = Before { notes: &original.annotation, allocation: &original.allocation };
    let network = |key: i32| {
        let label = &source.nics.iter().find(|nic| nic.key == key)?.label;
        input.place.network_of(label, original.networks.get(&key)?).cloned()
    };
    target_spec::wanted(source, &input.options, &input.target_name, before, network, (cx.id(), number))
}

/// Shows the disks before the first byte.
fn show(cx: &ColdCx<'_>, wanted: &Wanted) {
    let reads_back = cx.input().options.verify == Verify::Readback;
    let disks = wanted
        .disks
        .iter()
        .map(|d| DiskProgress {
            label: d.label.clone(),
            capacity_bytes: d.capacity_bytes,
            read_back_bytes: reads_back.then_some(0),
            ..DiskProgress::default()
        })
        .collect();
    cx.progress().set(disks);
}

/// Compares both manifests with what passed; of each file, the weaker of the two checksums.
async fn verify(cold: &Cold, leases: &Leases, passed: &[Passed]) -> Result<Vec<Strength>, StepError> {
    let mut weaker = vec![Strength::Sha256; passed.len()];
    for (side, lease) in [(Side::Export, &leases.export), (Side::Import, &leases.import)] {
        let manifest = lease.manifest().await?;
        let compared = manifest::compare(side, &manifest, passed);
        for (at, file) in leases.files.iter().enumerate().filter(|(_, file)| file.disk.is_some()) {
            let host = side.of(&file.from, &file.to).host();
            let strength = compared.as_ref().ok().and_then(|strengths| strengths.get(at));
            cold.sha256.learn(&host, strength == Some(&Strength::Sha256));
        }
        let strengths = compared.map_err(|error| {
            StepError::retry(format!("What arrived is not proven to be what was sent. {error}."))
        })?;
        for (known, strength) in weaker.iter_mut().zip(strengths) {
            *known = strength.min(*known);
        }
    }
    Ok(weaker)
}

/// Shows and logs what was agreed on.
async fn tell_checksums(
    cx: &mut ColdCx<'_>,
    passed: &[Passed],
    strengths: &[Strength],
) -> Result<(), StepError> {
    let mut weak = Vec::new();
    for (file, strength) in passed.iter().zip(strengths) {
        if *strength == Strength::Sha1 {
            weak.push(file.label.as_str());
        }
        let checksum = strength.of(file);
        cx.counts().arrived(file.wire_bytes);
        cx.log(format!("{}: both hosts and HDM agree on {checksum}.", file.label)).await?;
        cx.progress().update(|disks| {
            if let Some(disk) = disks.iter_mut().find(|d| d.label == file.label) {
                disk.verified = true;
                // What was shown last is up to a second old.
                disk.position_bytes = disk.capacity_bytes;
                disk.wire_bytes = file.wire_bytes;
                disk.rate_bytes_per_second = 0;
                disk.checksum = Some(checksum);
            }
        });
    }
    if !weak.is_empty() {
        let files = weak.join(", ");
        cx.log(format!("A host gave SHA-1 checksums only for {files}; they were accepted.")).await?;
    }
    Ok(())
}

/// Ends both leases well. The import first: until then its VM is not a VM to anybody else.
async fn finish(cold: &Cold, cx: &mut ColdCx<'_>, leases: &Leases) -> Result<(), StepError> {
    leases.import.complete().await?;
    let target = leases.import_info.entity.clone();
    let session = cold.cloud(cx)?.session;
    let arrived = match vm::settled(&session, &target, &cold.patience(cx)).await? {
        Seen::There(copy) => is_ours(cx, &copy),
        Seen::Gone => false,
    };
    if !arrived {
        return Err(StepError::retry(format!(
            "The import of '{}' ended, but the inventory of {} does not show the copy.",
            cx.input().target_name,
            cx.input().cloud
        )));
    }
    cx.save("the copy has arrived", |m| m.target = Some(target)).await?;
    // The copy is whole; an export that cannot be ended well now ends by itself.
    if let Err(error) = leases.export.complete().await {
        cx.log(format!("The export's lease could not be completed: {error}")).await?;
        let source = cx.input().source_vm();
        let session = cold.source(cx)?.session;
        let moref = leases.export.moref().clone();
        cleanup::abort(&session, &moref, cleanup::Holds::Vm(&source)).await?;
    }
    Ok(())
}

fn is_ours(cx: &ColdCx<'_>, copy: &VmDetails) -> bool {
    copy.extra_config.get(super::marker::KEY) == Some(&cx.id().to_string())
}
