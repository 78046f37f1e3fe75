//! What HDM's account must be allowed to do in a vCenter, as its API reference names it ("Required Privileges" of each
//! method). The account's role is given on the vCenter itself, for everything below.

use hdm_shared::vcenter::VcenterRole;

/// A privilege, and what HDM does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// As vCenter names it, such as `VApp.Export`.
    pub id: &'static str,
    /// What for.
    pub purpose: &'static str,
}

const fn to(id: &'static str, purpose: &'static str) -> Privilege {
    Privilege { id, purpose }
}

/// At every vCenter.
const EVERYWHERE: &[Privilege] = &[
    to("Extension.Register", "register HDM with its types of tasks and events, and the plug-in"),
    to("Extension.Update", "bring that registration up to date"),
    to("Global.CancelTask", "end tasks that a migration has begun when it is undone"),
    to("Global.LogEvent", "show what a migration does in the vCenter's events"),
    to(
        "Resource.AssignVMToPool",
        "park the source in HDM's pool and bring it back; put the copy into its pool",
    ),
    to(
        "Sessions.TerminateSession",
        "end the sessions of an appliance that is gone, before another takes over",
    ),
    to("Task.Create", "show a migration and its attempts in Recent Tasks"),
    to("Task.Update", "show how far they are, and their ends"),
    to("VApp.Export", "read the source's disks; read the copy back, if that is asked for"),
    to("VirtualMachine.Config.Annotation", "note on the VM where it went and how to go back"),
    to("VirtualMachine.Config.EditDevice", "let adapters connect at one side only"),
    to("VirtualMachine.Config.Settings", "set what the import has dropped; restore what was changed"),
    to(
        "VirtualMachine.Interact.PowerOn",
        "start the copy; start the source again when a migration is undone",
    ),
];

/// Where the VMs are: they are stopped, parked, given a snapshot and exported.
const AT_A_SOURCE: &[Privilege] = &[
    to("Resource.CreatePool", "make HDM_MIGRATE_POOL and HDM_SUCCESS_POOL when they are first needed"),
    to("VirtualMachine.Interact.PowerOff", "shut the source down"),
    to("VirtualMachine.State.CreateSnapshot", "freeze the source's disks"),
    to("VirtualMachine.State.RemoveSnapshot", "remove that snapshot"),
];

/// Where they go: they are imported, completed, started, and removed if the move is undone.
const IN_A_CLOUD: &[Privilege] = &[
    to("Datastore.AllocateSpace", "make the copy's disks"),
    to("Network.Assign", "connect the copy's adapters"),
    to("VApp.Import", "write the disks"),
    to("VirtualMachine.Config.AddNewDisk", "make the copy's disks"),
    to("VirtualMachine.Config.AddRemoveDevice", "make the copy's other devices"),
    to("VirtualMachine.Config.AdvancedConfig", "mark the copy with its migration; carry advanced settings"),
    to("VirtualMachine.Config.CPUCount", "carry or change the number of CPUs"),
    to("VirtualMachine.Config.Memory", "carry or change the memory"),
    to("VirtualMachine.Interact.Reset", "restart a guest that never came up, if that was asked for"),
    to("VirtualMachine.Inventory.Create", "make the copy"),
    to("VirtualMachine.Inventory.Delete", "remove a half-made copy when a migration is undone"),
];

/// What HDM needs at a vCenter.
pub fn needed(role: VcenterRole) -> impl Iterator<Item = Privilege> {
    let own = match role {
        VcenterRole::Source => AT_A_SOURCE,
        VcenterRole::Cloud => IN_A_CLOUD,
    };
    EVERYWHERE.iter().chain(own).copied()
}
