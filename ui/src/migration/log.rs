//! The log of one migration, and the attempts it tells of.

use std::sync::Arc;

use hdm_shared::changes::MigrationDetail;
use hdm_shared::migration::{LogLine, MigrationView};
use leptos::prelude::*;

use crate::api::{self, Failure};
use crate::format;
use crate::i18n::t;
use crate::model::attempts::{Attempt, Outcome, attempts};
use crate::page::live::Live;
use crate::widgets::{Alert, Level};

/// The log; read anew whenever the migration has got further.
#[component]
pub(super) fn Log(migration: Signal<Arc<MigrationView>>) -> impl IntoView {
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
    let tries = Memo::new(move |_| lines.with(|lines| attempts(lines)));
    let one = |attempt: Attempt| {
        let class = if attempt.outcome == Outcome::Failed { "hdm-attempt hdm-short" } else { "hdm-attempt" };
        let ended = attempt.ended.unwrap_or_else(format::now).as_second() - attempt.began.as_second();
        let took = format::duration(u64::try_from(ended).unwrap_or(0));
        let words =
            if attempt.message.is_empty() { t::details::phase_now().to_owned() } else { attempt.message };
        view! {
            <li>
                <time datetime=attempt.began.to_string()>{format::date_time(attempt.began)}</time>
                <span class=class>{t::details::attempt_line(attempt.number, took, words)}</span>
            </li>
        }
    };
    let line = |line: LogLine| {
        view! {
            <li>
                <time datetime=line.at.to_string()>{format::date_time(line.at)}</time>
                <span>{line.message}</span>
            </li>
        }
    };
    view! {
        <Show when=move || !tries.with(Vec::is_empty)>
            <h3>{t::details::attempts()}</h3>
            <ol class="hdm-log">{move || tries.get().into_iter().map(one).collect_view()}</ol>
        </Show>
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
