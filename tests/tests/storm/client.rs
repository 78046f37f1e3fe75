//! A user of the vSphere Client, who asks through the plugin server: the session may end, the plugin server be away, and
//! an answer not come.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hdm_tests::plugin::{PluginServer, try_log_in};
use hdm_tests::{Appliance, Lab};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Answer;
use crate::plan::Options;

/// The clusters of the storm's cloud.
const CLUSTERS: [&str; 2] = ["C0", "C1"];

/// An administrator at the Client of the on-premises vCenter.
pub struct Client {
    lab: Arc<Lab>,
    server: PluginServer,
    guid: String,
    /// The plugin server's grant, while there is one.
    grant: Option<Value>,
    /// By name.
    moids: BTreeMap<String, String>,
    /// Where VMs go, by the cluster's name.
    targets: BTreeMap<&'static str, Value>,
}

impl Client {
    /// Starts a plugin server beside an appliance that knows both vCenters, registers it with these, and looks at what a
    /// wizard offers.
    pub async fn start(lab: &Arc<Lab>, appliance: &Appliance) -> Self {
        let server = PluginServer::start("plugin", appliance, None).await;
        for vcenter in ["onprem", "cloud"] {
            server.register(appliance, vcenter).await;
        }
        let known = appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
        let onprem = known.as_array().unwrap().iter().find(|one| one["id"] == "onprem").unwrap();
        let guid = onprem["instance_uuid"].as_str().unwrap().to_owned();
        let vms = lab.onprem.glance().await.vms;
        let moids: BTreeMap<_, _> = vms.into_iter().map(|vm| (vm.name, vm.moid)).collect();
        let (lab, grant, targets) = (lab.clone(), None, BTreeMap::new());
        let mut client = Self { lab, server, guid, grant, moids, targets };
        client.log_in().await.expect("the user can log in");
        let first = client.moids.values().next().unwrap();
        let offers =
            client.server.get(client.grant.as_ref().unwrap(), &format!("api/clouds?vm={first}")).await;
        let offers = offers.ok().json();
        client.targets = CLUSTERS.into_iter().map(|cluster| (cluster, target(&offers[0], cluster))).collect();
        client
    }

    /// A request for migrations as a wizard makes it.
    pub fn request(&self, vms: &[String], cluster: &str, options: Options) -> Value {
        let options = options.json();
        let item = |vm| json!({"vm": self.moids[vm], "target": self.targets[cluster], "options": options});
        json!({"cloud": "cloud", "items": vms.iter().map(item).collect::<Vec<_>>()})
    }

    /// Asks for something under a key, with a new session if the old one has ended; `None` if no answer came.
    pub async fn post(&mut self, path: &str, key: &str, body: &Value, patience: Duration) -> Option<Answer> {
        tokio::time::timeout(patience, self.ask(path, key, body)).await.ok()?
    }

    async fn ask(&mut self, path: &str, key: &str, body: &Value) -> Option<Answer> {
        if self.grant.is_none() {
            self.log_in().await.ok()?;
        }
        let token = format!("Bearer {}", self.grant.as_ref()?["token"].as_str()?);
        let headers = [("authorization", token.as_str()), ("idempotency-key", key)];
        let answer = self.server.try_send(Method::POST, path, &headers, Some(body)).await.ok()?;
        if answer.status == 401 {
            self.grant = None;
            return None;
        }
        let body = serde_json::from_str(&answer.text).unwrap_or(Value::Null);
        Some(Answer { status: answer.status, body })
    }

    async fn log_in(&mut self) -> Result<(), String> {
        let site = &self.lab.onprem;
        let token = try_log_in(site, &site.ready.user, &site.ready.password).await?;
        let answer = self.server.try_exchange(&token, &self.guid, None).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(answer.text);
        }
        self.grant = Some(answer.json());
        Ok(())
    }

    /// Puts the plugin server's clock forward or back, or right again.
    pub fn set_clock(&self, seconds: i64) {
        self.server.set_clock(seconds);
    }

    /// Kills the plugin server, and starts it again.
    pub async fn kill_server(&mut self) {
        self.server.kill().await;
        self.server.start_process().await;
    }
}

/// A place that is offered.
fn target(offer: &Value, cluster: &str) -> Value {
    let named = |all: &Value, name: &str| {
        let found = all.as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all}")).clone()
    };
    let cluster = named(&offer["clusters"], cluster);
    let (datastore, network) =
        (named(&cluster["datastores"], "ds0"), named(&cluster["networks"], "VM Network"));
    json!({"cluster": cluster["id"], "datastore": datastore["id"], "networks": {"VM Network": network["id"]}})
}
