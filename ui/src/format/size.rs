//! Sizes and rates. One GB is 2^30 bytes, as everywhere in the vSphere Client.

use crate::i18n::t;

use super::{decimal, integer};

const KB: f64 = 1024.0;
const MB: f64 = KB * 1024.0;
const GB: f64 = MB * 1024.0;
const TB: f64 = GB * 1024.0;

/// An amount of data.
#[allow(clippy::cast_precision_loss, reason = "rounded for people anyway")]
pub fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    let short = |value: f64| decimal(value, u8::from(value < 10.0));
    if value >= TB {
        t::units::tb(decimal(value / TB, 2))
    } else if value >= GB {
        t::units::gb(short(value / GB))
    } else if value >= MB {
        t::units::mb(short(value / MB))
    } else if value >= KB {
        t::units::kb(short(value / KB))
    } else {
        t::units::b(integer(bytes))
    }
}

/// A rate in bytes per second.
pub fn rate(bytes_per_second: u64) -> String {
    t::units::per_second(bytes(bytes_per_second))
}

/// An amount of memory, given in MiB.
pub fn memory(mib: u64) -> String {
    bytes(mib.saturating_mul(1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_that_keeps_it_short() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(36 << 30), "36 GB");
        assert_eq!(bytes((15 << 30) / 10), "1.5 GB");
        assert_eq!(bytes(2_199_023_255_552), "2 TB");
        assert_eq!(memory(512), "512 MB");
        assert_eq!(rate(48 << 20), "48 MB/s");
    }
}
