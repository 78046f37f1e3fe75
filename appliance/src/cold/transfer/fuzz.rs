//! Whatever hosts say of the files of a transfer.

use hdm_vsphere::{FileItem, LeaseDevice, ManifestEntry};

use super::manifest::{Passed, Side, compare};
use super::plan::{Disk, offer, pair, place};

/// Pairs the files of two leases, and compares what passed with a manifest. What comes of it is the same whatever the
/// hosts say: each disk goes from one place to one other, and what is taken for well is what the manifest says.
pub fn fuzz_leases(export: &[LeaseDevice], import: &[LeaseDevice], manifest: &[ManifestEntry]) {
    let disks: Vec<Disk> = export.iter().filter(|device| device.is_disk).filter_map(disk).collect();
    let Ok(offered) = offer(export, &disks) else { return };
    // As the import spec has them, which HDM makes of what it offers.
    let item = |(at, device): (usize, &LeaseDevice)| FileItem {
        device_id: device.import_key.clone(),
        path: offered.get(at).map(|offered| offered.path.clone()).unwrap_or_default(),
        size: None,
        create: false,
        cim_type: 17,
    };
    let items: Vec<FileItem> = import.iter().enumerate().map(item).collect();
    let Ok(paired) = pair(&offered, export, &items, import, &disks) else { return };
    for (at, file) in paired.files.iter().enumerate() {
        assert_eq!(file.from.is_disk, file.disk.is_some(), "{}", file.label);
        assert!(file.to.is_disk || file.disk.is_none(), "{}", file.label);
        for other in &paired.files[..at] {
            assert_ne!(file.from.key, other.from.key, "{} and {}", file.label, other.label);
            assert_ne!(file.to, other.to, "{} and {}", file.label, other.label);
            assert!(file.disk.is_none() || file.disk != other.disk, "{} twice", file.label);
        }
    }
    let passed: Vec<Passed> = paired
        .files
        .into_iter()
        .map(|file| {
            let told = manifest.iter().rev().find(|entry| entry.key == file.to.key);
            Passed {
                label: file.label,
                export_key: file.from.key,
                import_key: file.to.key,
                sha1: told.and_then(|entry| entry.sha1),
                sha256: told.and_then(|entry| entry.sha256).unwrap_or_default(),
                content_sha256: None,
                wire_bytes: told.map_or(0, |entry| entry.size),
            }
        })
        .collect();
    let _ = compare(Side::Export, manifest, &passed);
    if compare(Side::Import, manifest, &passed).is_ok() {
        for file in &passed {
            let mut entries = manifest.iter().filter(|entry| entry.key == file.import_key).peekable();
            assert!(entries.peek().is_some(), "{} is in no manifest", file.label);
            for entry in entries {
                assert!(entry.sha256.is_none_or(|sha256| sha256 == file.sha256), "{} differs", file.label);
                assert!(
                    entry.sha256.is_some() || (entry.sha1.is_some() && entry.sha1 == file.sha1),
                    "{} differs",
                    file.label
                );
                assert!([0, file.wire_bytes].contains(&entry.size), "{} differs", file.label);
            }
        }
    }
}

/// The disk that the end of a key tells.
fn disk(device: &LeaseDevice) -> Option<Disk> {
    let (controller, bus, unit) = place(&device.key)?;
    Some(Disk {
        label: device.target_id.clone(),
        capacity_bytes: device.file_size.unwrap_or_default(),
        controller: controller.to_owned(),
        bus,
        unit,
    })
}
