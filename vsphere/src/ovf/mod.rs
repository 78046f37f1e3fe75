//! OVF: describing a VM that is exported, and turning a description into a VM to import.
//!
//! ```text
//! CreateDescriptor ─► OVF ─► CreateImportSpec ─► ImportSpec ─ edit ─► ImportVApp ─► lease
//! ```
//!
//! An import spec is kept as the vCenter made it and sent back with everything it holds; only what
//! [`ImportEdit`] names is changed.

mod edit;
mod spec;

pub use edit::{DiskEdit, ImportEdit, NicEdit};
pub use spec::{FileItem, ImportSpec};

use crate::MoRef;
use crate::error::Error;
use crate::lease::Lease;
use crate::session::Session;
use crate::wire::Node;

/// A file that a descriptor shall name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OvfFile {
    /// The key of the lease's device.
    pub device_id: String,
    /// The path by which the descriptor names the file.
    pub path: String,
    /// The file's length; 0 if it is not known.
    pub size_bytes: u64,
    /// The disk's size; absent for other files.
    pub capacity_bytes: Option<u64>,
}

/// What a descriptor shall say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescriptorParams {
    /// The name of the virtual system.
    pub name: String,
    /// Its files.
    pub files: Vec<OvfFile>,
}

/// An OVF descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The document.
    pub ovf: String,
    /// What it could not express.
    pub warnings: Vec<String>,
    /// What is wrong with it.
    pub errors: Vec<String>,
}

/// How a description becomes a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSpecParams {
    /// The VM's name.
    pub name: String,
    /// Its host. May be absent only on a standalone host or a cluster with DRS (API reference).
    pub host: Option<MoRef>,
    /// The descriptor's networks by name, and what they become.
    pub networks: Vec<(String, MoRef)>,
    /// `thin`, `thick` or `eagerZeroedThick`.
    pub disk_provisioning: String,
}

impl Session {
    /// Describes a VM (`OvfManager.CreateDescriptor`).
    pub async fn create_descriptor(
        &self,
        vm: &MoRef,
        params: &DescriptorParams,
    ) -> Result<Descriptor, Error> {
        let manager = self.content().await?.ovf_manager.clone();
        let answer = self
            .call("CreateDescriptor", &manager, |w| {
                w.moref("obj", vm);
                w.element("cdp", |w| {
                    for file in &params.files {
                        w.element("ovfFiles", |w| {
                            w.value("deviceId", &file.device_id);
                            w.value("path", &file.path);
                            w.value("size", file.size_bytes);
                            w.maybe("capacity", file.capacity_bytes);
                        });
                    }
                    w.value("name", &params.name);
                });
            })
            .await?;
        let result = answer.child("returnval").unwrap_or(&answer);
        let (warnings, errors) = (messages(result, "warning"), messages(result, "error"));
        let ovf = result.string("ovfDescriptor");
        if ovf.is_empty() {
            let why =
                if errors.is_empty() { "there is no descriptor in it".to_owned() } else { errors.join(" ") };
            return Err(Self::protocol("CreateDescriptor", why));
        }
        Ok(Descriptor { ovf, warnings, errors })
    }

    /// Turns a descriptor into a VM to import (`OvfManager.CreateImportSpec`). What stands in the way is told
    /// by [`ImportSpec::errors`].
    pub async fn create_import_spec(
        &self,
        ovf: &str,
        pool: &MoRef,
        datastore: &MoRef,
        params: &ImportSpecParams,
    ) -> Result<ImportSpec, Error> {
        let manager = self.content().await?.ovf_manager.clone();
        let answer = self
            .call("CreateImportSpec", &manager, |w| {
                w.value("ovfDescriptor", ovf);
                w.moref("resourcePool", pool);
                w.moref("datastore", datastore);
                w.element("cisp", |w| {
                    w.value("locale", "");
                    w.value("deploymentOption", "");
                    w.value("entityName", &params.name);
                    if let Some(host) = &params.host {
                        w.moref("hostSystem", host);
                    }
                    for (name, network) in &params.networks {
                        w.element("networkMapping", |w| {
                            w.value("name", name);
                            w.moref("network", network);
                        });
                    }
                    w.value("diskProvisioning", &params.disk_provisioning);
                });
            })
            .await?;
        spec::read(answer.child("returnval").unwrap_or(&answer))
    }

    /// Begins an import (`ResourcePool.ImportVApp`); the files are sent under the lease.
    pub async fn import_vapp(
        &self,
        pool: &MoRef,
        spec: &ImportSpec,
        folder: &MoRef,
        host: Option<&MoRef>,
    ) -> Result<Lease, Error> {
        let node = spec.node().ok_or_else(|| {
            Self::protocol("ImportVApp", "the import spec has errors, so that nothing can be imported")
        })?;
        let moref = self
            .call_for_moref("ImportVApp", pool, |w| {
                w.node_as("spec", node);
                w.moref("folder", folder);
                if let Some(host) = host {
                    w.moref("host", host);
                }
            })
            .await?;
        Ok(self.lease(moref))
    }
}

/// Takes an answer for an import spec, and completes it.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_import_spec(result: &Node, edit: &ImportEdit) {
    if let Ok(mut spec) = spec::read(result) {
        let other = spec.clone();
        let _ = spec.edit(edit);
        let _ = spec.take_nic_backing(0, &other);
        let mut writer = crate::wire::XmlWriter::default();
        if let Some(node) = spec.node() {
            writer.node(node);
        }
        let _ = writer.finish();
    }
}

/// The localized messages of a list of faults.
fn messages(node: &Node, name: &str) -> Vec<String> {
    node.all(name)
        .map(|fault| {
            let message = fault.string("localizedMessage");
            let kind = fault.child("fault").map(Node::kind).unwrap_or_default();
            if message.is_empty() { kind.to_owned() } else { message }
        })
        .collect()
}
