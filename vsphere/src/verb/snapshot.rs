//! Snapshots.

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;

impl Session {
    /// Starts making a snapshot (`CreateSnapshot_Task`).
    pub async fn create_snapshot_task(
        &self,
        vm: &MoRef,
        name: &str,
        description: &str,
        memory: bool,
        quiesce: bool,
    ) -> Result<MoRef, Error> {
        self.call_for_moref("CreateSnapshot_Task", vm, |w| {
            w.value("name", name);
            w.value("description", description);
            w.value("memory", memory);
            w.value("quiesce", quiesce);
        })
        .await
    }

    /// Starts removing a snapshot (`RemoveSnapshot_Task`); the disks' data is kept.
    pub async fn remove_snapshot_task(
        &self,
        snapshot: &MoRef,
        remove_children: bool,
        consolidate: bool,
    ) -> Result<MoRef, Error> {
        self.call_for_moref("RemoveSnapshot_Task", snapshot, |w| {
            w.value("removeChildren", remove_children);
            w.value("consolidate", consolidate);
        })
        .await
    }
}
