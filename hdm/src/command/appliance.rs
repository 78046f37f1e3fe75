//! `hdm appliance`.

use std::path::PathBuf;

use hdm_appliance::appliance;
use hdm_appliance::config::{Config, Folder};

use super::stopped;
use crate::cli::Appliance;
use crate::client::default_folder;
use crate::failure::Failure;

/// Makes or runs an appliance.
pub async fn run(command: Appliance) -> Result<(), Failure> {
    match command {
        Appliance::Init { dir, listen, database } => {
            let path = folder(dir)?;
            let config = Config { id: uuid::Uuid::new_v4(), listen, database, ..Config::default() };
            Folder::at(&path).init(&config).map_err(|error| Failure::NotAdmitted(format!("{error}.")))?;
            println!("The appliance's folder {} is made.", path.display());
            println!("Run it:         hdm appliance run --dir {}", path.display());
            println!("Use it:         export HDM_PROFILE={}", path.join("client.toml").display());
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
            appliance::run(&folder, stopped()).await.map_err(|error| Failure::Other(format!("{error}.")))
        }
    }
}

fn folder(dir: Option<PathBuf>) -> Result<PathBuf, Failure> {
    dir.map_or_else(default_folder, Ok)
}
