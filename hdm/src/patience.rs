//! Bearing with an appliance that is away for a while: it may be restarted, or another takes over.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::cli::Output;
use crate::failure::Failure;

/// How long an appliance may be away before a command that follows something gives up.
const LIMIT: Duration = Duration::from_secs(600);

/// Remembers since when the appliance has not answered.
#[derive(Debug)]
pub struct Patience {
    since: Option<Instant>,
    tells: bool,
}

impl Patience {
    /// Begins; with JSON nothing is told, because standard error is for problem documents then.
    pub fn new(output: Output) -> Self {
        Self { since: None, tells: output == Output::Table }
    }

    /// Gives the answer on; `None` if there was none, but may be later. Says so once, and once more when the
    /// appliance is back.
    ///
    /// # Errors
    /// What is no outage, and what has lasted for ten minutes.
    pub fn bear<T>(&mut self, answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
        match answer {
            Ok(answer) => {
                if self.since.take().is_some() && self.tells {
                    eprintln!("The appliance answers again.");
                }
                Ok(Some(answer))
            }
            Err(failure) if passes(&failure) => {
                if self.since.is_none() && self.tells {
                    let now = Timestamp::now();
                    eprintln!("The appliance does not answer since {now:.0}; still trying. {failure}");
                }
                let since = *self.since.get_or_insert_with(Instant::now);
                if since.elapsed() < LIMIT { Ok(None) } else { Err(failure) }
            }
            Err(failure) => Err(failure),
        }
    }
}

/// Whether it may be otherwise in a moment.
fn passes(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable(_) => true,
        Failure::Refused(problem) => problem.status >= 500,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_outage_is_borne_and_a_refusal_is_not() {
        let mut patience = Patience::new(Output::Table);
        let away = || Err::<(), _>(Failure::Unreachable("It is away.".into()));
        assert!(patience.bear(away()).unwrap().is_none());
        assert!(patience.bear(away()).unwrap().is_none());
        assert!(patience.bear(Ok(())).unwrap().is_some());
        assert!(patience.since.is_none(), "the next outage has its own time");
        assert!(patience.bear(Err::<(), _>(Failure::NotAdmitted("No.".into()))).is_err());
    }

    #[test]
    fn an_outage_has_its_limit() {
        let mut patience = Patience { since: Instant::now().checked_sub(LIMIT), tells: false };
        assert!(patience.bear(Err::<(), _>(Failure::Unreachable("It is away.".into()))).is_err());
    }
}
