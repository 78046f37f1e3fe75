//! The table's columns.

use std::sync::Arc;

use hdm_shared::MigrationId;
use hdm_shared::migration::MigrationView;
use jiff::Timestamp;
use leptos::prelude::*;

use crate::format;
use crate::grid::Column;
use crate::i18n::t;
use crate::migration::{kind_words, state_column};
use crate::model::history::{duration_seconds, on_cloud_seconds, sent_bytes, storage_bytes};
use crate::model::table::SortKey;

type View = MigrationView;

const MB: f64 = 1_048_576.0;
const GB: f64 = 1_024.0 * MB;

/// All columns; the vCenter's only where there can be more than one.
pub fn columns(opened: RwSignal<Option<MigrationId>>, global: bool) -> Vec<Column<View>> {
    let mut columns = vec![
        Column::drawn("vm", t::migration::vm(), "minmax(7rem, 1.5fr)", move |row: Signal<Arc<View>>, tab| {
            let id = row.with_untracked(|m| m.id);
            let name = Memo::new(move |_| row.with(|m| m.vm_name.clone()));
            view! {
                <button
                    type="button"
                    class="hdm-link"
                    tabindex=tab
                    data-focus=""
                    aria-expanded=move || (opened.get() == Some(id)).to_string()
                    title=name
                    on:click=move |_| opened.update(|now| *now = (*now != Some(id)).then_some(id))
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
        columns.push(Column::text("vcenter", t::migration::vcenter(), "minmax(5rem, .8fr)", |m: &View| {
            m.vm.vcenter.to_string()
        }));
    }
    columns.extend([
        Column::text("type", t::migration::kind(), "minmax(3.5rem, .6fr)", |m: &View| {
            kind_words(m.kind).to_owned()
        }),
        Column::text("operation", t::migration::operation(), "minmax(4.8rem, .7fr)", |_: &View| {
            t::migration::operation_migrate().to_owned()
        }),
        state_column(),
        Column::text("start", t::history::start(), "minmax(9rem, 1fr)", |m: &View| moment(m.started_at))
            .sorted(|m| time_key(m.started_at)),
        Column::text("duration", t::history::duration(), "minmax(5.4rem, .8fr)", |m: &View| {
            duration_seconds(m).map(format::duration).unwrap_or_default()
        })
        .sorted(|m| seconds_key(duration_seconds(m))),
        Column::text("cloud", t::migration::cloud(), "minmax(4rem, .8fr)", |m: &View| m.cloud.to_string())
            .sorted(|m| SortKey::text(m.cloud.as_str())),
        Column::text("on-cloud", t::history::on_cloud(), "minmax(6.6rem, .8fr)", |m: &View| {
            on_cloud_seconds(m, format::now()).map(format::duration).unwrap_or_default()
        })
        .sorted(|m| seconds_key(on_cloud_seconds(m, format::now()))),
        Column::text("storage", t::history::storage(), "minmax(5.4rem, .7fr)", |m: &View| {
            size(storage_bytes(m))
        })
        .in_csv(t::history::storage_gb(), |m| in_unit(storage_bytes(m), GB))
        .numeric()
        .sorted(|m| bytes_key(storage_bytes(m))),
        Column::text("sent", t::history::sent(), "minmax(6.4rem, .8fr)", |m: &View| size(sent_bytes(m)))
            .in_csv(t::history::sent_mb(), |m| in_unit(sent_bytes(m), MB))
            .numeric()
            .sorted(|m| bytes_key(sent_bytes(m))),
        Column::text("attempts", t::history::attempts(), "minmax(4.6rem, .5fr)", |m: &View| {
            format::integer(m.attempt.into())
        })
        .numeric()
        .sorted(|m| SortKey::Number(m.attempt.into())),
        Column::text("user", t::migration::user(), "minmax(6rem, 1fr)", |m: &View| m.requested_by.clone())
            .sorted(|m| SortKey::text(&m.requested_by)),
    ]);
    columns
}

fn moment(at: Option<Timestamp>) -> String {
    at.map(format::date_time).unwrap_or_default()
}

fn size(bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format::bytes(bytes) }
}

/// For CSV: in one unit, so that a program can reckon with it.
#[allow(clippy::cast_precision_loss, reason = "three decimals are told")]
fn in_unit(bytes: u64, unit: f64) -> String {
    if bytes == 0 { String::new() } else { format!("{:.3}", bytes as f64 / unit) }
}

#[allow(clippy::cast_precision_loss, reason = "only compared")]
fn time_key(at: Option<Timestamp>) -> SortKey {
    at.map_or(SortKey::Nothing, |at| SortKey::Number(at.as_millisecond() as f64))
}

#[allow(clippy::cast_precision_loss, reason = "only compared")]
fn seconds_key(seconds: Option<u64>) -> SortKey {
    seconds.map_or(SortKey::Nothing, |seconds| SortKey::Number(seconds as f64))
}

fn bytes_key(bytes: u64) -> SortKey {
    if bytes == 0 { SortKey::Nothing } else { seconds_key(Some(bytes)) }
}
