//! Numbers, sizes, times and durations as people read them.
//!
//! In the browser `Intl` does the work (and the vSphere Client's own `formatDateTime` for dates); on the host,
//! where only tests run, a plain English stand-in does.

mod duration;
#[cfg(not(target_arch = "wasm32"))]
#[path = "plain.rs"]
mod intl;
#[cfg(target_arch = "wasm32")]
mod intl;
mod size;

pub use duration::{duration, estimate};
pub use size::{bytes, memory, rate};

use jiff::Timestamp;

/// A whole number with the language's separators.
pub fn integer(n: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    intl::number(n as f64, 0)
}

/// A number with at most so many decimals.
pub fn decimal(value: f64, decimals: u8) -> String {
    intl::number(value, decimals)
}

/// A text in small letters.
pub fn lower(text: &str) -> String {
    // Most are ASCII, and need not be handed over to the browser.
    if text.is_ascii() { text.to_ascii_lowercase() } else { intl::lower(text) }
}

/// A share of a whole, from 0 to 1, in percent.
pub fn percent(share: f64) -> String {
    intl::percent(share)
}

/// Date and time.
pub fn date_time(at: Timestamp) -> String {
    intl::date_time(at.as_millisecond())
}

/// Time alone.
pub fn time(at_ms: i64) -> String {
    intl::time(at_ms)
}

/// Date alone.
pub fn date(at_ms: i64) -> String {
    intl::date(at_ms)
}

/// The plural category of CLDR, such as `one`.
pub fn plural_category(n: u64) -> &'static str {
    intl::plural_category(n)
}

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::from_millisecond(intl::now_ms()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A time of day without its seconds, if it has any and they are none: `07:00:00 PM` is `07:00 PM`.
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only a Client's texts have seconds"))]
fn without_seconds(time: &str) -> String {
    let seconds = time.match_indices(":00").map(|(at, _)| at).last();
    match seconds.filter(|at| time[..*at].contains(':')) {
        Some(at) => format!("{}{}", &time[..at], &time[at + 3..]),
        None => time.to_owned(),
    }
}
