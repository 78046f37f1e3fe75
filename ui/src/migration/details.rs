//! Everything about one migration: facts, phases, disks, log.

use std::sync::Arc;

use hdm_shared::changes::MigrationDetail;
use hdm_shared::display::{Action, Phase};
use hdm_shared::migration::{LogLine, MigrationView};
use hdm_shared::plugin::menu::ClientObject;
use hdm_shared::{MigrationId, ObjectId, VcenterId};
use leptos::prelude::*;

use super::acting::{Acting, words};
use crate::api::{self, Failure};
use crate::format;
use crate::i18n::t;
use crate::model::bulk;
use crate::model::changes::Known;
use crate::model::phases::{Mark, marks};
use crate::model::progress::Progress;
use crate::page::live::Live;
use crate::sdk::{self, ClientView};
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
        |before, after| match (before, after) {
            (Some(Some(before)), Some(Some(after))) => !Arc::ptr_eq(before, after),
            (Some(None), Some(None)) => false,
            _ => true,
        },
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
                |before, after| match (before, after) {
                    (Some(before), Some(after)) => !Arc::ptr_eq(before, after),
                    _ => true,
                },
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

#[component]
fn Facts(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
    let live = expect_context::<Live>();
    let fact = |name: &'static str, of: fn(&MigrationView) -> String| {
        let value = Memo::new(move |_| migration.with(|m| of(m)));
        move || {
            let text = value.get();
            (!text.is_empty()).then(|| {
                view! {
                    <div class="hdm-fact">
                        <dt>{name}</dt>
                        <dd>{text}</dd>
                    </div>
                }
            })
        }
    };
    let took = move || {
        let (started, ended) = migration.with(|m| (m.started_at, m.ended_at));
        let seconds = ended.unwrap_or_else(|| live.clock.get()).as_second() - started?.as_second();
        Some(format::duration(u64::try_from(seconds).unwrap_or(0)))
    };
    let source = Memo::new(move |_| migration.with(|m| Linked::vm(live, &m.vm)));
    let target = Memo::new(move |_| migration.with(|m| Linked::vm(live, m.target_vm.as_ref()?)));
    let cluster = Memo::new(move |_| migration.with(|m| Linked::cluster(live, m)));
    view! {
        <dl class="hdm-facts">
            <Object title=t::details::source() name=Signal::derive(move || migration.with(|m| m.vm_name.clone())) to=source/>
            <Object title=t::details::target() name=Signal::derive(move || migration.with(|m| m.target_name.clone())) to=target/>
            {fact(t::details::cloud(), |m| m.cloud.to_string())}
            <Object title=t::details::source_cluster() name=Signal::derive(move || migration.with(|m| m.source_cluster.clone())) to=cluster/>
            {fact(t::details::user(), |m| m.requested_by.clone())}
            {fact(t::details::accepted(), |m| format::date_time(m.created_at))}
            {fact(t::details::started(), |m| m.started_at.map(format::date_time).unwrap_or_default())}
            {fact(t::details::ended(), |m| m.ended_at.map(format::date_time).unwrap_or_default())}
            {move || {
                took()
                    .map(|took| {
                        view! {
                            <div class="hdm-fact">
                                <dt>{t::details::took()}</dt>
                                <dd>{took}</dd>
                            </div>
                        }
                    })
            }}
            {fact(
                t::details::left(),
                |m| {
                    let open = m.estimate.filter(|_| !m.state.is_final());
                    open.map(format::estimate).unwrap_or_default()
                },
            )}
            {fact(
                t::details::attempt(),
                |m| {
                    if m.started_at.is_none() {
                        return String::new();
                    }
                    t::details::attempt_of(m.attempt, m.attempts_max)
                },
            )}
        </dl>
        {move || {
            migration
                .with(|m| {
                    (!m.warnings.is_empty())
                        .then(|| {
                            let lines = m
                                .warnings
                                .iter()
                                .map(|warning| {
                                    view! {
                                        <li>{warning.message.clone()} " " {warning.remedy.clone()}</li>
                                    }
                                })
                                .collect_view();
                            view! {
                                <h3>{t::details::warnings()}</h3>
                                <ul class="list hdm-warnings">{lines}</ul>
                            }
                        })
                })
        }}
    }
}

/// An object that the Client can show.
#[derive(Clone, Debug, PartialEq)]
struct Linked {
    view: ClientView,
    object: ClientObject,
}

impl Linked {
    fn new(live: Live, view: ClientView, kind: &str, vcenter: &VcenterId, id: &str) -> Option<Self> {
        // A vCenter that is none of the page's, such as a cloud that is not linked, the Client does not know.
        let guid = live.guid_of(vcenter).filter(|_| sdk::can_navigate() && !id.is_empty())?;
        let object = ClientObject { kind: kind.into(), id: id.into(), vc_guid: Some(guid) };
        Some(Self { view, object })
    }

    fn vm(live: Live, vm: &ObjectId) -> Option<Self> {
        Self::new(live, ClientView::VmSummary, "VirtualMachine", &vm.vcenter, &vm.moid)
    }

    fn cluster(live: Live, migration: &MigrationView) -> Option<Self> {
        let (vcenter, id) = (&migration.vm.vcenter, &migration.source_cluster_id);
        Self::new(live, ClientView::ClusterSummary, "ClusterComputeResource", vcenter, id)
    }
}

/// A fact that is an object: its name, which leads to it where the Client can show it.
#[component]
fn Object(
    title: &'static str,
    #[prop(into)] name: Signal<String>,
    #[prop(into)] to: Signal<Option<Linked>>,
) -> impl IntoView {
    let value = move || match to.get() {
        None => name.get().into_any(),
        Some(Linked { view, object }) => {
            let open = move |_| {
                sdk::navigate_to_client(view, &object);
            };
            view! {
                <button type="button" class="hdm-link" on:click=open>
                    {name}
                </button>
            }
            .into_any()
        }
    };
    view! {
        <Show when=move || !name.with(String::is_empty)>
            <div class="hdm-fact">
                <dt>{title}</dt>
                <dd>{value}</dd>
            </div>
        </Show>
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

/// The log; read anew whenever the migration has got further.
#[component]
fn Log(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
    let live = expect_context::<Live>();
    let lines = RwSignal::new(Vec::<LogLine>::new());
    let failed = RwSignal::new(None::<String>);
    let loaded = RwSignal::new(false);
    let version =
        Memo::new(move |_| migration.with(|m| (m.id, m.state, m.step.clone(), m.steps_done, m.attempt)));
    Effect::new(move || {
        let (id, ..) = version.get();
        live.again.track();
        // The session of the vCenter that the VM is in tells of it.
        let Some(guid) = migration.with_untracked(|m| live.guid_of(&m.vm.vcenter)) else { return };
        leptos::task::spawn_local(async move {
            let path = format!("api/migrations/{id}");
            let answer: Result<MigrationDetail, Failure> = api::read(&guid, &path).await;
            match answer {
                Ok(detail) => {
                    let _ = lines.try_set(detail.log);
                    let _ = failed.try_set(None);
                }
                Err(failure) => {
                    let _ = failed.try_set(Some(failure.words()));
                }
            }
            let _ = loaded.try_set(true);
        });
    });
    let line = |line: LogLine| {
        view! {
            <li>
                <time datetime=line.at.to_string()>{format::date_time(line.at)}</time>
                <span>{line.message}</span>
            </li>
        }
    };
    view! {
        <h3>{t::details::log()}</h3>
        {move || {
            failed.get().map(|what| view! { <Alert level=Level::Warning>{t::details::log_unread(what)}</Alert> })
        }}
        {move || {
            (!loaded.get())
                .then(|| view! { <p class="hdm-quiet" role="status">{t::common::loading()}</p> })
        }}
        // Newest first: what happened last is what is looked for.
        <ol class="hdm-log" reversed=true>
            <For each=move || lines.get().into_iter().rev() key=|line| line.seq children=line/>
        </ol>
    }
}
