//! Reading files.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::{Asset, Files};

/// How large one file may be, in bytes.
const MAX_FILE: u64 = 32 << 20;
/// How many files there may be.
const MAX_FILES: usize = 2_000;
/// How deep folders may be nested.
const MAX_DEPTH: usize = 8;
/// Smaller files gain nothing.
const MIN_COMPRESSED: usize = 512;

/// What can be wrong with the files.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum AssetError {
    #[error("{path} cannot be read: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{0} is too much: at most 2,000 files of 32 MiB each, eight folders deep, are served")]
    TooMuch(String),
    #[error("{0} has no index.html: name the folder that the pages were built into")]
    NoIndex(String),
}

/// All files.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    files: Files,
}

impl Assets {
    /// Adds a file by its name below the manifest's folder.
    pub fn add(&mut self, name: &str, content: impl Into<Bytes>) {
        let plain: Bytes = content.into();
        let compress = is_text(name) && plain.len() >= MIN_COMPRESSED;
        let brotli = compress.then(|| with_brotli(&plain)).flatten();
        let gzip = compress.then(|| with_gzip(&plain)).flatten();
        self.insert(name, plain, brotli, gzip);
    }

    /// Adds everything in a folder. Beside a file lies what was made ahead of it: `NAME.br` and `NAME.gz`;
    /// what is not there is made now.
    pub fn add_folder(&mut self, folder: &Path) -> Result<(), AssetError> {
        let mut paths = Vec::new();
        list(folder, 0, &mut paths)?;
        let ahead = |path: &Path, end: &str| {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            Some(PathBuf::from(name)).filter(|path| path.is_file())
        };
        for path in &paths {
            let name = path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
            if is_made_ahead(path) {
                continue;
            }
            let plain = read(path)?;
            let worth = is_text(&name) && plain.len() >= MIN_COMPRESSED;
            let brotli = match ahead(path, ".br") {
                Some(path) => Some(read(&path)?),
                None => worth.then(|| with_brotli(&plain)).flatten(),
            };
            let gzip = match ahead(path, ".gz") {
                Some(path) => Some(read(&path)?),
                None => worth.then(|| with_gzip(&plain)).flatten(),
            };
            self.insert(&name, plain, brotli, gzip);
        }
        if self.files.contains_key("index.html") {
            Ok(())
        } else {
            Err(AssetError::NoIndex(folder.display().to_string()))
        }
    }

    /// A file by its name.
    pub fn get(&self, name: &str) -> Option<&Asset> {
        self.files.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    fn insert(&mut self, name: &str, plain: Bytes, brotli: Option<Bytes>, gzip: Option<Bytes>) {
        let smaller = |packed: Option<Bytes>| packed.filter(|packed| packed.len() < plain.len());
        let tag = hex::encode(&digest(&SHA256, &plain).as_ref()[..16]);
        let (brotli, gzip) = (smaller(brotli), smaller(gzip));
        let (kind, forever) = (media_type(name), is_hashed(name));
        self.files.insert(name.to_owned(), Asset { plain, brotli, gzip, kind, tag, forever });
    }
}

fn read(path: &Path) -> Result<Bytes, AssetError> {
    let fail = |source| AssetError::Read { path: path.display().to_string(), source };
    if std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(AssetError::TooMuch(path.display().to_string()));
    }
    Ok(std::fs::read(path).map_err(fail)?.into())
}

fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), AssetError> {
    let fail = |source| AssetError::Read { path: folder.display().to_string(), source };
    if depth > MAX_DEPTH {
        return Err(AssetError::TooMuch(folder.display().to_string()));
    }
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let kind = entry.file_type().map_err(fail)?;
        if kind.is_dir() {
            list(&entry.path(), depth + 1, found)?;
        } else if kind.is_file() {
            found.push(entry.path());
        }
        if found.len() > MAX_FILES {
            return Err(AssetError::TooMuch(folder.display().to_string()));
        }
    }
    Ok(())
}

/// Whether a file is the compressed form of one beside it.
fn is_made_ahead(path: &Path) -> bool {
    let packed = path.extension().is_some_and(|end| end == "br" || end == "gz");
    packed && path.with_extension("").is_file()
}

/// Trunk puts a hash of 16 hexadecimal digits into the names of what it builds.
fn is_hashed(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split(['-', '.', '_']).any(|part| part.len() == 16 && part.chars().all(|c| c.is_ascii_hexdigit()))
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, end)| end)
}

fn is_text(name: &str) -> bool {
    matches!(extension(name), "html" | "js" | "css" | "json" | "svg" | "wasm" | "txt" | "map")
}

fn media_type(name: &str) -> &'static str {
    match extension(name) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn with_brotli(plain: &[u8]) -> Option<Bytes> {
    // Above quality 6 a large file takes seconds; who wants more makes it ahead.
    let parameters = brotli::enc::BrotliEncoderParams { quality: 6, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &plain[..], &mut packed, &parameters).ok()?;
    Some(packed.into())
}

/// Compresses with gzip; `None` if that fails.
pub(crate) fn with_gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(plain).ok()?;
    Some(encoder.finish().ok()?.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_is_served_with_what_was_made_ahead() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("locale")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let long = "hello ".repeat(500);
        write("index.html", &long);
        write("index.html.br", "ahead");
        write("locale/de.json", "{}");
        let mut assets = Assets::default();
        assets.add_folder(folder.path()).unwrap();
        assert_eq!(assets.names().collect::<Vec<_>>(), ["index.html", "locale/de.json"]);
        let index = assets.get("index.html").unwrap();
        assert_eq!(index.brotli.as_deref(), Some(&b"ahead"[..]));
        assert!(index.gzip.as_ref().unwrap().len() < long.len());
        assert!(assets.get("locale/de.json").unwrap().gzip.is_none());
        assert!(assets.get("../index.html").is_none() && assets.get("/index.html").is_none());
    }

    #[test]
    fn a_folder_without_pages_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Assets::default().add_folder(folder.path()), Err(AssetError::NoIndex(_))));
    }

    #[test]
    fn a_name_with_a_hash_is_kept_for_ever() {
        assert!(is_hashed("hdm-ui-0123456789abcdef_bg.wasm") && is_hashed("a/style-0123456789abcdef.css"));
        assert!(!is_hashed("index.html") && !is_hashed("plugin.json") && !is_hashed("boot.js"));
    }
}
