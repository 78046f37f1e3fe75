//! Power and guest shutdown.

use crate::MoRef;
use crate::error::Error;
use crate::session::Session;

impl Session {
    /// Starts powering on (`PowerOnVM_Task`).
    pub async fn power_on_task(&self, vm: &MoRef, host: Option<&MoRef>) -> Result<MoRef, Error> {
        self.call_for_moref("PowerOnVM_Task", vm, |w| {
            if let Some(host) = host {
                w.moref("host", host);
            }
        })
        .await
    }

    /// Starts powering off (`PowerOffVM_Task`).
    pub async fn power_off_task(&self, vm: &MoRef) -> Result<MoRef, Error> {
        self.call_for_moref("PowerOffVM_Task", vm, |_| {}).await
    }

    /// Starts a hard reset (`ResetVM_Task`).
    pub async fn reset_task(&self, vm: &MoRef) -> Result<MoRef, Error> {
        self.call_for_moref("ResetVM_Task", vm, |_| {}).await
    }

    /// Asks the guest to shut down; returns at once. `ToolsUnavailable` if nobody in the guest listens.
    pub async fn shutdown_guest(&self, vm: &MoRef) -> Result<(), Error> {
        self.call("ShutdownGuest", vm, |_| {}).await.map(drop)
    }

    /// Starts destroying an object (`Destroy_Task`).
    pub async fn destroy_task(&self, object: &MoRef) -> Result<MoRef, Error> {
        self.call_for_moref("Destroy_Task", object, |_| {}).await
    }
}
