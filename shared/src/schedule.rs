//! When a migration may begin: from a time on, until a time, within a window of each day.
//!
//! Only the beginning is ruled: what runs when a window ends goes on, because a VM that is half moved is of use to
//! nobody. A window of each day is meant by the clock on the wall of a named time zone. Where that clock is put
//! forward, a time that there is not becomes the one as much later; where it is put back, a time that there is twice
//! is the first of both (RFC 5545, section 3.3.5).

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use crate::instant;

/// When a migration may begin. What is absent rules nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "instant::read_if_any")]
    pub not_before: Option<Timestamp>,
    /// Not at this or later.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "instant::read_if_any")]
    pub not_after: Option<Timestamp>,
    /// Only within this window of each day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<DailyWindow>,
}

/// A part of each day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DailyWindow {
    /// When it opens, such as `22:00`.
    #[serde(deserialize_with = "instant::read_time")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "22:00"))]
    pub from: Time,
    /// When it closes, on the next day if that is earlier than it opens, such as `05:00`.
    #[serde(deserialize_with = "instant::read_time")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "05:00"))]
    pub until: Time,
    /// The time zone by its IANA name, such as `Europe/Berlin`.
    pub time_zone: String,
}

/// When its turn may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opens {
    /// Now.
    Now,
    /// At this time.
    At(Timestamp),
    /// Never: its window is over, or its time zone is not known here.
    Never,
}

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "each variant's message says what it is")]
pub enum BadSchedule {
    #[error("There is no time zone '{0}'. Name one as the IANA does, such as Europe/Berlin.")]
    TimeZone(String),
    #[error("A window that opens and closes at the same time is none. Give two different times.")]
    Empty,
    #[error("The window ends before it begins. Give the end a later time.")]
    Backwards,
    #[error("The window is over already. Give it a later end.")]
    Over,
}

impl Schedule {
    /// Whether nothing is ruled.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it can be kept.
    pub fn check(&self, now: Timestamp) -> Result<(), BadSchedule> {
        if let Some(daily) = &self.daily {
            if TimeZone::get(&daily.time_zone).is_err() {
                return Err(BadSchedule::TimeZone(daily.time_zone.clone()));
            }
            if daily.from == daily.until {
                return Err(BadSchedule::Empty);
            }
        }
        if let (Some(begin), Some(end)) = (self.not_before, self.not_after)
            && end <= begin
        {
            return Err(BadSchedule::Backwards);
        }
        if self.opens(now) == Opens::Never { Err(BadSchedule::Over) } else { Ok(()) }
    }

    /// When a migration may begin, as seen at a time.
    pub fn opens(&self, now: Timestamp) -> Opens {
        let earliest = self.not_before.map_or(now, |begin| begin.max(now));
        let opens = match &self.daily {
            Some(daily) => daily.opens(earliest),
            None => Some(earliest),
        };
        match opens {
            Some(at) if self.not_after.is_some_and(|end| at >= end) => Opens::Never,
            Some(at) if at <= now => Opens::Now,
            Some(at) => Opens::At(at),
            None => Opens::Never,
        }
    }
}

impl DailyWindow {
    /// The first time from `at` on that lies in it.
    fn opens(&self, at: Timestamp) -> Option<Timestamp> {
        let zone = TimeZone::get(&self.time_zone).ok()?;
        let mut date = at.to_zoned(zone.clone()).date().checked_sub(1.day()).ok()?;
        // Yesterday's may still be open. Two days on there is one for certain, whatever clocks do.
        for _ in 0..4 {
            let tomorrow = date.checked_add(1.day()).ok()?;
            let last_day = if self.until > self.from { date } else { tomorrow };
            let begin = date.to_datetime(self.from).to_zoned(zone.clone()).ok()?.timestamp();
            let end = last_day.to_datetime(self.until).to_zoned(zone.clone()).ok()?.timestamp();
            if at < end {
                return Some(begin.max(at));
            }
            date = tomorrow;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn night(from: &str, until: &str) -> Schedule {
        let (from, until) = (from.parse().unwrap(), until.parse().unwrap());
        let daily = Some(DailyWindow { from, until, time_zone: "Europe/Berlin".into() });
        Schedule { daily, ..Schedule::default() }
    }

    #[test]
    fn nothing_ruled_is_now() {
        assert_eq!(Schedule::default().opens(at("2026-11-25T23:00:00Z")), Opens::Now);
    }

    #[test]
    fn a_window_goes_past_midnight() {
        let night = night("22:00", "05:00");
        for (now, expected) in [
            ("2026-11-25T12:00:00+01:00", Opens::At(at("2026-11-25T22:00:00+01:00"))),
            ("2026-11-25T21:59:59+01:00", Opens::At(at("2026-11-25T22:00:00+01:00"))),
            ("2026-11-25T22:00:00+01:00", Opens::Now),
            ("2026-11-26T00:00:00+01:00", Opens::Now),
            ("2026-11-26T04:59:59+01:00", Opens::Now),
            ("2026-11-26T05:00:00+01:00", Opens::At(at("2026-11-26T22:00:00+01:00"))),
        ] {
            assert_eq!(night.opens(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn a_window_within_a_day() {
        let noon = night("12:00", "13:00");
        assert_eq!(noon.opens(at("2026-11-25T12:30:00+01:00")), Opens::Now);
        let tomorrow = Opens::At(at("2026-11-26T12:00:00+01:00"));
        assert_eq!(noon.opens(at("2026-11-25T13:00:00+01:00")), tomorrow);
    }

    #[test]
    fn clocks_are_put_forward_and_back() {
        // In Berlin 02:00 to 03:00 is missing on 29 March 2026, and there twice on 25 October 2026.
        let missing = night("02:30", "04:00");
        assert_eq!(missing.opens(at("2026-03-29T00:00:00Z")), Opens::At(at("2026-03-29T03:30:00+02:00")));
        assert_eq!(
            missing.opens(at("2026-03-29T04:00:00+02:00")),
            Opens::At(at("2026-03-30T02:30:00+02:00"))
        );
        let twice = night("22:00", "02:30");
        assert_eq!(twice.opens(at("2026-10-25T02:29:00+02:00")), Opens::Now);
        assert_eq!(twice.opens(at("2026-10-25T02:29:00+01:00")), Opens::At(at("2026-10-25T22:00:00+01:00")));
        let all_gone = night("02:10", "02:40");
        assert_eq!(all_gone.opens(at("2026-03-29T00:00:00Z")), Opens::At(at("2026-03-29T03:10:00+02:00")));
        // Ten at night is another instant in summer.
        let night = night("22:00", "05:00");
        assert_eq!(night.opens(at("2026-03-28T22:00:00+01:00")), Opens::Now);
        assert_eq!(night.opens(at("2026-03-29T12:00:00Z")), Opens::At(at("2026-03-29T20:00:00Z")));
    }

    #[test]
    fn beginning_and_end_bound_the_nights() {
        let mut some = night("22:00", "05:00");
        some.not_before = Some(at("2026-11-27T00:30:00+01:00"));
        some.not_after = Some(at("2026-11-28T00:00:00+01:00"));
        assert_eq!(some.opens(at("2026-11-25T23:00:00+01:00")), Opens::At(at("2026-11-27T00:30:00+01:00")));
        assert_eq!(some.opens(at("2026-11-27T06:00:00+01:00")), Opens::At(at("2026-11-27T22:00:00+01:00")));
        assert_eq!(some.opens(at("2026-11-28T00:00:00+01:00")), Opens::Never);
        assert_eq!(some.check(at("2026-11-28T01:00:00+01:00")), Err(BadSchedule::Over));
        some.not_after = some.not_before;
        assert_eq!(some.check(at("2026-11-25T23:00:00+01:00")), Err(BadSchedule::Backwards));
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        assert_eq!(night("22:00", "22:00").check(at("2026-11-25T00:00:00Z")), Err(BadSchedule::Empty));
        let mut moon = night("22:00", "05:00");
        if let Some(daily) = &mut moon.daily {
            daily.time_zone = "Moon/Tranquility".into();
        }
        let refused = moon.check(at("2026-11-25T00:00:00Z"));
        assert_eq!(refused, Err(BadSchedule::TimeZone("Moon/Tranquility".into())));
        assert_eq!(
            moon.opens(at("2026-11-25T00:00:00Z")),
            Opens::Never,
            "nothing is started by a wrong clock"
        );
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let json = r#"{"daily": {"from": "22:00", "until": "05:00", "time_zone": "Europe/Berlin"}}"#;
        assert_eq!(serde_json::from_str::<Schedule>(json).unwrap(), night("22:00", "05:00"));
        assert!(serde_json::from_str::<Schedule>(r#"{"nightly": {}}"#).is_err());
    }
}
