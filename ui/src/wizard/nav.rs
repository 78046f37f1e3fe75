//! The list of the steps, and the buttons at the bottom.

use leptos::html;
use leptos::prelude::*;

use super::state::{Check, Wizard, step_words};
use crate::i18n::t;
use crate::model::wizard::Step;
use crate::model::wizard::finding::blocked;
use crate::page::live::Live;
use crate::sdk;
use crate::widgets::Icon;

/// The list of the steps. Those that were reached can be gone to, until the request is accepted.
#[component]
pub fn Nav(wizard: Wizard) -> impl IntoView {
    let item = move |step: Step| {
        let now = Memo::new(move |_| wizard.step());
        let reached = Memo::new(move |_| wizard.draft.with(|draft| draft.furthest) >= step);
        let done =
            move || reached.get() && now.get() > step || now.get() == Step::Status && step != Step::Status;
        let enabled = move || {
            reached.get() && now.get() != Step::Status && step != Step::Status && !wizard.sending.get()
        };
        let go = move |_| {
            if step <= now.get_untracked() || untrack(|| wizard.issues()).is_empty() {
                wizard.go(step);
            } else {
                wizard.tried.set(true);
            }
        };
        view! {
            <li
                class="hdm-step"
                class:hdm-current=move || now.get() == step
                class:hdm-done=done
            >
                <button
                    type="button"
                    disabled=move || !enabled() && now.get() != step
                    aria-current=move || (now.get() == step).then_some("step")
                    on:click=go
                >
                    <span class="hdm-step-number">{step.number()}</span>
                    <span class="hdm-step-name">{step_words(step)}</span>
                    {move || {
                        done()
                            .then(|| {
                                view! {
                                    <span class="hdm-step-mark">
                                        {Icon::Check.draw()}
                                        <span class="clr-sr-only">{t::wizard::step_done()}</span>
                                    </span>
                                }
                            })
                    }}
                </button>
            </li>
        }
    };
    view! {
        <nav class="hdm-steps" aria-label=t::wizard::steps()>
            <ol>{Step::ALL.into_iter().map(item).collect_view()}</ol>
        </nav>
    }
}

/// Back, Next, Migrate, Finish.
#[component]
pub fn Footer(wizard: Wizard) -> impl IntoView {
    let live = expect_context::<Live>();
    let next = NodeRef::<html::Button>::new();
    let step = Memo::new(move |_| wizard.step());
    // The step's heading gets the focus, so that a screen reader reads where one is; or the field that is to be mended.
    Effect::new(move |before: Option<Step>| {
        let now = step.get();
        if before.is_some_and(|before| before != now) {
            if wizard.mend.with_untracked(Option::is_some) {
                crate::widgets::focus_wrong();
            } else {
                request_animation_frame(|| crate::widgets::focus("hdm-step-title"));
            }
        }
        now
    });
    let back = move |_| {
        if let Some(previous) = step.get_untracked().previous() {
            wizard.go(previous);
        }
    };
    let admitted = move || match wizard.check.get() {
        Check::Answered(plan) => !plan.vms.is_empty() && blocked(&plan).is_empty(),
        _ => false,
    };
    let can_migrate = move || admitted() && !wizard.sending.get() && live.can_act();
    view! {
        <div class="hdm-wizard-footer">
            <Show when=move || step.get().previous().is_some()>
                <button
                    type="button"
                    class="btn btn-outline"
                    disabled=move || wizard.sending.get()
                    on:click=back
                >
                    {t::wizard::back()}
                </button>
            </Show>
            <Show when=move || step.get().next().is_some()>
                <button node_ref=next type="button" class="btn btn-primary" on:click=move |_| wizard.next()>
                    {t::wizard::next()}
                </button>
            </Show>
            <Show when=move || step.get() == Step::Summary>
                <button
                    type="button"
                    class="btn btn-primary"
                    disabled=move || !can_migrate()
                    on:click=move |_| wizard.migrate()
                >
                    {t::wizard::migrate()}
                </button>
            </Show>
            <Show when=move || step.get() == Step::Status>
                <button type="button" class="btn btn-primary" on:click=move |_| sdk::close_modal()>
                    {t::wizard::finish()}
                </button>
            </Show>
        </div>
    }
}
