//! The vSphere Client's question which items of a menu to show, and our answer.
//!
//! The browser sends it through the Client's proxy when a menu or a tab is opened (vSphere Client SDK,
//! "dynamic extensions"). Fields that later Clients add are ignored.

use serde::{Deserialize, Serialize};

/// How many objects one question may name; more are answered as if they could be migrated, and the wizard
/// says what is too much.
pub const MAX_OBJECTS: usize = 2_000;

/// The action Migrate of a virtual machine, as the manifest and the answer name it.
pub const VM_MIGRATE: &str = "vm-migrate";
/// The action Migrate of a cluster.
pub const CLUSTER_MIGRATE: &str = "cluster-migrate";

/// What the browser asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MenuQuestion {
    /// The interface's version, such as `1.0.0`.
    #[serde(default)]
    pub api_version: String,
    /// What is selected, such as `urn:vmomi:VirtualMachine:vm-58:<guid>`.
    pub object_ids: Vec<String>,
    /// The user's locale, such as `en-US`.
    #[serde(default)]
    pub locale: String,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MenuAnswer {
    /// The interface's version.
    pub api_version: String,
    /// Each dynamic item.
    pub dynamic_items: Vec<MenuItem>,
}

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// The action's `id` or the view's `navigationId` in the manifest.
    pub id: String,
    /// `false` greys an action out (from 8.0.3 on; removes it before) and hides a view.
    pub visible: bool,
    /// `false` removes an action that is not visible.
    pub relevant: bool,
}

/// An object as the Client names it: `urn:vmomi:<type>:<id>:<vCenter's guid>`; the guid may be absent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientObject {
    /// Its type, such as `VirtualMachine`.
    pub kind: String,
    /// Its id, such as `vm-58`.
    pub id: String,
    /// The vCenter's instance UUID, in lower case.
    pub vc_guid: Option<String>,
}

impl ClientObject {
    /// Reads an id; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("urn:vmomi:")?.split(':');
        let word = |part: Option<&str>| {
            let part = part?;
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
            (!part.is_empty() && part.len() <= 128 && part.chars().all(plain)).then(|| part.to_owned())
        };
        let kind = word(parts.next())?;
        let id = word(parts.next())?;
        let vc_guid = match parts.next() {
            None | Some("") => None,
            given => Some(word(given)?.to_ascii_lowercase()),
        };
        parts.next().is_none().then_some(Self { kind, id, vc_guid })
    }
}

impl std::fmt::Display for ClientObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "urn:vmomi:{}:{}:{}", self.kind, self.id, self.vc_guid.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_object_is_read_with_and_without_its_vcenter() {
        let whole = ClientObject::parse("urn:vmomi:VirtualMachine:vm-58:AB12-cd").unwrap();
        assert_eq!((whole.kind.as_str(), whole.id.as_str()), ("VirtualMachine", "vm-58"));
        assert_eq!(whole.vc_guid.as_deref(), Some("ab12-cd"));
        assert_eq!(ClientObject::parse("urn:vmomi:VirtualMachine:vm-58").unwrap().vc_guid, None);
        for bad in ["", "vm-58", "urn:vmomi:VirtualMachine", "urn:vmomi:A:b:c:d", "urn:vmomi:A:<b>:c"] {
            assert_eq!(ClientObject::parse(bad), None, "{bad}");
        }
    }
}
