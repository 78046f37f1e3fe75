//! The appliance's folder and its configuration file.
//!
//! ```text
//! DIR/hdm.toml      configuration: everything with its default written out
//! DIR/secret.key    seals passwords in the database
//! DIR/token         what API calls carry as their bearer token
//! DIR/tls/          certificate and key of the API
//! DIR/plugin-token  what the plugin server's calls carry
//! DIR/client.toml   address, certificate and token for the command line
//! DIR/plugin-server.toml  address, thumbprint and token for the plugin server
//! DIR/hdm.db        the database, unless another is configured
//! ```

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hdm_shared::retry::Backoff;
use hdm_vsphere::{PipeLimits, Thumbprint};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::cold;
use crate::engine;
use crate::secret;

/// What can go wrong with the appliance's folder.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum ConfigError {
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("{path} cannot be understood: {detail}")]
    Content { path: String, detail: String },
    #[error("{0} holds an appliance already; choose another folder, or run the one that is there")]
    Exists(String),
    #[error("{0} is in use by another process; two must not share a folder")]
    InUse(String),
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Secret(#[from] secret::SecretError),
}

/// `hdm.toml`. Every key is written out when the appliance is made, with its unit in its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names this appliance for ever; vCenter shows it in the sessions it opens.
    pub id: Uuid,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// `sqlite:PATH` (relative to the folder) or `postgres://…`. TLS as in libpq: `?sslmode=require` encrypts,
    /// `?sslmode=verify-full&sslrootcert=FILE` also checks the server's certificate.
    pub database: String,
    /// How many attempts a migration has.
    pub attempts: u32,
    /// The first pause between attempts.
    pub retry_base_ms: u64,
    /// The longest.
    pub retry_max_ms: u64,
    /// The longest pause while a vCenter is waited for.
    pub poll_max_ms: u64,
    /// How long a vCenter may be away before that costs an attempt.
    pub outage_seconds: u64,
    /// How long the lease on a migration lasts without being renewed.
    pub lease_ms: u64,
    /// How long a task of vCenter may take.
    pub task_seconds: u64,
    /// How long nothing may move in a transfer before its connection counts as broken. After the last byte
    /// the importing host has five times as long for its answer.
    pub transfer_idle_ms: u64,
    /// How many files a host reads or writes at once for this appliance, all migrations together; 1 to 64.
    pub nfc_streams_per_host: u32,
    /// How long VMware Tools are waited for after a power-on.
    pub tools_seconds: u64,
    /// How long migrations that have ended, their logs and events are kept. A VM whose migration is forgotten
    /// can no longer be released by HDM.
    pub keep_days: u64,
    /// How long an import whose answer was lost may take to show itself: the time a call may take, and some.
    pub import_unknown_seconds: u64,
    /// Use of a cluster above this is shown as too much, in percent.
    pub usage_threshold_percent: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            id: Uuid::nil(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            database: "sqlite:hdm.db".into(),
            attempts: 3,
            retry_base_ms: 5_000,
            retry_max_ms: 60_000,
            poll_max_ms: 10_000,
            outage_seconds: 300,
            lease_ms: 30_000,
            task_seconds: 900,
            transfer_idle_ms: 60_000,
            nfc_streams_per_host: 4,
            tools_seconds: 1_800,
            keep_days: 400,
            import_unknown_seconds: 90,
            usage_threshold_percent: 80.0,
        }
    }
}

impl Config {
    /// The engine's numbers.
    pub fn engine(&self) -> engine::Settings {
        let poll_max = Duration::from_millis(self.poll_max_ms.max(10));
        engine::Settings {
            attempts: self.attempts.max(1),
            retry: Backoff {
                base: Duration::from_millis(self.retry_base_ms),
                max: Duration::from_millis(self.retry_max_ms),
            },
            poll: Backoff { base: poll_max.min(Duration::from_secs(1)), max: poll_max },
            outage: Duration::from_secs(self.outage_seconds),
            lease: Duration::from_millis(self.lease_ms.max(500)),
            interrupts: poll_max.min(Duration::from_secs(3)),
            keep: Duration::from_secs(self.keep_days.clamp(1, 36_500) * 86_400),
            ..engine::Settings::default()
        }
    }

    /// As `hdm.toml` has it, without the password of the database.
    pub fn without_secrets(&self) -> String {
        let database = match url::Url::parse(&self.database) {
            Ok(mut url) => {
                if url.password().is_some() {
                    let _ = url.set_password(Some("***"));
                }
                let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
                if query.iter().any(|(key, _)| key == "password") {
                    let rest = query.iter().filter(|(key, _)| key != "password");
                    url.query_pairs_mut().clear().extend_pairs(rest).append_pair("password", "***");
                }
                url.to_string()
            }
            Err(_) => "(not shown: it is no address)".into(),
        };
        let shown = Self { database, ..self.clone() };
        toml::to_string(&shown).unwrap_or_else(|error| format!("# {error}"))
    }

    /// How many files a host serves at once.
    pub fn nfc_streams_per_host(&self) -> usize {
        self.nfc_streams_per_host.clamp(1, 64) as usize
    }

    /// The cold migration's numbers.
    pub fn cold(&self) -> cold::Settings {
        let idle = Duration::from_millis(self.transfer_idle_ms.max(100));
        cold::Settings {
            task: Duration::from_secs(self.task_seconds),
            tools: Duration::from_secs(self.tools_seconds),
            import_unknown: Duration::from_secs(self.import_unknown_seconds),
            pipe: PipeLimits { idle, answer: idle * 5, ..PipeLimits::default() },
            ..cold::Settings::default()
        }
    }
}

/// What the command line needs to reach an appliance: `client.toml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientProfile {
    /// Such as `https://127.0.0.1:8480`.
    pub url: String,
    /// Token of the API.
    pub token: String,
    /// The appliance's own certificate, PEM: the only one that is trusted.
    pub certificate: String,
}

/// What the plugin server needs to reach an appliance: `plugin-server.toml`. Its token opens the API as the
/// operator's does, and names the vCenter user on whose behalf each call is made: keep it as secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginProfile {
    /// Such as `https://127.0.0.1:8480`.
    pub url: String,
    /// SHA-256 thumbprint of the appliance's own certificate, the only one that is trusted.
    pub thumbprint: String,
    /// Token of the API.
    pub token: String,
}

/// An appliance's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a new appliance: configuration, keys, certificate and token.
    pub fn init(&self, config: &Config) -> Result<(), ConfigError> {
        let file = self.path.join("hdm.toml");
        if file.exists() {
            return Err(ConfigError::Exists(self.path.display().to_string()));
        }
        make_private_dir(&self.path)?;
        make_private_dir(&self.path.join("tls"))?;
        let host = config.listen.ip().to_string();
        let mut names = vec![host, "localhost".to_owned()];
        if config.listen.ip().is_unspecified() {
            names.push("127.0.0.1".into());
        }
        let certified = rcgen::generate_simple_self_signed(names)?;
        let certificate = certified.cert.pem();
        self.write_private("tls/certificate.pem", &certificate)?;
        self.write_private("tls/key.pem", &certified.signing_key.serialize_pem())?;
        self.write_private("secret.key", &secret::new_key()?)?;
        let token = secret::new_key()?;
        self.write_private("token", &token)?;
        let profile = ClientProfile { url: url(config), token, certificate };
        self.write_private("client.toml", &to_toml(&profile)?)?;
        self.make_plugin_credential(config)?;
        // Last: a folder with it is whole.
        self.write_private("hdm.toml", &to_toml(config)?)
    }

    /// Reads the configuration.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let text = self.read("hdm.toml")?;
        toml::from_str(&text).map_err(|error| ConfigError::Content {
            path: self.file("hdm.toml").display().to_string(),
            detail: error.to_string(),
        })
    }

    /// The API's token.
    pub fn token(&self) -> Result<String, ConfigError> {
        Ok(self.read("token")?.trim().to_owned())
    }

    /// The plugin server's token; made with its profile if the folder is older than it.
    pub fn plugin_token(&self, config: &Config) -> Result<String, ConfigError> {
        if !self.file("plugin-token").exists() {
            self.make_plugin_credential(config)?;
        }
        Ok(self.read("plugin-token")?.trim().to_owned())
    }

    fn make_plugin_credential(&self, config: &Config) -> Result<(), ConfigError> {
        let path = self.file("tls/certificate.pem");
        let certificate = CertificateDer::from_pem_file(&path).map_err(|error| ConfigError::Content {
            path: path.display().to_string(),
            detail: error.to_string(),
        })?;
        let thumbprint = Thumbprint::sha256_of(&certificate).to_string();
        let token = secret::new_key()?;
        let profile = PluginProfile { url: url(config), thumbprint, token: token.clone() };
        self.write_private("plugin-server.toml", &to_toml(&profile)?)?;
        // Last: where it is, its profile is.
        self.write_private("plugin-token", &token)
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The database's address; a relative path is the folder's.
    pub fn database(&self, config: &Config) -> String {
        match config.database.strip_prefix("sqlite:") {
            Some(path) if Path::new(path).is_relative() => {
                format!("sqlite:{}", self.path.join(path).display())
            }
            _ => config.database.clone(),
        }
    }

    /// Keeps other processes out for as long as the value lives.
    pub fn lock(&self) -> Result<std::fs::File, ConfigError> {
        let path = self.file("lock");
        let fail = |source| ConfigError::File { path: path.display().to_string(), source };
        let file =
            std::fs::File::options().create(true).truncate(false).write(true).open(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(ConfigError::InUse(self.path.display().to_string()))
            }
            Err(std::fs::TryLockError::Error(source)) => Err(fail(source)),
        }
    }

    fn read(&self, name: &str) -> Result<String, ConfigError> {
        let path = self.file(name);
        std::fs::read_to_string(&path)
            .map_err(|source| ConfigError::File { path: path.display().to_string(), source })
    }

    fn write_private(&self, name: &str, text: &str) -> Result<(), ConfigError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.file(name);
        std::fs::File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(|source| ConfigError::File { path: path.display().to_string(), source })
    }
}

/// How the API is reached from this machine.
fn url(config: &Config) -> String {
    let host =
        if config.listen.ip().is_unspecified() { "127.0.0.1".into() } else { config.listen.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    format!("https://{host}:{}", config.listen.port())
}

fn to_toml(value: &impl Serialize) -> Result<String, ConfigError> {
    toml::to_string(value)
        .map_err(|e| ConfigError::Content { path: "hdm.toml".into(), detail: e.to_string() })
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

    #[test]
    fn a_configuration_is_shown_without_the_password_of_the_database() {
        let shown = |database: &str| {
            let config = Config { database: database.into(), ..Config::default() };
            let shown: Config = toml::from_str(&config.without_secrets()).unwrap();
            shown.database
        };
        assert_eq!(shown("sqlite:hdm.db"), "sqlite:hdm.db");
        assert_eq!(shown("postgres://hdm@db/hdm?sslmode=require"), "postgres://hdm@db/hdm?sslmode=require");
        assert_eq!(shown("postgres://hdm:s%40cret@db:5432/hdm"), "postgres://hdm:***@db:5432/hdm");
        let by_query = shown("postgres:///hdm?host=%2Frun&password=secret&user=hdm");
        assert!(!by_query.contains("secret") && by_query.contains("user=hdm"), "{by_query}");
        assert!(!shown("postgres:// hdm:secret@db/hdm").contains("secret"), "nor one that is no address");
    }

    #[test]
    fn the_plugin_server_has_a_token_of_its_own_also_in_an_older_folder() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::at(directory.path().join("hdm"));
        let config = Config { listen: SocketAddr::from(([0, 0, 0, 0], 9_000)), ..Config::default() };
        folder.init(&config).unwrap();
        let profile =
            || -> PluginProfile { toml::from_str(&folder.read("plugin-server.toml").unwrap()).unwrap() };
        let made = profile();
        assert_eq!(made.url, "https://127.0.0.1:9000");
        assert_eq!(folder.plugin_token(&config).unwrap(), made.token);
        assert_ne!(folder.token().unwrap(), made.token);
        let certificate = CertificateDer::from_pem_file(folder.file("tls/certificate.pem")).unwrap();
        let thumbprint: Thumbprint = made.thumbprint.parse().unwrap();
        assert!(thumbprint.matches(&certificate));

        // A folder made before there was a plugin server.
        std::fs::remove_file(folder.file("plugin-token")).unwrap();
        std::fs::remove_file(folder.file("plugin-server.toml")).unwrap();
        let token = folder.plugin_token(&config).unwrap();
        assert_eq!((profile().token, profile().thumbprint), (token, made.thumbprint));
    }
}
