//! Places where a test can end or freeze the process. All of it does nothing unless built with the feature `failpoints`.

#[cfg(feature = "failpoints")]
pub(crate) use armed::at;

/// Ends or freezes the process here, if a test wants it.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn at(_moment: &str, _place: &str) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::collections::HashMap;
    use std::fmt::Write as _;
    use std::process::Command;
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// How often each moment has come that is wanted with a number.
    static COME: LazyLock<Mutex<HashMap<String, u32>>> = LazyLock::new(Mutex::default);

    /// Ends the process here, as a power cut would, if `HDM_KILL_AT` names this moment, such as `before:transfer`.
    ///
    /// With `@PATH` the moments stand in a file, one on a line, so that they can be chosen while the process runs; the one
    /// that has come is written to `PATH.come`. `after:commit#7` is the seventh time that moment comes while it stands there,
    /// whatever else stands behind the number. A line that begins with `freeze ` stops the process with `SIGSTOP` instead,
    /// and whoever lets it go on has to take the line away first.
    pub(crate) fn at(moment: &str, place: &str) {
        let Ok(wanted) = std::env::var("HDM_KILL_AT") else { return };
        let Some(path) = wanted.strip_prefix('@') else {
            if wanted == format!("{moment}:{place}") {
                std::process::abort();
            }
            return;
        };
        let mut come = COME.lock().unwrap_or_else(PoisonError::into_inner);
        for line in std::fs::read_to_string(path).unwrap_or_default().lines() {
            let (freeze, wish) = line.strip_prefix("freeze ").map_or((false, line), |wish| (true, wish));
            let (name, nth) = wish.split_once('#').unwrap_or((wish, "1"));
            if name.trim() != format!("{moment}:{place}") {
                continue;
            }
            let nth = nth.split(' ').next().and_then(|nth| nth.parse().ok()).unwrap_or(1);
            let count = come.entry(line.to_owned()).or_default();
            *count += 1;
            if *count != nth {
                continue;
            }
            let mut text = line.to_owned();
            let _ = writeln!(text);
            let _ = std::fs::write(format!("{path}.come"), text);
            if !freeze {
                std::process::abort();
            }
            let _ = Command::new("kill").args(["-s", "STOP", &std::process::id().to_string()]).status();
        }
    }
}
