//! How a moment is read from JSON.
//!
//! On the host [`jiff`] reads it. In a browser the program would then carry all sentences that jiff has for its errors,
//! those of time zones and of calendars too, a fifteenth of the program's size: there it reads what jiff writes of a
//! [`Timestamp`], which is all that HDM's own servers send.

use jiff::Timestamp;
use jiff::civil::Time;
use serde::{Deserialize, Deserializer, de};

/// Reads a moment (RFC 3339).
pub fn read<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    parse(&String::deserialize(from)?)
}

/// Reads a moment that may be absent. The field needs `#[serde(default)]` beside it.
pub fn read_if_any<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(from)?.map(|text| parse(&text)).transpose()
}

/// Reads a time of day, such as `22:00` or, as jiff writes it, `22:00:00`.
pub fn read_time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    #[cfg(target_arch = "wasm32")]
    let time = written_time(&text);
    #[cfg(not(target_arch = "wasm32"))]
    let time = text.parse().ok();
    time.ok_or_else(|| de::Error::custom("a time of day is written as RFC 3339 has it, such as 22:00"))
}

/// A time of day as jiff writes it.
#[cfg(any(test, target_arch = "wasm32"))]
fn written_time(text: &str) -> Option<Time> {
    let mut parts = text.splitn(3, ':').map(|part| part.parse::<i8>().ok().filter(|_| part.len() == 2));
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = match parts.next() {
        Some(second) => second?,
        None => 0,
    };
    Time::new(hour, minute, second, 0).ok()
}

fn parse<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    #[cfg(target_arch = "wasm32")]
    let at = written(text);
    #[cfg(not(target_arch = "wasm32"))]
    let at = text.parse().ok();
    at.ok_or_else(|| E::custom("a moment is written as RFC 3339 has it, such as 2026-01-31T12:00:00Z"))
}

/// Days from the first of March of the year 0 to the first of January 1970.
#[cfg(any(test, target_arch = "wasm32"))]
const TO_1970: i64 = 719_468;

/// A moment as jiff writes it: `YYYY-MM-DDThh:mm:ss`, a fraction of up to nine digits if there is one, and `Z`.
#[cfg(any(test, target_arch = "wasm32"))]
fn written(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    if whole.len() != 19 || !whole.bytes().enumerate().all(shape) {
        return None;
    }
    if !(1..=9).contains(&fraction.len()) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| whole[from..to].parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin in March, so that the leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year;
    let seconds = (days - TO_1970) * 86_400 + hour * 3_600 + minute * 60 + second;
    let nanoseconds = fraction.parse::<i32>().ok()? * 10_i32.pow(9 - u32::try_from(fraction.len()).ok()?);
    Timestamp::new(seconds, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde::Serialize;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Both {
        #[serde(deserialize_with = "read")]
        at: Timestamp,
        #[serde(default, deserialize_with = "read_if_any")]
        ended: Option<Timestamp>,
    }

    #[test]
    fn what_jiff_writes_is_read() {
        let at: Timestamp = "2026-01-31T12:00:00.123456789Z".parse().unwrap();
        for ended in [None, Some(at)] {
            let text = serde_json::to_string(&Both { at, ended }).unwrap();
            assert_eq!(serde_json::from_str::<Both>(&text).unwrap(), Both { at, ended });
        }
        let short: Both = serde_json::from_str(r#"{"at":"2026-01-31T13:00:00.123456789+01:00"}"#).unwrap();
        assert_eq!(short, Both { at, ended: None });
    }

    #[test]
    fn a_browser_reads_a_time_of_day_as_the_host_does() {
        for minute in 0..24 * 60 {
            let time = Time::midnight() + jiff::Span::new().minutes(minute);
            assert_eq!(written_time(&time.to_string()), Some(time));
        }
        assert_eq!(written_time("22:05"), Time::new(22, 5, 0, 0).ok());
        for bad in ["", "22", "24:00", "22:60", "2:00", "22:00:00:00", "ab:cd", "-1:00"] {
            assert_eq!(written_time(bad), None, "{bad}");
            assert!(bad.parse::<Time>().is_err() || bad == "22", "{bad}");
        }
    }

    #[test]
    fn a_browser_reads_it_as_the_host_does() {
        let mut at = Timestamp::from_second(-62_167_219_200).unwrap();
        for step in 0..40_000_i64 {
            // 91 days and some odd time: every month, leap years and centuries are met.
            let text = at.to_string();
            assert_eq!(written(&text), Some(at), "{text}");
            let next = at.as_nanosecond() + i128::from(step % 3) * 1_230_000 + 7_900_000_000_000_000;
            let Ok(next) = Timestamp::from_nanosecond(next) else { break };
            at = next;
        }
        for bad in [
            "",
            "Z",
            "2026-01-31",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00.+1Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00ZZ",
            "zz26-01-01T00:00:0\u{e9}Z",
        ] {
            assert_eq!(written(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_a_sentence() {
        let error = serde_json::from_str::<Both>(r#"{"at":"yesterday"}"#).unwrap_err().to_string();
        assert!(error.contains("RFC 3339"), "{error}");
    }
}
