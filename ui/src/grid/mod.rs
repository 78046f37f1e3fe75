//! The one table: virtualised, operated by keyboard, stable while its rows change.
//!
//! Only the rows that are seen are in the document, and the one that has the focus. Rows are told apart by
//! their key; a row that changes is changed where it is, so that neither focus nor selection nor scroll
//! position is lost. The pattern is the WAI-ARIA grid: one stop for Tab, arrow keys inside.

mod body;
mod column;
mod header;
mod keys;
mod pool;
pub(crate) mod view;
mod window;

use std::fmt::Debug;
use std::sync::Arc;

pub use column::{Column, Tab, as_csv};
pub use view::{Grid, focus_first};

/// How high a row is.
pub const ROW_PX: f64 = 36.0;

/// Something that a table can show.
pub trait Row: Send + Sync + 'static {
    /// What tells it apart from all others, for as long as it lives.
    type Key: Clone + Ord + Debug + Send + Sync + 'static;
    /// Its key.
    fn key(&self) -> Self::Key;
    /// Its name, for the checkbox.
    fn name(&self) -> String;
}

/// Rows, shared.
pub type Rows<R> = Arc<Vec<Arc<R>>>;
