//! Places where a test can end the process as a power cut would.

/// Ends the process here if `HDM_KILL_AT` names this moment, such as `before:transfer`. Does nothing unless
/// built with the feature `failpoints`.
#[cfg(feature = "failpoints")]
pub(super) fn at(moment: &str, step: &str) {
    if std::env::var("HDM_KILL_AT").is_ok_and(|wanted| wanted == format!("{moment}:{step}")) {
        std::process::abort();
    }
}

#[cfg(not(feature = "failpoints"))]
pub(super) fn at(_moment: &str, _step: &str) {}
