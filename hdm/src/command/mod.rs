//! A file for each command.

pub mod appliance;
pub mod clouds;
pub mod control;
pub mod demo;
pub mod events;
pub mod lab;
pub mod limit;
pub mod migrate;
pub mod registration;
pub mod report;
pub mod retry;
pub mod server;
pub mod source;
pub mod status;
pub mod support;
pub mod timing;
pub mod vcenter;
pub mod vms;
pub mod wave;

use clap::CommandFactory;
use hdm_shared::VcenterId;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Cli;
use crate::failure::Failure;

/// `hdm completions`.
pub fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "hdm", &mut std::io::stdout());
}

/// Done when somebody asks the process to end.
async fn stopped() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Reads the name of a vCenter.
fn vcenter_id(name: &str) -> Result<VcenterId, Failure> {
    name.parse().map_err(|error: hdm_shared::ids::BadVcenterId| Failure::NotAdmitted(format!("{error}.")))
}
