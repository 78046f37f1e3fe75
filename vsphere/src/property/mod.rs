//! Reading properties of single objects: one RetrievePropertiesEx, typed.

mod device;
mod host;
mod kind;
mod vm;

use std::collections::BTreeMap;

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;
use crate::wire::{Node, XmlWriter};

pub(crate) use device::read_nic;
pub use device::{ControllerDetails, DeviceDetails, DiskBacking, DiskDetails, NicDetails};
pub(crate) use device::{Device, read_device};
pub use host::{HostAddress, HostUsage};
pub use kind::VmKind;
pub use vm::{
    BootDevice, FoundVms, Heartbeat, PowerState, Question, SnapshotDetails, ToolsState, UnreadableVm,
    VmDetails,
};

/// The properties of one object by path; what is not set is not there.
pub(crate) type Bag = BTreeMap<String, Node>;

/// How many objects a page of RetrievePropertiesEx may hold.
const PAGE: u32 = 500;

impl Session {
    /// Reads properties of one object.
    pub(crate) async fn read_properties(&self, object: &MoRef, paths: &[&str]) -> Result<Bag, Error> {
        let mut objects = self.read_many(&object.kind, std::slice::from_ref(object), paths).await?;
        match objects.pop() {
            Some((_, bag)) => Ok(bag),
            None => Err(Error::NotFound { what: format!("{object} in {}", self.name()) }),
        }
    }

    /// Reads properties of several objects of one type. What is gone is left out, unless it is the only one.
    pub(crate) async fn read_many(
        &self,
        kind: &str,
        objects: &[MoRef],
        paths: &[&str],
    ) -> Result<Vec<(MoRef, Bag)>, Error> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        self.retrieve(|w| {
            property_set(w, kind, paths);
            for object in objects {
                w.element("objectSet", |w| {
                    w.moref("obj", object);
                    w.value("skip", false);
                });
            }
        })
        .await
    }

    /// Reads properties of all objects of a type in the inventory, by a view that is destroyed afterwards.
    pub(crate) async fn read_all(&self, kind: &str, paths: &[&str]) -> Result<Vec<(MoRef, Bag)>, Error> {
        let view = self.create_view(&[kind]).await?;
        let read = self
            .retrieve(|w| {
                property_set(w, kind, paths);
                view_object_set(w, &view);
            })
            .await;
        self.destroy_view(&view).await;
        read
    }

    /// A container view over the whole inventory.
    pub(crate) async fn create_view(&self, kinds: &[&str]) -> Result<MoRef, Error> {
        let content = self.content().await?;
        let (manager, root) = (content.view_manager.clone(), content.root_folder.clone());
        self.call_for_moref("CreateContainerView", &manager, |w| {
            w.moref("container", &root);
            for kind in kinds {
                w.value("type", kind);
            }
            w.value("recursive", true);
        })
        .await
    }

    /// Destroys a view. One that stays ends with the session, so an error is of no consequence.
    pub(crate) async fn destroy_view(&self, view: &MoRef) {
        if let Err(error) = self.call("DestroyView", view, |_| {}).await {
            tracing::debug!(%error, "a view could not be destroyed");
        }
    }

    async fn retrieve(&self, spec: impl FnOnce(&mut XmlWriter)) -> Result<Vec<(MoRef, Bag)>, Error> {
        let collector = self.content().await?.property_collector.clone();
        let mut page = self
            .call("RetrievePropertiesEx", &collector, |w| {
                w.element("specSet", spec);
                w.element("options", |w| w.value("maxObjects", PAGE));
            })
            .await?;
        let mut objects = Vec::new();
        loop {
            let Some(result) = page.child("returnval") else { return Ok(objects) };
            objects.extend(result.all("objects").filter_map(read_object));
            let Some(token) = result.text_at("token").filter(|token| !token.is_empty()) else {
                return Ok(objects);
            };
            let token = token.to_owned();
            page =
                self.call("ContinueRetrievePropertiesEx", &collector, |w| w.value("token", &token)).await?;
        }
    }
}

fn read_object(node: &Node) -> Option<(MoRef, Bag)> {
    let object = node.moref_at("obj")?;
    let bag =
        node.all("propSet").filter_map(|set| Some((set.string("name"), set.child("val")?.clone()))).collect();
    Some((object, bag))
}

/// A `PropertySpec`.
pub(crate) fn property_set(w: &mut XmlWriter, kind: &str, paths: &[&str]) {
    w.element("propSet", |w| {
        w.value("type", kind);
        w.value("all", false);
        for path in paths {
            w.value("pathSet", path);
        }
    });
}

/// An `ObjectSpec` of everything in a container view.
pub(crate) fn view_object_set(w: &mut XmlWriter, view: &MoRef) {
    w.element("objectSet", |w| {
        w.moref("obj", view);
        w.value("skip", true);
        w.typed("selectSet", "TraversalSpec", |w| {
            w.value("name", "view");
            w.value("type", "ContainerView");
            w.value("path", "view");
            w.value("skip", false);
        });
    });
}

/// The references in an `ArrayOfManagedObjectReference`.
pub(crate) fn morefs(node: Option<&Node>) -> Vec<MoRef> {
    node.map_or_else(Vec::new, |node| node.all("ManagedObjectReference").filter_map(Node::moref).collect())
}

/// The strings in an `ArrayOfString`.
pub(crate) fn strings(node: Option<&Node>) -> Vec<String> {
    node.map_or_else(Vec::new, |node| node.all("string").map(|text| text.text.clone()).collect())
}

/// An object's name as people write it: vCenter escapes `%`, `/` and `\` in names (API reference, ManagedEntity.name).
pub(crate) fn decode_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let code = rest.get(at..at + 3).map(str::to_ascii_lowercase);
        let decoded = match code.as_deref() {
            Some("%25") => Some('%'),
            Some("%2f") => Some('/'),
            Some("%5c") => Some('\\'),
            _ => None,
        };
        out.push(decoded.unwrap_or('%'));
        rest = &rest[at + if decoded.is_some() { 3 } else { 1 }..];
    }
    out.push_str(rest);
    out
}

/// The reverse of [`decode_name`], for names that are sent.
pub(crate) fn encode_name(name: &str) -> String {
    name.replace('%', "%25").replace('/', "%2f").replace('\\', "%5c")
}

/// Takes an answer for objects with their properties.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_objects(result: &Node) {
    for (object, bag) in result.all("objects").filter_map(read_object) {
        let _ = vm::read_vm(object, &bag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_once_and_encoded_back() {
        for (sent, shown) in [
            ("a%2fb", "a/b"),
            ("100%25", "100%"),
            ("%252f", "%2f"),
            ("x%5Cy", "x\\y"),
            ("%", "%"),
            ("%2", "%2"),
            ("größe%zz", "größe%zz"),
        ] {
            assert_eq!(decode_name(sent), shown);
            assert_eq!(decode_name(&encode_name(shown)), shown);
        }
    }
}
