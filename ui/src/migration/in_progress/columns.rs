//! The table's columns.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::display::MigrationKind;
use hdm_shared::migration::{MigrationState, MigrationView};
use leptos::prelude::*;

use crate::format;
use crate::grid::Column;
use crate::i18n::t;
use crate::migration::acting::Acting;
use crate::migration::details::phase_words;
use crate::model::in_progress::phase;
use crate::model::progress::Progress;
use crate::model::table::SortKey;
use crate::widgets::state_label::state_words;
use crate::widgets::{Icon, Menu, ProgressBar, StateLabel};

type View = MigrationView;

/// How a virtual machine is moved, in words.
pub fn kind_words(kind: MigrationKind) -> &'static str {
    match kind {
        MigrationKind::Cold => t::kind::cold(),
    }
}

/// All columns; the vCenter's only where there can be more than one.
pub fn columns(acting: Acting, opened: RwSignal<Option<MigrationId>>, global: bool) -> Vec<Column<View>> {
    let mut columns = vec![
        Column::drawn("vm", t::migration::vm(), "minmax(7rem, 1.5fr)", move |row: Signal<Arc<View>>, tab| {
            let id = row.with_untracked(|m| m.id);
            let name = Memo::new(move |_| row.with(|m| m.vm_name.clone()));
            let open = move |_| opened.update(|opened| *opened = (*opened != Some(id)).then_some(id));
            view! {
                <button
                    type="button"
                    class="hdm-link"
                    tabindex=tab
                    data-focus=""
                    aria-expanded=move || (opened.get() == Some(id)).to_string()
                    title=name
                    on:click=open
                >
                    {name}
                </button>
            }
        })
        .interactive()
        .sorted(|m| SortKey::text(&m.vm_name))
        .with_text(|m| m.vm_name.clone()),
    ];
    if global {
        columns.push(
            Column::text("vcenter", t::migration::vcenter(), "minmax(5rem, .8fr)", |m: &View| {
                m.vm.vcenter.to_string()
            })
            .sorted(|m| SortKey::text(m.vm.vcenter.as_str())),
        );
    }
    columns.extend([
        Column::text("cloud", t::migration::cloud(), "minmax(4rem, .8fr)", |m: &View| m.cloud.to_string())
            .sorted(|m| SortKey::text(m.cloud.as_str())),
        Column::text("type", t::migration::kind(), "minmax(3.5rem, .6fr)", |m: &View| {
            kind_words(m.kind).to_owned()
        }),
        Column::text("operation", t::migration::operation(), "minmax(4.5rem, .7fr)", |_: &View| {
            t::migration::operation_migrate().to_owned()
        }),
        progress_column(),
        state_column(),
        Column::text("user", t::migration::user(), "minmax(5.5rem, 1fr)", |m: &View| {
            account(&m.requested_by).to_owned()
        })
        .sorted(|m| SortKey::text(&m.requested_by)),
        Column::text("start", t::migration::start(), "minmax(9rem, 1fr)", |m: &View| {
            m.started_at.map(format::date_time).unwrap_or_default()
        })
        .sorted(started_key),
        Column::drawn("actions", t::migration::actions(), "2.2rem", move |row: Signal<Arc<View>>, tab| {
            let label = Signal::derive(move || row.with(|m| t::actions::more(&m.vm_name)));
            let entries = move |()| row.with_untracked(|m| acting.entries(m));
            view! { <Menu label icon=Icon::Dots entries tabindex=tab/> }
        })
        .interactive(),
    ]);
    columns
}

/// How far a migration is.
pub fn progress_column() -> Column<View> {
    Column::drawn("progress", t::migration::progress(), "minmax(9.5rem, 2fr)", |row: Signal<Arc<View>>, _| {
        let progress = Memo::new(move |_| row.with(|m| Progress::of(m)));
        let share = Memo::new(move |_| progress.get().share());
        let words = Memo::new(move |_| row.with(|m| progress_words(m)));
        view! {
            <span class="hdm-progress-cell">
                {move || {
                    share
                        .with(Option::is_some)
                        .then(|| view! { <ProgressBar share label=t::migration::progress().to_owned()/> })
                }}
                <span class="hdm-cell-text hdm-quiet" title=words>{words}</span>
            </span>
        }
    })
    .sorted(|m| Progress::of(m).share().map_or(SortKey::Nothing, SortKey::Number))
    .with_text(|m| {
        let share = Progress::of(m).share().map(format::percent).unwrap_or_default();
        format!("{share} {}", progress_words(m)).trim().to_owned()
    })
}

/// Where a migration stands.
pub fn state_column() -> Column<View> {
    Column::drawn("state", t::migration::state(), "minmax(8rem, 1fr)", |row, _| {
        view! { <StateLabel migration=row/> }
    })
    .sorted(|m| SortKey::text(state_words(m)))
    .with_text(|m| state_words(m).to_owned())
}

/// An account without its domain, which the details show.
fn account(user: &str) -> &str {
    user.rsplit_once('\\').map_or(user, |(_, name)| name)
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
fn started_key(migration: &View) -> SortKey {
    migration.started_at.map_or(SortKey::Nothing, |at| SortKey::Number(at.as_millisecond() as f64))
}

/// What can honestly be said of how far a migration is.
pub fn progress_words(migration: &View) -> String {
    let progress = Progress::of(migration);
    let mut parts = Vec::new();
    match migration.state {
        MigrationState::Queued | MigrationState::Paused => {
            if let Some(at) = migration.starts_at {
                parts.push(t::progress::starts_at(format::date_time(at)));
            } else if migration.window_over {
                parts.push(t::progress::window_over().to_owned());
            }
            if let Some(place) = migration.queue_position {
                parts.push(t::progress::place(place));
            }
        }
        MigrationState::Waiting => {
            if let Some(what) = &migration.waiting_for {
                parts.push(t::progress::waits_for(what));
            }
        }
        _ => {
            if progress.total_bytes > 0 && !migration.state.is_final() {
                parts.push(t::progress::bytes_of(
                    format::bytes(progress.done_bytes),
                    format::bytes(progress.total_bytes),
                ));
            } else if migration.state == MigrationState::Done && progress.total_bytes > 0 {
                parts.push(format::bytes(progress.total_bytes));
            }
            if progress.rate_bytes_per_second > 0 {
                parts.push(format::rate(progress.rate_bytes_per_second));
            }
            if parts.is_empty() && !migration.state.is_final() && migration.step.is_some() {
                parts.push(phase_words(phase(migration)).to_owned());
            }
        }
    }
    if !migration.state.is_final()
        && let Some(estimate) = migration.estimate
    {
        parts.push(t::progress::left(format::estimate(estimate)));
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use hdm_shared::migration::{DiskProgress, Estimate};

    use super::*;
    use crate::model::changes::samples::migration;

    #[test]
    fn progress_is_told_in_bytes_rate_and_a_range() {
        let mut moving = migration(1, MigrationState::Running);
        moving.step = Some("transfer".into());
        moving.disks = vec![DiskProgress {
            capacity_bytes: 36 << 30,
            position_bytes: 9 << 30,
            rate_bytes_per_second: 48 << 20,
            ..DiskProgress::default()
        }];
        moving.estimate = Some(Estimate { low_seconds: 300, high_seconds: 480 });
        assert_eq!(progress_words(&moving), "9 GB of 36 GB · 48 MB/s · 5 min to 8 min left");
    }

    #[test]
    fn what_has_not_begun_says_its_place_and_claims_no_progress() {
        let mut queued = migration(1, MigrationState::Queued);
        queued.queue_position = Some(3);
        assert_eq!(progress_words(&queued), "Position 3 in the queue");
    }
}
