//! Places where a test can end the process as a power cut would.

/// Ends the process here if `HDM_KILL_AT` names this moment, such as `before:transfer`. With `@PATH` the moment
/// stands in a file, so that it can be chosen while the process runs. Does nothing unless built with the
/// feature `failpoints`.
#[cfg(feature = "failpoints")]
pub(super) fn at(moment: &str, step: &str) {
    let Ok(wanted) = std::env::var("HDM_KILL_AT") else { return };
    let wanted = match wanted.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).unwrap_or_default(),
        None => wanted,
    };
    if wanted.trim() == format!("{moment}:{step}") {
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub(super) fn at(_moment: &str, _step: &str) {}
