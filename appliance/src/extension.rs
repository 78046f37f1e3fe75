//! The headless extension `com.hdm.plugin`: vCenter accepts tasks and shows events only of types that an
//! extension has registered. It has no pages and no server; the plugin will take its place under the same key.

use hdm_vsphere::{Error, ExtensionSpec, Session};

/// The extension's key.
pub const KEY: &str = "com.hdm.plugin";
/// The type of a migration's task.
pub const TASK_MIGRATE: &str = "com.hdm.plugin.migrate";
/// The type of the task of one attempt.
pub const TASK_ATTEMPT: &str = "com.hdm.plugin.migrate.attempt";

/// Task types and their texts.
pub const TASKS: &[(&str, &str)] =
    &[(TASK_MIGRATE, "HDM cold migration"), (TASK_ATTEMPT, "HDM cold migration: attempt")];

/// What was done to the registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It was there, as it should be.
    Current,
    /// It was made.
    Registered,
    /// It was there with other types or another version, and was replaced.
    Updated,
}

/// The extension as it should be.
pub fn wanted() -> ExtensionSpec {
    let own = |list: &[(&str, &str)]| {
        list.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    };
    ExtensionSpec {
        key: KEY.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        label: "HDM".to_owned(),
        summary: "Moves virtual machines from an on-premises vCenter to a cloud vCenter.".to_owned(),
        company: "HDM".to_owned(),
        tasks: own(TASKS),
        events: own(&crate::events::texts()),
    }
}

/// Registers the extension, or brings it up to date. Doing it twice is doing it once.
pub async fn ensure(session: &Session) -> Result<Registration, Error> {
    let wanted = wanted();
    match session.find_extension(KEY).await? {
        None => match session.register_extension(&wanted).await {
            Ok(()) => Ok(Registration::Registered),
            // Somebody was faster, or the first answer was lost.
            Err(error) if error.fault_kind() == Some("InvalidArgument") => {
                session.update_extension(&wanted).await?;
                Ok(Registration::Updated)
            }
            Err(error) => Err(error),
        },
        Some(known)
            if missing(&wanted, &known.task_ids, &known.event_ids).is_empty()
                && known.version == wanted.version =>
        {
            Ok(Registration::Current)
        }
        Some(_) => {
            session.update_extension(&wanted).await?;
            Ok(Registration::Updated)
        }
    }
}

/// Those of our types that a registration lacks.
pub fn missing(wanted: &ExtensionSpec, tasks: &[String], events: &[String]) -> Vec<String> {
    let tasks = wanted.tasks.iter().filter(|(id, _)| !tasks.contains(id));
    let events = wanted.events.iter().filter(|(id, _)| !events.contains(id));
    tasks.chain(events).map(|(id, _)| id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_text_and_what_is_missing_is_found() {
        let spec = wanted();
        assert!(
            spec.tasks
                .iter()
                .chain(&spec.events)
                .all(|(id, text)| id.starts_with("com.hdm.") && !text.is_empty())
        );
        let tasks: Vec<_> = spec.tasks.iter().map(|(id, _)| id.clone()).collect();
        let events: Vec<_> = spec.events.iter().map(|(id, _)| id.clone()).collect();
        assert!(missing(&spec, &tasks, &events).is_empty());
        assert_eq!(missing(&spec, &tasks[1..], &events), [TASK_MIGRATE]);
        assert_eq!(missing(&spec, &tasks, &[]).len(), events.len());
    }
}
