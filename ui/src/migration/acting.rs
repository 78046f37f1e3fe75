//! Doing something to migrations: one, or those of a selection that it applies to.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::{ActionReport, ActionRequest};
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::Privilege;
use leptos::prelude::*;

use crate::api::{self, Failure, Guid};
use crate::i18n::t;
use crate::model::bulk;
use crate::page::context::Context;
use crate::page::live::{self, Live};
use crate::widgets::MenuEntry;
use crate::widgets::question::{Asked, ask};

/// What acting needs.
#[derive(Clone, Copy)]
pub struct Acting {
    live: Live,
    guids: StoredValue<Vec<Guid>>,
    in_dialog: bool,
    /// What went wrong last, as a sentence.
    pub said: RwSignal<Option<String>>,
    /// The page's own question, if the Client cannot ask.
    pub asked: RwSignal<Option<Asked>>,
    busy: RwSignal<bool>,
}

impl Acting {
    /// On the page around.
    pub fn new(in_dialog: bool) -> Self {
        let context = expect_context::<Context>();
        Self {
            live: expect_context::<Live>(),
            guids: StoredValue::new(context.guids),
            in_dialog,
            said: RwSignal::new(None),
            asked: RwSignal::new(None),
            busy: RwSignal::new(false),
        }
    }

    /// Whether anything can be done now.
    pub fn possible(&self) -> bool {
        self.live.can_act() && self.live.may(Privilege::Migrate) && !self.busy.get()
    }

    /// Does something to one migration, after asking where that is due.
    pub fn one(self, action: Action, migration: &MigrationView) {
        let text = (action == Action::Cancel).then(|| t::actions::cancel_one(&migration.vm_name));
        self.begin(action, vec![migration.id], text);
    }

    /// Does something to several.
    pub fn several(self, action: Action, migrations: Vec<MigrationId>) {
        let text = (action == Action::Cancel).then(|| t::actions::cancel_many(migrations.len() as u64));
        self.begin(action, migrations, text);
    }

    /// The entries of one migration's menu.
    pub fn entries(self, migration: &Arc<MigrationView>) -> Vec<MenuEntry> {
        let possible = untrack(|| self.possible());
        let mut entries: Vec<MenuEntry> = Action::ALL
            .into_iter()
            .filter(|action| bulk::applies(*action, migration))
            .map(|action| {
                let migration = migration.clone();
                let mut entry = MenuEntry::new(words(action), move || self.one(action, &migration));
                entry.enabled = possible;
                entry.apart = action == Action::Cancel;
                entry
            })
            .collect();
        if let Some(first) = entries.first_mut() {
            first.apart = false;
        }
        if entries.is_empty() {
            let mut none = MenuEntry::new(t::actions::none(), || ());
            none.enabled = false;
            entries.push(none);
        }
        entries
    }

    fn begin(self, action: Action, migrations: Vec<MigrationId>, question: Option<String>) {
        let run = move || self.send(action, migrations.clone());
        match question {
            None => run(),
            Some(text) => ask(
                self.asked,
                self.in_dialog,
                t::actions::cancel_title().to_owned(),
                text,
                t::actions::cancel_yes().to_owned(),
                run,
            ),
        }
    }

    fn send(self, action: Action, migrations: Vec<MigrationId>) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.said.set(None);
        let key = api::idempotency_key();
        wasm_bindgen_futures::spawn_local(async move {
            let mut failures = Vec::new();
            for (guid, migrations) in self.by_vcenter(migrations) {
                let request = ActionRequest { action, migrations };
                let path = "api/migrations/actions";
                let answer: Result<ActionReport, Failure> =
                    api::write(&guid, "POST", path, &request, Some(&key)).await;
                match answer {
                    Ok(report) => failures.extend(report.outcomes.into_iter().filter_map(|outcome| {
                        let problem = outcome.problem?;
                        Some((self.name(outcome.migration), problem.detail))
                    })),
                    Err(failure) => {
                        failures
                            .extend(request.migrations.iter().map(|id| (self.name(*id), failure.words())));
                    }
                }
            }
            self.busy.set(false);
            self.said.set(summary(&failures));
            live::refresh();
        });
    }

    /// Which vCenter's session each belongs to: the one its virtual machine is in.
    fn by_vcenter(self, migrations: Vec<MigrationId>) -> Vec<(Guid, Vec<MigrationId>)> {
        let guids = self.guids.get_value();
        let mut groups: Vec<(Guid, Vec<MigrationId>)> = Vec::new();
        for id in migrations {
            let source =
                self.live.known.with_untracked(|known| known.get(&id).map(|m| m.vm.vcenter.to_string()));
            let own = self.live.rights.with_untracked(|rights| {
                let found = rights.vcenters.iter().find(|(_, name)| Some(name) == source.as_ref());
                found.map(|(guid, _)| guid.clone())
            });
            let Some(guid) = own.or_else(|| guids.first().cloned()) else { continue };
            match groups.iter_mut().find(|(known, _)| *known == guid) {
                Some((_, ids)) => ids.push(id),
                None => groups.push((guid, vec![id])),
            }
        }
        groups
    }

    fn name(self, id: MigrationId) -> String {
        let known = self.live.known.with_untracked(|known| known.get(&id).map(|m| m.vm_name.clone()));
        known.unwrap_or_else(|| id.to_string())
    }
}

/// What to say of what was not done: the names, and the first reason.
fn summary(failures: &[(String, String)]) -> Option<String> {
    /// More names would hide the reason.
    const NAMED: usize = 5;
    let (_, reason) = failures.first()?;
    let mut names: Vec<&str> = failures.iter().take(NAMED).map(|(name, _)| name.as_str()).collect();
    if failures.len() > NAMED {
        names.push("…");
    }
    Some(t::actions::some_failed(names.join(", "), reason))
}

/// An action in words.
pub fn words(action: Action) -> &'static str {
    match action {
        Action::Pause => t::actions::pause(),
        Action::Resume => t::actions::resume(),
        Action::Retry => t::actions::retry(),
        Action::Dismiss => t::actions::dismiss(),
        Action::Cancel => t::actions::cancel(),
    }
}

/// An action on a selection in words: to how many of it the action applies.
pub fn words_for(action: Action, applies: usize, selected: usize) -> String {
    match action {
        Action::Pause => t::actions::pause_some(applies, selected),
        Action::Resume => t::actions::resume_some(applies, selected),
        Action::Retry => t::actions::retry_some(applies, selected),
        Action::Dismiss => t::actions::dismiss_some(applies, selected),
        Action::Cancel => t::actions::cancel_some(applies, selected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_done_is_said_with_names_and_a_reason() {
        assert_eq!(summary(&[]), None);
        let one = [("web-01".to_owned(), "It is past the point of no return.".to_owned())];
        assert_eq!(summary(&one).as_deref(), Some("Not done for web-01: It is past the point of no return."));
        let many: Vec<_> = (0..9).map(|n| (format!("vm{n}"), "No.".to_owned())).collect();
        assert_eq!(summary(&many).as_deref(), Some("Not done for vm0, vm1, vm2, vm3, vm4, …: No."));
    }
}
