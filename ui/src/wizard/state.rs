//! What the wizard's steps share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::batch::BatchRequest;
use hdm_shared::cloud::CloudOffer;
use hdm_shared::migration::{MigrationView, Plan};
use hdm_shared::plugin::Preferences;
use hdm_shared::problem::Finding;
use hdm_shared::vm::VmView;
use leptos::prelude::*;
use serde::Serialize;

use super::step_vms::{Choices, choices};
use crate::api::{self, Failure, Guid};
use crate::format;
use crate::i18n::t;
use crate::model::sorted::places;
use crate::model::table::natural;
use crate::model::wizard::finding::{Spot, spot};
use crate::model::wizard::request::request;
use crate::model::wizard::validate::{Issue, issues};
use crate::model::wizard::{Draft, Step, choices as offered};
use crate::page::{live, memory};
use crate::sdk;

/// The virtual machines the wizard knows, by managed object id.
pub type Vms = BTreeMap<String, Arc<VmView>>;

/// Under this name the draft is remembered.
pub const DRAFT: &str = "wizard.draft";

/// What the appliance says to the draft.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Nothing was asked yet.
    Nothing,
    /// It is being asked.
    Asking,
    /// Its answer.
    Answered(Arc<Plan>),
    /// There was none.
    Failed(Failure),
}

/// What stands in a virtual machine's way, at the field where it can be mended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mend {
    /// The virtual machine.
    pub moid: String,
    /// Its field.
    pub spot: Spot,
    /// What is wrong, and what to do.
    pub words: String,
}

impl Mend {
    /// What is told at a field; nothing at any other.
    pub fn at(&self, field: &str) -> String {
        if self.spot.field == field { self.words.clone() } else { String::new() }
    }
}

/// What is said of the networks of one cloud alone.
#[derive(Serialize)]
struct Networks<'a> {
    networks: BTreeMap<&'a str, BTreeMap<String, String>>,
}

/// What is said of the instructions alone.
#[derive(Serialize)]
struct Skipping {
    skip_instructions: bool,
}

/// The wizard.
#[derive(Clone, Copy)]
pub struct Wizard {
    pub guid: StoredValue<Guid>,
    pub draft: RwSignal<Draft>,
    pub vms: RwSignal<Arc<Vms>>,
    /// Those that were chosen when they were first listed.
    pub first: RwSignal<BTreeSet<String>>,
    /// The list of all.
    pub choices: Memo<Choices>,
    pub offers: RwSignal<Vec<CloudOffer>>,
    pub preferences: RwSignal<Preferences>,
    /// Migrations that ended here before, for the estimate.
    pub finished: RwSignal<Vec<MigrationView>>,
    pub check: RwSignal<Check>,
    /// Whether the request is on its way.
    pub sending: RwSignal<bool>,
    /// Why the request was not accepted.
    pub refused: RwSignal<Option<Failure>>,
    /// What was accepted, or was under way already.
    pub migrations: RwSignal<Vec<MigrationId>>,
    /// Whether the status is of a migration that was under way before.
    pub was_under_way: RwSignal<bool>,
    /// Whether the step's issues are shown: only after somebody tried to go on.
    pub tried: RwSignal<bool>,
    /// What the step shown was opened for.
    pub mend: RwSignal<Option<Mend>>,
    /// What was asked of the appliance.
    asked: StoredValue<Asked>,
}

/// What was asked of the appliance.
#[derive(Debug, Default)]
struct Asked {
    /// How often it was asked to check: only the newest answer counts.
    checks: u64,
    /// The request whose outcome is not known, and the key under which it was sent.
    unanswered: Option<(BatchRequest, String)>,
}

impl Wizard {
    /// A wizard that knows nothing yet.
    pub fn new(guid: Guid) -> Self {
        let vms = RwSignal::<Arc<Vms>>::default();
        let draft = RwSignal::new(Draft::default());
        let first = RwSignal::default();
        let sorted = move || vms.with(|vms| Arc::new(by_name(&vms.values().cloned().collect::<Vec<_>>())));
        // All of them in the order of their names, which takes long to make.
        let by_name = Memo::new_with_compare(move |_| sorted(), |_, _| true);
        Self {
            guid: StoredValue::new(guid),
            draft,
            vms,
            first,
            choices: choices(by_name, draft, first),
            offers: RwSignal::default(),
            preferences: RwSignal::default(),
            finished: RwSignal::default(),
            check: RwSignal::new(Check::Nothing),
            sending: RwSignal::new(false),
            refused: RwSignal::new(None),
            migrations: RwSignal::default(),
            was_under_way: RwSignal::new(false),
            tried: RwSignal::new(false),
            mend: RwSignal::new(None),
            asked: StoredValue::default(),
        }
    }

    /// The step shown.
    pub fn step(self) -> Step {
        self.draft.with(|draft| draft.step)
    }

    /// The chosen virtual machines that exist, in the order of their names.
    pub fn chosen(self) -> Vec<Arc<VmView>> {
        let vms = self.vms.get();
        let chosen: Vec<_> =
            self.draft.with(|draft| draft.chosen.iter().filter_map(|moid| vms.get(moid).cloned()).collect());
        by_name(&chosen)
    }

    /// The chosen cloud.
    pub fn offer(self) -> Option<CloudOffer> {
        let cloud = self.draft.with(|draft| draft.cloud.clone())?;
        self.offers.with(|offers| offers.iter().find(|offer| offer.vcenter == cloud).cloned())
    }

    /// What is missing in the step shown.
    pub fn issues(self) -> Vec<Issue> {
        let chosen = self.chosen();
        let vms: Vec<&VmView> = chosen.iter().map(AsRef::as_ref).collect();
        let offer = self.offer();
        self.draft.with(|draft| issues(draft.step, draft, &vms, offer.as_ref()))
    }

    /// Goes to a step. Choices that follow from earlier ones are made on the way.
    pub fn go(self, step: Step) {
        self.tried.set(false);
        self.mend.set(None);
        self.forget_check();
        let chosen = untrack(|| self.chosen());
        self.draft.update(|draft| {
            self.offers.with_untracked(|offers| offered::choose_cloud(draft, offers));
            draft.go(step);
        });
        if let Some(offer) = untrack(|| self.offer()) {
            self.preferences.with_untracked(|preferences| {
                let remembered = preferences.networks.get(offer.vcenter.as_str());
                self.draft.update(|draft| {
                    offered::choose_target(draft, &offer);
                    if step < Step::Network {
                        return;
                    }
                    offered::choose_networks(draft, &offer, chosen.iter().map(AsRef::as_ref), remembered);
                });
            });
        }
        self.refused.set(None);
        if step == Step::Summary {
            self.ask_for_check();
        }
    }

    /// Where a finding about a virtual machine is mended; the first such step, if it is not known.
    pub fn mend_of(self, moid: &str, finding: &Finding) -> Mend {
        let spot = self.vms.with_untracked(|vms| {
            let vm = vms.get(moid)?;
            Some(self.draft.with_untracked(|draft| spot(finding, vm, draft)))
        });
        Mend {
            moid: moid.to_owned(),
            spot: spot.unwrap_or(Spot { step: Step::Vms, ..Spot::default() }),
            words: format!("{} {}", finding.message, finding.remedy),
        }
    }

    /// Goes to where something is mended.
    pub fn go_and_mend(self, mend: Mend) {
        self.go(mend.spot.step);
        self.mend.set(Some(mend));
    }

    /// Goes on if the step is complete, else shows what is missing.
    pub fn next(self) {
        if !untrack(|| self.issues()).is_empty() {
            self.tried.set(true);
            return;
        }
        if let Some(next) = self.draft.with_untracked(|draft| draft.step.next()) {
            self.go(next);
        }
    }

    /// What was answered to an earlier draft says nothing of this one, also if it is still on its way.
    fn forget_check(self) {
        self.asked.update_value(|asked| asked.checks += 1);
        self.check.set(Check::Nothing);
    }

    /// Asks the appliance what it says to the draft; nothing, if nothing is chosen.
    pub fn ask_for_check(self) {
        self.forget_check();
        let Some(body) = untrack(|| self.request()).filter(|body| !body.items.is_empty()) else { return };
        self.check.set(Check::Asking);
        let asked = self.asked.with_value(|asked| asked.checks);
        let guid = self.guid.get_value();
        leptos::task::spawn_local(async move {
            let answer: Result<Plan, Failure> = api::write(&guid, "POST", "api/plan", &body, None).await;
            if self.asked.try_with_value(|asked| asked.checks) != Some(asked) {
                return;
            }
            self.check.set(match answer {
                Ok(plan) => Check::Answered(Arc::new(plan)),
                Err(failure) => Check::Failed(failure),
            });
        });
    }

    fn request(self) -> Option<BatchRequest> {
        let chosen = self.chosen();
        let vms: Vec<&VmView> = chosen.iter().map(AsRef::as_ref).collect();
        self.draft.with(|draft| request(draft, &vms))
    }

    /// Sends the request: all or none. A second click while it is on its way does nothing. The same request whose
    /// outcome is not known goes under the same key, so that it is not carried out twice; another one under another.
    pub fn migrate(self) {
        if self.sending.get_untracked() {
            return;
        }
        let Some(body) = untrack(|| self.request()) else { return };
        self.sending.set(true);
        self.refused.set(None);
        let guid = self.guid.get_value();
        let key = match self.asked.with_value(|asked| asked.unanswered.clone()) {
            Some((sent, key)) if sent == body => key,
            _ => api::idempotency_key(),
        };
        self.asked.update_value(|asked| asked.unanswered = Some((body.clone(), key.clone())));
        leptos::task::spawn_local(async move {
            let answer: Result<Vec<MigrationView>, Failure> =
                api::write(&guid, "POST", "api/migrations", &body, Some(&key)).await;
            if self.sending.try_set(false).is_some() {
                // The window was closed meanwhile.
                return;
            }
            match answer {
                Ok(accepted) => {
                    self.migrations.set(accepted.iter().map(|migration| migration.id).collect());
                    memory::forget(DRAFT);
                    self.draft.update(|draft| draft.go(Step::Status));
                    self.remember_networks().await;
                    live::refresh();
                    sdk::refresh_plugin_items();
                }
                Err(failure) => {
                    if failure.is_final() {
                        self.asked.update_value(|asked| asked.unanswered = None);
                    }
                    if failure.is_not_admitted() {
                        // What stands in the way is told by virtual machine, where it always is.
                        self.ask_for_check();
                    }
                    self.refused.set(Some(failure));
                }
            }
        });
    }

    async fn remember_networks(self) {
        let (cloud, chosen) =
            self.draft.with_untracked(|draft| (draft.cloud.clone(), draft.networks.clone()));
        let Some(cloud) = cloud else { return };
        let networks = self.preferences.try_update(|preferences| {
            let known = preferences.networks.entry(cloud.to_string()).or_default();
            known.extend(chosen);
            known.clone()
        });
        let Some(networks) = networks else { return };
        self.keep(&Networks { networks: [(cloud.as_str(), networks)].into() }).await;
    }

    /// Keeps whether the instructions are left out from now on.
    pub async fn keep_skipping(self, skip: bool) {
        self.preferences.update(|preferences| preferences.skip_instructions = skip);
        self.keep(&Skipping { skip_instructions: skip }).await;
    }

    /// Keeps what is named, and nothing else: another page may have set the rest meanwhile. That it could not be kept is
    /// not worth stopping for.
    async fn keep(self, change: &impl Serialize) {
        let Some(guid) = self.guid.try_get_value() else { return };
        let _: Result<Preferences, Failure> = api::write(&guid, "PUT", "api/preferences", change, None).await;
    }
}

/// Sorts virtual machines as people do.
pub fn by_name(vms: &[Arc<VmView>]) -> Vec<Arc<VmView>> {
    let names: Vec<String> = vms.iter().map(|vm| format::lower(&vm.name)).collect();
    let places = places(vms.len(), &|a, b| {
        natural(&names[a], &names[b]).then_with(|| vms[a].vm.moid.cmp(&vms[b].vm.moid))
    });
    places.into_iter().map(|at| vms[at].clone()).collect()
}

/// A step in words.
pub fn step_words(step: Step) -> &'static str {
    match step {
        Step::Instructions => t::wizard::step_instructions(),
        Step::Type => t::wizard::step_type(),
        Step::Cloud => t::wizard::step_cloud(),
        Step::Vms => t::wizard::step_vms(),
        Step::Target => t::wizard::step_target(),
        Step::Network => t::wizard::step_network(),
        Step::Summary => t::wizard::step_summary(),
        Step::Status => t::wizard::step_status(),
    }
}

/// An issue in words.
pub fn issue_words(issue: &Issue) -> String {
    match issue {
        Issue::NoCloud => t::wizard::issue_no_cloud().to_owned(),
        Issue::NoVm => t::wizard::issue_no_vm().to_owned(),
        Issue::TooManyVms => {
            t::wizard::issue_too_many(crate::format::integer(hdm_shared::plugin::MAX_SELECTED as u64))
        }
        Issue::SameName(name) => t::wizard::issue_same_name(name),
        Issue::NoTarget(name) => t::wizard::issue_no_target(name),
        Issue::NoNetwork(name, adapter) => t::wizard::issue_no_network(adapter, name),
    }
}
