//! Files that anybody may fetch: the pages' own, the manifest and its icons.
//!
//! All of them are read, compressed and hashed when the server starts, and answered from memory. Nothing of
//! a request ever becomes a path of the file system.

mod load;
mod serve;

use std::collections::BTreeMap;

use bytes::Bytes;

pub(crate) use load::with_gzip;
pub use load::{AssetError, Assets};
pub use serve::serve;
pub(crate) use serve::{accepts, holds};

/// The manifest's name.
pub const MANIFEST: &str = "plugin.json";

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// As it is.
    plain: Bytes,
    /// Compressed with brotli (RFC 7932), if that is smaller.
    brotli: Option<Bytes>,
    /// Compressed with gzip (RFC 1952), if that is smaller.
    gzip: Option<Bytes>,
    /// Its media type.
    kind: &'static str,
    /// Its hash, as an entity tag.
    tag: String,
    /// Whether its name holds a hash, so that it never changes.
    forever: bool,
}

type Files = BTreeMap<String, Asset>;
