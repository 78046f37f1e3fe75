//! Resource pools.

use crate::MoRef;
use crate::error::Error;
use crate::property::encode_name;
use crate::session::Session;
use crate::wire::XmlWriter;

impl Session {
    /// Makes a resource pool without reservations or limits. `DuplicateName` if there is one of that name.
    pub async fn create_resource_pool(&self, parent: &MoRef, name: &str) -> Result<MoRef, Error> {
        self.call_for_moref("CreateResourcePool", parent, |w| {
            w.value("name", encode_name(name));
            w.element("spec", |w| {
                w.element("cpuAllocation", allocation);
                w.element("memoryAllocation", allocation);
            });
        })
        .await
    }

    /// Moves VMs into a pool of the same cluster, at once.
    pub async fn move_into_resource_pool(&self, pool: &MoRef, vms: &[MoRef]) -> Result<(), Error> {
        self.call("MoveIntoResourcePool", pool, |w| {
            for vm in vms {
                w.moref("list", vm);
            }
        })
        .await
        .map(drop)
    }
}

fn allocation(w: &mut XmlWriter) {
    w.value("reservation", 0);
    w.value("expandableReservation", true);
    w.value("limit", -1);
    w.element("shares", |w| {
        w.value("shares", 0);
        w.value("level", "normal");
    });
}
