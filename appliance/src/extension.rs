//! HDM's registration with a vCenter, under one key: the types of its tasks, events, faults and privileges
//! always, and the plug-in for the vSphere Client once an administrator has registered it.
//!
//! ```text
//!  (nothing) ── a vCenter is added ──► headless ── hdm register ──► with a plug-in
//!                                         ▲                              │
//!                                         └─────── hdm unregister ───────┘
//! ```

use hdm_plugin_manifest::text::{Language, NAME, SUMMARY};
use hdm_plugin_manifest::{KEY, VERSION, descriptor};
use hdm_vsphere::{Error, ExtensionInfo, ExtensionPlugin, ExtensionSpec, ExtensionTexts, Session};

pub use hdm_plugin_manifest::descriptor::{TASK_ATTEMPT, TASK_MIGRATE};

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

/// The extension as it should be, with a plug-in or headless.
pub fn wanted(plugin: Option<ExtensionPlugin>) -> ExtensionSpec {
    let group = descriptor::PRIVILEGE_GROUP;
    let texts = descriptor::resources().into_iter().map(|texts| ExtensionTexts {
        locale: texts.locale.to_owned(),
        module: texts.module.to_owned(),
        data: texts.data,
    });
    ExtensionSpec {
        key: KEY.to_owned(),
        version: VERSION.to_owned(),
        label: NAME.of(Language::En).to_owned(),
        summary: SUMMARY.of(Language::En).to_owned(),
        company: NAME.of(Language::En).to_owned(),
        tasks: descriptor::TASKS.iter().map(|(id, _)| (*id).to_owned()).collect(),
        events: descriptor::EVENTS.iter().map(|event| event.id.to_owned()).collect(),
        faults: descriptor::FAULTS.iter().map(|(id, _)| (*id).to_owned()).collect(),
        privileges: descriptor::PRIVILEGES
            .iter()
            .map(|(name, _)| (group.to_owned(), format!("{group}.{name}")))
            .collect(),
        texts: texts.collect(),
        plugin,
    }
}

/// Registers the extension, or brings its types up to date; a plug-in that is registered stays, under its
/// version. Doing it twice is doing it once.
///
/// A registration of a higher version is left alone: a newer appliance on the same vCenter wrote it, and knows
/// all of our types.
pub async fn ensure(session: &Session) -> Result<Registration, Error> {
    match session.find_extension(KEY).await? {
        None => write(session, &wanted(None), None).await,
        Some(known) => match renewed(&known) {
            None => Ok(Registration::Current),
            Some(wanted) => write(session, &wanted, Some(&known)).await,
        },
    }
}

/// What a registration is to become; `None` if it may stay as it is. The vSphere Client keeps a manifest for as
/// long as the registered version stays the same: were it raised before the plugin server has the new manifest,
/// the Client would keep the old one under the new version for ever. So only [`set_plugin`] raises it.
fn renewed(known: &ExtensionInfo) -> Option<ExtensionSpec> {
    let mut wanted = wanted(known.plugin.clone());
    if known.plugin.is_some() {
        wanted.version.clone_from(&known.version);
    }
    let is_current = missing(&wanted, known).is_empty() && number(&known.version) >= number(&wanted.version);
    (!is_current).then_some(wanted)
}

/// Registers a plug-in, or takes it away: `None` leaves a headless extension.
pub async fn set_plugin(session: &Session, plugin: Option<ExtensionPlugin>) -> Result<Registration, Error> {
    let known = session.find_extension(KEY).await?;
    let wanted = wanted(plugin);
    if let Some(known) = &known
        && known.plugin == wanted.plugin
        && known.version == wanted.version
        && missing(&wanted, known).is_empty()
    {
        return Ok(Registration::Current);
    }
    write(session, &wanted, known.as_ref()).await
}

async fn write(
    session: &Session,
    wanted: &ExtensionSpec,
    known: Option<&ExtensionInfo>,
) -> Result<Registration, Error> {
    if known.is_some() {
        session.update_extension(wanted).await?;
        return Ok(Registration::Updated);
    }
    match session.register_extension(wanted).await {
        Ok(()) => Ok(Registration::Registered),
        // Somebody was faster, or the first answer was lost.
        Err(error) if error.fault_kind() == Some("InvalidArgument") => {
            session.update_extension(wanted).await?;
            Ok(Registration::Updated)
        }
        Err(error) => Err(error),
    }
}

/// Those of our types that a registration lacks.
pub fn missing(wanted: &ExtensionSpec, known: &ExtensionInfo) -> Vec<String> {
    let lists = [
        (&wanted.tasks, &known.task_ids),
        (&wanted.events, &known.event_ids),
        (&wanted.faults, &known.fault_ids),
    ];
    let types = lists.into_iter().flat_map(|(wanted, known)| wanted.iter().filter(|id| !known.contains(id)));
    let privileges =
        wanted.privileges.iter().map(|(_, id)| id).filter(|id| !known.privilege_ids.contains(id));
    types.chain(privileges).cloned().collect()
}

/// A version as numbers that can be compared; what is no number counts as 0.
pub fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Takes a registration that was read: what it becomes is whole, and keeps the plug-in under its version.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_renewed(known: &ExtensionInfo) {
    let Some(spec) = renewed(known) else {
        return assert!(missing(&wanted(None), known).is_empty());
    };
    assert_eq!(spec.plugin, known.plugin);
    assert_eq!(spec.version, if known.plugin.is_some() { &known.version } else { VERSION });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> ExtensionInfo {
        let spec = wanted(None);
        ExtensionInfo {
            key: spec.key,
            version: spec.version,
            task_ids: spec.tasks,
            event_ids: spec.events,
            fault_ids: spec.faults,
            privilege_ids: spec.privileges.into_iter().map(|(_, id)| id).collect(),
            plugin: None,
            written_at: None,
        }
    }

    #[test]
    fn what_is_missing_is_found() {
        let spec = wanted(None);
        assert!(missing(&spec, &known()).is_empty());
        let without = ExtensionInfo { task_ids: Vec::new(), privilege_ids: Vec::new(), ..known() };
        assert_eq!(missing(&spec, &without).len(), spec.tasks.len() + spec.privileges.len());
    }

    #[test]
    fn the_version_is_raised_only_while_no_plugin_is_registered() {
        let old = ExtensionInfo { version: "0.0.1".into(), ..known() };
        assert_eq!(renewed(&old).map(|spec| spec.version).as_deref(), Some(VERSION));
        assert!(renewed(&known()).is_none());
        let plugin = ExtensionPlugin {
            manifest_url: "https://hdm/plugin.json".into(),
            admin_email: "hdm@example.org".into(),
            thumbprint: String::new(),
            certificate_pem: None,
        };
        let old = ExtensionInfo { plugin: Some(plugin), ..old };
        assert!(renewed(&old).is_none(), "its types are there");
        let lacking = ExtensionInfo { event_ids: Vec::new(), ..old };
        let spec =
            renewed(&lacking).map(|spec| (spec.version, spec.plugin.is_some(), spec.events.is_empty()));
        assert_eq!(spec, Some(("0.0.1".into(), true, false)));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(number("0.10.0") > number("0.9.9"));
        assert!(number("1.0") > number("0.9.9"));
    }
}
