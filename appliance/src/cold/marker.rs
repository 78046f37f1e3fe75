//! Our marks on what we make and change, so that it can be found and told apart from everybody else's.
//!
//! | object | mark | since |
//! |---|---|---|
//! | target VM | `extraConfig` [`KEY`] = migration id, [`TRANSFER_KEY`] = number of the transfer | the import spec: from birth |
//! | snapshot | `hdm.migration=<id>` in its description | the call that makes it |
//! | vCenter task | `activationId` = `<id>`, `<id>/target` or `<id>/<attempt>` | the call that makes it |
//! | source VM | a line `[HDM <id>] …` in its notes | one reconfiguration |
//!
//! A name is never a mark: anybody may use it.

use hdm_shared::MigrationId;

/// The `extraConfig` key that holds the migration's id.
pub const KEY: &str = "hdm.migration";
/// The `extraConfig` key that holds the number of the transfer, from 1, that made this copy.
pub const TRANSFER_KEY: &str = "hdm.transfer";

/// The description of the migration's snapshot.
pub fn snapshot_description(id: MigrationId) -> String {
    format!("Made by HDM for a migration, removed at its end. {KEY}={id}")
}

/// Whether a snapshot's description says that it is this migration's.
pub fn is_ours(description: &str, id: MigrationId) -> bool {
    let mark = format!("{KEY}={id}");
    description.split_whitespace().any(|word| word == mark)
}

/// The name of the next snapshot, `hdm_<n>`, among those there are.
pub fn next_snapshot_name<'a>(taken: impl Iterator<Item = &'a str>) -> String {
    let newest = taken.filter_map(|name| name.strip_prefix("hdm_")?.parse::<u32>().ok()).max();
    format!("hdm_{}", newest.unwrap_or(0).saturating_add(1))
}

/// The activation id of the migration's own task.
pub fn task(id: MigrationId) -> String {
    id.to_string()
}

/// The activation id of the task at the copy.
pub fn target_task(id: MigrationId) -> String {
    format!("{id}/target")
}

/// The activation id of the task of one attempt.
pub fn attempt_task(id: MigrationId, attempt: u32) -> String {
    format!("{id}/{attempt}")
}

/// The notes with the migration's line set to `text`, which must be one line.
pub fn with_note(notes: &str, id: MigrationId, text: &str) -> String {
    let rest = without_note(notes, id);
    // Line ends at the end of the notes are layout; kept, they would grow or vanish with each change.
    let rest = rest.trim_end_matches('\n');
    let gap = if rest.is_empty() { "" } else { "\n" };
    format!("{rest}{gap}{}{}", note_prefix(id), text.replace('\n', " "))
}

/// The notes without the migration's line.
pub fn without_note(notes: &str, id: MigrationId) -> String {
    let prefix = note_prefix(id);
    let kept: Vec<&str> = notes.split('\n').filter(|line| !line.starts_with(&prefix)).collect();
    kept.join("\n")
}

/// How the note on a source that was moved begins.
pub const MOVED: &str = "Moved by HDM to";

/// Whether notes say that the VM was moved, by whichever migration, and not released since.
pub fn was_moved(notes: &str) -> bool {
    let ours = notes.lines().filter_map(|line| line.strip_prefix("[HDM ")?.split_once("] "));
    ours.into_iter().any(|(_, text)| text.starts_with(MOVED))
}

fn note_prefix(id: MigrationId) -> String {
    format!("[HDM {id}] ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> MigrationId {
        MigrationId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn a_snapshot_is_known_by_the_whole_mark() {
        assert!(is_ours(&snapshot_description(id(7)), id(7)));
        assert!(!is_ours(&snapshot_description(id(7)), id(8)));
        assert!(!is_ours(&format!("about {KEY}={}0", id(7)), id(7)), "a longer word is another mark");
        assert!(!is_ours("", id(7)));
    }

    #[test]
    fn snapshot_names_count_up() {
        assert_eq!(next_snapshot_name(["hdm_3", "hdm_x", "before", "hdm_1"].into_iter()), "hdm_4");
        assert_eq!(next_snapshot_name([].into_iter()), "hdm_1");
    }

    #[test]
    fn a_note_is_one_line_that_comes_and_goes_without_a_trace() {
        for notes in ["", "Owner: Ann", "a\nb\n", "\n"] {
            let noted_once = with_note(notes, id(1), "moved\nto cloud");
            assert_eq!(with_note(&noted_once, id(1), "moved\nto cloud"), noted_once, "twice is once");
            assert!(noted_once.ends_with("moved to cloud"));
            let changed = with_note(&noted_once, id(1), "other");
            assert!(!changed.contains("moved") && changed.ends_with("other"));
            let both = with_note(&noted_once, id(2), "second");
            assert_eq!(without_note(&both, id(2)), noted_once);
            assert_eq!(without_note(&noted_once, id(1)).trim_end(), notes.trim_end());
        }
    }
}
