//! Values for tests.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_shared::migration::MigrationView;
use hdm_shared::{MigrationId, testing};
use jiff::Timestamp;
use uuid::Uuid;

/// A running migration of a VM of the vCenter `onprem`.
pub fn migration(id: u128, vm: &str) -> MigrationView {
    MigrationView {
        step: Some("recheck".into()),
        created_at: Timestamp::from_second(1_700_000_000).unwrap(),
        ..testing::migration(MigrationId(Uuid::from_u128(id)), vm, &format!("name-of-{vm}"))
    }
}
