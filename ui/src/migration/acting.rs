//! Doing something to migrations: one, or those of a selection that it applies to.

use std::collections::HashMap;
use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::changes::{ActionReport, ActionRequest};
use hdm_shared::display::Action;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use crate::api::{self, Failure};
use crate::format;
use crate::i18n::t;
use crate::model::bulk;
use crate::page::live::{self, Live};
use crate::widgets::question::{Asked, ask};
use crate::widgets::{Alert, Level, MenuEntry};

/// What acting needs.
#[derive(Clone, Copy)]
pub struct Acting {
    live: Live,
    in_dialog: bool,
    /// What went wrong last, as a sentence.
    said: RwSignal<Option<String>>,
    /// Of how many it is done, and of how many it is asked for, while it takes more than one request.
    progress: RwSignal<Option<(usize, usize)>>,
    /// The page's own question, if the Client cannot ask.
    pub asked: RwSignal<Option<Asked>>,
    /// Changes whenever something has been done.
    pub done: RwSignal<u32>,
    busy: RwSignal<bool>,
}

impl Acting {
    /// On the page around.
    pub fn new(in_dialog: bool) -> Self {
        Self {
            live: expect_context::<Live>(),
            in_dialog,
            said: RwSignal::new(None),
            progress: RwSignal::new(None),
            asked: RwSignal::new(None),
            done: RwSignal::new(0),
            busy: RwSignal::new(false),
        }
    }

    /// Whether something can be done to a migration now: its vCenter answers, and the user may.
    pub fn may(&self, migration: &MigrationView) -> bool {
        let guid = self.live.guid_of(&migration.vm.vcenter);
        guid.is_some_and(|guid| self.live.can_act_in(&guid) && self.live.may_act(&guid, migration.id))
    }

    /// Whether nothing is being done just now.
    pub fn is_free(&self) -> bool {
        !self.busy.get()
    }

    /// Does something to one migration, after asking where that is due.
    pub fn one(self, action: Action, migration: &Arc<MigrationView>) {
        let text = (action == Action::Cancel).then(|| t::actions::cancel_one(&migration.vm_name));
        self.begin(action, vec![migration.clone()], text);
    }

    /// Does something to several.
    pub fn several(self, action: Action, migrations: Vec<Arc<MigrationView>>) {
        let text = (action == Action::Cancel).then(|| t::actions::cancel_many(migrations.len() as u64));
        self.begin(action, migrations, text);
    }

    /// The entries of one migration's menu.
    pub fn entries(self, migration: &Arc<MigrationView>) -> Vec<MenuEntry> {
        let possible = untrack(|| self.is_free() && self.may(migration));
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

    fn begin(self, action: Action, migrations: Vec<Arc<MigrationView>>, question: Option<String>) {
        let run = move || self.send(action, &migrations);
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

    fn send(self, action: Action, migrations: &[Arc<MigrationView>]) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.said.set(None);
        let names: HashMap<MigrationId, String> =
            migrations.iter().map(|migration| (migration.id, migration.vm_name.clone())).collect();
        let of = |migration: &Arc<MigrationView>| {
            let guid = untrack(|| self.live.guid_of(&migration.vm.vcenter))?;
            Some((guid, migration.id))
        };
        let requests = bulk::requests(migrations.iter().filter_map(of));
        let total = names.len();
        wasm_bindgen_futures::spawn_local(async move {
            let several = requests.len() > 1;
            let (mut failures, mut done) = (Vec::new(), 0);
            for (guid, migrations) in requests {
                if several {
                    self.progress.set(Some((done, total)));
                }
                done += migrations.len();
                let request = ActionRequest { action, migrations };
                // Each is a request of its own.
                let key = api::idempotency_key();
                let path = "api/migrations/actions";
                let answer: Result<ActionReport, Failure> =
                    api::write(&guid, "POST", path, &request, Some(&key)).await;
                let name = |id: &MigrationId| names.get(id).cloned().unwrap_or_else(|| id.to_string());
                match answer {
                    Ok(report) => failures.extend(report.outcomes.into_iter().filter_map(|outcome| {
                        let problem = outcome.problem?;
                        Some((name(&outcome.migration), problem.detail))
                    })),
                    Err(failure) => {
                        failures.extend(request.migrations.iter().map(|id| (name(id), failure.words())));
                    }
                }
            }
            self.busy.set(false);
            self.progress.set(None);
            self.said.set(summary(&failures));
            self.done.update(|done| *done = done.wrapping_add(1));
            live::refresh();
        });
    }
}

/// What is being done to many, and what was not done.
#[component]
pub fn Said(acting: Acting) -> impl IntoView {
    view! {
        {move || {
            acting
                .progress
                .get()
                .map(|(done, total)| {
                    let (done, total) = (format::integer(done as u64), format::integer(total as u64));
                    view! { <Alert level=Level::Info>{t::actions::progress(done, total)}</Alert> }
                })
        }}
        {move || acting.said.get().map(|said| view! { <Alert level=Level::Danger>{said}</Alert> })}
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
