//! What the user has set, kept by the appliance: the same in every browser.

use std::collections::BTreeMap;

use hdm_shared::plugin::Preferences;
use leptos::prelude::*;
use serde::Serialize;

use super::context::Context;
use crate::api::{self, Failure, Guid};
use crate::grid::{Column, Row};
use crate::model::columns;
use crate::widgets::MenuEntry;

/// The user's preferences.
#[derive(Clone, Copy)]
pub struct Prefs {
    value: RwSignal<Preferences>,
    guid: StoredValue<Guid>,
}

/// What is said of one table alone.
#[derive(Serialize)]
struct Change {
    columns: BTreeMap<&'static str, Option<Vec<String>>>,
}

impl Prefs {
    /// Reads them; until they are there, and if they cannot be read, everything is as it comes.
    pub fn load(context: &Context) -> Self {
        let prefs = Self { value: RwSignal::default(), guid: StoredValue::new(context.guid()) };
        let guid = context.guid();
        leptos::task::spawn_local(async move {
            if let Ok(known) = api::read(&guid, "api/preferences").await {
                let _ = prefs.value.try_set(known);
            }
        });
        prefs
    }

    /// Forgets all of them, in these vCenters; answers whether all could be asked.
    pub async fn reset(self, guids: Vec<Guid>) -> Result<(), Failure> {
        for guid in guids {
            let _: Preferences = api::write(&guid, "DELETE", "api/preferences", &(), None).await?;
        }
        self.value.set(Preferences::default());
        Ok(())
    }

    /// Keeps the columns of one table, and nothing else: another page may have set the rest meanwhile.
    fn keep(self, table: &'static str) {
        let Some(guid) = self.guid.try_get_value() else { return };
        let columns = self.value.with_untracked(|value| value.columns.get(table).cloned());
        let change = Change { columns: [(table, columns)].into() };
        leptos::task::spawn_local(async move {
            // That a preference could not be kept is not worth a word: it is in use all the same.
            let _: Result<Preferences, Failure> =
                api::write(&guid, "PUT", "api/preferences", &change, None).await;
        });
    }

    /// The columns of a table that are shown.
    pub fn shown<R: Row>(self, table: &'static str, all: &[Column<R>]) -> Vec<Column<R>> {
        let ids: Vec<&str> = all.iter().map(|column| column.id).collect();
        let shown = self.value.with(|value| columns::shown(value.columns.get(table), &ids));
        all.iter().filter(|column| shown.contains(&column.id)).cloned().collect()
    }

    /// The entries of the menu in which columns are chosen.
    pub fn column_entries<R: Row>(self, table: &'static str, all: &[Column<R>]) -> Vec<MenuEntry> {
        let ids: Vec<&'static str> = all.iter().map(|column| column.id).collect();
        let shown = self.value.with_untracked(|value| columns::shown(value.columns.get(table), &ids));
        let entry = |column: &Column<R>| {
            let (id, ids) = (column.id, ids.clone());
            let toggle = move || {
                self.value.update(|value| {
                    let now = columns::toggled(value.columns.get(table), &ids, id);
                    value.columns.insert(table.to_owned(), now);
                });
                self.keep(table);
            };
            MenuEntry::checked(column.title.clone(), shown.contains(&id), toggle)
        };
        // The first column names the row, and stays.
        all.iter().skip(1).map(entry).collect()
    }
}
