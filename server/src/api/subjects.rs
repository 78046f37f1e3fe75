//! Which VM a migration is of.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hdm_shared::migration::MigrationView;
use hdm_shared::{MigrationId, ObjectId};

use super::Caller;
use crate::problem::Failure;
use crate::upstream::Call;

/// How many are remembered, of those that exist and of those that do not.
const MAX_KNOWN: usize = 50_000;
/// How many are asked for at once.
const AT_ONCE: usize = 250;
/// How long it is believed that a migration does not exist.
const MISSING_BELIEVED: Duration = Duration::from_secs(60);

/// What is remembered: a migration is of one VM for ever.
#[derive(Debug, Default)]
pub struct Subjects {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    vms: HashMap<MigrationId, ObjectId>,
    /// Since when those are known that do not exist.
    missing: HashMap<MigrationId, Duration>,
}

impl Subjects {
    /// Remembers what is seen anyway.
    pub fn learn<'a>(&self, views: impl IntoIterator<Item = &'a MigrationView>) {
        let mut known = self.lock();
        if known.vms.len() >= MAX_KNOWN {
            known.vms.clear();
        }
        known.vms.extend(views.into_iter().map(|view| (view.id, view.vm.clone())));
    }

    /// The VMs of migrations; what does not exist is left out.
    pub async fn of(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = MigrationId>,
    ) -> Result<HashMap<MigrationId, ObjectId>, Failure> {
        let now = caller.app.clock.uptime();
        let mut found = HashMap::new();
        let mut unknown = BTreeSet::new();
        {
            let known = self.lock();
            let memory = caller.app.feed.memory();
            let is_missing = |id: &MigrationId| {
                known.missing.get(id).is_some_and(|since| now.saturating_sub(*since) < MISSING_BELIEVED)
            };
            for id in ids {
                match known.vms.get(&id).cloned().or_else(|| memory.get(id).map(|view| view.vm.clone())) {
                    Some(vm) => {
                        found.insert(id, vm);
                    }
                    None if is_missing(&id) => {}
                    None => {
                        unknown.insert(id);
                    }
                }
            }
        }
        let unknown: Vec<MigrationId> = unknown.into_iter().collect();
        for part in unknown.chunks(AT_ONCE) {
            let ids: Vec<String> = part.iter().map(MigrationId::to_string).collect();
            let call = Call::get(&["migrations"]).with("ids", ids.join(",")).with("limit", AT_ONCE);
            let views: Vec<MigrationView> = caller.app.upstream.ask(call).await?;
            self.learn(&views);
            found.extend(views.into_iter().map(|view| (view.id, view.vm)));
            let mut known = self.lock();
            if known.missing.len() >= MAX_KNOWN {
                known.missing.clear();
            }
            known.missing.extend(part.iter().filter(|id| !found.contains_key(id)).map(|id| (*id, now)));
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
