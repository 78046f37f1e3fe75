//! Passwords that must stand nowhere: not in a log, not in the database, not in what is told, in whatever clothes.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use url::form_urlencoded::byte_serialize;

/// A password as it may be written: as it is, and as XML, JSON, addresses and headers have it.
fn clothes(password: &str) -> Vec<(&'static str, String)> {
    let xml = |quote: &str, apostrophe: &str| {
        let text = password.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text.replace('"', quote).replace('\'', apostrophe)
    };
    let json = serde_json::to_string(password).unwrap();
    let form: String = byte_serialize(password.as_bytes()).collect();
    let mut all = vec![
        ("as it is", password.to_owned()),
        ("in XML", xml("&quot;", "&apos;")),
        ("in XML by numbers", xml("&#34;", "&#39;")),
        ("in XML as text", xml("\"", "'")),
        ("in JSON", json.trim_matches('"').to_owned()),
        ("in a form", form.clone()),
        ("in an address", form.replace('+', "%20")),
        ("in base64", STANDARD.encode(password)),
        ("in base64 for addresses", URL_SAFE.encode(password)),
    ];
    all.dedup_by(|a, b| a.1 == b.1);
    all
}

/// Unpacks a support bundle into a new folder and returns the only folder in it.
pub fn unpack(bundle: &Path, into: &Path) -> PathBuf {
    std::fs::create_dir(into).unwrap();
    let done = Command::new("tar").arg("-xzf").arg(bundle).arg("-C").arg(into).status().unwrap();
    assert!(done.success(), "{} cannot be unpacked", bundle.display());
    let folders: Vec<_> = std::fs::read_dir(into).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

/// Where a password stands in a text.
pub fn found_in(text: &[u8], password: &str) -> Vec<&'static str> {
    let stands = |word: &str| text.windows(word.len()).any(|part| part == word.as_bytes());
    clothes(password).into_iter().filter(|(_, word)| stands(word)).map(|(how, _)| how).collect()
}

/// Searches every file of an appliance's folder, the database included, a sentence for each find.
pub fn found_below(folder: &Path, password: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries: Vec<PathBuf> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        for path in entries {
            if path.is_dir() {
                open.push(path);
                continue;
            }
            // What is written meanwhile may be gone again.
            let Ok(content) = std::fs::read(&path) else { continue };
            let finds = found_in(&content, password);
            found.extend(finds.iter().map(|how| format!("{} holds a password {how}", path.display())));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_in_all_its_clothes() {
        let password = "a &<%\"é' b";
        for (how, word) in clothes(password) {
            let text = format!("before {word} after");
            assert!(found_in(text.as_bytes(), password).contains(&how), "{how}: {word}");
        }
        assert!(found_in(b"a &<%\" b", password).is_empty());
    }
}
