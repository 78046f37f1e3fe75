//! The hosts' manifests against what passed through our hands.
//!
//! Each host hashes the stream that it sent or received. A stream that was damaged on the wire, or in a host
//! after or before it hashed, shows here or in the grain addresses checked in flight.

use hdm_vsphere::ManifestEntry;

/// A file that passed from the exporting to the importing host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its label for people, such as `Hard disk 1`.
    pub label: String,
    /// Its key in the export's manifest.
    pub export_key: String,
    /// Its key in the import's manifest.
    pub import_key: String,
    /// SHA-1 of the stream, if it was taken.
    pub sha1: Option<[u8; 20]>,
    /// SHA-256 of the stream.
    pub sha256: [u8; 32],
    /// Checksum of what the disk holds, if it is to be read back.
    pub content_sha256: Option<[u8; 32]>,
    /// Length of the stream.
    pub wire_bytes: u64,
}

/// Which host's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The exporting one.
    Export,
    /// The importing one.
    Import,
}

impl Side {
    /// That of the two which is meant.
    pub fn of<T>(self, export: T, import: T) -> T {
        match self {
            Self::Export => export,
            Self::Import => import,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Export => "sent",
            Self::Import => "received",
        }
    }
}

/// The checksum that both hosts and we agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// SHA-1: what hosts give that know nothing better.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Strength {
    /// The checksum of a file in words, such as `sha256:…`.
    pub fn of(self, file: &Passed) -> String {
        match self {
            Self::Sha1 => format!("sha1:{}", hex::encode(file.sha1.unwrap_or_default())),
            Self::Sha256 => format!("sha256:{}", hex::encode(file.sha256)),
        }
    }
}

/// A file whose checksums or sizes differ, or that a manifest does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{label}: {what}")]
pub struct Mismatch {
    label: String,
    what: String,
}

/// Compares one side's manifest with what passed; of each file, which checksum it was.
pub fn compare(side: Side, manifest: &[ManifestEntry], passed: &[Passed]) -> Result<Vec<Strength>, Mismatch> {
    passed.iter().map(|file| one(side, manifest, file)).collect()
}

fn one(side: Side, manifest: &[ManifestEntry], file: &Passed) -> Result<Strength, Mismatch> {
    let wrong = |what: String| Mismatch { label: file.label.clone(), what };
    let key = match side {
        Side::Export => &file.export_key,
        Side::Import => &file.import_key,
    };
    let verb = side.verb();
    let mut entries = manifest.iter().filter(|entry| entry.key == *key);
    let entry =
        entries.next().ok_or_else(|| wrong(format!("the host that {verb} it has no checksum of it")))?;
    if entries.any(|other| other != entry) {
        return Err(wrong(format!("the host that {verb} it says two different things of it")));
    }
    if entry.size != 0 && entry.size != file.wire_bytes {
        return Err(wrong(format!(
            "the host {verb} {} bytes, but {} passed through",
            entry.size, file.wire_bytes
        )));
    }
    match (entry.sha256, entry.sha1) {
        (Some(sha256), _) if sha256 == file.sha256 => Ok(Strength::Sha256),
        (None, Some(sha1)) if Some(sha1) == file.sha1 => Ok(Strength::Sha1),
        (None, Some(_)) if file.sha1.is_none() => Err(wrong(format!(
            "the host that {verb} it gives SHA-1 where it gave SHA-256 before, so that it is sent again"
        ))),
        (None, None) => Err(wrong(format!("the host that {verb} it gives no checksum"))),
        _ => Err(wrong(format!(
            "the checksum of what the host {verb} differs from that of what passed through"
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn file() -> Passed {
        Passed {
            label: "Hard disk 1".into(),
            export_key: "e".into(),
            import_key: "i".into(),
            sha1: Some([1; 20]),
            sha256: [2; 32],
            content_sha256: None,
            wire_bytes: 9,
        }
    }

    fn entry(key: &str, sha1: Option<[u8; 20]>, sha256: Option<[u8; 32]>) -> ManifestEntry {
        ManifestEntry {
            key: key.into(),
            sha1,
            sha256,
            size: 9,
            is_disk: true,
            capacity: None,
            populated_size: None,
        }
    }

    #[test]
    fn either_checksum_is_accepted_and_told() {
        let second = Passed { import_key: "j".into(), ..file() };
        let both = [entry("i", None, Some([2; 32])), entry("j", Some([1; 20]), None)];
        assert_eq!(
            compare(Side::Import, &both, &[file(), second]).unwrap(),
            [Strength::Sha256, Strength::Sha1]
        );
        let export = [entry("e", None, Some([2; 32]))];
        assert_eq!(compare(Side::Export, &export, &[file()]).unwrap(), [Strength::Sha256]);
    }

    #[test]
    fn sha1_alone_is_no_answer_where_it_was_not_taken() {
        let file = Passed { sha1: None, ..file() };
        let sha1 = [entry("e", Some([1; 20]), None)];
        let error = compare(Side::Export, &sha1, std::slice::from_ref(&file)).unwrap_err();
        assert!(error.to_string().contains("gives SHA-1"), "{error}");
        let both = [entry("e", Some([1; 20]), Some([2; 32]))];
        assert_eq!(compare(Side::Export, &both, &[file]).unwrap(), [Strength::Sha256]);
    }

    #[test]
    fn anything_else_is_a_mismatch() {
        let bad =
            |manifest: &[ManifestEntry]| compare(Side::Export, manifest, &[file()]).unwrap_err().to_string();
        assert!(bad(&[]).contains("has no checksum of it"));
        assert!(bad(&[entry("e", None, None)]).contains("gives no checksum"));
        assert!(bad(&[entry("e", Some([9; 20]), None)]).contains("differs"));
        assert!(
            bad(&[entry("e", Some([1; 20]), Some([9; 32]))]).contains("differs"),
            "a good SHA-1 does not excuse"
        );
        let (well, other) = (entry("e", None, Some([2; 32])), entry("e", None, Some([9; 32])));
        assert!(bad(&[well.clone(), other]).contains("two different things"));
        assert!(compare(Side::Export, &[well.clone(), well], &[file()]).is_ok(), "the same twice");
        let short = ManifestEntry { size: 8, ..entry("e", None, Some([2; 32])) };
        assert!(bad(&[short]).contains("8 bytes, but 9"));
    }
}
