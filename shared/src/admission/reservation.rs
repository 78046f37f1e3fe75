//! What has been promised to migrations that were accepted and have not ended.
//!
//! The inventory does not show a promise: two requests a second apart would both find the name free and the
//! datastore roomy. So each accepted migration holds what it will take until its copy exists.

use std::collections::BTreeSet;

use crate::ids::{MigrationId, ObjectId, VcenterId};
use crate::problem::Finding;

use super::source::SourceVm;

/// What one migration will take at its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Who holds it.
    pub migration: MigrationId,
    /// The VM it moves.
    pub vm: ObjectId,
    /// The vCenter it moves to.
    pub cloud: VcenterId,
    /// The datastore's managed object id.
    pub datastore: String,
    /// What its disks will take: the sum of their capacities, whatever their format, because a thin disk may
    /// grow to that. 0 once the copy has arrived and the datastore's free space tells it.
    pub bytes: u64,
    /// The folder's managed object id.
    pub folder: String,
    /// The copy's name.
    pub name: String,
    /// The MAC addresses the copy will have; empty if the target generates them.
    pub macs: BTreeSet<String>,
}

/// All promises.
#[derive(Clone, Debug, Default)]
pub struct Reservations {
    held: Vec<Reservation>,
}

impl Reservations {
    /// All promises but the migration's own: a migration that is checked again does not stand in its own way.
    #[must_use]
    pub fn of_others(held: impl IntoIterator<Item = Reservation>, own: Option<MigrationId>) -> Self {
        Self { held: held.into_iter().filter(|r| Some(r.migration) != own).collect() }
    }

    /// Adds a promise, for the next VM of the same request.
    pub fn add(&mut self, reservation: Reservation) {
        self.held.push(reservation);
    }

    /// What is promised on a datastore, in bytes.
    pub fn bytes_on(&self, cloud: &VcenterId, datastore: &str) -> u64 {
        self.held
            .iter()
            .filter(|r| r.cloud == *cloud && r.datastore == datastore)
            .fold(0, |sum, r| sum.saturating_add(r.bytes))
    }

    /// Who holds a name in a folder.
    pub fn holder_of_name(&self, cloud: &VcenterId, folder: &str, name: &str) -> Option<&Reservation> {
        self.held
            .iter()
            .find(|r| r.cloud == *cloud && r.folder == folder && r.name.eq_ignore_ascii_case(name))
    }

    /// Who holds a MAC address.
    pub fn holder_of_mac(&self, cloud: &VcenterId, mac: &str) -> Option<&Reservation> {
        self.held
            .iter()
            .find(|r| r.cloud == *cloud && r.macs.iter().any(|held| held.eq_ignore_ascii_case(mac)))
    }

    /// Whether the VM is being moved already.
    pub fn check_moving(&self, vm: &SourceVm) -> Vec<Finding> {
        let mover = self.held.iter().find(|r| r.vm == vm.id);
        mover
            .map(|r| {
                Finding::blocker(
                    "already-moving",
                    &vm.name,
                    format!("'{}' is being moved already, by migration {}.", vm.name, r.migration),
                    "Wait until that migration has ended, or cancel it.",
                )
            })
            .into_iter()
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::super::samples::{codes, id, vm};
    use super::*;

    pub fn reservation() -> Reservation {
        Reservation {
            migration: MigrationId(uuid::Uuid::from_u128(1)),
            vm: id("onprem", "vm-9"),
            cloud: "cloud".to_owned().try_into().unwrap(),
            datastore: "datastore-1".into(),
            bytes: 5 << 30,
            folder: "group-v1".into(),
            name: "web-01".into(),
            macs: ["00:50:56:01:02:03".to_owned()].into(),
        }
    }

    #[test]
    fn a_vm_that_is_being_moved_is_refused_unless_it_is_the_same_migration() {
        let held = Reservation { vm: vm().id, ..reservation() };
        let others = Reservations::of_others([held.clone()], None);
        assert_eq!(codes(&others.check_moving(&vm())), ["already-moving"]);
        let own = Reservations::of_others([held.clone()], Some(held.migration));
        assert!(own.check_moving(&vm()).is_empty());
    }

    #[test]
    fn promises_are_found_by_vcenter_and_object() {
        let mut all = Reservations::of_others([reservation()], None);
        all.add(Reservation { bytes: u64::MAX, ..reservation() });
        let cloud = &reservation().cloud;
        assert_eq!(all.bytes_on(cloud, "datastore-1"), u64::MAX, "the sum saturates");
        assert_eq!(all.bytes_on(cloud, "datastore-2"), 0);
        assert!(
            all.holder_of_name(cloud, "group-v1", "WEB-01").is_some(),
            "case is ignored, to be on the safe side"
        );
        assert!(all.holder_of_name(cloud, "group-v2", "web-01").is_none());
        assert!(all.holder_of_mac(cloud, "00:50:56:01:02:03").is_some());
        let other = "cloud2".to_owned().try_into().unwrap();
        assert!(all.holder_of_mac(&other, "00:50:56:01:02:03").is_none());
    }
}
