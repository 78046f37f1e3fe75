//! `cargo xtask bench server`, `bench ui` and `bench cold`: measurements for people, as tables. `docs/benchmarks.md` keeps some.

use crate::shell::{Done, cargo, command, output, run as run_command, target};
use crate::test::{build_ui, with_lab};
use crate::{requirement, ui};

/// Measures the part that is named.
pub fn run(arguments: &[String]) -> Done {
    match arguments {
        [part] if part == "server" => server(),
        [part] if part == "ui" => ui(),
        [part, parts @ ..] if part == "cold" => cold(parts),
        _ => {
            Err("Say what is to be measured: `cargo xtask bench server`, `bench ui` or `bench cold`.".into())
        }
    }
}

/// The plugin server against a bare handler: two minutes, and before that some for a release build.
fn server() -> Done {
    let test = ["test", "--release", "--package", "hdm-server", "--lib"];
    run_command(cargo().args(test).arg("--no-run"))?;
    println!("{}", machine());
    run_command(cargo().args(test).args([
        "--",
        "--ignored",
        "--exact",
        "tests::bench::server",
        "--nocapture",
    ]))
}

/// The pages in a browser, before a lab of 10,000 VMs: some minutes.
fn ui() -> Done {
    requirement::set_up(&requirement::all())?;
    build_ui()?;
    let hello = ui::hello()?;
    run_command(cargo().args(["build", "--package", "hdm"]))?;
    println!("{}", machine());
    let test = ["test", "--package", "hdm-tests", "--test", "browser"];
    run_command(
        with_lab(cargo().args(test).args(["--", "--ignored", "--exact", "bench::ui", "--nocapture"]))
            .env("HDM_BIN", target().join("debug/hdm"))
            .env("HDM_HELLO", hello),
    )
}

/// Transfers and inventories against pipes and against others' tools: a quarter of an hour, and before that a release
/// build. Some of it, if parts are named.
fn cold(parts: &[String]) -> Done {
    const PARTS: [&str; 5] = ["one", "several", "link", "inventory", "estimate"];
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("There is no part '{unknown}': {}.", PARTS.join(", ")));
    }
    for tool in ["curl", "openssl"] {
        if output(command(tool).arg("version")).is_none() && output(command(tool).arg("--version")).is_none()
        {
            return Err(format!(
                "'{tool}' is what migrations are measured against: install Debian's package {tool}."
            ));
        }
    }
    requirement::set_up(&requirement::all())?;
    run_command(cargo().args(["build", "--release", "--package", "hdm"]))?;
    run_command(cargo().args(["build", "--release", "--package", "hdm-vsphere", "--example", "inventory"]))?;
    let test = ["test", "--package", "hdm-tests", "--test", "bench"];
    run_command(cargo().args(test).arg("--no-run"))?;
    println!("{}", machine());
    let mut measure = cargo();
    with_lab(measure.args(test).args(["--", "--ignored", "--exact", "cold", "--nocapture"]))
        .env("HDM_BIN", target().join("release/hdm"));
    if !parts.is_empty() {
        measure.env("HDM_BENCH", parts.join(","));
    }
    run_command(&mut measure)
}

/// What is measured on, and how busy that is.
fn machine() -> String {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = file("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = output(command("uname").arg("-sr")).unwrap_or_default();
    let date = output(command("date").args(["-u", "+%F %R UTC"])).unwrap_or_default();
    let load: Vec<String> = file("/proc/loadavg").split(' ').take(3).map(str::to_owned).collect();
    format!(
        "{date}; {cores} cores ({}); {kernel}; load before it began: {}",
        model.trim_start_matches(['\t', ' ', ':']),
        load.join(" ")
    )
}
