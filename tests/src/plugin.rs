//! The plugin server under test as a process of its own, and logins at the simulated vSphere Client.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use hdm_vsphere::Thumbprint;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::lab::Site;
use crate::product::{Appliance, binary, free_address};
use crate::wait;

/// An answer of the plugin server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub text: String,
}

impl Answer {
    /// Its body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {self:?}"))
    }

    /// Itself, having succeeded.
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{self:?}");
        self
    }
}

/// The plug-in's pages, where `cargo xtask ui` puts them; a test that opens none needs none.
fn pages() -> Option<PathBuf> {
    Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/dist")).filter(|pages| pages.is_dir())
}

/// A plugin server while it runs.
pub struct PluginServer {
    directory: PathBuf,
    url: String,
    loopback: String,
    thumbprint: Thumbprint,
    http: reqwest::Client,
    process: Option<Child>,
}

impl PluginServer {
    /// Makes a plugin server beside an appliance and starts it; `key` is the signing key of another instance.
    pub async fn start(name: &str, appliance: &Appliance, key: Option<&Path>) -> Self {
        Self::with_pages(name, appliance, key, pages()).await
    }

    /// The same with other pages than the plug-in's.
    pub async fn with_pages(
        name: &str,
        appliance: &Appliance,
        key: Option<&Path>,
        pages: Option<PathBuf>,
    ) -> Self {
        let directory = appliance.directory().with_file_name(name);
        let (listen, loopback) = (free_address(), free_address());
        let mut init = Command::new(binary());
        init.args(["server", "init", "--name", "127.0.0.1", "--listen", &listen, "--loopback", &loopback]);
        init.arg("--appliance").arg(appliance.directory().join("plugin-server.toml"));
        init.arg("--dir").arg(&directory);
        if let Some(pages) = pages {
            init.arg("--ui-dir").arg(pages);
        }
        if let Some(key) = key {
            init.arg("--signing-key").arg(key);
        }
        let made = init.output().await.unwrap();
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
        let shown = said.lines().find_map(|line| line.strip_prefix("Its certificate's thumbprint: "));
        let thumbprint: Thumbprint = shown.expect("a thumbprint is printed").trim().parse().unwrap();
        let http = hdm_vsphere::client(thumbprint, std::time::Duration::from_secs(5)).unwrap();
        let (url, loopback) = (format!("https://{listen}"), format!("http://{loopback}"));
        let mut server = Self { directory, url, loopback, thumbprint, http, process: None };
        server.start_process().await;
        server
    }

    /// Holds by how many seconds its clock is wrong.
    fn clock(&self) -> PathBuf {
        self.directory.join("clock-is-ahead")
    }

    /// Puts its clock forward or back, or right again.
    pub fn set_clock(&self, seconds: i64) {
        let new = self.clock().with_extension("new");
        std::fs::write(&new, seconds.to_string()).unwrap();
        std::fs::rename(new, self.clock()).unwrap();
    }

    /// Starts the process, and waits until it knows the appliance's vCenters.
    pub async fn start_process(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("server.log"));
        let mut command = Command::new(binary());
        command.args(["server", "run", "--dir"]).arg(&self.directory).env("RUST_LOG", "info,hdm=debug");
        command.env("HDM_CLOCK_AHEAD", self.clock());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.unwrap()).kill_on_drop(true);
        self.process = Some(command.spawn().unwrap());
        wait::until("the plugin server answers", async || {
            let asked = self.http.get(format!("{}/healthz", self.url)).send().await;
            asked.map(drop).map_err(|error| error.to_string())
        })
        .await;
    }

    /// Ends the process as a power cut would.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("the plugin server runs");
        process.start_kill().unwrap();
        process.wait().await.unwrap();
    }

    /// Gives it a new certificate for a name, and starts it again.
    pub async fn renew_certificate(&mut self, name: &str) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        self.thumbprint = Thumbprint::sha256_of(made.cert.der());
        self.http = hdm_vsphere::client(self.thumbprint, std::time::Duration::from_secs(5)).unwrap();
        std::fs::write(self.directory.join("tls/certificate.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.directory.join("tls/key.pem"), made.signing_key.serialize_pem()).unwrap();
        self.kill().await;
        self.start_process().await;
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its listener for metrics.
    pub fn loopback(&self) -> &str {
        &self.loopback
    }

    /// The thumbprint of the certificate that it presents.
    pub fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }

    /// Registers it with the vCenter that the appliance knows by this name.
    pub async fn register(&self, appliance: &Appliance, vcenter: &str) {
        let thumbprint = self.thumbprint.to_string();
        let arguments = ["register", vcenter, "--url", &self.url, "--thumbprint", &thumbprint];
        appliance.hdm(&arguments).await.ok();
    }

    /// Its signing key.
    pub fn signing_key(&self) -> PathBuf {
        self.directory.join("signing.key")
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("server.log")).unwrap_or_default()
    }

    /// Makes a request.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// The same where no answer may come.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}/{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        for name in response.headers().keys() {
            let name = name.as_str();
            assert!(name != "set-cookie" && !name.starts_with("access-control-"), "{path} sets {name}");
        }
        Ok(Answer { status, text: response.text().await? })
    }

    /// Exchanges a token of the vSphere Client.
    pub async fn exchange(&self, token: &str, guid: &str, object: Option<(&str, &str)>) -> Answer {
        self.try_exchange(token, guid, object).await.unwrap()
    }

    /// The same where no answer may come.
    pub async fn try_exchange(
        &self,
        token: &str,
        guid: &str,
        object: Option<(&str, &str)>,
    ) -> Result<Answer, reqwest::Error> {
        let object = object.map(|(kind, id)| json!({"kind": kind, "id": id}));
        let body = json!({"vc_guid": guid, "object": object, "page_version": "test"});
        self.try_send(Method::POST, "api/session", &[("vmware-api-session-id", token)], Some(&body)).await
    }

    /// Reads as the user of a grant.
    pub async fn get(&self, grant: &Value, path: &str) -> Answer {
        self.call(grant, Method::GET, path, None).await
    }

    /// Does something as the user of a grant.
    pub async fn call(&self, grant: &Value, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let token = format!("Bearer {}", grant["token"].as_str().unwrap());
        self.send(method, path, &[("authorization", &token)], body).await
    }

    /// Opens a VM's menu: `visible` and `relevant` of its action.
    pub async fn vm_menu(&self, token: &str, guid: &str, vm: &str) -> (bool, bool) {
        let urn = format!("urn:vmomi:VirtualMachine:{vm}:{guid}");
        let body = json!({"apiVersion": "1.0.0", "objectIds": [urn], "locale": "en-US"});
        let headers = [("vmware-api-session-id", token)];
        let answer = self.send(Method::POST, "dyn/vm/menu", &headers, Some(&body)).await.ok().json();
        let item = &answer["dynamicItems"][0];
        (item["visible"].as_bool().unwrap(), item["relevant"].as_bool().unwrap())
    }
}

/// Logs a user in to the vSphere Client of a site; the token is what the Client gives to plug-ins.
pub async fn log_in(site: &Site, user: &str, password: &str) -> String {
    try_log_in(site, user, password).await.unwrap()
}

/// The same at a site that may not answer.
pub async fn try_log_in(site: &Site, user: &str, password: &str) -> Result<String, String> {
    let ready = &site.ready;
    let http = hdm_vsphere::client(ready.sha256.parse().unwrap(), std::time::Duration::from_secs(5)).unwrap();
    let origin = ready.url.trim_end_matches("/sdk");
    let body = json!({"user": user, "password": password, "locale": "en-US"});
    let said = |error: reqwest::Error| error.to_string();
    let answer = http.post(format!("{origin}/ui/api/login")).json(&body).send().await.map_err(said)?;
    if !answer.status().is_success() {
        return Err(format!("{user}: {}", answer.status()));
    }
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let asked = http.get(format!("{origin}/ui/api/session-info")).header("cookie", cookie);
    let info: Value = asked.send().await.map_err(said)?.json().await.map_err(said)?;
    info["sessionToken"].as_str().map(str::to_owned).ok_or(format!("no token in {info}"))
}
