//! What can be typed. Migrations and vCenters, of which there is much to say, have files of their own.

mod migrate;
mod vcenter;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub use migrate::{Cold, Disk, Mac, Migrate, Options, Retry, Shutdown, Target, Timing, Verify};
pub use vcenter::{Registration, Role, Vcenter};

/// Moves virtual machines from an on-premises vCenter to a cloud vCenter.
#[derive(Debug, Parser)]
#[command(name = "hdm", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Says how results are printed.
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// Names the file that says how the appliance is reached; by default it is `client.toml` in `~/.hdm`.
    #[arg(long, global = true, env = "HDM_PROFILE")]
    pub profile: Option<PathBuf>,
    /// Says what to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 refused, nothing was done; 4 the appliance \
    cannot be reached; 5 a migration needs an operator; 6 a migration was cancelled. With -o json an error is a \
    problem document (RFC 9457) on standard error.";

/// The ways to print results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Prints tables for people.
    Table,
    /// Prints JSON for scripts.
    Json,
    /// Prints comma-separated values; only of reports.
    Csv,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes and runs an appliance.
    Appliance {
        /// Says which of them.
        #[command(subcommand)]
        command: Appliance,
    },
    /// Makes and runs a plugin server, which the vSphere Client's plugin talks to.
    Server {
        /// Which.
        #[command(subcommand)]
        command: Server,
    },
    /// Adds, lists, checks and removes vCenters.
    Vcenter {
        /// Says which of them.
        #[command(subcommand)]
        command: Vcenter,
    },
    /// Registers the plug-in for the vSphere Client with a vCenter.
    Register {
        /// Names the vCenter as HDM knows it.
        vcenter: String,
        /// Gives the address of the plugin server, as the vCenter and its users reach it: `https://host[:port]`.
        #[arg(long)]
        url: String,
        /// Names the thumbprint of the plugin server's certificate; without it the one presented is shown, and
        /// nothing is registered.
        #[arg(long)]
        thumbprint: Option<String>,
        /// Gives the address that users of the vSphere Client may write to.
        #[arg(long)]
        admin_email: Option<String>,
    },
    /// Takes the plug-in away from a vCenter; migrations go on.
    Unregister {
        /// Names the vCenter as HDM knows it.
        vcenter: String,
    },
    /// Deals with registrations of the plug-in.
    Registration {
        /// What is done.
        #[command(subcommand)]
        command: Registration,
    },
    /// Lists the virtual machines of the sources, with what blocks each.
    Vms(Vms),
    /// Lists the clouds: clusters, hosts, pools, datastores, folders and networks.
    Clouds,
    /// Migrates virtual machines.
    Migrate {
        /// Says how.
        #[command(subcommand)]
        command: Migrate,
    },
    /// Shows migrations, or one of them with its log.
    Status(Status),
    /// Cancels a migration. Before its point of no return everything it did is undone; from then on nothing is
    /// undone by itself, and it waits for an operator with both copies kept.
    Cancel {
        /// Names the migration by its id.
        id: String,
    },
    /// Takes a queued migration out of the queue.
    Pause {
        /// Names the migration by its id.
        id: String,
    },
    /// Puts a paused migration back into the queue.
    Resume {
        /// Names the migration by its id.
        id: String,
    },
    /// Lets a migration that needs an operator go on, or starts one that has failed or was cancelled anew; then
    /// the options that are given are changed and all others stay as they were.
    Retry(Box<Retry>),
    /// Limits how much the appliance sends, all transfers together, or one migration; transfers that run go by it at
    /// once, and a restart keeps it. Without a number the limit is shown.
    Limit(Limit),
    /// Deals with the sources that migrations leave behind.
    Source {
        /// Says what.
        #[command(subcommand)]
        command: Source,
    },
    /// Shows what happened.
    Events(Events),
    /// Reports what was moved since a time and what was not: how long each phase took, how long each VM was down, what went
    /// over the wire.
    Report(Report),
    /// Packs what somebody needs who looks for a fault: the appliance's log and configuration, migrations with their logs,
    /// events, metrics, and how the vCenters are. Passwords and tokens are not in it; names of machines and users are.
    SupportBundle(SupportBundle),
    /// Starts simulated sites.
    Lab {
        /// Says what.
        #[command(subcommand)]
        command: Lab,
    },
    /// Shows a migration on simulated sites, from a guest that boots to its checksums.
    Demo(Demo),
    /// Prints a script that completes commands in a shell.
    Completions {
        /// Names the shell.
        shell: clap_complete::Shell,
    },
}

/// Making and running an appliance.
#[derive(Debug, Subcommand)]
pub enum Appliance {
    /// Makes an appliance's folder: configuration, keys, certificate and token.
    Init {
        /// Names the folder; by default it is `~/.hdm`.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Says at which address the API shall listen.
        #[arg(long, default_value = "127.0.0.1:8480")]
        listen: SocketAddr,
        /// Names the database, `sqlite:PATH` or `postgres://…`; by default it is a file in the folder. Appliances that
        /// share a PostgreSQL database share the work; give them the same `secret.key`.
        #[arg(long, default_value = "sqlite:hdm.db")]
        database: String,
    },
    /// Runs an appliance until it is told to end.
    Run {
        /// Names the folder; by default it is `~/.hdm`.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

/// Making and running a plugin server.
#[derive(Debug, Subcommand)]
pub enum Server {
    /// Makes a plugin server's folder: configuration, signing key and certificate.
    Init {
        /// Names the folder; by default it is `~/.hdm/server`.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Says how the appliance is reached: the file `plugin-server.toml` of its folder.
        #[arg(long, value_name = "FILE")]
        appliance: PathBuf,
        /// Gives a DNS name or an address by which vCenters reach the server; the certificate names it. May be given
        /// several times.
        #[arg(long = "name", value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Says where the server shall listen.
        #[arg(long, default_value = "0.0.0.0:9480")]
        listen: SocketAddr,
        /// Says where it shall tell its numbers; only addresses of this machine are taken.
        #[arg(long, default_value = "127.0.0.1:9481")]
        loopback: SocketAddr,
        /// Names the folder that the pages were built into.
        #[arg(long)]
        ui_dir: Option<PathBuf>,
        /// Takes over the signing key of another instance: those behind one address share it.
        #[arg(long, value_name = "FILE")]
        signing_key: Option<PathBuf>,
    },
    /// Runs a plugin server until it is told to end.
    Run {
        /// Names the folder; by default it is `~/.hdm/server`.
        #[arg(long)]
        dir: Option<PathBuf>,
    },
}

/// Which VMs to list.
#[derive(Debug, Args)]
pub struct Vms {
    /// Lists only those whose name or inventory path contains this.
    pub name: Option<String>,
    /// Lists only those of this source vCenter.
    #[arg(long)]
    pub vcenter: Option<String>,
    /// Lists only those of this cluster.
    #[arg(long)]
    pub cluster: Option<String>,
    /// Lists only those that nothing blocks.
    #[arg(long, conflicts_with = "blocked")]
    pub movable: bool,
    /// Lists only those that something blocks.
    #[arg(long)]
    pub blocked: bool,
    /// Says how many are listed at most.
    #[arg(long, default_value_t = 1_000)]
    pub limit: u64,
}

/// What to pack.
#[derive(Debug, Args)]
pub struct SupportBundle {
    /// Names the file to write, a gzipped tar archive; by default it is `hdm-support-TIME.tar.gz` here.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Says since when: how long ago, such as `12h` or `7d`, or a time such as `2026-11-25T22:00`. What has ended since
    /// is packed, and all that has not ended.
    #[arg(long, default_value = "7d", value_parser = crate::moment::past)]
    pub since: Timestamp,
    /// Packs this file, too, such as an older log; may be given several times.
    #[arg(long = "with", value_name = "FILE")]
    pub with: Vec<PathBuf>,
}

/// Which migrations to show.
#[derive(Debug, Args)]
pub struct Status {
    /// Names the migration by its id; without it the newest are listed.
    pub id: Option<String>,
    /// Goes on showing until it ends, and then ends with an exit code that tells how.
    #[arg(long)]
    pub watch: bool,
    /// Says how many are listed at most.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

/// Limiting what is sent.
#[derive(Debug, Args)]
pub struct Limit {
    /// Names a migration by its id; without it the appliance is meant.
    pub migration: Option<String>,
    /// Gives the limit in Mbit/s, from 0.01 on, or lifts it with 'none'.
    #[arg(long, value_name = "N|none", value_parser = mbit)]
    pub mbit_per_second: Option<Mbit>,
}

/// A limit in Mbit/s, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mbit(pub Option<f64>);

/// Reads a limit.
fn mbit(text: &str) -> Result<Mbit, String> {
    if text == "none" {
        return Ok(Mbit(None));
    }
    let limit = text.parse::<f64>().map_err(|_| "write a number of Mbit/s, or none".to_owned())?;
    hdm_shared::limit::bytes_per_second(limit).map_err(|error| error.to_string())?;
    Ok(Mbit(Some(limit)))
}

/// Dealing with sources.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Lets the source of a migration run again; its copy is seen off and disconnected first.
    Release {
        /// Names the VM by its name, inventory path or id, or by the migration's id.
        vm: String,
    },
}

/// Which events to show.
#[derive(Debug, Args)]
pub struct Events {
    /// Goes on showing what happens.
    #[arg(long)]
    pub follow: bool,
    /// Says how many of the newest are shown.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
}

/// What to report.
#[derive(Debug, Args)]
pub struct Report {
    /// Says since when: how long ago, such as `12h` or `7d`, or a time such as `2026-11-25T22:00`. What has ended since
    /// is told, and what has not ended.
    #[arg(long, default_value = "24h", value_parser = crate::moment::past)]
    pub since: Timestamp,
    /// Leaves out what ended at this time or later, or has not ended.
    #[arg(long, value_parser = crate::moment::past)]
    pub until: Option<Timestamp>,
}

/// Simulated sites.
#[derive(Debug, Subcommand)]
pub enum Lab {
    /// Starts two simulated vCenters, prints their addresses and secrets as JSON, and stays.
    Up(LabUp),
}

/// What the simulated sites shall be.
#[derive(Debug, Args)]
pub struct LabUp {
    /// Names the folder where everything is kept.
    #[arg(long)]
    pub dir: PathBuf,
    /// Names the simulated vCenter's executable.
    #[arg(long, env = "HDM_LAB_VCENTER", default_value = "lab/vcenter/bin/lab-vcenter")]
    pub lab_binary: PathBuf,
    /// Names a bootable disk; with it a VM that really boots is there.
    #[arg(long, env = "HDM_GUEST_IMAGE")]
    pub guest_image: Option<PathBuf>,
    /// Says how many VMs without content are there besides.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub vms: u32,
    /// Names a JSON file with the keys 'onprem' and 'cloud'; what they hold goes before the usual configuration of that
    /// site, key by key, as lab/vcenter's README describes them: 'inventory', 'version', 'link' and the rest.
    #[arg(long)]
    pub config: Option<PathBuf>,
}

/// The demonstration.
#[derive(Debug, Args)]
pub struct Demo {
    #[command(flatten)]
    pub lab: LabUp,
    /// Names the folder with the pages of the stand-in of the vSphere Client; with it HDM's plug-in is registered there, and
    /// the address and login are shown.
    #[arg(long, requires = "ui_dir")]
    pub client_dir: Option<PathBuf>,
    /// Names the folder with the plug-in's built pages.
    #[arg(long)]
    pub ui_dir: Option<PathBuf>,
    /// Ends after the migration, with 0 only if everything matched.
    #[arg(long)]
    pub once: bool,
}
