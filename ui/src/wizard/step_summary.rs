//! Step 7: what would be done, with the appliance's own checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdm_shared::batch_estimate::estimate;
use hdm_shared::migration::{Plan, ShutdownMode};
use hdm_shared::problem::Finding;
use hdm_shared::vm::VmView;
use leptos::prelude::*;

use super::state::{Check, Wizard};
use crate::api::Failure;
use crate::format;
use crate::grid::{Column, Grid, Row, Rows};
use crate::i18n::t;
use crate::migration::kind_words;
use crate::model::table::{Order, SortKey};
use crate::model::wizard::Draft;
use crate::model::wizard::draft::Effective;
use crate::model::wizard::finding::blocked;
use crate::widgets::{Alert, Level};

/// A virtual machine as the summary lists it.
pub struct Line {
    vm: Arc<VmView>,
    become_: Effective,
    findings: Option<Vec<Finding>>,
}

impl Line {
    fn status(&self) -> String {
        match &self.findings {
            None => String::new(),
            Some(findings) if findings.iter().any(Finding::blocks) => {
                t::summary_step::blocked_word().to_owned()
            }
            Some(findings) if findings.is_empty() => t::summary_step::admitted().to_owned(),
            Some(findings) => t::summary_step::admitted_warning(findings.len() as u64),
        }
    }
}

impl Row for Line {
    type Key = String;
    fn key(&self) -> String {
        self.vm.vm.moid.clone()
    }
    fn name(&self) -> String {
        self.vm.name.clone()
    }
}

#[component]
pub fn Summary(wizard: Wizard) -> impl IntoView {
    let order = RwSignal::new(None::<Order>);
    let rows = Memo::new_with_compare(
        move |_| -> Rows<Line> {
            let draft = wizard.draft.get();
            let findings: BTreeMap<String, Vec<Finding>> = match wizard.check.get() {
                Check::Answered(plan) => {
                    plan.vms.iter().map(|vm| (vm.asked.clone(), vm.findings.clone())).collect()
                }
                _ => BTreeMap::new(),
            };
            let line = |vm: Arc<VmView>| {
                let findings = findings.get(&vm.vm.moid).cloned();
                Arc::new(Line { become_: draft.effective(&vm), findings, vm })
            };
            Arc::new(wizard.chosen().into_iter().map(line).collect())
        },
        |_, _| true,
    );
    let state = move || match wizard.check.get() {
        Check::Nothing | Check::Asking => view! {
            <p class="hdm-loading" role="status">
                <span class="spinner spinner-inline"></span>
                {t::summary_step::checking()}
            </p>
        }
        .into_any(),
        Check::Failed(failure) => view! {
            <Alert level=Level::Danger>
                {failure.words()} " "
                <button type="button" class="hdm-link" on:click=move |_| wizard.ask_for_check()>
                    {t::summary_step::check_again()}
                </button>
                {lines(wizard, &failure)}
            </Alert>
        }
        .into_any(),
        Check::Answered(plan) => view! { <Blocked wizard plan/> }.into_any(),
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::summary_step::title()}</h2>
        <Refused wizard/>
        {state}
        <Words wizard/>
        <div class="hdm-split">
            <Grid label=t::summary_step::list() columns=columns() rows order>
                {t::summary_step::all_blocked()}
            </Grid>
        </div>
        {move || wizard.sending.get().then(|| view! { <p role="status">{t::summary_step::sending()}</p> })}
    }
}

fn columns() -> Vec<Column<Line>> {
    vec![
        Column::text("name", t::summary_step::name(), "minmax(8rem, 1.2fr)", |l: &Line| {
            if l.vm.name == l.become_.name {
                l.vm.name.clone()
            } else {
                t::vms::becomes(&l.vm.name, &l.become_.name)
            }
        })
        .sorted(|l| SortKey::text(&l.vm.name)),
        Column::text("type", t::summary_step::kind(), "minmax(3.5rem, .5fr)", |_: &Line| {
            kind_words(hdm_shared::display::MigrationKind::Cold).to_owned()
        }),
        Column::text("cpu", t::summary_step::cpu(), "minmax(5rem, .9fr)", |l: &Line| {
            format::integer(l.become_.cpus.into())
        })
        .numeric(),
        Column::text("memory", t::summary_step::memory(), "minmax(6rem, 1.1fr)", |l: &Line| {
            format::memory(l.become_.memory_mib)
        })
        .numeric(),
        Column::text("disks", t::summary_step::disks(), "minmax(4rem, .6fr)", |l: &Line| {
            format::bytes(l.vm.capacity_bytes)
        })
        .numeric(),
        Column::text("status", t::summary_step::status(), "minmax(7rem, 1fr)", Line::status)
            .sorted(|l| SortKey::text(&l.status())),
    ]
}

/// What stands in the way, by virtual machine, and what the move does not carry.
#[component]
fn Blocked(wizard: Wizard, plan: Arc<Plan>) -> impl IntoView {
    let blocked = blocked(&plan);
    let count = blocked.len();
    let names = wizard.vms.get_untracked();
    let name = |moid: &String| names.get(moid).map_or_else(|| moid.clone(), |vm| vm.name.clone());
    let groups = blocked
        .iter()
        .map(|(moid, findings)| {
            view! {
                <li>
                    <b>{name(moid)}</b>
                    <ul>{findings.iter().map(|f| finding_line(wizard, moid, f)).collect_view()}</ul>
                </li>
            }
        })
        .collect_view();
    let remarks: Vec<_> = plan
        .vms
        .iter()
        .flat_map(|vm| vm.findings.iter().filter(|f| !f.blocks()).map(|f| (name(&vm.asked), f.clone())))
        .collect();
    let moids: Vec<String> = blocked.keys().cloned().collect();
    let leave_out = move |_| {
        wizard.draft.update(|draft: &mut Draft| draft.leave_out(&moids));
        wizard.ask_for_check();
    };
    view! {
        {(count > 0)
            .then(|| {
                view! {
                    <section class="hdm-blocked" aria-label=t::summary_step::blocked(count as u64)>
                        <Alert level=Level::Danger>{t::summary_step::blocked(count as u64)}</Alert>
                        <ul class="hdm-blocked-list">{groups}</ul>
                        <div>
                            <button type="button" class="btn btn-sm btn-outline" on:click=leave_out>
                                {t::summary_step::leave_out(count as u64)}
                            </button>
                            <button
                                type="button"
                                class="btn btn-sm btn-link"
                                on:click=move |_| wizard.ask_for_check()
                            >
                                {t::summary_step::check_again()}
                            </button>
                        </div>
                    </section>
                }
            })}
        {(!remarks.is_empty())
            .then(|| {
                let lines = remarks
                    .into_iter()
                    .map(|(name, finding)| {
                        view! { <li><b>{name}</b> ": " {finding.message} " " {finding.remedy}</li> }
                    })
                    .collect_view();
                view! {
                    <details class="hdm-remarks">
                        <summary>{t::summary_step::remarks()}</summary>
                        <ul>{lines}</ul>
                    </details>
                }
            })}
    }
}

fn finding_line(wizard: Wizard, moid: &str, finding: &Finding) -> impl IntoView + use<> {
    let mend = wizard.mend_of(moid, finding);
    let step = mend.spot.step.number();
    view! {
        <li>
            {finding.message.clone()}
            " "
            {finding.remedy.clone()}
            " "
            <button type="button" class="hdm-link" on:click=move |_| wizard.go_and_mend(mend.clone())>
                {t::summary_step::go_to(step)}
            </button>
        </li>
    }
}

/// What a refusal found, each at the place where it can be mended. They name virtual machines as they were asked for.
fn lines(wizard: Wizard, failure: &Failure) -> impl IntoView + use<> {
    let findings = failure.findings().iter().filter(|_| !failure.is_not_admitted());
    let lines = findings.map(|finding| finding_line(wizard, &finding.object, finding)).collect_view();
    view! { <ul class="hdm-blocked-list">{lines}</ul> }
}

/// Why the request was not accepted. What stood in its way is told by the check, which was asked for anew.
#[component]
fn Refused(wizard: Wizard) -> impl IntoView {
    move || {
        wizard.refused.get().map(|failure| {
            view! {
                <Alert level=Level::Danger>
                    {t::summary_step::refused_title(failure.words())} {lines(wizard, &failure)}
                </Alert>
            }
        })
    }
}

/// What happens to running virtual machines and to the sources, and how long it takes.
#[component]
fn Words(wizard: Wizard) -> impl IntoView {
    let words = move || {
        let chosen = wizard.chosen();
        if chosen.is_empty() {
            return None;
        }
        let draft = wizard.draft.get();
        let running: Vec<_> = chosen.iter().filter(|vm| vm.powered_on).collect();
        let refused =
            running.iter().filter(|vm| draft.effective(vm).shutdown == ShutdownMode::Refuse).count() as u64;
        let shut_down = running.len() as u64 - refused;
        let mut lines = Vec::new();
        lines.push(match (shut_down, refused) {
            (0, 0) => t::summary_step::shut_down_none().to_owned(),
            (0, _) => t::summary_step::refused(refused),
            (_, 0) => t::summary_step::shut_down(shut_down),
            _ => format!("{} {}", t::summary_step::shut_down(shut_down), t::summary_step::refused(refused)),
        });
        let capacities: Vec<u64> = chosen.iter().map(|vm| vm.capacity_bytes).collect();
        let time = wizard.finished.with(|finished| estimate(&capacities, finished));
        let ground = if time.measured > 0 {
            t::summary_step::time_measured(time.measured as u64)
        } else {
            t::summary_step::time_assumed().to_owned()
        };
        lines.push(format!("{} {ground}", t::summary_step::time(format::estimate(time.range))));
        lines.push(t::summary_step::source().to_owned());
        lines.push(t::summary_step::all_or_none().to_owned());
        Some(lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view())
    };
    view! { <ul class="hdm-words">{words}</ul> }
}
