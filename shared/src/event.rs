//! HDM's own event log, and the same events as they are posted to vCenter.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::MigrationId;

/// How serious an event is; vSphere's own three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventSeverity {
    /// Something happened.
    Info,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

impl EventSeverity {
    /// All, the least serious first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Error];

    /// Its stable word, as it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// Number of the event, ascending over all events.
    pub seq: i64,
    /// When.
    #[serde(deserialize_with = "crate::instant::read")]
    pub at: Timestamp,
    /// Its type, such as `com.hdm.migration.Started`.
    pub type_id: String,
    /// How serious.
    pub severity: EventSeverity,
    /// The object, by name.
    pub object: String,
    /// What was done, such as `Cold migration`.
    pub operation: String,
    /// Who asked for it.
    pub user: String,
    /// What happened, as a sentence, with the reason.
    pub message: String,
    /// The migration it belongs to.
    pub migration: Option<MigrationId>,
    /// Number of the event within the migration, from 1.
    pub migration_seq: Option<u32>,
    /// Further arguments, by name.
    pub arguments: BTreeMap<String, String>,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventPage {
    /// Oldest first.
    pub events: Vec<EventView>,
    /// The number before which older ones are to be asked for; absent if it is not known that there may be some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_before: Option<i64>,
}
