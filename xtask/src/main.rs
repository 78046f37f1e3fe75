//! The developers' commands: `cargo xtask <command>`.
//!
//! Nothing here depends on the product's crates, nor on any crate at all, so that the command itself
//! compiles in seconds on a machine where nothing is set up yet.

mod bench;
mod demo;
mod requirement;
mod requirement_ui;
mod shell;
mod storm;
mod test;
mod tidy;
mod ui;

use std::process::ExitCode;

const HELP: &str = "\
HDM's developer commands.

Usage: cargo xtask <command>

  demo [--once]   Set up what is missing, start two simulated sites and an appliance, and migrate a running
                  virtual machine from one to the other. Stays up until Ctrl-C; with --once it ends after the
                  migration, with 0 only if every byte matched.
  test [PART…]    Set up what is missing and run every test. Parts: fmt, tidy, lint, doc, ui, go, rust.
  ui              Set up what is missing and build the plug-in's pages into ui/dist, unless they are up to date.
  screens         Make pictures of every page and step in .hdm/screens, from a live lab.
  storm [--kills] [--seed N] [--minutes M]
                  Let migrations run while everything that can go wrong does, for seed N, N+1 … (1) until M minutes (10)
                  are over, and judge each. With --kills the appliance is killed all the while. Failed seeds are named,
                  and their traces kept in target/tmp.
  bench server    Measure what the plugin server adds to a request: two minutes, after a release build.
  bench ui        Measure the pages in a browser: bytes, frames, clicks; some minutes.
  bench cold [PART…]
                  Measure migrations against pipes of curl, govmomi and pyVmomi: a quarter of an hour, after a release
                  build. Parts: one, several, link, inventory, estimate.
  setup           Set up what is missing, and nothing else.
  doctor          List what is present and what is missing; change nothing.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "ui" => ui::run(),
        "screens" => test::screens(),
        "storm" => storm::run(rest),
        "bench" => bench::run(rest),
        "setup" => requirement::set_up(&requirement::all()),
        "doctor" => requirement::doctor(),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("There is no command '{other}'.\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
