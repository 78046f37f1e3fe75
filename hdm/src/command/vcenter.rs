//! `hdm vcenter`.

use std::io::Read;

use hdm_appliance::privileges::needed;
use hdm_shared::problem::Finding;
use hdm_shared::vcenter::{AddVcenter, EditVcenter, VcenterCheck, VcenterRole, VcenterView};

use super::vcenter_id;
use crate::cli::{Output, Role, Vcenter};
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// The variable that may hold a password.
const PASSWORD: &str = "HDM_VCENTER_PASSWORD";
/// The longest password that is read.
const MAX_PASSWORD_BYTES: u64 = 4_096;

impl From<Role> for VcenterRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Source => Self::Source,
            Role::Cloud => Self::Cloud,
        }
    }
}

/// Lists what HDM's account must be allowed to do. Asks nobody.
pub fn privileges(output: Output, role: Role) -> Result<(), Failure> {
    let needed = needed(role.into());
    if output == Output::Json {
        return output::json(&needed.map(|privilege| privilege.id).collect::<Vec<_>>());
    }
    let mut table = output::table(&["privilege", "in order to"]);
    for privilege in needed {
        table.add_row([privilege.id, privilege.purpose]);
    }
    output::print(&table);
    Ok(())
}

/// Adds, changes, lists, checks or removes.
pub async fn run(client: &Client, output: Output, command: Vcenter) -> Result<(), Failure> {
    match command {
        Vcenter::Privileges { role } => privileges(output, role),
        Vcenter::Add { name, role, url, user, password_stdin, thumbprint } => {
            let request = AddVcenter {
                id: vcenter_id(&name)?,
                role: role.into(),
                url,
                user,
                password: password(password_stdin)?,
                thumbprint,
            };
            let view: VcenterView = client.post("/vcenters", &request).await?;
            match output {
                Output::Json => output::json(&view),
                Output::Table | Output::Csv => {
                    println!("The vCenter '{}' is added: {}.", view.id, view.version.unwrap_or(view.url));
                    Ok(())
                }
            }
        }
        Vcenter::Update { name, user, password_stdin, thumbprint } => {
            let given = password_stdin || std::env::var_os(PASSWORD).is_some();
            let password = given.then(|| password(password_stdin)).transpose()?;
            if user.is_none() && password.is_none() && thumbprint.is_none() {
                return Err(Failure::NotAdmitted(format!(
                    "Say what is new: --user, --thumbprint, or a password by --password-stdin or in {PASSWORD}."
                )));
            }
            let request = EditVcenter { user, password, thumbprint };
            let view: VcenterView =
                client.put(&format!("/vcenters/{}", vcenter_id(&name)?), &request).await?;
            match output {
                Output::Json => output::json(&view),
                Output::Table | Output::Csv => {
                    println!(
                        "The vCenter '{}' is reached as you said: {}.",
                        view.id,
                        view.version.unwrap_or(view.url)
                    );
                    Ok(())
                }
            }
        }
        Vcenter::List => list(client, output).await,
        Vcenter::Check { name } => check(client, output, &name).await,
        Vcenter::Remove { name } => {
            client.delete(&format!("/vcenters/{}", vcenter_id(&name)?)).await?;
            let message = format!("The vCenter '{name}' is removed.");
            match output {
                Output::Json => output::json(&serde_json::json!({"removed": name, "message": message})),
                Output::Table | Output::Csv => {
                    println!("{message}");
                    Ok(())
                }
            }
        }
    }
}

fn password(stdin: bool) -> Result<String, Failure> {
    if !stdin {
        return std::env::var(PASSWORD).map_err(|_| {
            Failure::NotAdmitted(format!("Give the password by --password-stdin or in {PASSWORD}."))
        });
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_PASSWORD_BYTES).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let views: Vec<VcenterView> = client.get("/vcenters").await?;
    if output == Output::Json {
        return output::json(&views);
    }
    let mut table = output::table(&["name", "role", "address", "state", "VMs", "version"]);
    for view in views {
        table.add_row([
            view.id.to_string(),
            match view.role {
                VcenterRole::Source => "source".into(),
                VcenterRole::Cloud => "cloud".into(),
            },
            view.url,
            view.state,
            view.vms.map(|n| n.to_string()).unwrap_or_default(),
            view.version.unwrap_or_default(),
        ]);
    }
    output::print(&table);
    Ok(())
}

async fn check(client: &Client, output: Output, name: &str) -> Result<(), Failure> {
    let path = format!("/vcenters/{}/check", vcenter_id(name)?);
    let check: VcenterCheck = client.post(&path, &serde_json::json!({})).await?;
    if output == Output::Json {
        output::json(&check)?;
    } else {
        output::checks(&check.passed, &check.findings);
    }
    match check.findings.iter().filter(|f| Finding::blocks(f)).count() {
        0 => Ok(()),
        n => Err(Failure::NotAdmitted(format!("{n} of the checks of '{name}' failed."))),
    }
}
