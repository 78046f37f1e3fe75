//! Times as people type them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// Reads a time of the past: how long ago, such as `12h` or `7d`, or when: `2026-11-25`, `2026-11-25T22:00` (both in this
/// machine's time zone) or with a zone as RFC 3339 has it.
pub fn past(text: &str) -> Result<Timestamp, String> {
    read(text, Timestamp::now(), &TimeZone::system())
}

fn read(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "'{text}' is no time: use how long ago, such as 12h or 7d, or when, such as 2026-11-25, \
             2026-11-25T22:00 or 2026-11-25T22:00:00Z"
        )
    };
    if let Ok(ago) = text.parse::<Span>() {
        // A day is one of 24 hours: how long ago something was does not depend on where.
        let ago = ago.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        let ago = SignedDuration::try_from(ago.unsigned_abs()).map_err(|_| wrong())?;
        return now.checked_sub(ago).map_err(|_| wrong());
    }
    at(text, zone).ok_or_else(wrong)
}

/// Reads a time with a zone as RFC 3339 has it, or one by the clock on the wall of a time zone, such as
/// `2026-11-25T22:00`.
pub fn at(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| zone.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_time_is_a_span_a_date_or_exact() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let of = |text| read(text, now, &zone).map(|at| at.to_string());
        assert_eq!(of("12h").unwrap(), "2026-11-25T00:00:00Z");
        assert_eq!(of("2d").unwrap(), "2026-11-23T12:00:00Z");
        assert_eq!(of("2026-11-25").unwrap(), "2026-11-24T23:00:00Z");
        assert_eq!(of("2026-11-25T22:00").unwrap(), "2026-11-25T21:00:00Z");
        assert_eq!(of("2026-11-25T22:00:00-05:00").unwrap(), "2026-11-26T03:00:00Z");
        for bad in ["", "yesterday", "25.11.2026", "1y", "999999999h"] {
            assert!(of(bad).unwrap_err().contains("is no time"), "{bad}");
        }
    }
}
