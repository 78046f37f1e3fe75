//! What an appliance says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An appliance, for those who look for a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct About {
    /// Version of the program that runs.
    pub version: String,
    /// Its id, which vCenter shows in the sessions that it opens.
    pub id: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// Its clock.
    pub now: Timestamp,
    /// `hdm.toml` as the appliance understands it, without the password of the database.
    pub configuration: String,
}
