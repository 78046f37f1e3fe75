//! Durations and estimates.

use hdm_shared::migration::Estimate;

use crate::i18n::t;

use super::integer;

/// A duration, with the two units that matter.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, seconds) => t::units::seconds(seconds),
        (0, 0, minutes, 0) => t::units::minutes(minutes),
        (0, 0, minutes, seconds) => t::units::minutes_seconds(minutes, seconds),
        (0, hours, 0, _) => t::units::hours(hours),
        (0, hours, minutes, _) => t::units::hours_minutes(hours, minutes),
        (days, hours, ..) => t::units::days_hours(integer(days), hours),
    }
}

/// A range of time that something will still take, no more exact than anybody can know.
pub fn estimate(estimate: Estimate) -> String {
    let (low, high) = (coarse(estimate.low_seconds), coarse(estimate.high_seconds.max(estimate.low_seconds)));
    if high <= 60 {
        return t::units::under_a_minute().to_owned();
    }
    if low == high { rounded(high) } else { t::units::range(rounded(low), rounded(high)) }
}

/// Rounded up to whole minutes below an hour, five minutes below six hours, half hours above.
fn coarse(seconds: u64) -> u64 {
    let step = match seconds {
        0..3_600 => 60,
        3_600..21_600 => 300,
        _ => 1_800,
    };
    seconds.div_ceil(step).max(1) * step
}

fn rounded(seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, minutes) => t::units::minutes(minutes),
        (hours, 0) => t::units::hours(integer(hours)),
        (hours, minutes) => t::units::hours_minutes(integer(hours), minutes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_shows_two_units() {
        assert_eq!(duration(9), "9 s");
        assert_eq!(duration(300), "5 min");
        assert_eq!(duration(196), "3 min 16 s");
        assert_eq!(duration(7_260), "2 h 1 min");
        assert_eq!(duration(90_000), "1 d 1 h");
    }

    #[test]
    fn an_estimate_is_a_range_in_round_numbers() {
        let of = |low_seconds, high_seconds| estimate(Estimate { low_seconds, high_seconds });
        assert_eq!(of(5, 40), "under 1 min");
        assert_eq!(of(250, 470), "5 min to 8 min");
        assert_eq!(of(3_500, 9_000), "59 min to 2 h 30 min");
        assert_eq!(of(120, 120), "2 min");
    }
}
