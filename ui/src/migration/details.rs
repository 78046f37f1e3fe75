//! Everything about one migration: facts, phases, disks, log.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::display::{Action, Phase};
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use super::acting::{Acting, words};
use super::facts::Facts;
use super::log::Log;
use crate::format;
use crate::i18n::t;
use crate::model::bulk;
use crate::model::changes::Known;
use crate::model::phases::{Mark, marks};
use crate::model::progress::Progress;
use crate::model::same::{changed, changed_if_any};
use crate::page::live::Live;
use crate::widgets::{Alert, Icon, Level, Panel, ProgressBar, StateLabel};

/// The panel beside the table; shown while a migration is opened.
#[component]
pub fn Details(
    opened: RwSignal<Option<MigrationId>>,
    acting: Acting,
    /// Where the migration is looked for besides what is live.
    #[prop(optional, into)]
    known: Option<Signal<Arc<Known>>>,
) -> impl IntoView {
    let live = expect_context::<Live>();
    let found = Memo::new_with_compare(
        move |before: Option<&Option<Arc<MigrationView>>>| {
            let id = opened.get()?;
            let now = live.known.with(|known| known.get(&id).cloned());
            let now = now.or_else(|| known?.with(|known| known.get(&id).cloned()));
            // What has left the list stays in the panel as it was last.
            now.or_else(|| before.and_then(|before| before.clone().filter(|before| before.id == id)))
        },
        changed_if_any,
    );
    // Drawn anew for another migration only; within one, what changes changes in place.
    let shown = Memo::new(move |_| found.with(|found| found.as_ref().map(|m| m.id)));
    move || {
        shown.get().map(|_| {
            let first = found.get_untracked();
            let migration = Memo::new_with_compare(
                move |before: Option<&Arc<MigrationView>>| {
                    found
                        .get()
                        .or_else(|| before.cloned())
                        .or_else(|| first.clone())
                        .unwrap_or_else(unreachable)
                },
                changed,
            );
            let migration: Signal<Arc<MigrationView>> = migration.into();
            let name = Signal::derive(move || migration.with(|m| m.vm_name.clone()));
            view! {
                <Panel
                    title=name
                    label=Signal::derive(move || t::details::title(name.get()))
                    mark=move || view! { <StateLabel migration/> }
                    close=move |()| opened.set(None)
                >
                    <PanelBody migration acting/>
                </Panel>
            }
        })
    }
}

fn unreachable() -> Arc<MigrationView> {
    unreachable!("the panel is drawn only for a migration that was found")
}

/// What the panel tells; also used as a page of its own.
#[component]
pub fn PanelBody(migration: Signal<Arc<MigrationView>>, acting: Acting) -> impl IntoView {
    view! {
        <Actions migration acting/>
        <Notices migration/>
        <Facts migration/>
        <Phases migration/>
        <Disks migration/>
        <Log migration/>
    }
}

#[component]
fn Actions(migration: Signal<Arc<MigrationView>>, acting: Acting) -> impl IntoView {
    let fitting = Memo::new(move |_| {
        migration.with(|m| Action::ALL.into_iter().filter(|a| bulk::applies(*a, m)).collect::<Vec<_>>())
    });
    let button = move |action: Action| {
        view! {
            <button
                type="button"
                class="btn btn-sm btn-outline"
                class:btn-danger-outline=action == Action::Cancel
                disabled=move || !(acting.is_free() && migration.with(|m| acting.may(m)))
                on:click=move |_| migration.with_untracked(|m| acting.one(action, m))
            >
                {words(action)}
            </button>
        }
    };
    view! {
        <div class="hdm-details-actions">
            {move || fitting.get().into_iter().map(button).collect_view()}
        </div>
    }
}

/// What needs attention, in the order in which it matters.
#[component]
fn Notices(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
    let of = move |part: fn(&MigrationView) -> Option<String>| {
        Memo::new(move |_| migration.with(|m| part(m.as_ref())))
    };
    let question = of(|m| m.question.as_ref().map(t::details::question));
    let error = of(|m| m.error.clone());
    let waits = of(|m| {
        let what = m.waiting_for.as_ref()?;
        Some(t::details::waits(what, m.waiting_since.map(format::date_time).unwrap_or_default()))
    });
    let committed = of(|m| {
        let open = m.committed && !m.state.is_final();
        open.then(|| t::details::committed().to_owned())
    });
    let shown = |level: Level, words: Memo<Option<String>>| {
        move || words.get().map(|words| view! { <Alert level>{words}</Alert> })
    };
    view! {
        {shown(Level::Warning, question)}
        {shown(Level::Danger, error)}
        {shown(Level::Warning, waits)}
        {shown(Level::Info, committed)}
    }
}

/// A phase in words.
pub fn phase_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Queue => t::phase::queue(),
        Phase::Check => t::phase::check(),
        Phase::ShutDown => t::phase::shut_down(),
        Phase::Snapshot => t::phase::snapshot(),
        Phase::Transfer => t::phase::transfer(),
        Phase::Verify => t::phase::verify(),
        Phase::ChangeOver => t::phase::change_over(),
        Phase::Finish => t::phase::finish(),
    }
}

#[component]
fn Phases(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
    let marks = Memo::new(move |_| migration.with(|m| marks(m)));
    let line = move |(this, mark): (Phase, Mark)| {
        let (class, words) = match mark {
            Mark::Done => ("hdm-phase hdm-done", t::details::phase_done()),
            Mark::Now => ("hdm-phase hdm-now", t::details::phase_now()),
            Mark::Failed => ("hdm-phase hdm-failed", t::details::phase_failed()),
            Mark::Undoing => ("hdm-phase hdm-now", t::details::phase_undoing()),
            Mark::Next => ("hdm-phase", t::details::phase_next()),
            Mark::Nothing => ("hdm-phase", ""),
        };
        let current = matches!(mark, Mark::Now | Mark::Undoing).then_some("step");
        view! {
            <li class=class aria-current=current>
                <span class="hdm-phase-mark" aria-hidden="true">
                    {(mark == Mark::Done).then(|| Icon::Check.draw())}
                </span>
                <span>{phase_words(this)}</span>
                <span class="hdm-quiet">{words}</span>
            </li>
        }
    };
    view! {
        <h3>{t::details::phases()}</h3>
        <ol class="hdm-phases">
            {move || Phase::ALL.into_iter().zip(marks.get()).map(line).collect_view()}
        </ol>
    }
}

#[component]
fn Disks(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
    let any = Memo::new(move |_| migration.with(|m| m.disks.len()));
    let disk = move |at: usize| {
        let disk = Memo::new(move |_| migration.with(|m| m.disks.get(at).cloned().unwrap_or_default()));
        let share = Memo::new(move |_| {
            disk.with(|disk| {
                Progress {
                    done_bytes: if disk.verified { disk.capacity_bytes } else { disk.position_bytes },
                    total_bytes: disk.capacity_bytes,
                    read_back_bytes: disk.read_back_bytes,
                    ..Progress::default()
                }
                .share()
            })
        });
        view! {
            <li class="hdm-disk">
                <b>{move || disk.with(|disk| disk.label.clone())}</b>
                <ProgressBar share label=disk.with_untracked(|disk| disk.label.clone())/>
                <span class="hdm-quiet">
                    {move || {
                        disk.with(|disk| {
                            let mut parts = vec![
                                format::bytes(disk.capacity_bytes),
                                format!("{} {}", t::details::sent(), format::bytes(disk.wire_bytes)),
                            ];
                            if disk.verified {
                                parts.push(t::details::verified().to_owned());
                            }
                            if disk.read_back_bytes == Some(disk.capacity_bytes) {
                                parts.push(t::details::read_back().to_owned());
                            } else if disk.rate_bytes_per_second > 0 {
                                parts.push(format::rate(disk.rate_bytes_per_second));
                            }
                            parts.join(" · ")
                        })
                    }}
                </span>
            </li>
        }
    };
    view! {
        <Show when=move || { any.get() > 0 }>
            <h3>{t::details::disks()}</h3>
            <ul class="hdm-disks">{move || (0..any.get()).map(disk).collect_view()}</ul>
        </Show>
    }
}
