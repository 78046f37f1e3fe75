//! When migrations may begin, as it is typed.

use hdm_shared::schedule::{DailyWindow, Schedule};
use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::cli::Timing;
use crate::failure::Failure;
use crate::moment;

/// What was typed as the API wants it; nothing if nothing is ruled.
pub fn schedule(asked: &Timing) -> Result<Option<Schedule>, Failure> {
    read(asked, &TimeZone::system()).map_err(Failure::NotAdmitted)
}

fn read(asked: &Timing, system: &TimeZone) -> Result<Option<Schedule>, String> {
    let zone = match &asked.time_zone {
        Some(name) => TimeZone::get(name).map_err(|_| {
            format!("There is no time zone '{name}'. Name one as the IANA does, such as Europe/Berlin.")
        })?,
        None => system.clone(),
    };
    let mut schedule = Schedule::default();
    if let Some(window) = &asked.window {
        if let Some((begin, end)) = window.split_once('/') {
            schedule.not_before = Some(time(begin, &zone)?);
            schedule.not_after = Some(time(end, &zone)?);
        } else {
            schedule.daily = Some(daily(window, &zone)?);
        }
    }
    if let Some(at) = &asked.at {
        let at = time(at, &zone)?;
        schedule.not_before = Some(schedule.not_before.map_or(at, |begin| begin.max(at)));
    }
    Ok(Some(schedule).filter(|schedule| !schedule.is_empty()))
}

fn daily(window: &str, zone: &TimeZone) -> Result<DailyWindow, String> {
    let wrong = || {
        format!(
            "'{window}' is no window. Write one of each day as 22:00-05:00, or two times with a / between them."
        )
    };
    let (from, until) = window.split_once('-').ok_or_else(wrong)?;
    let read = |text: &str| text.trim().parse::<Time>().map_err(|_| wrong());
    let name = zone.iana_name().ok_or(
        "This machine does not tell the name of its time zone. Name one with --time-zone, such as Europe/Berlin.",
    )?;
    Ok(DailyWindow { from: read(from)?, until: read(until)?, time_zone: name.to_owned() })
}

fn time(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    moment::at(text, zone).ok_or_else(|| {
        format!("'{text}' is no time. Write it as 2026-11-26T22:00:00+01:00, or as a local time, 2026-11-26T22:00.")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn asked(at: Option<&str>, window: Option<&str>) -> Result<Option<Schedule>, String> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        let timing = Timing { at: own(at), window: own(window), time_zone: Some("Europe/Berlin".into()) };
        read(&timing, &TimeZone::UTC)
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        assert_eq!(asked(None, None), Ok(None));
        let ten = "2026-11-26T21:00:00Z".parse().ok();
        for text in
            ["2026-11-26T22:00", "2026-11-26 22:00:00", "2026-11-26T22:00:00+01:00", "2026-11-26T21:00Z"]
        {
            assert_eq!(asked(Some(text), None).unwrap().unwrap().not_before, ten, "{text}");
        }
        assert!(asked(Some("tonight"), None).unwrap_err().contains("'tonight' is no time"));
    }

    #[test]
    fn a_window_is_of_each_day_or_between_two_times() {
        let daily = asked(None, Some("22:00-05:00")).unwrap().unwrap().daily.unwrap();
        let (from, until) = ("22:00".parse().unwrap(), "05:00".parse().unwrap());
        assert_eq!(daily, DailyWindow { from, until, time_zone: "Europe/Berlin".into() });
        let once =
            asked(Some("2026-11-26T23:00"), Some("2026-11-26T22:00/2026-11-27T05:00")).unwrap().unwrap();
        assert_eq!(once.not_before, "2026-11-26T22:00:00Z".parse().ok(), "the later of both");
        assert_eq!(once.not_after, "2026-11-27T04:00:00Z".parse().ok());
        for wrong in ["22:00", "10-25:00", "22:00-"] {
            assert!(asked(None, Some(wrong)).is_err(), "{wrong}");
        }
    }
}
