//! `hdm appliance`.

use std::path::PathBuf;

use hdm_appliance::appliance;
use hdm_appliance::config::{Config, Folder};
use hdm_appliance::recent_log::RecentLog;

use super::stopped;
use crate::cli::{Appliance, Output};
use crate::client::default_folder;
use crate::failure::Failure;
use crate::output;

/// Makes or runs an appliance.
pub async fn run(output: Output, command: Appliance, log: RecentLog) -> Result<(), Failure> {
    match command {
        Appliance::Init { dir, listen, database } => {
            let path = folder(dir)?;
            let config = Config { id: uuid::Uuid::new_v4(), listen, database, ..Config::default() };
            Folder::at(&path).init(&config).map_err(|error| Failure::NotAdmitted(format!("{error}.")))?;
            let profile = path.join("client.toml");
            if output == Output::Json {
                return output::json(&serde_json::json!({
                    "folder": path, "profile": profile, "url": format!("https://{listen}"), "id": config.id,
                }));
            }
            println!("The appliance's folder {} is made.", path.display());
            println!("Run it:         hdm appliance run --dir {}", path.display());
            println!("Use it:         export HDM_PROFILE={}", profile.display());
            println!(
                "Plugin server:  its credential is in {}; whoever holds it acts for any vCenter user",
                path.join("plugin-server.toml").display()
            );
            println!(
                "Add a vCenter:  hdm vcenter add NAME --role source --url HOST --user USER --password-stdin"
            );
            Ok(())
        }
        Appliance::Run { dir } => {
            let folder = Folder::at(folder(dir)?);
            appliance::run(&folder, log, stopped()).await.map_err(|error| Failure::Other(format!("{error}.")))
        }
    }
}

fn folder(dir: Option<PathBuf>) -> Result<PathBuf, Failure> {
    dir.map_or_else(default_folder, Ok)
}
