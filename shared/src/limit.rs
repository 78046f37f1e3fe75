//! How much may be sent.

use serde::{Deserialize, Serialize};

/// The least that can be asked for, in Mbit/s: below it a host would take a connection for dead.
pub const MIN_MBIT_PER_SECOND: f64 = 0.01;
/// The most that can be asked for, in Mbit/s.
pub const MAX_MBIT_PER_SECOND: f64 = 1_000_000.0;

/// A limit of bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BandwidthLimit {
    /// How much may be sent, in Mbit/s, that is 10⁶ bits per second; 0.01 to 1,000,000. Null or absent lifts the
    /// limit.
    #[serde(default)]
    pub mbit_per_second: Option<f64>,
}

/// A limit that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{0} Mbit/s cannot be a limit: give {MIN_MBIT_PER_SECOND} to {MAX_MBIT_PER_SECOND}. To stop what waits, use hdm pause"
)]
pub struct BadLimit(f64);

/// In bytes per second.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds above")]
pub fn bytes_per_second(mbit_per_second: f64) -> Result<u64, BadLimit> {
    if (MIN_MBIT_PER_SECOND..=MAX_MBIT_PER_SECOND).contains(&mbit_per_second) {
        Ok((mbit_per_second * 125_000.0).round() as u64)
    } else {
        Err(BadLimit(mbit_per_second))
    }
}

/// In Mbit/s.
#[allow(clippy::cast_precision_loss, reason = "a rate needs no 53 bits")]
pub fn mbit_per_second(bytes_per_second: u64) -> f64 {
    bytes_per_second as f64 / 125_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_within_its_bounds() {
        assert_eq!(bytes_per_second(100.0), Ok(12_500_000));
        assert_eq!(bytes_per_second(0.01), Ok(1_250));
        for wrong in [0.0, 0.009, -1.0, 2e6, f64::NAN, f64::INFINITY] {
            assert!(bytes_per_second(wrong).is_err(), "{wrong}");
        }
        assert!((mbit_per_second(12_500_000) - 100.0).abs() < 1e-9);
    }
}
