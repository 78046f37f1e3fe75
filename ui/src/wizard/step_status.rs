//! Step 8: how it goes. There is no way back; closing the window changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationView;
use leptos::prelude::*;

use super::state::Wizard;
use crate::format;
use crate::grid::{Column, Grid, Rows};
use crate::i18n::t;
use crate::migration::{progress_column, state_column};
use crate::model::progress::Progress;
use crate::model::sorted::gathered;
use crate::model::table::{Order, SortKey};
use crate::page::context::Context;
use crate::page::live::Live;
use crate::route::{MigrationTab, Route};
use crate::sdk;
use crate::widgets::{Alert, Level, Loading};

/// The cluster's view, as the manifest names it.
const CLUSTER_VIEW: &str = "cluster-migration";

#[component]
pub fn Status(wizard: Wizard) -> impl IntoView {
    let live = expect_context::<Live>();
    let order = RwSignal::new(None::<Order>);
    let rows = Memo::new_with_compare(
        move |_| -> Rows<MigrationView> {
            let wanted: BTreeSet<MigrationId> = wizard.migrations.with(|ids| gathered(ids.iter().copied()));
            live.known.with(|known| Arc::new(wanted.iter().filter_map(|id| known.get(id).cloned()).collect()))
        },
        |_, _| true,
    );
    let columns = vec![
        Column::text("name", t::vms::name(), "minmax(8rem, 1.4fr)", |m: &MigrationView| m.vm_name.clone())
            .sorted(|m| SortKey::text(&m.vm_name)),
        Column::text("ratio", t::status::compression(), "minmax(5rem, .8fr)", |m: &MigrationView| {
            let ratio = Progress::of(m).compression();
            ratio.map(|ratio| t::status::ratio(format::decimal(ratio, 1))).unwrap_or_default()
        })
        .numeric(),
        Column::text("sent", t::status::sent(), "minmax(5rem, .8fr)", |m: &MigrationView| {
            let sent = Progress::of(m).wire_bytes;
            if sent > 0 { format::bytes(sent) } else { String::new() }
        })
        .numeric(),
        progress_column(),
        state_column(),
    ];
    let context = StoredValue::new(expect_context::<Context>());
    let place = Memo::new(move |_| {
        let id = rows.with(|rows| rows.first().map(|m| m.source_cluster_id.clone()))?;
        (!id.is_empty()).then(|| context.with_value(|c| c.client_object("ClusterComputeResource", &id)))
    });
    let message = move || {
        if wizard.was_under_way.get() {
            view! { <Alert level=Level::Info>{t::status::already()}</Alert> }
        } else {
            let count = wizard.migrations.with(Vec::len) as u64;
            view! { <Alert level=Level::Success>{t::status::started(count)}</Alert> }
        }
    };
    view! {
        <h2 id="hdm-step-title" tabindex="-1">{t::status::title()}</h2>
        {message}
        {move || {
            place
                .get()
                .map(|cluster| {
                    let show = move |_| {
                        let tab = Route::Cluster(MigrationTab::InProgress).to_string();
                        sdk::navigate_to(CLUSTER_VIEW, Some(&cluster), Some(&tab));
                        sdk::close_modal();
                    };
                    view! {
                        <p>
                            <button type="button" class="hdm-link" on:click=show>
                                {t::status::in_progress()}
                            </button>
                        </p>
                    }
                })
        }}
        <div class="hdm-split">
            <Grid label=t::status::list() columns rows order>
                <Loading/>
            </Grid>
        </div>
    }
}
