//! `hdm server`.

use std::path::{Path, PathBuf};

use hdm_plugin_manifest as manifest;
use hdm_plugin_manifest::sprite::{Theme, sprite};
use hdm_server::assets::MANIFEST;
use hdm_server::config::{ApplianceFile, Config, Folder};
use hdm_server::server::{self, Plugin};

use super::stopped;
use crate::cli::Server;
use crate::client::default_folder;
use crate::failure::Failure;

/// Makes or runs a plugin server.
pub async fn run(command: Server) -> Result<(), Failure> {
    match command {
        Server::Init { dir, appliance, names, listen, loopback, ui_dir, signing_key } => {
            let path = folder(dir)?;
            let refused = |detail: String| Failure::NotAdmitted(detail);
            let appliance = read(&appliance, "Name the appliance's plugin-server.toml with --appliance.")
                .and_then(|text| {
                    ApplianceFile::parse(&text)
                        .map_err(|error| refused(format!("{}: {error}.", appliance.display())))
                })?;
            let signing_key =
                signing_key.map(|file| read(&file, "Name an instance's signing.key.")).transpose()?;
            let ui_dir = ui_dir.map(std::path::absolute).transpose()?;
            let config = Config { listen, loopback, ui_dir, ..Config::default() };
            let thumbprint = Folder::at(&path)
                .init(&config, &names, &appliance, signing_key.as_deref())
                .map_err(|error| refused(format!("{error}.")))?;
            println!("The plugin server's folder {} is made.", path.display());
            println!("Its certificate's thumbprint: {thumbprint}");
            println!("Run it:  hdm server run --dir {}", path.display());
            Ok(())
        }
        Server::Run { dir } => {
            let folder = Folder::at(folder(dir)?);
            server::run(&folder, plugin(), stopped())
                .await
                .map_err(|error| Failure::Other(format!("{error}.")))
        }
    }
}

/// What is served beside the pages.
pub(super) fn plugin() -> Plugin {
    let files = [
        (MANIFEST, manifest::plugin_json().into_bytes()),
        (manifest::SPRITE, sprite(Theme::Light)),
        (manifest::SPRITE_DARK, sprite(Theme::Dark)),
    ];
    Plugin {
        version: manifest::VERSION.to_owned(),
        files: files.map(|(name, content)| (name.to_owned(), content)).into(),
    }
}

fn read(file: &Path, way_out: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::NotAdmitted(format!("{}: {error}. {way_out}", file.display())))
}

fn folder(dir: Option<PathBuf>) -> Result<PathBuf, Failure> {
    dir.map_or_else(|| Ok(default_folder()?.join("server")), Ok)
}
