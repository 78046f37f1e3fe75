//! What the fuzz targets in `vsphere/fuzz` do with their input, and its replay: whatever a vCenter or a host says, or
//! somebody in their place, the readers return and never panic. The corpora are committed beside the targets, so that
//! every test run tries again what a fuzzer once found worth keeping.

use crate::inventory::fuzz_inventory;
use crate::lease::{LeaseInfo, ManifestEntry, fuzz_lease, fuzz_manifest_entry};
use crate::nfc::StreamChecker;
use crate::ovf::{DiskEdit, ImportEdit, NicEdit, fuzz_import_spec};
use crate::property::fuzz_objects;
use crate::verb::{ExtensionInfo, fuzz_extension};
use crate::wire::{Answer, Limits, read_answer, read_xml};

/// The largest input, in bytes: what is larger says nothing that is new.
const MAX_BYTES: usize = 1 << 20;

/// An answer of a vCenter: a fault, objects with their properties, an update of the inventory, an import spec, what a
/// lease tells, an entry of a manifest, an extension, whichever it can be taken for.
pub fn answer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.len() > MAX_BYTES {
        return;
    }
    let limits = Limits::default();
    let _ = read_xml(text, &limits);
    let Ok(Answer::Response(response)) = read_answer(text, &limits) else { return };
    for result in response.all("returnval") {
        fuzz_objects(result);
        fuzz_inventory(result);
        fuzz_import_spec(result, &edit());
        let _ = fuzz_lease(result);
        let _ = fuzz_manifest_entry(result);
        let _ = fuzz_extension(result);
    }
}

/// What a vCenter answered, as the readers of others take it.
#[derive(Debug, Default)]
pub struct Told {
    /// What leases tell.
    pub leases: Vec<LeaseInfo>,
    /// The entries of a manifest.
    pub manifest: Vec<ManifestEntry>,
    /// Extensions.
    pub extensions: Vec<ExtensionInfo>,
}

/// Takes each part of an answer for all that it can be.
pub fn told(text: &str) -> Told {
    let mut told = Told::default();
    let limits = Limits::default();
    let read = if text.len() > MAX_BYTES { None } else { read_answer(text, &limits).ok() };
    if let Some(Answer::Response(response)) = read {
        for result in response.all("returnval") {
            told.leases.extend(fuzz_lease(result));
            told.manifest.push(fuzz_manifest_entry(result));
            told.extensions.push(fuzz_extension(result));
        }
    }
    told
}

/// The stream of a disk, in pieces of a size that its first byte says.
pub fn disk_stream(data: &[u8]) {
    let Some((first, stream)) = data.split_first() else { return };
    if stream.len() > MAX_BYTES {
        return;
    }
    // The disk is as large as its stream says, or nothing behind the header would be read.
    let sectors = stream.get(12..20).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes);
    let capacity_bytes = sectors.saturating_mul(512);
    for mut checker in [StreamChecker::new(capacity_bytes), StreamChecker::unpacking(capacity_bytes)] {
        let fed = stream.chunks(usize::from(*first) + 1).try_for_each(|piece| checker.feed(piece));
        if fed.is_ok() && checker.finish().is_ok() {
            assert_eq!(checker.position_bytes(), capacity_bytes);
        }
    }
}

fn edit() -> ImportEdit {
    ImportEdit {
        name: Some("new".into()),
        bios_uuid: Some("u".into()),
        secure_boot: Some(true),
        firmware: Some("efi".into()),
        extra_config: [("a".to_owned(), "<&>".to_owned())].into(),
        nics: vec![NicEdit {
            mac: Some("00:50:56:00:00:01".into()),
            start_connected: false,
            wake_on_lan: true,
        }],
        disks: vec![DiskEdit { thin: true, eager: false }],
        ..ImportEdit::default()
    }
}

/// Feeds a target the corpus in a folder, in the order of the names, and each input with some of its bytes changed; says
/// how many there were.
#[allow(clippy::unwrap_used, reason = "tests")]
pub fn replay(folder: &str, run: fn(&[u8])) -> usize {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut random = 0x1234_5678_u64;
    for path in &paths {
        let mut input = std::fs::read(path).unwrap();
        run(&input);
        for _ in 0..8 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(random >> 33).unwrap() % input.len().max(1);
            if let Some(byte) = input.get_mut(at) {
                *byte = random.to_le_bytes()[2];
            }
            run(&input);
        }
    }
    paths.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_corpus_of_answers_is_survived() {
        assert!(replay(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/answer"), answer) > 10);
    }

    #[test]
    fn the_corpus_of_disk_streams_is_survived() {
        assert!(replay(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/disk_stream"), disk_stream) > 10);
    }

    /// A stream in the corpus is one that is read to its end: else the corpus would try nothing but the header.
    #[test]
    fn a_whole_stream_is_in_the_corpus() {
        let whole = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/disk_stream"));
        let whole = whole.unwrap().any(|entry| {
            let input = std::fs::read(entry.unwrap().path()).unwrap();
            let stream = input.get(1..).unwrap_or_default();
            let sectors = stream.get(12..20).map_or(0, |b| u64::from_le_bytes(b.try_into().unwrap()));
            let mut checker = StreamChecker::unpacking(sectors.saturating_mul(512));
            checker.feed(stream).is_ok() && checker.finish().is_ok()
        });
        assert!(whole);
    }
}
