//! Columns.

use std::sync::Arc;

use hdm_shared::csv::csv;
use leptos::prelude::*;

use super::Row;
use crate::model::table::SortKey;

/// The place of a cell's own button, link or field in the order of focus: `0` where the table's focus is,
/// else `-1`. Whatever takes it carries the attribute `data-focus`, and gets the focus in its cell's stead.
pub type Tab = Signal<&'static str>;

/// What makes a cell's text of its row.
type Text<R> = fn(&R) -> String;

pub(super) type Draw<R> = Arc<dyn Fn(Signal<Arc<R>>, Tab) -> AnyView + Send + Sync>;

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
    /// Header and cells in CSV, where they are others than on the page: a program reads one unit in all rows.
    pub(super) csv: Option<(&'static str, Text<R>)>,
    /// What draws its cells; `None` if they are its text.
    pub(super) draw: Option<Draw<R>>,
    pub(super) lasting: bool,
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
            csv: self.csv,
            draw: self.draw.clone(),
            lasting: self.lasting,
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
        Self {
            id,
            title: title.into(),
            width,
            numeric: false,
            interactive: false,
            sort: None,
            text: Some(text),
            csv: None,
            draw: None,
            lasting: true,
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
            csv: None,
            draw: Some(Arc::new(move |row, tab| draw(row, tab).into_any())),
            lasting: false,
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

    /// With cells that read all they show, and whatever they do something to, from the row each time: they serve
    /// another row without being made anew.
    pub fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// With a text for CSV and search.
    pub fn with_text(mut self, text: fn(&R) -> String) -> Self {
        self.text = Some(text);
        self
    }

    /// With another header and other cells in CSV.
    pub fn in_csv(mut self, title: &'static str, text: fn(&R) -> String) -> Self {
        self.csv = Some((title, text));
        self
    }
}

/// Rows as CSV: every column that has a text.
pub fn as_csv<R: Row>(columns: &[Column<R>], rows: &[Arc<R>]) -> String {
    let shown = columns.iter().filter_map(|c| c.csv.or(c.text.map(|text| (c.title.as_str(), text))));
    let (header, shown): (Vec<&str>, Vec<Text<R>>) = shown.unzip();
    csv(&header, rows.iter().map(|row| shown.iter().map(|text| text(row)).collect()))
}
