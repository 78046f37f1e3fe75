//! The facts of one move, gathered and judged.

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
    Ok(of_records(&cold.store.open_workflows().await?, own))
}

/// The same from records at hand. One that cannot be understood promises nothing that could be told, and must
/// not keep others from being accepted; it waits for an operator.
pub fn of_records(open: &[Record], own: Option<MigrationId>) -> Reservations {
    let mut held = Vec::new();
    for record in open {
        match promise(record) {
            Ok(reservation) => held.push(reservation),
            Err(error) => {
                tracing::error!(migration = %record.id, %error, "what it was promised is not known");
            }
        }
    }
    Reservations::of_others(held, own)
}

fn promise(record: &Record) -> Result<admission::Reservation, serde_json::Error> {
    let input: ColdInput = serde_json::from_str(&record.input)?;
    let memo: ColdMemo = serde_json::from_str(&record.memo)?;
    Ok(facts::reservation(record.id, &input, memo.target.is_some()))
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
