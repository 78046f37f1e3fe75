//! Migrations: Cluster > Monitor > HDM > Migration, VM > Monitor > HDM, and the same over all vCenters.

mod acting;
mod details;
mod facts;
mod in_progress;
mod log;
mod page;
mod summary;
mod vm;

pub use in_progress::columns::{kind_words, progress_column, state_column};
pub use page::Page;
pub use vm::OfVm;
