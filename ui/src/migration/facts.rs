//! The facts of one migration, with links to what the Client can show.

use std::sync::Arc;

use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::menu::ClientObject;
use hdm_shared::{ObjectId, VcenterId};
use leptos::prelude::*;

use crate::format;
use crate::i18n::t;
use crate::page::live::Live;
use crate::sdk::{self, ClientView};

/// Names, times, and what the move does not carry.
#[component]
pub(super) fn Facts(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
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
            {fact(t::details::task(), |m| m.task.clone().unwrap_or_default())}
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
