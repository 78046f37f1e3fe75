//! The stand-in for `Intl` on the host: English, UTC.

use jiff::Timestamp;

pub fn number(value: f64, decimals: u8) -> String {
    let text = format!("{value:.*}", usize::from(decimals));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-');
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole.starts_with('-') { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{out}") } else { format!("{sign}{out}.{fraction}") }
}

pub fn percent(share: f64) -> String {
    format!("{}%", number(share * 100.0, 0))
}

fn strftime(at_ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(at_ms).map(|at| at.strftime(format).to_string()).unwrap_or_default()
}

pub fn date_time(at_ms: i64) -> String {
    strftime(at_ms, "%m/%d/%Y, %H:%M:%S")
}

pub fn time(at_ms: i64) -> String {
    strftime(at_ms, "%H:%M")
}

pub fn date(at_ms: i64) -> String {
    strftime(at_ms, "%m/%d/%Y")
}

pub fn plural_category(n: u64) -> &'static str {
    if n == 1 { "one" } else { "other" }
}

pub fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

pub fn lower(text: &str) -> String {
    text.to_lowercase()
}
