//! How much this appliance sends: all of it, and each migration.
//!
//! The limits are in the database, so that a restart keeps them and another appliance goes by them; each appliance
//! looks there every few seconds, and at once for what it is asked itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdm_shared::MigrationId;
use hdm_vsphere::RateLimit;

use crate::engine::Clock;
use crate::store::{Store, StoreError};

/// How often the database is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The limits of one appliance.
#[derive(Debug)]
pub struct Throttle {
    store: Store,
    owner: String,
    whole: Arc<RateLimit>,
    /// Of the migrations that send just now; each is kept for as long as its transfer holds it.
    of: Mutex<HashMap<MigrationId, Arc<RateLimit>>>,
}

impl Throttle {
    /// The limits of the appliance of this name; none until they were looked up.
    pub fn new(store: Store, owner: String) -> Self {
        Self { store, owner, whole: Arc::default(), of: Mutex::default() }
    }

    /// What a transfer of a migration goes by: its own limit, then the appliance's.
    pub async fn limits(&self, id: MigrationId) -> Result<Vec<Arc<RateLimit>>, StoreError> {
        let own = self.table().entry(id).or_default().clone();
        self.look().await?;
        Ok(vec![own, self.whole.clone()])
    }

    /// What this appliance may send, in bytes per second.
    pub async fn appliance(&self) -> Result<Option<u64>, StoreError> {
        self.store.appliance_limit(&self.owner).await
    }

    /// Sets what this appliance may send.
    pub async fn limit_appliance(&self, limit: Option<u64>) -> Result<(), StoreError> {
        self.store.limit_appliance(&self.owner, limit).await?;
        self.look().await
    }

    /// Sets what a migration may send; false if it has ended.
    pub async fn limit_migration(&self, id: MigrationId, limit: Option<u64>) -> Result<bool, StoreError> {
        let known = self.store.limit_migration(id, limit).await?;
        self.look().await?;
        Ok(known)
    }

    /// Goes by what the database says now.
    async fn look(&self) -> Result<(), StoreError> {
        self.whole.set(self.store.appliance_limit(&self.owner).await?);
        let limits = self.store.migration_limits().await?;
        let mut table = self.table();
        // Whose transfer has ended holds it no more.
        table.retain(|_, limit| Arc::strong_count(limit) > 1);
        for (id, limit) in table.iter() {
            limit.set(limits.get(id).copied());
        }
        Ok(())
    }

    /// Goes by the database for ever.
    pub async fn follow(&self, clock: Arc<dyn Clock>) {
        loop {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "limits of bandwidth stay as they were");
            }
            clock.sleep(LOOK).await;
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<MigrationId, Arc<RateLimit>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
