//! What the pages are built with.

use std::path::PathBuf;

use crate::requirement::Requirement;
use crate::shell::{Done, cache, cargo, command, output, root, run};

const TRUNK: &str = "0.21.14";
const TARGET: &str = "wasm32-unknown-unknown";

/// In the order in which it must be got.
pub fn all() -> Vec<Requirement> {
    vec![
        Requirement {
            name: "WebAssembly",
            purpose: "Rust's target for the browser",
            takes: "half a minute",
            present: target_is_installed,
            get: || run(command("rustup").args(["target", "add", TARGET])),
        },
        Requirement {
            name: "Node.js",
            purpose: "reduces Clarity's style sheet, compresses the pages",
            takes: "must be installed by hand",
            present: || {
                output(command("node").arg("--version")).is_some()
                    && output(command("npm").arg("--version")).is_some()
            },
            get: || Err("Node.js 20 or newer with npm is needed: install Debian's nodejs and npm.".into()),
        },
        Requirement {
            name: "npm packages",
            purpose: "Clarity, its font, wasm-opt; as ui/package-lock.json says",
            takes: "half a minute",
            present: npm_packages_are_current,
            get: install_npm_packages,
        },
        Requirement {
            name: "Trunk",
            purpose: "bundles the pages",
            takes: "4 minutes",
            present: || is_version("trunk", TRUNK),
            get: || {
                install(&[
                    "trunk",
                    "--version",
                    TRUNK,
                    "--locked",
                    "--no-default-features",
                    "--features",
                    "rustls",
                ])
            },
        },
        Requirement {
            name: "wasm-bindgen",
            purpose: "joins the program and JavaScript; the version in Cargo.lock",
            takes: "2 minutes",
            present: || wasm_bindgen_version().is_ok_and(|version| is_version("wasm-bindgen", &version)),
            // Not --locked: what its lock file names is not always to be had any more.
            get: || install(&["wasm-bindgen-cli", "--version", &wasm_bindgen_version()?]),
        },
    ]
}

/// Where the tools are installed: in the project, so that nobody's own are replaced.
pub fn tools() -> PathBuf {
    cache().join("tools")
}

fn target_is_installed() -> bool {
    output(command("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .is_some_and(|folder| PathBuf::from(folder).is_dir())
}

fn is_version(tool: &str, version: &str) -> bool {
    output(command(tools().join("bin").join(tool)).arg("--version"))
        .is_some_and(|said| said.split_whitespace().any(|word| word == version))
}

/// The program and the tool must be of one version.
fn wasm_bindgen_version() -> Done<String> {
    let lock = root().join("Cargo.lock");
    let text = std::fs::read_to_string(&lock).map_err(|e| format!("{}: {e}", lock.display()))?;
    let mut lines = text.lines().skip_while(|line| *line != "name = \"wasm-bindgen\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| "Cargo.lock names no wasm-bindgen.".to_owned())
}

fn install(arguments: &[&str]) -> Done {
    // A debug build without what a debugger wants: the tools run for seconds, and an optimised one takes several
    // times as long to make. What is left of the building is of no use to anybody afterwards.
    let building = tools().join("building");
    run(cargo()
        .args(["install", "--debug", "--root"])
        .arg(tools())
        .args(arguments)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_TARGET_DIR", &building))?;
    std::fs::remove_dir_all(&building).map_err(|e| format!("{}: {e}", building.display()))
}

/// npm keeps a copy of the lock file it installed from.
fn npm_packages_are_current() -> bool {
    let read = |path: &str| std::fs::read(root().join("ui").join(path)).ok();
    read("node_modules/.hdm-lock.json").is_some_and(|installed| Some(installed) == read("package-lock.json"))
}

fn install_npm_packages() -> Done {
    let ui = root().join("ui");
    run(command("npm").current_dir(&ui).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    let copied = std::fs::copy(ui.join("package-lock.json"), ui.join("node_modules/.hdm-lock.json"));
    copied.map(drop).map_err(|e| format!("the lock file could not be copied: {e}"))
}
