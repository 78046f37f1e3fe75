//! The plugin server's folder and its configuration file.
//!
//! ```text
//! DIR/server.toml            configuration: everything with its default written out
//! DIR/signing.key            signs the pages' tokens; instances behind one address share it
//! DIR/appliance.toml         address, certificate and credential of the appliance
//! DIR/tls/                   certificate and key that vCenter pins when the plugin is registered
//! DIR/manifest-fetches.json  when the manifest was fetched, and from where
//! ```

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use hdm_vsphere::{Secret, Thumbprint};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::headers::is_origin;
use crate::token::{KeyError, Keys};

/// What can go wrong with the folder.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum ConfigError {
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("{path} cannot be understood: {detail}")]
    Content { path: String, detail: String },
    #[error("{0} holds a plugin server already; choose another folder, or run the one that is there")]
    Exists(String),
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("{path}: {source}")]
    Key { path: String, source: KeyError },
}

/// `server.toml`. Every key is written out when the folder is made, with its unit in its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where vCenters' proxies reach the server.
    pub listen: SocketAddr,
    /// Where `/metrics` and `/manifest-fetches` are answered; an address of this machine only.
    pub loopback: SocketAddr,
    /// The folder that the pages were built into; without one the manifest alone is served.
    pub ui_dir: Option<PathBuf>,
    /// Further origins that may frame the pages, such as `https://client.example.org`: those of vCenters that VMs
    /// are moved from always may. A linked cloud's Client that shows the pages is named here.
    pub frame_ancestors: Vec<String>,
    /// How many users' sessions are held at once.
    pub sessions: usize,
    /// After how long without a request a user's session is ended.
    pub idle_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([0, 0, 0, 0], 9480)),
            loopback: SocketAddr::from(([127, 0, 0, 1], 9481)),
            ui_dir: None,
            frame_ancestors: Vec::new(),
            sessions: 256,
            idle_seconds: 600,
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        if !self.loopback.ip().is_loopback() {
            return Err(format!("loopback is {}, which is no address of this machine only", self.loopback));
        }
        if let Some(bad) = self.frame_ancestors.iter().find(|origin| !is_origin(origin)) {
            return Err(format!(
                "frame_ancestors: '{bad}' is no origin; write https://host or https://host:port"
            ));
        }
        if self.sessions == 0 {
            return Err("sessions is 0, so that nobody could use the pages".into());
        }
        Ok(())
    }
}

/// `appliance.toml`: how the appliance is reached. `hdm appliance init` writes it as `plugin-server.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApplianceFile {
    /// Such as `https://127.0.0.1:8480`.
    pub url: String,
    /// The plugin server's own credential.
    pub token: String,
    /// The certificate trusted, as its thumbprint …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// … or whole, as PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

impl ApplianceFile {
    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        file.pin()?;
        Ok(file)
    }

    /// The thumbprint of the certificate that is trusted.
    pub fn pin(&self) -> Result<Thumbprint, String> {
        if let Some(text) = &self.thumbprint {
            return text.parse().map_err(|error: hdm_vsphere::Error| error.to_string());
        }
        let pem = self.certificate.as_deref().ok_or("it names no certificate and no thumbprint")?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Thumbprint::sha256_of(&der))
    }

    /// The credential.
    pub fn secret(&self) -> Secret {
        Secret::new(&self.token)
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a new plugin server: configuration, signing key (that of another instance, if there is one), and
    /// a certificate for `names`, the DNS names and addresses by which vCenters reach it. The answer is the
    /// certificate's thumbprint.
    pub fn init(
        &self,
        config: &Config,
        names: &[String],
        appliance: &ApplianceFile,
        signing_key: Option<&str>,
    ) -> Result<Thumbprint, ConfigError> {
        let file = self.file("server.toml");
        if file.exists() {
            return Err(ConfigError::Exists(self.path.display().to_string()));
        }
        config.check().map_err(|detail| Self::content(&file, detail))?;
        make_private_dir(&self.path)?;
        make_private_dir(&self.file("tls"))?;
        let mut all = names.to_vec();
        if !config.listen.ip().is_unspecified() {
            all.push(config.listen.ip().to_string());
        }
        all.extend(["localhost".to_owned(), IpAddr::from([127, 0, 0, 1]).to_string()]);
        all.sort();
        all.dedup();
        let certified = rcgen::generate_simple_self_signed(all)?;
        self.write_private("tls/certificate.pem", &certified.cert.pem())?;
        self.write_private("tls/key.pem", &certified.signing_key.serialize_pem())?;
        let key = match signing_key {
            Some(text) => Keys::parse(text).map(|_| text.trim().to_owned()),
            None => Keys::generate(),
        };
        let key = key.map_err(|source| ConfigError::Key { path: self.name("signing.key"), source })?;
        self.write_private("signing.key", &key)?;
        self.write_private("appliance.toml", &Self::to_toml(&file, appliance)?)?;
        // Last: a folder with it is whole.
        self.write_private("server.toml", &Self::to_toml(&file, config)?)?;
        Ok(Thumbprint::sha256_of(certified.cert.der()))
    }

    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let path = self.file("server.toml");
        let config: Config =
            toml::from_str(&self.read("server.toml")?).map_err(|e| Self::content(&path, e.to_string()))?;
        config.check().map_err(|detail| Self::content(&path, detail))?;
        Ok(config)
    }

    /// Reads how the appliance is reached.
    pub fn appliance(&self) -> Result<ApplianceFile, ConfigError> {
        let text = self.read("appliance.toml")?;
        ApplianceFile::parse(&text).map_err(|detail| Self::content(&self.file("appliance.toml"), detail))
    }

    /// Reads the signing key.
    pub fn keys(&self) -> Result<Keys, ConfigError> {
        let text = self.read("signing.key")?;
        Keys::parse(&text).map_err(|source| ConfigError::Key { path: self.name("signing.key"), source })
    }

    /// The thumbprint of the certificate that is served.
    pub fn thumbprint(&self) -> Result<Thumbprint, ConfigError> {
        let pem = self.read("tls/certificate.pem")?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| Self::content(&self.file("tls/certificate.pem"), error.to_string()))?;
        Ok(Thumbprint::sha256_of(&der))
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn name(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    fn content(path: &Path, detail: String) -> ConfigError {
        ConfigError::Content { path: path.display().to_string(), detail }
    }

    fn to_toml(path: &Path, value: &impl Serialize) -> Result<String, ConfigError> {
        toml::to_string(value).map_err(|error| Self::content(path, error.to_string()))
    }

    fn read(&self, name: &str) -> Result<String, ConfigError> {
        std::fs::read_to_string(self.file(name))
            .map_err(|source| ConfigError::File { path: self.name(name), source })
    }

    fn write_private(&self, name: &str, text: &str) -> Result<(), ConfigError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(self.file(name))
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(|source| ConfigError::File { path: self.name(name), source })
    }
}

fn make_private_dir(path: &Path) -> Result<(), ConfigError> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| ConfigError::File { path: path.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn appliance() -> ApplianceFile {
        let thumbprint = Some("00:".repeat(31) + "00");
        ApplianceFile { url: "https://127.0.0.1:1".into(), token: "t".into(), thumbprint, certificate: None }
    }

    #[test]
    fn what_init_writes_is_read_back_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path().join("server"));
        let config = Config { ui_dir: Some("/ui".into()), ..Config::default() };
        let shown = folder.init(&config, &["plugin.example.org".into()], &appliance(), None).unwrap();
        assert_eq!(folder.config().unwrap(), config);
        assert_eq!(folder.thumbprint().unwrap(), shown);
        assert_eq!(folder.appliance().unwrap().pin().unwrap(), Thumbprint::Sha256([0; 32]));
        let key = std::fs::read_to_string(folder.file("signing.key")).unwrap();
        let second = Folder::at(temporary.path().join("second"));
        second.init(&config, &[], &appliance(), Some(&key)).unwrap();
        assert_eq!(std::fs::read_to_string(second.file("signing.key")).unwrap(), key);
        for name in ["signing.key", "appliance.toml", "tls/key.pem", "server.toml"] {
            let mode = std::fs::metadata(folder.file(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert!(matches!(folder.init(&config, &[], &appliance(), None), Err(ConfigError::Exists(_))));
    }

    #[test]
    fn a_configuration_that_would_be_unsafe_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::at(temporary.path().join("server"));
        for config in [
            Config { loopback: "0.0.0.0:9481".parse().unwrap(), ..Config::default() },
            Config { frame_ancestors: vec!["*".into()], ..Config::default() },
            Config { sessions: 0, ..Config::default() },
        ] {
            assert!(folder.init(&config, &[], &appliance(), None).is_err());
        }
        assert!(ApplianceFile::parse("url = 'https://a'\ntoken = 't'").is_err(), "no certificate");
    }

    #[test]
    fn a_certificate_or_a_thumbprint_names_the_appliance() {
        let certified = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let text = toml::to_string(&ApplianceFile {
            thumbprint: None,
            certificate: Some(certified.cert.pem()),
            ..appliance()
        });
        let file = ApplianceFile::parse(&text.unwrap()).unwrap();
        assert_eq!(file.pin().unwrap(), Thumbprint::sha256_of(certified.cert.der()));
    }
}
