//! Events: posting our own and reading all.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;
use crate::wire::{Node, XmlWriter};

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSeverity {
    /// Something happened.
    Info,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

/// An event of a registered extension (`EventEx`).
#[derive(Clone, Debug)]
pub struct EventEx {
    /// Its type, such as `com.hdm.migration.Started`.
    pub type_id: String,
    /// How serious.
    pub severity: EventSeverity,
    /// The message, for clients that do not know the extension's texts.
    pub message: String,
    /// Arguments of the extension's text, by name.
    pub arguments: BTreeMap<String, String>,
    /// Who asked for what happened.
    pub user: String,
}

/// An event as vCenter has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// Its key, ascending.
    pub key: i64,
    /// Its type: the id of an extension's event, or the API's type name.
    pub type_id: String,
    /// The message.
    pub message: String,
    /// Its arguments, if it has any.
    pub arguments: BTreeMap<String, String>,
    /// When.
    pub time: Option<Timestamp>,
    /// Who.
    pub user: String,
    /// The VM it is about, if it is about one.
    pub vm: Option<MoRef>,
}

/// How many events one query returns at most.
const MAX_EVENTS: usize = 1_000;

impl Session {
    /// Posts an event about an object: a VM, a cluster, a host or a datacenter.
    pub async fn post_event(&self, entity: &MoRef, event: &EventEx) -> Result<(), Error> {
        let manager = self.content().await?.event_manager.clone();
        let time = self.current_time().await?;
        self.call("PostEvent", &manager, |w| {
            w.typed("eventToPost", "EventEx", |w| event.write(w, entity, time));
        })
        .await
        .map(drop)
    }

    /// Reads events, newest last: of an object (or all), of these types (or all), since a time.
    pub async fn query_events(
        &self,
        entity: Option<&MoRef>,
        type_ids: &[&str],
        since: Option<Timestamp>,
        max: usize,
    ) -> Result<Vec<EventRecord>, Error> {
        let manager = self.content().await?.event_manager.clone();
        let answer = self
            .call("QueryEvents", &manager, |w| {
                w.element("filter", |w| {
                    if let Some(entity) = entity {
                        w.element("entity", |w| {
                            w.moref("entity", entity);
                            w.value("recursion", "self");
                        });
                    }
                    if let Some(since) = since {
                        w.element("time", |w| w.value("beginTime", since));
                    }
                    for id in type_ids {
                        w.value("eventTypeId", id);
                    }
                    w.value("maxCount", max.min(MAX_EVENTS));
                });
            })
            .await?;
        let mut events: Vec<EventRecord> = answer.all("returnval").map(read_event).collect();
        events.retain(|event| type_ids.is_empty() || type_ids.contains(&event.type_id.as_str()));
        events.sort_by_key(|event| event.key);
        Ok(events)
    }
}

impl EventEx {
    /// Writes the event's content in the order of its schema.
    fn write(&self, w: &mut XmlWriter, entity: &MoRef, time: Timestamp) {
        // The API wants keys, which the server replaces.
        w.value("key", 0);
        w.value("chainId", 0);
        w.value("createdTime", time);
        w.value("userName", &self.user);
        let argument = match &*entity.kind {
            "VirtualMachine" => Some(("vm", "vm")),
            "HostSystem" => Some(("host", "host")),
            "ClusterComputeResource" | "ComputeResource" => Some(("computeResource", "computeResource")),
            "Datacenter" => Some(("datacenter", "datacenter")),
            _ => None,
        };
        if let Some((outer, inner)) = argument {
            w.element(outer, |w| {
                w.value("name", "");
                w.moref(inner, entity);
            });
        }
        w.value("eventTypeId", &self.type_id);
        w.value(
            "severity",
            match self.severity {
                EventSeverity::Info => "info",
                EventSeverity::Warning => "warning",
                EventSeverity::Error => "error",
            },
        );
        w.value("message", &self.message);
        for (key, value) in &self.arguments {
            w.element("arguments", |w| {
                w.value("key", key);
                w.xsd("value", "xsd:string", value);
            });
        }
        w.value("objectId", &entity.id);
        w.value("objectType", &entity.kind);
    }
}

fn read_event(node: &Node) -> EventRecord {
    let type_id = node.string("eventTypeId");
    let message = node.string("fullFormattedMessage");
    EventRecord {
        key: node.parsed("key").unwrap_or_default(),
        type_id: if type_id.is_empty() { node.kind().to_owned() } else { type_id },
        message: if message.is_empty() { node.string("message") } else { message },
        arguments: node.all("arguments").map(|a| (a.string("key"), a.string("value"))).collect(),
        time: node.parsed("createdTime"),
        user: node.string("userName"),
        vm: node.moref_at("vm.vm"),
    }
}
