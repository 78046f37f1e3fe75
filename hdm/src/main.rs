//! `hdm`: the appliance and its command line in one executable.
//!
//! | module | subject |
//! |---|---|
//! | `cli` | what can be typed |
//! | `command` | a file for each command |
//! | `client` | HTTPS to the appliance |
//! | `failure` | errors and exit codes |
//! | `moment` | times as people type them |
//! | `output` | tables and JSON |
//! | `patience` | an appliance that is away for a while |
//! | `progress` | a migration while it runs |
//! | `wave` | a plan for many migrations |

mod cli;
mod client;
mod command;
mod failure;
mod moment;
#[cfg(test)]
mod operations_tests;
mod output;
mod patience;
mod progress;
mod wave;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser;
use hdm_appliance::recent_log::RecentLog;
use hdm_shared::plugin::registration::RegisterPlugin;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use cli::{Cli, Command};
use client::Client;
use failure::Failure;

/// Stack of a worker. A workflow's step awaits through some twenty functions, and a build without optimisation
/// takes up to 100 KB for each.
const STACK_BYTES: usize = 8 << 20;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let log = RecentLog::default();
    match &cli.command {
        // Its API tells what it has logged last.
        Command::Appliance { .. } => {
            let log = log.clone();
            start_log(BoxMakeWriter::new(move || log.beside(std::io::stderr())));
        }
        Command::Server { .. } => start_log(BoxMakeWriter::new(std::io::stderr)),
        _ => {}
    }
    // Another part of the process may have chosen the same provider already.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(cli.output),
    };
    let output = cli.output;
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !nobody_reads(panic.payload()) {
            usual(panic);
        }
    }));
    match std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(cli, log)))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => failure.report(output),
        Err(panic) if nobody_reads(&*panic) => ExitCode::SUCCESS,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Whether a panic only says that whoever read our output has gone, as in `hdm status | head`: `println!` knows no
/// other way to end.
fn nobody_reads(panic: &(dyn Any + Send)) -> bool {
    panic
        .downcast_ref::<String>()
        .is_some_and(|text| text.starts_with("failed printing to stdout") && text.contains("Broken pipe"))
}

/// Lets a process that stays log what happens, unless `RUST_LOG` asks for something else. Commands log nothing.
fn start_log(writer: BoxMakeWriter) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    if std::env::var("HDM_LOG").is_ok_and(|format| format == "json") { log.json().init() } else { log.init() }
}

async fn run(cli: Cli, log: RecentLog) -> Result<(), Failure> {
    let output = cli.output;
    if output == cli::Output::Csv && !matches!(cli.command, Command::Report(_)) {
        return Err(Failure::NotAdmitted("Only `hdm report` prints CSV; use -o table or -o json.".into()));
    }
    let client = || Client::open(cli.profile.clone());
    match cli.command {
        Command::Appliance { command } => command::appliance::run(output, command, log).await,
        Command::Server { command } => command::server::run(command).await,
        // Asks no appliance; there may be none yet.
        Command::Vcenter { command: cli::Vcenter::Privileges { role } } => {
            command::vcenter::privileges(output, role)
        }
        Command::Vcenter { command } => command::vcenter::run(&client()?, output, command).await,
        Command::Register { vcenter, url, thumbprint, admin_email } => {
            let asked = RegisterPlugin { url, thumbprint, admin_email };
            command::registration::register(&client()?, output, &vcenter, asked).await
        }
        Command::Unregister { vcenter } => {
            command::registration::unregister(&client()?, output, &vcenter).await
        }
        Command::Registration { command: cli::Registration::Status { vcenter, server_metrics } } => {
            command::registration::status(&client()?, output, &vcenter, &server_metrics).await
        }
        Command::Vms(arguments) => command::vms::run(&client()?, output, arguments).await,
        Command::Clouds => command::clouds::run(&client()?, output).await,
        Command::Migrate { command: cli::Migrate::Cold(arguments) } => {
            command::migrate::run(&client()?, output, arguments).await
        }
        Command::Status(arguments) => command::status::run(&client()?, output, arguments).await,
        Command::Cancel { id } => command::control::run(&client()?, output, &id, "cancel").await,
        Command::Pause { id } => command::control::run(&client()?, output, &id, "pause").await,
        Command::Resume { id } => command::control::run(&client()?, output, &id, "resume").await,
        Command::Retry(arguments) => command::retry::run(&client()?, output, arguments).await,
        Command::Limit(arguments) => command::limit::run(&client()?, output, arguments).await,
        Command::Source { command: cli::Source::Release { vm } } => {
            command::source::release(&client()?, output, vm).await
        }
        Command::Events(arguments) => command::events::run(&client()?, output, arguments).await,
        Command::Report(arguments) => command::report::run(&client()?, output, arguments).await,
        Command::SupportBundle(arguments) => command::support::run(&client()?, output, arguments).await,
        Command::Lab { command: cli::Lab::Up(arguments) } => command::lab::up(arguments).await,
        Command::Demo(arguments) => command::demo::run(arguments).await,
        Command::Completions { shell } => {
            command::completions(shell);
            Ok(())
        }
    }
}
