//! The state of a migration, in words and colour.

use hdm_shared::display::ChartState;
use hdm_shared::migration::{MigrationState, MigrationView};
use leptos::prelude::*;

use crate::i18n::t;
use crate::model::in_progress::chart_state;

/// A state of the chart in words.
pub fn chart_state_words(state: ChartState) -> &'static str {
    match state {
        ChartState::NeedsOperator => t::state::needs_operator(),
        ChartState::Failed => t::state::failed(),
        ChartState::Migrating => t::state::migrating(),
        ChartState::Transferring => t::state::transferring(),
        ChartState::Waiting => t::state::waiting(),
        ChartState::Unwinding => t::state::unwinding(),
        ChartState::Queued => t::state::queued(),
        ChartState::Paused => t::state::paused(),
        ChartState::Migrated => t::state::migrated(),
    }
}

/// A migration's state in words.
pub fn state_words(migration: &MigrationView) -> &'static str {
    if migration.cancel_requested && !migration.state.is_final() {
        return t::state::cancelling();
    }
    chart_state(migration).map_or_else(t::state::cancelled, chart_state_words)
}

fn class(migration: &MigrationView) -> &'static str {
    match migration.state {
        MigrationState::Failed | MigrationState::NeedsOperator => "label label-danger",
        MigrationState::Waiting | MigrationState::Unwinding => "label label-warning",
        MigrationState::Done => "label label-success",
        MigrationState::Running => "label label-info",
        MigrationState::Queued | MigrationState::Paused | MigrationState::Cancelled => "label",
    }
}

/// The state as a label.
#[component]
pub fn StateLabel(#[prop(into)] migration: Signal<std::sync::Arc<MigrationView>>) -> impl IntoView {
    view! {
        <span
            class=move || migration.with(|m| class(m))
            title=move || migration.with(|m| state_words(m))
        >
            <span class="text">{move || migration.with(|m| state_words(m))}</span>
        </span>
    }
}
