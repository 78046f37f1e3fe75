//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

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

/// Dealing with registrations of the plug-in.
#[derive(Debug, Subcommand)]
pub enum Registration {
    /// Shows how a vCenter knows the plug-in, whether that is still so, and whether the plug-in was fetched.
    Status {
        /// Names the vCenter as HDM knows it.
        vcenter: String,
        /// Gives the address of the plugin server's own listener for metrics, where it tells who fetched the plug-in.
        #[arg(long, env = "HDM_SERVER_METRICS", default_value = "http://127.0.0.1:9481")]
        server_metrics: String,
    },
}

/// What a vCenter is to HDM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// VMs are moved from it.
    Source,
    /// VMs are moved to it.
    Cloud,
}

/// Dealing with vCenters.
#[derive(Debug, Subcommand)]
pub enum Vcenter {
    /// Adds a vCenter, after a look at its certificate, and registers HDM's task and event types there.
    Add {
        /// Gives it the name that HDM shall use: a-z, 0-9 and '-'.
        name: String,
        /// Says what it is to HDM.
        #[arg(long, value_enum)]
        role: Role,
        /// Gives its address: `https://host[:port][/sdk]` or `host[:port]`.
        #[arg(long)]
        url: String,
        /// Names the account that HDM shall use.
        #[arg(long)]
        user: String,
        /// Reads the password from standard input. Without it, `HDM_VCENTER_PASSWORD` holds the password.
        #[arg(long)]
        password_stdin: bool,
        /// Gives the thumbprint of the certificate to trust. Without it the command says which one the server presents, and adds
        /// nothing.
        #[arg(long)]
        thumbprint: Option<String>,
    },
    /// Gives HDM another account, password or certificate of a vCenter. They are tried at once and kept only if they work;
    /// migrations that wait for the vCenter go on with them.
    Update {
        /// Names the vCenter.
        name: String,
        /// Names another account; its password is needed, too.
        #[arg(long)]
        user: Option<String>,
        /// Reads another password from standard input. Without it, `HDM_VCENTER_PASSWORD` may hold one.
        #[arg(long)]
        password_stdin: bool,
        /// Gives the thumbprint of another certificate to trust. Without it, a certificate that changed is shown and refused.
        #[arg(long)]
        thumbprint: Option<String>,
    },
    /// Lists the vCenters.
    List,
    /// Checks login, privileges and registration, and name, port and certificate of every host.
    Check {
        /// Names the vCenter.
        name: String,
    },
    /// Lists the privileges that HDM's account needs, each with what for: make a role of them, and give it to the account on
    /// the vCenter itself, for everything below.
    Privileges {
        /// Says what the vCenter is to HDM.
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Forgets a vCenter. It is refused while a migration uses it.
    Remove {
        /// Names the vCenter.
        name: String,
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

/// The ways to migrate.
#[derive(Debug, Subcommand)]
pub enum Migrate {
    /// Shuts the VMs down, copies them whole, and keeps the sources off and disconnected.
    Cold(Box<Cold>),
}

/// Disk allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Disk {
    /// Keeps each disk as it is at the source.
    Same,
    /// Makes each disk thin provisioned.
    Thin,
    /// Makes each disk thick provisioned and zeroes it when it is first written.
    Thick,
    /// Makes each disk thick provisioned and zeroes it at once.
    Eager,
}

/// MAC addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mac {
    /// Keeps those of the source.
    Keep,
    /// Lets the target generate new ones.
    New,
}

/// How to shut down a VM that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shutdown {
    /// Asks the guest, and powers it off after the deadline.
    Guest,
    /// Powers it off at once.
    Hard,
    /// Refuses to migrate it.
    Refuse,
}

/// How to make sure that a copy is what its source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Verify {
    /// Compares both hosts' checksums with what passed.
    Checksums,
    /// Reads the copy's disks again before it is connected, and compares them, too.
    Readback,
}

/// A cold migration.
#[derive(Debug, Args)]
pub struct Cold {
    /// Names the VMs, each by name, inventory path or id.
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    pub vms: Vec<String>,
    /// Names a plan with a row for each VM, a CSV or YAML file. Its columns are called as the options are: 'vm',
    /// 'cloud', 'datastore', 'network', 'power-on' and the rest; what a row leaves out comes from the options that are
    /// given here. The whole plan is checked before anything starts, and rows whose VM has been moved already or is on
    /// its way are left alone.
    #[arg(long, value_name = "FILE", conflicts_with = "rename")]
    pub file: Option<PathBuf>,
    /// Starts the rows of a plan that nothing stands in the way of, and says which were left out. Without it nothing is
    /// started if one row is blocked.
    #[arg(long, requires = "file")]
    pub skip_blocked: bool,
    /// Names the vCenter to move to; with a plan it may be named there.
    #[arg(long, required_unless_present = "file")]
    pub cloud: Option<String>,
    /// Names the vCenter the VMs are in; it is needed only if there are several sources.
    #[arg(long)]
    pub source: Option<String>,
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub options: Options,
    #[command(flatten)]
    pub timing: Timing,
    /// Says only what would be done, and what stands in the way.
    #[arg(long)]
    pub dry_run: bool,
    /// Waits for the end and shows progress.
    #[arg(long)]
    pub wait: bool,
}

/// When migrations may begin.
#[derive(Debug, Args)]
pub struct Timing {
    /// Gives the time before which nothing begins: RFC 3339, such as 2026-11-26T22:00:00+01:00, or a local time, such
    /// as 2026-11-26T22:00.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Gives the window in which migrations may begin: of each day, such as 22:00-05:00, or between two times as with
    /// --at, such as 2026-11-26T22:00/2026-11-27T05:00. After it nothing new begins; what runs then goes on.
    #[arg(long, value_name = "FROM-UNTIL")]
    pub window: Option<String>,
    /// Names the time zone of local times as the IANA does, such as Europe/Berlin; it is this machine's if left out.
    #[arg(long, value_name = "NAME")]
    pub time_zone: Option<String>,
}

/// Where a VM goes.
#[derive(Debug, Args)]
pub struct Target {
    /// Names the cluster; it may be left out if there is only one.
    #[arg(long)]
    pub cluster: Option<String>,
    /// Names the host; HDM chooses one if it is left out.
    #[arg(long)]
    pub host: Option<String>,
    /// Names the resource pool; it is the cluster's root pool if left out.
    #[arg(long)]
    pub pool: Option<String>,
    /// Names the datastore; it may be left out if there is only one.
    #[arg(long)]
    pub datastore: Option<String>,
    /// Names the VM folder; it is the datacenter's root folder if left out.
    #[arg(long)]
    pub folder: Option<String>,
    /// Says which network becomes which; it may be given several times.
    #[arg(long = "network", value_name = "SOURCE=TARGET", value_parser = pair)]
    pub networks: Vec<(String, String)>,
    /// Says which network an adapter gets, by the adapter's label; goes before --network. May be given several
    /// times.
    #[arg(long = "adapter", value_name = "LABEL=TARGET", value_parser = pair)]
    pub adapters: Vec<(String, String)>,
}

/// How a VM is moved and what it becomes.
#[derive(Debug, Args)]
pub struct Options {
    /// Says how disks are allocated at the target [default: same].
    #[arg(long, value_enum)]
    pub disk: Option<Disk>,
    /// Sets the number of virtual CPUs at the target.
    #[arg(long)]
    pub cpu: Option<u32>,
    /// Sets the memory at the target, in MiB.
    #[arg(long)]
    pub memory_mib: Option<u64>,
    /// Says which MAC addresses the target has [default: keep].
    #[arg(long, value_enum)]
    pub mac: Option<Mac>,
    /// Gives the VM another name at the target; it is possible for a single VM only.
    #[arg(long)]
    pub rename: Option<String>,
    /// Powers the VM on at the target, or not [default: false].
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub power_on: Option<bool>,
    /// Says how a VM that runs is shut down [default: guest].
    #[arg(long, value_enum)]
    pub shutdown: Option<Shutdown>,
    /// Says how long a guest may take to shut down, in seconds [default: 300].
    #[arg(long)]
    pub shutdown_timeout: Option<u32>,
    /// Says how often a target whose guest does not come up is restarted [default: 0].
    #[arg(long)]
    pub restart_guest: Option<u32>,
    /// Says how it is made sure that the copy is what the source is [default: checksums].
    #[arg(long, value_enum)]
    pub verify: Option<Verify>,
}

/// Reads `SOURCE=TARGET`; a name may hold further equals signs at its end only.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err("write SOURCE=TARGET, such as \"VM Network=Cloud LAN\"".into()),
    }
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

/// Trying again.
#[derive(Debug, Args)]
pub struct Retry {
    /// Names the migration by its id.
    pub id: String,
    #[command(flatten)]
    pub target: Target,
    #[command(flatten)]
    pub options: Options,
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
