//! What kind of VM a virtual machine is: enough to decide which actions make sense for it.

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;

/// What a menu needs to know of a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmKind {
    /// Whether it is a template.
    pub template: bool,
    /// Key of the extension that manages it.
    pub managed_by: Option<String>,
}

impl Session {
    /// Looks at several VMs at once. The call fails if one of them is gone or hidden from our user.
    pub async fn vm_kinds(&self, vms: &[MoRef]) -> Result<Vec<(MoRef, VmKind)>, Error> {
        let read = self.read_many("VirtualMachine", vms, &["config.template", "config.managedBy"]).await?;
        let kind = |(vm, bag): (MoRef, super::Bag)| {
            let template = bag.get("config.template").is_some_and(|node| node.text == "true");
            let owner = bag.get("config.managedBy").map(|node| node.string("extensionKey"));
            (vm, VmKind { template, managed_by: owner.filter(|key| !key.is_empty()) })
        };
        Ok(read.into_iter().map(kind).collect())
    }
}
