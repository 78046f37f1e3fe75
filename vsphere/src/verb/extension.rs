//! Extensions: what a product tells vCenter of its own task, event and privilege types.

use jiff::Timestamp;

use crate::error::Error;
use crate::session::Session;
use crate::wire::{Node, XmlWriter};

/// An extension to register. The texts are for one locale; other locales follow with the plugin.
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
    /// Task types with their texts.
    pub tasks: Vec<(String, String)>,
    /// Event types with their texts.
    pub events: Vec<(String, String)>,
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
}

impl Session {
    /// Looks an extension up.
    pub async fn find_extension(&self, key: &str) -> Result<Option<ExtensionInfo>, Error> {
        let manager = self.content().await?.extension_manager.clone();
        let answer = self.call("FindExtension", &manager, |w| w.value("extensionKey", key)).await?;
        Ok(answer.child("returnval").map(|node| ExtensionInfo {
            key: node.string("key"),
            version: node.string("version"),
            task_ids: ids(node, "taskList", "taskID"),
            event_ids: ids(node, "eventList", "eventID"),
        }))
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

fn ids(node: &Node, list: &str, id: &str) -> Vec<String> {
    node.all(list).map(|entry| entry.string(id)).collect()
}

impl ExtensionSpec {
    /// Writes an `Extension`'s content in the order of its schema.
    fn write(&self, w: &mut XmlWriter, time: Timestamp) {
        w.element("description", |w| {
            w.value("label", &self.label);
            w.value("summary", &self.summary);
        });
        w.value("key", &self.key);
        w.value("company", &self.company);
        w.value("version", &self.version);
        for (id, _) in &self.tasks {
            w.element("taskList", |w| w.value("taskID", id));
        }
        for (id, _) in &self.events {
            w.element("eventList", |w| w.value("eventID", id));
        }
        w.element("resourceList", |w| {
            w.value("locale", "en");
            w.value("module", "task");
            for (id, text) in &self.tasks {
                pair(w, &format!("{id}.label"), text);
                pair(w, &format!("{id}.summary"), text);
            }
        });
        w.element("resourceList", |w| {
            w.value("locale", "en");
            w.value("module", "event");
            for (id, text) in &self.events {
                pair(w, &format!("{id}.description"), text);
                pair(w, &format!("{id}.fullFormat"), text);
            }
        });
        w.value("lastHeartbeatTime", time);
    }
}

fn pair(w: &mut XmlWriter, key: &str, value: &str) {
    w.element("data", |w| {
        w.value("key", key);
        w.value("value", value);
    });
}
