//! Following migrations, and acting on several at once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::display::Action;
use crate::ids::MigrationId;
use crate::migration::{LogLine, MigrationState, MigrationView};
use crate::problem::Problem;

/// How many migrations one page of changes may hold; what is left comes with the next.
pub const MAX_CHANGES: usize = 500;
/// How many migrations one request may act on.
pub const MAX_ACTED_ON: usize = 500;
/// How long a migration that is done stays on the list of what is in progress.
pub const DONE_SHOWN_SECONDS: i64 = 3_600;

/// Whether a migration is on the list of what is in progress: everything unfinished, what failed until it is
/// retried or dismissed, and what ended well, or by a person's wish, in the last hour.
pub fn is_in_progress(migration: &MigrationView, now: Timestamp) -> bool {
    if !migration.state.is_final() {
        return true;
    }
    if migration.dismissed {
        return false;
    }
    let age = |ended: Timestamp| now.as_second().saturating_sub(ended.as_second());
    migration.state == MigrationState::Failed
        || migration.ended_at.is_none_or(|ended| age(ended) < DONE_SHOWN_SECONDS)
}

/// What has changed since a cursor.
///
/// The cursor is the number of the newest change told; changes are numbered in the order in which they
/// became visible, over all appliances on one database. Migrations whose disks are travelling are told each
/// time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangePage {
    /// To be sent as `since` next time.
    pub cursor: i64,
    /// Whether the page is the beginning of everything: what was known before is to be forgotten.
    pub reset: bool,
    /// Whether more is waiting: ask again at once.
    pub more: bool,
    /// Each as it is now.
    pub migrations: Vec<MigrationView>,
    /// Whether the appliance answers.
    pub appliance: ApplianceState,
}

/// Whether the appliance answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApplianceState {
    /// Since when it has not; absent while it does.
    #[serde(default, deserialize_with = "crate::instant::read_if_any")]
    pub away_since: Option<Timestamp>,
    /// Why, as a sentence.
    pub reason: Option<String>,
}

/// A migration with its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MigrationDetail {
    /// The migration.
    pub migration: MigrationView,
    /// Its log, oldest first.
    pub log: Vec<LogLine>,
}

/// Do something to several migrations. Each is done or refused by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// What.
    pub action: Action,
    /// To which; at most [`MAX_ACTED_ON`].
    pub migrations: Vec<MigrationId>,
}

/// What became of it, in the order of the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionReport {
    /// One for each migration.
    pub outcomes: Vec<ActionOutcome>,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActionOutcome {
    /// Which.
    pub migration: MigrationId,
    /// Why not; absent if it was done.
    pub problem: Option<Problem>,
}
