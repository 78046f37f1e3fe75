//! `cargo xtask ui`: the plug-in's pages, from Rust and style sheets to compressed files.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crate::requirement::{modified, set_up, with_sources};
use crate::requirement_ui;
use crate::shell::{Done, command, root, run as run_command};

/// Sets up what is missing and builds the pages, if anything they are made of is newer than they are.
pub fn run() -> Done {
    set_up(&requirement_ui::all())?;
    if is_current() {
        println!("xtask: the pages are up to date.");
        return Ok(());
    }
    build()
}

/// Where the built pages are.
pub fn dist() -> PathBuf {
    root().join("ui/dist")
}

/// Builds the pages: about 3 minutes at first, one from then on.
pub fn build() -> Done {
    println!("xtask: building the pages; 3 minutes at first, one from then on.");
    // The stamp is the time at which the build began: what is changed meanwhile is newer.
    let stamp = stamp();
    let begun = SystemTime::now();
    run_command(&mut node("build/style.mjs"))?;
    run_command(trunk().args(["build", "--release"]))?;
    run_command(&mut node("build/programs.mjs"))?;
    run_command(&mut node("build/compress.mjs"))?;
    let file = std::fs::File::create(&stamp).map_err(|e| format!("{}: {e}", stamp.display()))?;
    file.set_modified(begun).map_err(|e| format!("{}: {e}", stamp.display()))
}

/// Builds the page that the first view is measured against, with the same tools; says where it is.
pub fn hello() -> Done<PathBuf> {
    let dist = crate::shell::cache().join("hello");
    run_command(trunk().current_dir(root().join("ui/hello")).args(["build", "--release"]))?;
    run_command(node("build/compress.mjs").arg(&dist))?;
    Ok(dist)
}

/// Whether the pages are newer than everything they are made of.
pub fn is_current() -> bool {
    let Some(built) = modified(&stamp()) else { return false };
    let sources = ["ui", "charts", "shared", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"]
        .map(|part| root().join(part));
    let ours = |path: &Path| {
        let made = ["node_modules", "dist", "generated"].map(|part| root().join("ui").join(part));
        !made.iter().any(|made| path.starts_with(made))
    };
    dist().join("index.html").is_file()
        && sources.iter().filter_map(|path| with_sources(path, &ours)).all(|source| source <= built)
}

/// Kept outside `dist`, which the bundler replaces as a whole.
fn stamp() -> PathBuf {
    root().join("ui/generated/built")
}

fn node(script: &str) -> Command {
    let mut command = command("node");
    command.current_dir(root().join("ui")).arg(script);
    command
}

/// The bundler, with its tools found before any others.
fn trunk() -> Command {
    let mut path = std::ffi::OsString::new();
    for folder in [requirement_ui::tools().join("bin"), root().join("ui/node_modules/.bin")] {
        path.push(folder);
        path.push(":");
    }
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = command(requirement_ui::tools().join("bin/trunk"));
    command.current_dir(root().join("ui")).env("PATH", path).env_remove("NO_COLOR");
    command
}
