//! `cargo xtask test`: every check and every test there is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::requirement::{self, guest_image, lab_binary, python};
use crate::shell::{Done, cargo, command, output, root, run as run_command, shown, target};
use crate::{tidy, ui};

/// A part of the whole, by the name it is asked for.
struct Part {
    name: &'static str,
    what: &'static str,
    /// How long it takes on two cores: in a fresh clone, and later.
    takes: &'static str,
    run: fn() -> Done,
}

const PARTS: [Part; 7] = [
    Part { name: "fmt", what: "formatting of Rust and Go", takes: "seconds", run: format },
    Part { name: "tidy", what: "house rules and architecture invariants", takes: "seconds", run: tidy::run },
    Part {
        name: "lint",
        what: "clippy and go vet, warnings are errors",
        takes: "3 minutes at first, seconds later",
        run: lint,
    },
    Part { name: "doc", what: "documentation, warnings are errors", takes: "half a minute", run: document },
    Part {
        name: "ui",
        what: "the plug-in's pages are built",
        takes: "5 minutes at first, seconds later",
        run: build_ui,
    },
    Part { name: "go", what: "tests of the simulated vCenter", takes: "2 minutes", run: test_go },
    Part {
        name: "rust",
        what: "tests of the product, end to end ones included",
        takes: "a quarter of an hour",
        run: test_rust,
    },
];

/// Sets up and runs the parts named, or all of them.
pub fn run(names: &[String]) -> Done {
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|part| part.name != name.as_str())) {
        let known: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        return Err(format!("There is no part '{unknown}'; the parts are {}.", known.join(", ")));
    }
    requirement::set_up(&requirement::all())?;
    let begun = Instant::now();
    for part in PARTS.iter().filter(|part| names.is_empty() || names.iter().any(|name| name == part.name)) {
        println!("xtask: {} ({}); {}.", part.name, part.what, part.takes);
        let part_begun = Instant::now();
        (part.run)()?;
        println!("xtask: {} is well after {} s.", part.name, part_begun.elapsed().as_secs());
    }
    println!("xtask: everything passed in {} s.", begun.elapsed().as_secs());
    Ok(())
}

fn format() -> Done {
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    let unformatted = output(command("gofmt").current_dir(root().join("lab/vcenter")).args(["-l", "."]))
        .ok_or("gofmt could not be run".to_owned())?;
    if unformatted.is_empty() { Ok(()) } else { Err(format!("gofmt would change:\n{unformatted}")) }
}

fn lint() -> Done {
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "hdm/failpoints",
        "--",
        "--deny",
        "warnings",
    ];
    run_command(cargo().args(clippy))?;
    // The fuzz targets are a workspace of their own and need a nightly compiler to run, not to be checked.
    for fuzzed in ["appliance", "server", "vsphere", "wave"] {
        let manifest = format!("{fuzzed}/fuzz/Cargo.toml");
        let fuzz = ["check", "--quiet", "--locked", "--manifest-path", &manifest];
        run_command(cargo().args(fuzz))?;
    }
    run_command(go().args(["vet", "./..."]))
}

fn document() -> Done {
    run_command(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

/// Linted as what the browser runs, too: half of the pages is not compiled for the host.
pub fn build_ui() -> Done {
    run_command(cargo().args([
        "clippy",
        "--package",
        "hdm-ui",
        "--target",
        "wasm32-unknown-unknown",
        "--",
        "--deny",
        "warnings",
    ]))?;
    if ui::is_current() { Ok(()) } else { ui::build() }
}

fn test_go() -> Done {
    run_command(with_lab(go().args(["test", "./..."])))
}

/// One run shows everything that fails.
fn test_rust() -> Done {
    let tests = |which: &[&str]| {
        let mut tests = cargo();
        tests.args(["test", "--no-fail-fast", "--workspace", "--features", "hdm/failpoints"]).args(which);
        with_lab(tests.env("HDM_BIN", target().join("debug/hdm")));
        tests
    };
    run_command(cargo().args(["build", "--workspace", "--features", "hdm/failpoints"]))?;
    run_command(&mut tests(&["--no-run"]))?;
    let mut failed: Vec<String> = Vec::new();
    for part in [&["--lib", "--bins"][..], &["--doc"]] {
        failed.extend(run_command(&mut tests(part)).err());
    }
    failed.extend(side_by_side(&test_files(), &|file| tests(&["--test", file])));
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// Test files that take minutes, the longest first: others run beside them.
const LONG: [&str; 5] = ["browser", "lost_answers", "storm", "kill", "meddling"];
/// So many files run side by side: most of an end-to-end test is waiting.
const LANES: usize = 2;

/// The names of all test files, those that take long first.
fn test_files() -> Vec<String> {
    let entries = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path());
    let members = entries(root()).map(|member| member.join("tests"));
    let is_test =
        |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").is_file();
    let mut files: Vec<String> = members
        .flat_map(entries)
        .filter(is_test)
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    let rank = |file: &String| LONG.iter().position(|long| long == file).unwrap_or(LONG.len());
    files.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    files
}

/// Runs test files in [`LANES`] and shows what each printed when it has ended; answers with those that failed.
fn side_by_side(files: &[String], tests: &(impl Fn(&str) -> Command + Sync)) -> Vec<String> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let lane = || {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            println!("xtask: the tests of {file} are running.");
            let begun = Instant::now();
            let passed = shown(&mut tests(file));
            println!("xtask: {file} has ended after {} s.", begun.elapsed().as_secs());
            if let Err(told) = passed {
                failed.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{file}: {told}"));
            }
        }
    };
    std::thread::scope(|scope| (0..LANES).for_each(|_| drop(scope.spawn(lane))));
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// `cargo xtask screens`: pictures of every page and step, in light and dark and two sizes, from a live lab.
pub fn screens() -> Done {
    requirement::set_up(&requirement::all())?;
    build_ui()?;
    let pictures = crate::shell::cache().join("screens");
    let features = ["--features", "hdm/failpoints"];
    run_command(cargo().args(["build", "--package", "hdm"]).args(features))?;
    run_command(
        with_lab(cargo().args([
            "test",
            "--package",
            "hdm-tests",
            "--test",
            "browser",
            "--",
            "--ignored",
            "screens",
        ]))
        .env("HDM_BIN", target().join("debug/hdm"))
        .env("HDM_PICTURES", &pictures),
    )?;
    println!("xtask: the pictures are in {}.", pictures.display());
    Ok(())
}

fn go() -> Command {
    let mut go = command("go");
    go.current_dir(root().join("lab/vcenter"));
    go
}

/// Tells the tests where set-up put things.
pub fn with_lab(command: &mut Command) -> &mut Command {
    command
        .env("HDM_LAB_VCENTER", lab_binary())
        .env("HDM_GUEST_IMAGE", guest_image())
        .env("HDM_PYTHON", python())
        // Most of an end-to-end test is waiting.
        .env("RUST_TEST_THREADS", "4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_file_is_found_and_the_long_ones_begin() {
        let files = test_files();
        assert_eq!(files[..LONG.len()], LONG);
        for other in ["damage", "shapes", "wave"] {
            assert_eq!(files.iter().filter(|file| *file == other).count(), 1, "{other}");
        }
    }
}
