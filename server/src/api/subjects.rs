//! Which VM a migration is of.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use hdm_shared::migration::MigrationView;
use hdm_shared::{MigrationId, ObjectId};

use super::Caller;
use crate::problem::Failure;
use crate::upstream::Call;

/// How many are remembered.
const MAX_KNOWN: usize = 50_000;
/// How many are asked for at once.
const AT_ONCE: usize = 8;

/// What is remembered: a migration is of one VM for ever.
#[derive(Debug, Default)]
pub struct Subjects {
    known: Mutex<HashMap<MigrationId, ObjectId>>,
}

impl Subjects {
    /// Remembers what is seen anyway.
    pub fn learn<'a>(&self, views: impl IntoIterator<Item = &'a MigrationView>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.extend(views.into_iter().map(|view| (view.id, view.vm.clone())));
    }

    /// The VMs of migrations; what does not exist is left out.
    pub async fn of(
        &self,
        caller: &Caller,
        ids: impl IntoIterator<Item = MigrationId>,
    ) -> Result<HashMap<MigrationId, ObjectId>, Failure> {
        let mut found = HashMap::new();
        let mut missing = std::collections::BTreeSet::new();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let memory = caller.app.feed.memory();
            for id in ids {
                match known.get(&id).cloned().or_else(|| memory.get(id).map(|view| view.vm.clone())) {
                    Some(vm) => {
                        found.insert(id, vm);
                    }
                    None => {
                        missing.insert(id);
                    }
                }
            }
        }
        let ask = async |id: MigrationId| {
            let call = Call::get(&["migrations", &id.to_string()]);
            caller.app.upstream.ask::<MigrationView>(call).await
        };
        let mut answers = stream::iter(missing).map(ask).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(view) => {
                    self.learn([&view]);
                    found.insert(view.id, view.vm);
                }
                Err(failure) if failure.problem.status == 404 => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }
}
