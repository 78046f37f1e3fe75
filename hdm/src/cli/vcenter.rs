//! `hdm vcenter` and `hdm registration`.

use clap::{Subcommand, ValueEnum};

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
