//! From what people write to objects: a managed object id, an inventory path or a name.
//!
//! An id or a path means one object; a name may be shared. What is ambiguous is refused with the candidates,
//! what is unknown with what there is instead.

use hdm_shared::problem::Finding;
use hdm_vsphere::MoRef;

/// How many candidates a message lists.
const LISTED: usize = 10;

/// An object that may be meant.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The object.
    pub object: &'a MoRef,
    /// Its name.
    pub name: &'a str,
    /// Its inventory path, or what else tells it from others of its name.
    pub path: &'a str,
}

/// What kind of object is looked for, for codes and sentences.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// One word for the finding's code, such as `vm`.
    pub code: &'static str,
    /// In words, such as `virtual machine`.
    pub what: &'static str,
    /// Where is looked, such as the vCenter `onprem`; an id may have it in front, as in `onprem:vm-2`.
    pub place: &'a str,
}

/// Finds the one object that `asked` means.
pub fn pick<'a>(
    sought: Sought<'_>,
    asked: &str,
    candidates: &[Candidate<'a>],
) -> Result<Candidate<'a>, Finding> {
    let by = |same: &dyn Fn(&Candidate<'a>) -> bool| -> Vec<Candidate<'a>> {
        candidates.iter().filter(|c| same(c)).copied().collect()
    };
    let id = asked.strip_prefix(sought.place).and_then(|rest| rest.strip_prefix(':')).unwrap_or(asked);
    for found in [by(&|c| c.object.id == id), by(&|c| c.path == asked), by(&|c| c.name == asked)] {
        match found.as_slice() {
            [] => {}
            [one] => return Ok(*one),
            many => return Err(ambiguous(sought, asked, many)),
        }
    }
    Err(unknown(sought, asked, candidates))
}

/// The only object there is; else the candidates are listed.
pub fn only<'a>(sought: Sought<'_>, candidates: &[Candidate<'a>]) -> Result<Candidate<'a>, Finding> {
    match candidates {
        [one] => Ok(*one),
        [] => Err(Finding::blocker(
            &format!("{}-missing", sought.code),
            sought.place,
            format!("{} has no {} that could be used.", sought.place, sought.what),
            "Make one there, or choose another place.",
        )),
        many => Err(Finding::blocker(
            &format!("{}-needed", sought.code),
            sought.place,
            format!("No {} was named, and {} has {}: {}.", sought.what, sought.place, many.len(), list(many)),
            format!("Name the {} to use.", sought.what),
        )),
    }
}

fn ambiguous(sought: Sought<'_>, asked: &str, many: &[Candidate<'_>]) -> Finding {
    Finding::blocker(
        &format!("{}-ambiguous", sought.code),
        asked,
        format!("'{asked}' names {} objects in {}: {}.", many.len(), sought.place, list(many)),
        format!("Name the {} by its inventory path or by the id in brackets.", sought.what),
    )
}

fn unknown(sought: Sought<'_>, asked: &str, candidates: &[Candidate<'_>]) -> Finding {
    // Thousands of VMs are no help; a name that differs in case only is.
    let alike: Vec<Candidate<'_>> =
        candidates.iter().filter(|c| c.name.to_lowercase() == asked.to_lowercase()).copied().collect();
    let hint = if !alike.is_empty() {
        format!(" Did you mean {}?", list(&alike))
    } else if candidates.len() <= LISTED && !candidates.is_empty() {
        format!(" There is {}.", list(candidates))
    } else {
        String::new()
    };
    let mut message = format!("There is no {} '{asked}' in {}.{hint}", sought.what, sought.place);
    if message.ends_with('?') {
        message.push_str(" Names are compared exactly.");
    }
    Finding::blocker(&format!("{}-unknown", sought.code), asked, message, "Check the name.")
}

/// The candidates by path, with ids, at most [`LISTED`].
fn list(candidates: &[Candidate<'_>]) -> String {
    let mut sorted: Vec<_> = candidates.iter().map(|c| format!("'{}' ({})", c.path, c.object.id)).collect();
    sorted.sort();
    let more = sorted.len().saturating_sub(LISTED);
    sorted.truncate(LISTED);
    let listed = sorted.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const VM: Sought<'_> = Sought { code: "vm", what: "virtual machine", place: "onprem" };

    fn objects() -> Vec<(MoRef, &'static str, &'static str)> {
        [
            ("vm-1", "web", "/DC0/vm/Prod/web"),
            ("vm-2", "web", "/DC0/vm/Test/web"),
            ("vm-3", "a/b", "/DC0/vm/a/b"),
            ("vm-4", "100% done", "/DC0/vm/100% done"),
            ("vm-5", "vm-1", "/DC0/vm/vm-1"),
        ]
        .map(|(id, name, path)| (MoRef { kind: "VirtualMachine".into(), id: id.into() }, name, path))
        .into()
    }

    fn ask(asked: &str) -> Result<String, Finding> {
        let objects = objects();
        let all: Vec<_> =
            objects.iter().map(|(object, name, path)| Candidate { object, name, path }).collect();
        pick(VM, asked, &all).map(|c| c.object.id.clone())
    }

    #[test]
    fn an_id_a_path_or_a_name_finds_its_object() {
        assert_eq!(ask("vm-2").unwrap(), "vm-2");
        assert_eq!(ask("onprem:vm-2").unwrap(), "vm-2");
        assert!(ask("cloud:vm-2").is_err(), "that is another vCenter's");
        assert_eq!(ask("/DC0/vm/Test/web").unwrap(), "vm-2");
        assert_eq!(ask("a/b").unwrap(), "vm-3");
        assert_eq!(ask("100% done").unwrap(), "vm-4");
        assert_eq!(ask("vm-1").unwrap(), "vm-1", "an id comes before a name");
    }

    #[test]
    fn a_shared_name_lists_its_candidates() {
        let finding = ask("web").unwrap_err();
        assert_eq!(finding.code, "vm-ambiguous");
        assert!(
            finding.message.contains("'/DC0/vm/Prod/web' (vm-1), '/DC0/vm/Test/web' (vm-2)"),
            "{finding:?}"
        );
    }

    #[test]
    fn an_unknown_name_says_what_there_is_and_where_to_look() {
        let finding = ask("nobody").unwrap_err();
        assert_eq!(finding.code, "vm-unknown");
        assert!(finding.message.contains("/DC0/vm/Prod/web"));
        assert!(ask("WEB").unwrap_err().message.contains("Did you mean"));
    }

    #[test]
    fn what_is_left_out_is_chosen_only_if_there_is_one() {
        let objects = objects();
        let all: Vec<_> =
            objects.iter().map(|(object, name, path)| Candidate { object, name, path }).collect();
        assert_eq!(only(VM, &all[..1]).unwrap().object.id, "vm-1");
        assert_eq!(only(VM, &[]).unwrap_err().code, "vm-missing");
        let needed = only(VM, &all[..2]).unwrap_err();
        assert_eq!(needed.code, "vm-needed");
        assert!(needed.message.contains("/DC0/vm/Test/web"));
    }
}
