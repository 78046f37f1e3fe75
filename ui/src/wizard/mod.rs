//! The Migrate wizard: eight steps in a dialog whose title and X the Client draws.

mod list_panel;
mod load;
mod mended;
mod nav;
mod state;
mod step_cloud;
mod step_instructions;
mod step_network;
mod step_status;
mod step_summary;
mod step_target;
mod step_type;
mod step_vms;
mod target_form;
mod vm_settings;

use hdm_shared::plugin::Privilege;
use hdm_shared::plugin::menu::ClientObject;
use jiff::Timestamp;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use self::load::Refusal;
use self::nav::{Footer, Nav};
use self::state::{DRAFT, Wizard, issue_words};
use crate::format;
use crate::i18n::t;
use crate::model::wizard::validate::can_be_chosen;
use crate::model::wizard::{Draft, Step};
use crate::page::context::Context;
use crate::page::live::Live;
use crate::page::memory;
use crate::sdk;
use crate::widgets::{Alert, Level};

/// A draft as it is remembered. A managed object id means another VM in another vCenter.
#[derive(Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    vcenter: String,
    draft: Draft,
    #[serde(deserialize_with = "hdm_shared::instant::read")]
    at: Timestamp,
}

/// Where the wizard stands before its first step.
#[derive(Clone)]
enum Stage {
    Loading,
    Refused(Refusal),
    /// An earlier draft is offered.
    Offered(Box<Kept>, Box<Draft>),
    Open,
}

/// The wizard.
#[component]
pub fn MigrateWizard() -> impl IntoView {
    let context = expect_context::<Context>();
    let live = expect_context::<Live>();
    sdk::set_title(t::wizard::title());
    let wizard = Wizard::new(context.guid());
    let stage = RwSignal::new(Stage::Loading);
    let objects = StoredValue::new(context.objects.clone());
    let open = move || leptos::task::spawn_local(open(wizard, stage, objects.get_value()));
    open();
    keep_draft(wizard, stage);
    // Of several, each is asked about when it is checked.
    let forbidden = move || {
        objects.with_value(|objects| objects.len() == 1) && live.loaded.get() && !live.may(Privilege::Migrate)
    };
    let content = move || match stage.get() {
        Stage::Loading => view! {
            <p class="hdm-loading" role="status">
                <span class="spinner spinner-inline"></span>
                {t::common::loading()}
            </p>
        }
        .into_any(),
        Stage::Refused(refusal) => {
            let again = move |_| {
                stage.set(Stage::Loading);
                open();
            };
            let may_pass = matches!(refusal, Refusal::Failed(_));
            view! {
                <Alert level=Level::Danger>
                    {refusal_words(&refusal)} " "
                    {may_pass
                        .then(|| {
                            view! {
                                <button type="button" class="hdm-link" on:click=again>
                                    {t::common::again()}
                                </button>
                            }
                        })}
                </Alert>
            }
            .into_any()
        }
        Stage::Offered(kept, fresh) => {
            let title = t::wizard::draft_title(draft_words(&kept.draft, wizard), format::date_time(kept.at));
            view! {
                <div class="hdm-draft" role="group" aria-label=t::wizard::title()>
                    <p>{title}</p>
                    <div class="hdm-buttons">
                        <button
                            type="button"
                            class="btn btn-outline"
                            on:click=move |_| {
                                memory::forget(DRAFT);
                                begin(wizard, stage, (*fresh).clone());
                            }
                        >
                            {t::wizard::draft_drop()}
                        </button>
                        <button
                            type="button"
                            class="btn btn-primary"
                            on:click=move |_| {
                                let step = kept.draft.step;
                                wizard.draft.set(kept.draft.clone());
                                stage.set(Stage::Open);
                                wizard.go(step);
                            }
                        >
                            {t::wizard::draft_continue()}
                        </button>
                    </div>
                </div>
            }
            .into_any()
        }
        Stage::Open => view! { <Steps wizard/> }.into_any(),
    };
    view! {
        <Show when=forbidden>
            <Alert level=Level::Danger>{t::wizard::not_permitted()}</Alert>
        </Show>
        {content}
    }
}

/// Reads what the wizard needs, and begins: with how far the one VM is that is being moved already, with an earlier
/// draft, or anew.
async fn open(wizard: Wizard, stage: RwSignal<Stage>, objects: Vec<ClientObject>) {
    if let [one] = objects.as_slice()
        && one.kind == "VirtualMachine"
        && let Some(id) = load::under_way(&wizard.guid.get_value(), &one.id).await
    {
        wizard.migrations.set(vec![id]);
        wizard.was_under_way.set(true);
        wizard.draft.update(|draft| draft.go(Step::Status));
        stage.set(Stage::Open);
        return;
    }
    match load::load(wizard, &objects).await {
        Err(refusal) => {
            let passes = matches!(&refusal, Refusal::Failed(failure) if failure.may_pass());
            stage.set(Stage::Refused(refusal));
            if passes {
                let again = move || {
                    if matches!(stage.try_get_untracked(), Some(Stage::Refused(_))) {
                        leptos::task::spawn_local(open(wizard, stage, objects));
                    }
                };
                set_timeout(again, TRY_AGAIN);
            }
        }
        Ok(chosen) => {
            let draft = Draft::new(chosen);
            match memory::recall::<Kept>(DRAFT).and_then(|kept| worth_offering(kept, wizard)) {
                Some(kept) => stage.set(Stage::Offered(Box::new(kept), Box::new(draft))),
                None => begin(wizard, stage, draft),
            }
        }
    }
}

/// A draft is offered if it is this vCenter's, got beyond the beginning, and all its virtual machines are still there;
/// without those that cannot be moved any more.
fn worth_offering(mut kept: Kept, wizard: Wizard) -> Option<Kept> {
    let draft = &mut kept.draft;
    let here = kept.vcenter == wizard.guid.get_value();
    let begun = draft.furthest > Step::Type && draft.furthest < Step::Status;
    let there = wizard.vms.with_untracked(|vms| {
        let there = draft.chosen.iter().all(|moid| vms.contains_key(moid));
        draft.chosen.retain(|moid| vms.get(moid).is_some_and(|vm| can_be_chosen(vm)));
        there
    });
    (here && begun && there && !draft.chosen.is_empty()).then_some(kept)
}

/// When what may pass by itself is tried again.
const TRY_AGAIN: std::time::Duration = std::time::Duration::from_secs(5);
/// So many virtual machines of a draft are named.
const NAMED: usize = 3;

/// How many virtual machines a draft has, and which.
fn draft_words(draft: &Draft, wizard: Wizard) -> String {
    let names: Vec<String> = wizard.vms.with_untracked(|vms| {
        let known = draft.chosen.iter().filter_map(|moid| vms.get(moid));
        known.take(NAMED).map(|vm| vm.name.clone()).collect()
    });
    let more = if draft.chosen.len() > NAMED { ", …" } else { "" };
    format!("{} ({}{more})", t::units::virtual_machines(draft.chosen.len() as u64), names.join(", "))
}

fn begin(wizard: Wizard, stage: RwSignal<Stage>, draft: Draft) {
    wizard.draft.set(draft);
    let skip = wizard.preferences.with_untracked(|preferences| preferences.skip_instructions);
    stage.set(Stage::Open);
    wizard.go(if skip { Step::Type } else { Step::Instructions });
}

/// Remembers every change for as long as the browser's tab is open.
fn keep_draft(wizard: Wizard, stage: RwSignal<Stage>) {
    Effect::new(move || {
        let draft = wizard.draft.get();
        let open = stage.with(|stage| matches!(stage, Stage::Open));
        if open && draft.step != Step::Status && draft.furthest > Step::Type {
            let vcenter = wizard.guid.get_value();
            memory::remember(DRAFT, &Kept { vcenter, draft, at: format::now() });
        }
    });
}

fn refusal_words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::SeveralVcenters => t::wizard::several_vcenters().to_owned(),
        Refusal::TooMany(n) => t::wizard::too_many(
            format::integer(*n as u64),
            format::integer(hdm_shared::plugin::MAX_SELECTED as u64),
        ),
        Refusal::Failed(failure) => t::wizard::load_failed(failure.words()),
    }
}

/// The steps' list, the step, and the buttons.
#[component]
fn Steps(wizard: Wizard) -> impl IntoView {
    let step = Memo::new(move |_| wizard.step());
    // The table of all virtual machines is not made anew for each visit: it waits out of sight, as it was left.
    let at_vms = Memo::new(move |_| step.get() == Step::Vms);
    let vms_seen = Memo::new(move |seen: Option<&bool>| {
        step.get() != Step::Status && (at_vms.get() || seen.is_some_and(|seen| *seen))
    });
    let shown = move || match step.get() {
        Step::Instructions => view! { <step_instructions::Instructions wizard/> }.into_any(),
        Step::Type => view! { <step_type::Type/> }.into_any(),
        Step::Cloud => view! { <step_cloud::Cloud wizard/> }.into_any(),
        Step::Vms => ().into_any(),
        Step::Target => view! { <step_target::Targets wizard/> }.into_any(),
        Step::Network => view! { <step_network::Networks wizard/> }.into_any(),
        Step::Summary => view! { <step_summary::Summary wizard/> }.into_any(),
        Step::Status => view! { <step_status::Status wizard/> }.into_any(),
    };
    // The first issue is enough: the next one shows when it is mended.
    let issue = move || {
        if !wizard.tried.get() {
            return None;
        }
        wizard.issues().first().map(issue_words)
    };
    view! {
        <div class="hdm-wizard">
            <Nav wizard/>
            <div class="hdm-wizard-main">
                <section class="hdm-wizard-step" class:hdm-away=at_vms>
                    {shown}
                </section>
                <Show when=move || vms_seen.get()>
                    <section class="hdm-wizard-step" class:hdm-away=move || !at_vms.get()>
                        <step_vms::VirtualMachines wizard shown=at_vms/>
                    </section>
                </Show>
                <div class="hdm-wizard-issue">
                    {move || issue().map(|words| view! { <Alert level=Level::Danger>{words}</Alert> })}
                </div>
                <Footer wizard/>
            </div>
        </div>
    }
}
