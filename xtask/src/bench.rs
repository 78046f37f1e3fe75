//! `cargo xtask bench server`: measurements for people, as tables.

use crate::shell::{Done, cargo, command, output, run as run_command};

/// Measures the part that is named.
pub fn run(arguments: &[String]) -> Done {
    match arguments {
        [part] if part == "server" => server(),
        _ => Err("Say what is to be measured: `cargo xtask bench server`.".into()),
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
