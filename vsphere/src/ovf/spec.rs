//! An import spec as a vCenter made it.

use super::edit::{self, ImportEdit};
use super::messages;
use crate::error::Error;
use crate::session::Session;
use crate::wire::Node;

/// A file that an import expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileItem {
    /// The device of the spec it belongs to; the lease's `importKey`.
    pub device_id: String,
    /// Its path in the descriptor.
    pub path: String,
    /// Its length, if the descriptor told.
    pub size: Option<u64>,
    /// Whether the disk is made empty, without an upload.
    pub create: bool,
    /// CIM resource type; 17 is a disk.
    pub cim_type: u32,
}

/// A VM to import.
#[derive(Clone, Debug)]
pub struct ImportSpec {
    spec: Option<Node>,
    files: Vec<FileItem>,
    warnings: Vec<String>,
    errors: Vec<String>,
}

/// Reads an `OvfCreateImportSpecResult`.
pub(super) fn read(result: &Node) -> Result<ImportSpec, Error> {
    let spec = result.child("importSpec").cloned();
    let errors = messages(result, "error");
    if spec.is_none() && errors.is_empty() {
        return Err(Session::protocol("CreateImportSpec", "there is neither a spec nor an error in it"));
    }
    let files = result.all("fileItem").map(|item| FileItem {
        device_id: item.string("deviceId"),
        path: item.string("path"),
        size: item.parsed("size"),
        create: item.flag("create"),
        cim_type: item.parsed("cimType").unwrap_or_default(),
    });
    Ok(ImportSpec { spec, files: files.collect(), warnings: messages(result, "warning"), errors })
}

impl ImportSpec {
    /// What stands in the way of the import.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// What the import does differently.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The files it expects.
    pub fn file_items(&self) -> &[FileItem] {
        &self.files
    }

    /// Changes the VM it describes.
    pub fn edit(&mut self, edit: &ImportEdit) -> Result<(), Error> {
        let config = self.spec.as_mut().and_then(|spec| spec.child_mut("configSpec"));
        let config = config.ok_or_else(|| {
            Session::protocol("CreateImportSpec", "the spec describes no single VM, such as a vApp does not")
        })?;
        edit.apply(config)
    }

    /// Puts a network adapter, by its index, on the network that the adapter of this index has in another spec
    /// made from the same descriptor.
    pub fn take_nic_backing(&mut self, index: usize, from: &Self) -> Result<(), Error> {
        let none = || Session::protocol("CreateImportSpec", "the spec describes no single VM");
        let from = from.spec.as_ref().and_then(|spec| spec.child("configSpec")).ok_or_else(none)?;
        let config = self.spec.as_mut().and_then(|spec| spec.child_mut("configSpec")).ok_or_else(none)?;
        edit::take_nic_backing(config, index, from)
    }

    pub(super) fn node(&self) -> Option<&Node> {
        self.spec.as_ref()
    }
}
