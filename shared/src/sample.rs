//! What is sampled over time: the use of a cloud's clusters, and how many VMs were moved there.

use serde::{Deserialize, Serialize};

/// How long apart samples are, and how long they are kept: 20 s for an hour, 5 min for a day, 1 h for a year.
pub const TIERS: [Tier; 3] = [
    Tier { step_seconds: 20, kept_seconds: 3_600 },
    Tier { step_seconds: 300, kept_seconds: 86_400 },
    Tier { step_seconds: 3_600, kept_seconds: 365 * 86_400 },
];

/// One resolution of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Distance of two samples.
    pub step_seconds: i64,
    /// How long each is kept.
    pub kept_seconds: i64,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sample {
    /// When, in milliseconds since 1970 (UTC): a multiple of the step.
    pub at_ms: i64,
    /// CPU in use, in percent of the cluster's; the mean over the step.
    pub cpu_percent: f64,
    /// Memory in use, in percent of the cluster's; the mean over the step.
    pub memory_percent: f64,
    /// VMs that HDM moved to the cloud cold and that are still there, at the end of the step.
    pub cold_vms: u32,
}

/// Samples in ascending order. Where the distance of two is more than the step, nothing was sampled between
/// them, and a gap is to be drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SampleSeries {
    /// Distance of two samples.
    pub step_seconds: i64,
    /// At most 4,400.
    pub samples: Vec<Sample>,
    /// Use above this is drawn as too much, in percent.
    pub threshold_percent: f64,
}
