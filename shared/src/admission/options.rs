//! Whether the numbers and names asked for are possible at all.

use crate::migration::ColdOptions;
use crate::problem::Finding;

use super::source::{SourceVm, name_is_offered};

/// The most virtual CPUs a VM can have (vSphere 8 configuration maximums).
pub const MAX_CPUS: u32 = 768;
/// The most memory a VM can have: 24 TiB, in MiB (vSphere 8 configuration maximums).
pub const MAX_MEMORY_MIB: u64 = 24 * 1024 * 1024;
/// vSphere's limit on a VM's name, in characters.
pub const MAX_NAME_CHARS: usize = 80;

/// Checks ranges; the object named is the VM.
pub fn check(vm: &SourceVm, options: &ColdOptions) -> Vec<Finding> {
    let name = vm.name.as_str();
    let mut found = Vec::new();
    if let Some(cpus) = options.cpus
        && !(1..=MAX_CPUS).contains(&cpus)
    {
        found.push(Finding::blocker(
            "cpus-out-of-range",
            name,
            format!("{cpus} virtual CPUs were asked for '{name}'."),
            format!("Ask for 1 to {MAX_CPUS}."),
        ));
    }
    if let Some(mib) = options.memory_mib
        && !((4..=MAX_MEMORY_MIB).contains(&mib) && mib.is_multiple_of(4))
    {
        found.push(Finding::blocker(
            "memory-out-of-range",
            name,
            format!("{mib} MiB of memory were asked for '{name}'."),
            format!("Ask for a multiple of 4 MiB, at most {MAX_MEMORY_MIB} MiB."),
        ));
    }
    if !(10..=3_600).contains(&options.shutdown_timeout_seconds) {
        found.push(Finding::blocker(
            "timeout-out-of-range",
            name,
            format!("{} s were allowed for the guest's shutdown.", options.shutdown_timeout_seconds),
            "Allow 10 to 3,600 seconds.",
        ));
    }
    if options.restart_guest > 3 {
        found.push(Finding::blocker(
            "timeout-out-of-range",
            name,
            format!("{} restarts of the guest were asked for.", options.restart_guest),
            "Ask for 0 to 3 restarts.",
        ));
    }
    let target = vm.target_name.as_str();
    let length = target.chars().count();
    let renamed = target != name;
    let unfit = || target.trim().is_empty() || target.contains(cannot_be_told) || !name_is_offered(target);
    if length == 0 || length > MAX_NAME_CHARS || (renamed && unfit()) {
        found.push(Finding::blocker(
            "name-unusable",
            name,
            format!("'{target}' cannot be the name of the copy of '{name}'."),
            format!(
                "Choose a name of 1 to {MAX_NAME_CHARS} characters without \"hdm\", \"..\" and control characters."
            ),
        ));
    }
    found
}

/// Whether a vCenter cannot be told of a character: XML 1.0 has no place for it, or nobody can see it in a name.
fn cannot_be_told(c: char) -> bool {
    c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

#[cfg(test)]
mod tests {
    use super::super::samples::{codes, vm};
    use super::*;

    fn ask(options: &ColdOptions) -> String {
        codes(&check(&vm(), options)).join(",")
    }

    #[test]
    fn numbers_are_held_to_their_ranges() {
        let d = ColdOptions::default;
        assert_eq!(ask(&d()), "");
        for (cpus, code) in [(0, "cpus-out-of-range"), (1, ""), (768, ""), (769, "cpus-out-of-range")] {
            assert_eq!(ask(&ColdOptions { cpus: Some(cpus), ..d() }), code, "{cpus}");
        }
        for (mib, code) in [(0, "memory-out-of-range"), (4, ""), (6, "memory-out-of-range"), (1024, "")] {
            assert_eq!(ask(&ColdOptions { memory_mib: Some(mib), ..d() }), code, "{mib}");
        }
        for (s, code) in [(9, "timeout-out-of-range"), (10, ""), (3600, ""), (3601, "timeout-out-of-range")] {
            assert_eq!(ask(&ColdOptions { shutdown_timeout_seconds: s, ..d() }), code, "{s}");
        }
        assert_eq!(ask(&ColdOptions { restart_guest: 3, ..d() }), "");
        assert_eq!(ask(&ColdOptions { restart_guest: 4, ..d() }), "timeout-out-of-range");
    }

    #[test]
    fn a_new_name_must_be_usable() {
        let name = |target: &str| {
            let vm = SourceVm { target_name: target.into(), ..vm() };
            codes(&check(&vm, &ColdOptions::default())).join(",")
        };
        assert_eq!(name("web-02"), "");
        for bad in ["", "  ", &"x".repeat(81), "my-hdm", "a..b", "a\0b", "a\nb", "a\u{FFFF}"] {
            assert_eq!(name(bad), "name-unusable", "{bad:?}");
        }
    }
}
