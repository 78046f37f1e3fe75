//! House rules that no compiler holds: the architecture's invariants and the size of files.

use std::path::{Path, PathBuf};

use crate::shell::{Done, command, output, root};

/// No file written by hand is longer.
const MAX_LINES: usize = 900;

/// A word that may stand in some folders only.
struct Fence {
    word: &'static str,
    allowed: &'static [&'static str],
    why: &'static str,
}

const FENCES: [Fence; 8] = [
    Fence { word: "leptos", allowed: &["ui/"], why: "only the pages draw" },
    Fence { word: "plotters", allowed: &["charts/"], why: "only charts draws charts" },
    Fence { word: "roxmltree", allowed: &["vsphere/"], why: "XML never leaves vsphere" },
    Fence {
        word: "sqlx",
        allowed: &["appliance/src/store", "appliance/Cargo.toml"],
        why: "SQL never leaves appliance/src/store",
    },
    Fence {
        word: "reqwest",
        allowed: &["vsphere/", "hdm/", "appliance/", "server/", "tests/"],
        why: "shared builds for wasm and knows no I/O",
    },
    Fence {
        word: "tokio",
        allowed: &["doors/", "vsphere/", "hdm/", "appliance/", "server/", "tests/"],
        why: "shared builds for wasm and knows no async runtime",
    },
    Fence {
        word: "danger_accept_invalid",
        allowed: &[],
        why: "certificates are pinned; there is no insecure mode",
    },
    Fence {
        word: "hdm-appliance",
        allowed: &["hdm/", "appliance/", "tests/"],
        why: "nothing below depends on the appliance",
    },
];

/// Looks at every tracked file.
pub fn run() -> Done {
    let listed = output(command("git").args(["ls-files", "--cached", "--others", "--exclude-standard"]))
        .ok_or("`git ls-files` could not be run".to_owned())?;
    let made = output(command("git").args(["ls-files", "--cached", "--ignored", "--exclude-standard"]))
        .ok_or("`git ls-files` could not be run".to_owned())?;
    let mut broken: Vec<String> =
        made.lines().map(|path| format!("{path}: what is made or fetched is not committed")).collect();
    for path in listed.lines().map(PathBuf::from).filter(|path| is_source(path)) {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        check(&path, &text, &mut broken);
    }
    for path in listed.lines().filter(|path| is_of_a_page(path)) {
        let Ok(text) = std::fs::read_to_string(root().join(path)) else { continue };
        check_page(path, &text, &mut broken);
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("house rules are broken:\n  {}", broken.join("\n  ")))
    }
}

fn is_source(path: &Path) -> bool {
    let source = path.extension().is_some_and(|end| end == "rs" || end == "go" || end == "toml");
    source && !path.starts_with("xtask") && path != Path::new("Cargo.toml")
}

fn check(path: &Path, text: &str, broken: &mut Vec<String>) {
    let name = path.to_string_lossy();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        broken.push(format!("{name} has {lines} lines, more than {MAX_LINES}: split it by subject"));
    }
    if name.ends_with(".go") {
        return;
    }
    for fence in &FENCES {
        if fence.allowed.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let start = if name.ends_with(".rs") { "//" } else { "#" };
            let comment = line.trim_start().starts_with(start);
            if !comment && line.contains(fence.word) {
                broken.push(format!(
                    "{name}:{}: '{}' does not belong here: {}",
                    number + 1,
                    fence.word,
                    fence.why
                ));
            }
        }
    }
}

/// The one address that may begin with `/`: the vSphere Client's own script.
const CLIENT_SCRIPT: &str = "/api/ui/htmlClientSdk.js";

fn is_of_a_page(path: &str) -> bool {
    path.starts_with("ui/src/") || path == "ui/index.html" || path == "ui/boot.js"
}

/// What the content security policy of the pages refuses, and what does not survive the Client's proxy.
fn check_page(path: &str, text: &str, broken: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        let line_has = |what: &str| line.contains(what);
        let trouble =
            if line_has(" style=\"") || line_has(" style=move") || line_has(".set_attribute(\"style\"") {
                "a style attribute, which the policy refuses; use a class or `style:`"
            } else if line_has("<base") {
                "<base>, which moves every address"
            } else if path == "ui/index.html" && line_has("<script") && !line_has("src=") {
                "an inline script, which the policy refuses"
            } else if ["src=\"/", "href=\"/", "fetch(\"/", "\"/api/"].iter().any(|begin| line_has(begin))
                && !line_has(CLIENT_SCRIPT)
            {
                "an address that begins with '/', which leads past the Client's proxy"
            } else {
                continue;
            };
        broken.push(format!("{path}:{}: {trouble}", number + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(path: &str, text: &str) -> Vec<String> {
        let mut broken = Vec::new();
        check(Path::new(path), text, &mut broken);
        broken
    }

    #[test]
    fn sql_outside_the_store_is_found() {
        assert_eq!(broken("appliance/src/api/mod.rs", "use sqlx::Row;").len(), 1);
        assert!(broken("appliance/src/store/mod.rs", "use sqlx::Row;").is_empty());
    }

    #[test]
    fn a_comment_may_speak_of_it() {
        assert!(broken("shared/src/lib.rs", "//! knows no tokio").is_empty());
        assert_eq!(broken("shared/src/lib.rs", "tokio::spawn(x)").len(), 1);
    }

    #[test]
    fn an_attribute_is_no_comment() {
        assert_eq!(broken("appliance/src/engine/a.rs", "#[derive(sqlx::FromRow)]").len(), 1);
        assert!(broken("vsphere/Cargo.toml", "# unlike sqlx").is_empty());
    }

    #[test]
    fn what_the_pages_policy_refuses_is_found() {
        let broken = |path: &str, text: &str| {
            let mut broken = Vec::new();
            check_page(path, text, &mut broken);
            broken.len()
        };
        assert_eq!(broken("ui/src/a.rs", "view! { <p style=\"color: red\"></p> }"), 1);
        assert_eq!(broken("ui/src/a.rs", "view! { <p style:color=\"red\"></p> }"), 0);
        assert_eq!(broken("ui/src/a.rs", "fetch(\"/api/x\")"), 1);
        assert_eq!(broken("ui/index.html", "<script>alert(1)</script>"), 1);
        assert_eq!(broken("ui/index.html", "<script src=\"/api/ui/htmlClientSdk.js\" async></script>"), 0);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(broken("shared/src/a.rs", &"x\n".repeat(MAX_LINES + 1)).len(), 1);
        assert!(broken("shared/src/a.rs", &"x\n".repeat(MAX_LINES)).is_empty());
    }
}
