//! The facts of one move, gathered and judged.

use std::collections::BTreeMap;

use hdm_shared::MigrationId;
use hdm_shared::admission::{self, Case, Reservations, SourceVm, TargetFacts};
use hdm_shared::migration::ColdOptions;
use hdm_shared::problem::Finding;
use hdm_vsphere::{Error, VmDetails};

use super::input::{ColdInput, Place};
use super::memo::ColdMemo;
use super::{Cold, facts, vm};
use crate::sites::Site;
use crate::store::{Record, StoreError};

/// What the migrations that have not ended were promised, but for one's own promises.
pub async fn reservations(cold: &Cold, own: Option<MigrationId>) -> Result<Reservations, StoreError> {
    let open = cold.store.open_workflows().await?;
    let taken = taken(cold, &open).await;
    Ok(of_records(&open, own, &taken))
}

/// What the copies in the making take on their datastores already, in bytes. The free space there is less by
/// that, so it must not be promised a second time. What cannot be asked or understood now counts as nothing.
pub async fn taken(cold: &Cold, open: &[Record]) -> BTreeMap<MigrationId, u64> {
    let mut taken = BTreeMap::new();
    for record in open {
        let Ok((input, memo)) = parts(record) else { continue };
        let Some(copy) = memo.transfer.and_then(|t| t.entity).filter(|_| memo.target.is_none()) else {
            continue;
        };
        let Some(cloud) = cold.sites.get(&input.cloud) else { continue };
        match cloud.session.vm_committed_bytes(&copy).await {
            Ok(bytes) => taken.extend(bytes.map(|bytes| (record.id, bytes))),
            Err(error) => tracing::debug!(migration = %record.id, %error, "its copy counts in full"),
        }
    }
    taken
}

/// The same from records at hand. One that cannot be understood promises nothing that could be told, and must
/// not keep others from being accepted; it waits for an operator.
pub fn of_records(
    open: &[Record],
    own: Option<MigrationId>,
    taken: &BTreeMap<MigrationId, u64>,
) -> Reservations {
    let mut held = Vec::new();
    for record in open {
        match parts(record) {
            Ok((input, memo)) => {
                let taken = taken.get(&record.id).copied().unwrap_or(0);
                held.push(facts::reservation(record.id, &input, memo.target.is_some(), taken));
            }
            Err(error) => {
                tracing::error!(migration = %record.id, %error, "what it was promised is not known");
            }
        }
    }
    Reservations::of_others(held, own)
}

/// What a record is about, and what is known of it.
pub fn parts(record: &Record) -> Result<(ColdInput, ColdMemo), serde_json::Error> {
    Ok((serde_json::from_str(&record.input)?, serde_json::from_str(&record.memo)?))
}

/// The source as admission sees it, with what runs on it.
pub async fn source_facts(from: &Site, details: &VmDetails, target_name: &str) -> Result<SourceVm, Error> {
    let running = vm::foreign_tasks(&from.session, &details.running_tasks).await?;
    Ok(facts::source(&from.id, details, &from.inventory.snapshot(), target_name, running))
}

/// The target as admission sees it, for this source.
pub fn target_facts(to: &Site, place: &Place, source: &SourceVm) -> TargetFacts {
    facts::target(&to.id, place, &to.inventory.snapshot(), &source.nics)
}

/// Everything that stands in a move's way now, and what it cannot carry.
pub async fn judge(
    from: &Site,
    to: &Site,
    details: &VmDetails,
    place: &Place,
    options: &ColdOptions,
    target_name: &str,
    open: &Reservations,
) -> Result<Vec<Finding>, Error> {
    let source = source_facts(from, details, target_name).await?;
    let target = target_facts(to, place, &source);
    Ok(admission::admit(Case { vm: &source, target: &target, options, reservations: open }))
}
