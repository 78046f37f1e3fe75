//! Columns.

use std::sync::Arc;

use hdm_shared::csv::csv;
use leptos::prelude::*;

use super::Row;
use crate::model::table::SortKey;

/// The place of a cell's own button, link or field in the order of focus: `0` where the table's focus is,
/// else `-1`. Whatever takes it carries the attribute `data-focus`, and gets the focus in its cell's stead.
pub type Tab = Signal<&'static str>;

type Draw<R> = Arc<dyn Fn(Signal<Arc<R>>, Tab) -> AnyView + Send + Sync>;

/// A column.
pub struct Column<R: Row> {
    /// What it is called inside the program.
    pub id: &'static str,
    /// Its header.
    pub title: String,
    /// Its width, as a track of a CSS grid.
    pub width: &'static str,
    /// Whether its cells are numbers, set to the right.
    pub numeric: bool,
    /// Whether its cells hold something that takes the focus.
    pub interactive: bool,
    /// What it is sorted by; `None` if it cannot be.
    pub sort: Option<fn(&R) -> SortKey>,
    /// Its cells as text, for CSV and search; `None` if they have none.
    pub text: Option<fn(&R) -> String>,
    pub(super) draw: Draw<R>,
}

impl<R: Row> Clone for Column<R> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            title: self.title.clone(),
            width: self.width,
            numeric: self.numeric,
            interactive: self.interactive,
            sort: self.sort,
            text: self.text,
            draw: self.draw.clone(),
        }
    }
}

impl<R: Row> Column<R> {
    /// A column of text.
    pub fn text(
        id: &'static str,
        title: impl Into<String>,
        width: &'static str,
        text: fn(&R) -> String,
    ) -> Self {
        let draw: Draw<R> = Arc::new(move |row, _| {
            let shown = Memo::new(move |_| row.with(|row| text(row)));
            view! { <span class="hdm-cell-text" title=shown>{shown}</span> }.into_any()
        });
        Self {
            id,
            title: title.into(),
            width,
            numeric: false,
            interactive: false,
            sort: None,
            text: Some(text),
            draw,
        }
    }

    /// A column whose cells are drawn.
    pub fn drawn<V: IntoView + 'static>(
        id: &'static str,
        title: impl Into<String>,
        width: &'static str,
        draw: impl Fn(Signal<Arc<R>>, Tab) -> V + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            title: title.into(),
            width,
            numeric: false,
            interactive: false,
            sort: None,
            text: None,
            draw: Arc::new(move |row, tab| draw(row, tab).into_any()),
        }
    }

    /// Sorted by something.
    pub fn sorted(mut self, by: fn(&R) -> SortKey) -> Self {
        self.sort = Some(by);
        self
    }

    /// Of numbers.
    pub fn numeric(mut self) -> Self {
        self.numeric = true;
        self
    }

    /// With something in its cells that takes the focus.
    pub fn interactive(mut self) -> Self {
        self.interactive = true;
        self
    }

    /// With a text for CSV and search.
    pub fn with_text(mut self, text: fn(&R) -> String) -> Self {
        self.text = Some(text);
        self
    }
}

/// Rows as CSV: every column that has a text.
pub fn as_csv<R: Row>(columns: &[Column<R>], rows: &[Arc<R>]) -> String {
    let shown: Vec<_> = columns.iter().filter_map(|column| Some((column, column.text?))).collect();
    let header: Vec<&str> = shown.iter().map(|(column, _)| column.title.as_str()).collect();
    csv(&header, rows.iter().map(|row| shown.iter().map(|(_, text)| text(row)).collect()))
}
