//! The plug-in in Chromium, inside the stand-in of the vSphere Client, before a real plugin server, a real appliance
//! and simulated vCenters with bytes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bench;
mod faults;
mod languages;
mod looks;
mod proxy;
mod users;
mod wizard;

use hdm_tests::browser::{Browser, id};
use hdm_tests::lab::{Lab, site};
use hdm_tests::plugin::PluginServer;
use hdm_tests::product::Appliance;
use serde_json::{Value, json};

const ADMINISTRATOR: &str = "administrator@vsphere.local";
/// May move what is in the folder Prod, and sees nothing else.
const OLGA: &str = "olga@vsphere.local";
/// May look at everything, and move nothing.
const VERA: &str = "vera@vsphere.local";
/// May look at everything, and move what is in the folder Prod.
const PAULA: &str = "paula@vsphere.local";
const PASSWORD: &str = "lab-Passw0rd";

/// Everything a browser meets.
struct Setting {
    lab: Lab,
    appliance: Appliance,
    server: PluginServer,
    guid: String,
}

impl Setting {
    /// Two sites with these VMs, an appliance, and a plugin server that is registered with the first.
    async fn new(vms: Value) -> Self {
        Self::at_version(vms, "8.0.3").await
    }

    /// The same with vCenters of a version.
    async fn at_version(vms: Value, version: &str) -> Self {
        Self::before(Lab::start_with(vms, extra(version)).await).await
    }

    /// The same with so many more VMs on-premises that are made up.
    async fn with_generated(vms: Value, count: u64) -> Self {
        let extra = extra("8.0.3");
        let mut onprem = site("onprem", vms, &extra);
        onprem["inventory"]["generated_vms"] = json!({"count": count});
        Self::before(Lab::start_sites(onprem, site("cloud", json!([]), &extra)).await).await
    }

    /// The same with VMs in the cloud.
    async fn with_cloud(vms: Value, in_cloud: Value) -> Self {
        let extra = extra("8.0.3");
        Self::before(Lab::start_sites(site("onprem", vms, &extra), site("cloud", in_cloud, &extra)).await)
            .await
    }

    async fn before(lab: Lab) -> Self {
        let appliance = Appliance::start(&lab).await;
        let server = PluginServer::start("server", &appliance, None).await;
        server.register(&appliance, "onprem").await;
        let known = appliance.hdm(&["-o", "json", "vcenter", "list"]).await.ok().json();
        let onprem = known.as_array().unwrap().iter().find(|one| one["id"] == "onprem").unwrap();
        let guid = onprem["instance_uuid"].as_str().unwrap().to_owned();
        Self { lab, appliance, server, guid }
    }

    /// A browser at the Client, logged in.
    async fn browser(&self, user: &str) -> Browser {
        let browser = Browser::start().await;
        browser.log_in(&self.lab.onprem, user, PASSWORD).await;
        browser
    }

    /// The address of an object's page in the Client.
    async fn place(&self, kind: &str, name: &str, page: &str) -> String {
        let vms = self.appliance.hdm(&["-o", "json", "vms"]).await.ok().json();
        let vms = vms["vms"].as_array().or(vms.as_array()).unwrap().clone();
        let moid = match kind {
            "VirtualMachine" => vms.iter().find(|vm| vm["name"] == name).unwrap()["vm"]["moid"].clone(),
            _ => vms[0]["cluster_id"].clone(),
        };
        format!("#/object/urn:vmomi:{kind}:{}:{}/{page}", moid.as_str().unwrap(), self.guid)
    }

    /// Opens Cluster > Monitor > HDM > Migration.
    async fn open_cluster(&self, browser: &Browser) {
        let page = "monitor/com.hdm.plugin/cluster-migration";
        browser.go(&self.place("ClusterComputeResource", "C0", page).await).await;
        browser.view().await;
        // The tab that was open last is open again.
        browser.press("In Progress").await;
        browser.read("Migration State Distribution").await;
    }

    /// Opens the tree of VMs, with the folder unfolded.
    async fn open_tree(&self, browser: &Browser, folder: &str) {
        browser.client().await;
        browser.click(&id("tree-tab-vms")).await;
        for node in ["DC0", folder] {
            let line = node_of(node);
            browser.see(&line).await;
            let unfold = "const item = document.querySelector(arguments[0]).closest('[role=treeitem]'); \
                if (item.getAttribute('aria-expanded') !== 'true') item.querySelector('.twisty').click();";
            browser.driver().execute(unfold, vec![json!(line)]).await.unwrap();
        }
    }

    /// What the appliance tells of all migrations.
    async fn migrations(&self) -> Vec<Value> {
        let told = self.appliance.hdm(&["-o", "json", "status"]).await.ok().json();
        told["migrations"].as_array().or(told.as_array()).cloned().unwrap_or_default()
    }
}

/// What both sites have beside the usual: users, the Client, and a link.
fn extra(version: &str) -> Value {
    let user = |name: &str| json!({"name": name, "password": PASSWORD, "groups": []});
    json!({
        "version": version,
        "client": {"dir": concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/client")},
        "link": {},
        "users": [user(OLGA), user(VERA), user(PAULA)],
        "roles": [
            {"name": "HDM user", "privileges": ["HDM.View", "HDM.Migrate"]},
            {"name": "HDM viewer", "privileges": ["HDM.View"]}
        ],
        "permissions": [
            {"path": "/DC0/vm/Prod", "principal": OLGA, "role": "HDM user", "propagate": true},
            {"path": "/DC0/vm/Prod", "principal": PAULA, "role": "HDM user", "propagate": true},
            {"path": "/", "principal": PAULA, "role": "HDM viewer", "propagate": true},
            {"path": "/", "principal": VERA, "role": "HDM viewer", "propagate": true}
        ]
    })
}

/// A node of the tree of VMs.
fn node_of(name: &str) -> String {
    format!("{} {}", id("tree-vms"), id(&format!("node-{name}")))
}
