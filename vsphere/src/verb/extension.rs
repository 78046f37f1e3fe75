//! Extensions: what a product tells vCenter of its own task, event, fault and privilege types, and where its
//! plug-in for the vSphere Client is (vSphere API, `Extension`).

use jiff::Timestamp;

use crate::error::Error;
use crate::session::Session;
use crate::wire::{Node, XmlWriter};

/// An extension to register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionSpec {
    /// Such as `com.hdm.plugin`.
    pub key: String,
    /// Version, such as `0.1.0`.
    pub version: String,
    /// Name shown to people.
    pub label: String,
    /// What it is, in a sentence.
    pub summary: String,
    /// Who makes it.
    pub company: String,
    /// Types of tasks.
    pub tasks: Vec<String>,
    /// Types of events.
    pub events: Vec<String>,
    /// Types of faults.
    pub faults: Vec<String>,
    /// Privileges, each its group and its id, which begins with the group.
    pub privileges: Vec<(String, String)>,
    /// Texts of all these.
    pub texts: Vec<ExtensionTexts>,
    /// The plug-in, if there is one; without it the extension is headless.
    pub plugin: Option<ExtensionPlugin>,
}

/// The texts of one module in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionTexts {
    /// The language, such as `en`.
    pub locale: String,
    /// `task`, `event`, `fault` or `auth`.
    pub module: String,
    /// Keys and texts.
    pub data: Vec<(String, String)>,
}

/// A remote plug-in of the vSphere Client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionPlugin {
    /// Where its manifest is: `https://…/plugin.json`.
    pub manifest_url: String,
    /// Whom to write to.
    pub admin_email: String,
    /// SHA-256 thumbprint of the certificate of that address, hexadecimal with colons.
    pub thumbprint: String,
    /// The same certificate as PEM, which vCenter takes from 8.0.2.0 on; `None` leaves it out.
    pub certificate_pem: Option<String>,
}

/// A registered extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionInfo {
    /// Its key.
    pub key: String,
    /// Its version.
    pub version: String,
    /// Its task types.
    pub task_ids: Vec<String>,
    /// Its event types.
    pub event_ids: Vec<String>,
    /// Its fault types.
    pub fault_ids: Vec<String>,
    /// Its privileges.
    pub privilege_ids: Vec<String>,
    /// Its plug-in, if it has one.
    pub plugin: Option<ExtensionPlugin>,
    /// When it was last written: we write this time with each registration.
    pub written_at: Option<Timestamp>,
}

/// The type of the server that has the manifest.
const MANIFEST_SERVER: &str = "MANIFEST_SERVER";
/// The type of a plug-in that is not installed into the Client.
const REMOTE_PLUGIN: &str = "vsphere-client-remote";

impl Session {
    /// Looks an extension up.
    pub async fn find_extension(&self, key: &str) -> Result<Option<ExtensionInfo>, Error> {
        let manager = self.content().await?.extension_manager.clone();
        let answer = self.call("FindExtension", &manager, |w| w.value("extensionKey", key)).await?;
        Ok(answer.child("returnval").map(read))
    }

    /// Registers an extension. `InvalidArgument` if the key is taken.
    pub async fn register_extension(&self, spec: &ExtensionSpec) -> Result<(), Error> {
        self.write_extension("RegisterExtension", spec).await
    }

    /// Replaces a registered extension.
    pub async fn update_extension(&self, spec: &ExtensionSpec) -> Result<(), Error> {
        self.write_extension("UpdateExtension", spec).await
    }

    /// Removes an extension. One that is not there is no error.
    pub async fn unregister_extension(&self, key: &str) -> Result<(), Error> {
        let manager = self.content().await?.extension_manager.clone();
        match self.call("UnregisterExtension", &manager, |w| w.value("extensionKey", key)).await {
            Err(e) if e.fault_kind() != Some("NotFound") => Err(e),
            _ => Ok(()),
        }
    }

    async fn write_extension(&self, operation: &str, spec: &ExtensionSpec) -> Result<(), Error> {
        let manager = self.content().await?.extension_manager.clone();
        let time = self.current_time().await?;
        self.call(operation, &manager, |w| w.element("extension", |w| spec.write(w, time))).await.map(drop)
    }
}

fn read(node: &Node) -> ExtensionInfo {
    let plugin = node.all("server").find(|server| server.string("type") == MANIFEST_SERVER);
    ExtensionInfo {
        key: node.string("key"),
        version: node.string("version"),
        task_ids: ids(node, "taskList", "taskID"),
        event_ids: ids(node, "eventList", "eventID"),
        fault_ids: ids(node, "faultList", "faultID"),
        privilege_ids: ids(node, "privilegeList", "privID"),
        plugin: plugin.map(|server| ExtensionPlugin {
            manifest_url: server.string("url"),
            admin_email: server.string("adminEmail"),
            thumbprint: server.string("serverThumbprint"),
            certificate_pem: Some(server.string("serverCertificate")).filter(|pem| !pem.is_empty()),
        }),
        written_at: node.string("lastHeartbeatTime").parse().ok(),
    }
}

fn ids(node: &Node, list: &str, id: &str) -> Vec<String> {
    node.all(list).map(|entry| entry.string(id)).collect()
}

/// Takes an answer for an extension: what is written of its plug-in is read again as it was.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_extension(result: &Node) -> ExtensionInfo {
    let known = read(result);
    let spec = ExtensionSpec {
        key: known.key.clone(),
        version: known.version.clone(),
        plugin: known.plugin.clone(),
        ..ExtensionSpec::default()
    };
    let mut writer = XmlWriter::default();
    writer.element("extension", |w| spec.write(w, Timestamp::UNIX_EPOCH));
    let written = crate::wire::read_xml(&writer.finish(), &crate::wire::Limits::default());
    let again = written.map(|node| read(&node)).map(|again| (again.key, again.version, again.plugin));
    assert_eq!(again, Ok((known.key.clone(), known.version.clone(), known.plugin.clone())));
    known
}

impl ExtensionSpec {
    /// Writes an `Extension`'s content in the order of its schema.
    fn write(&self, w: &mut XmlWriter, time: Timestamp) {
        let description = |w: &mut XmlWriter| {
            w.element("description", |w| {
                w.value("label", &self.label);
                w.value("summary", &self.summary);
            });
        };
        description(w);
        w.value("key", &self.key);
        w.value("company", &self.company);
        w.value("version", &self.version);
        if let Some(plugin) = &self.plugin {
            w.element("server", |w| {
                w.value("url", &plugin.manifest_url);
                description(w);
                w.value("company", &self.company);
                w.value("type", MANIFEST_SERVER);
                w.value("adminEmail", &plugin.admin_email);
                w.value("serverThumbprint", &plugin.thumbprint);
                if let Some(pem) = &plugin.certificate_pem {
                    w.value("serverCertificate", pem);
                }
            });
            w.element("client", |w| {
                w.value("version", &self.version);
                description(w);
                w.value("company", &self.company);
                w.value("type", REMOTE_PLUGIN);
                w.value("url", &plugin.manifest_url);
            });
        }
        for id in &self.tasks {
            w.element("taskList", |w| w.value("taskID", id));
        }
        for id in &self.events {
            w.element("eventList", |w| w.value("eventID", id));
        }
        for id in &self.faults {
            w.element("faultList", |w| w.value("faultID", id));
        }
        for (group, id) in &self.privileges {
            w.element("privilegeList", |w| {
                w.value("privID", id);
                w.value("privGroupName", group);
            });
        }
        for texts in &self.texts {
            w.element("resourceList", |w| {
                w.value("locale", &texts.locale);
                w.value("module", &texts.module);
                for (key, value) in &texts.data {
                    w.element("data", |w| {
                        w.value("key", key);
                        w.value("value", value);
                    });
                }
            });
        }
        w.value("lastHeartbeatTime", time);
        w.value("shownInSolutionManager", self.plugin.is_some());
    }
}
