//! `cargo xtask storm`: migrations while everything that can go wrong does, seed after seed.

use crate::requirement;
use crate::shell::{Done, cargo, run as run_command, target};
use crate::test::with_lab;

/// The first seed, the minutes, and whether the storms are of the kind that has most kills.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    seed: u64,
    minutes: u64,
    kills: bool,
}

/// Runs storms of consecutive seeds until the minutes are over. Each prints a line of JSON; the last line adds them up and
/// names the seeds that were not survived.
pub fn run(arguments: &[String]) -> Done {
    let wish = read(arguments)?;
    requirement::set_up(&requirement::all())?;
    run_command(cargo().args(["build", "--package", "hdm", "--features", "hdm/failpoints"]))?;
    let test = ["test", "--package", "hdm-tests", "--test", "storm", "--"];
    run_command(
        with_lab(cargo().args(test).args(["--ignored", "--exact", "one_after_the_other", "--nocapture"]))
            .env("HDM_BIN", target().join("debug/hdm"))
            .env("HDM_STORM_SEED", wish.seed.to_string())
            .env("HDM_STORM_MINUTES", wish.minutes.to_string())
            .env("HDM_STORM_KIND", if wish.kills { "kills" } else { "mixed" }),
    )
}

fn read(arguments: &[String]) -> Result<Wish, String> {
    let mut wish = Wish { seed: 1, minutes: 10, kills: false };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        if name == "--kills" {
            wish.kills = true;
            continue;
        }
        let number = rest.next().and_then(|value| value.parse().ok());
        match (name.as_str(), number) {
            ("--seed", Some(number)) => wish.seed = number,
            ("--minutes", Some(number)) => wish.minutes = number,
            _ => return Err("Say `cargo xtask storm [--kills] [--seed NUMBER] [--minutes NUMBER]`.".into()),
        }
    }
    Ok(wish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_can_be_left_out_and_nothing_else_is_taken() {
        let read = |text: &str| read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(read(""), Ok(Wish { seed: 1, minutes: 10, kills: false }));
        assert_eq!(read("--minutes 2 --kills --seed 7"), Ok(Wish { seed: 7, minutes: 2, kills: true }));
        for wrong in ["--seed", "--seed x", "7", "--seeds 7", "--seed --kills"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
