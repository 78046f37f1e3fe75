//! `hdm migrate` and `hdm retry`: what is moved, where to, and how.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
