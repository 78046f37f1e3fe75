//! The bytes: every file from host to host, as many at once as the hosts may serve, while both leases are told of
//! progress.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use hdm_shared::MigrationId;
use hdm_shared::migration::{DiskProgress, Verify};
use hdm_vsphere::{Export, LeaseDevice, Pipe, PipeProgress, RateLimit};

use super::super::held;
use super::super::meter::Meter;
use super::super::{Cold, ColdCx};
use super::leases::Leases;
use super::manifest::Passed;
use super::plan::File;
use crate::engine::StepError;

/// Sends all files and says what passed.
pub async fn run(cold: &Cold, cx: &mut ColdCx<'_>, leases: &Leases) -> Result<Vec<Passed>, StepError> {
    let meters: Vec<_> = leases.files.iter().map(|f| Meter::new(&f.label, f.capacity_bytes)).collect();
    let notes = Mutex::default();
    let rates = cold.throttle.limits(cx.id()).await?;
    // What will be read back is unpacked on its way, so that there is something to compare it with.
    let unpacks = cx.input().options.verify == Verify::Readback;
    let id = cx.id();
    let send = |(file, meter): (_, &Meter)| {
        send((cold, id), leases, file, (meter.passed.clone(), &rates), unpacks, &notes).boxed()
    };
    let works = leases.files.iter().zip(&meters).map(send).collect();
    held::all(&leases.held, cx, (&meters, set), works, &notes).await
}

/// Shows what has been sent.
fn set(disk: &mut DiskProgress, passed: &PipeProgress) {
    disk.position_bytes = passed.position_bytes();
    disk.wire_bytes = passed.wire_bytes();
}

/// Sends one file.
async fn send(
    (cold, id): (&Cold, MigrationId),
    leases: &Leases,
    file: &File,
    (passed, rates): (Arc<PipeProgress>, &[Arc<RateLimit>]),
    unpacks: bool,
    notes: &Mutex<Vec<String>>,
) -> Result<Passed, StepError> {
    // The wish for SHA-256 is one for disks; other files are small.
    let knows = |device: &LeaseDevice| cold.sha256.knows(&device.host());
    let takes_sha1 = file.disk.is_none() || !(leases.sha256 && knows(&file.from) && knows(&file.to));
    let pipe = Pipe {
        export: Export {
            label: file.label.clone(),
            from: file.from.clone(),
            capacity_bytes: file.disk.map(|_| file.capacity_bytes),
            unpacks,
            sha1: takes_sha1,
            limits: cold.settings.pipe,
            rates: rates.to_vec(),
        },
        to: file.to.clone(),
    };
    let words = ("The transfer of", "is sent again");
    let run = || async {
        // Given back before the file is tried again: a host that is away must not hold places at the other.
        let _place = cold.streams.enter(id, file.from.host(), file.to.host()).await;
        pipe.run(&passed).await
    };
    let piped = held::insist(&leases.held, &file.label, words, notes, run).await?;
    Ok(Passed {
        label: file.label.clone(),
        export_key: file.from.key.clone(),
        import_key: file.to.key.clone(),
        sha1: piped.sha1,
        sha256: piped.sha256,
        content_sha256: piped.content_sha256,
        wire_bytes: piped.wire_bytes,
    })
}
