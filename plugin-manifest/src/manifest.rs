//! `plugin.json`, the manifest of a remote plug-in (vSphere Client SDK, manifest version 1.2.0).
//!
//! ```text
//! global.view                              Menu > HDM
//! objects.ClusterComputeResource           Cluster > Monitor > HDM > Migration;  menu: HDM > Migrate
//! objects.VirtualMachine                   VM > Monitor > HDM > Migration;       menu: HDM > Migrate
//! definitions                              icons of both themes, texts of five languages
//! ```
//!
//! Addresses are relative to the manifest's own folder. Properties that the schema does not know make the
//! Client refuse the whole plug-in, so that everything here is typed, and checked against
//! `schema/plugin.schema.json`.

use std::collections::BTreeMap;

use hdm_shared::plugin::menu::{CLUSTER_MIGRATE, VM_MIGRATE};
use serde::Serialize;

use crate::text::{self, Language, Text};
use crate::{SPRITE, SPRITE_DARK};

/// The version of the manifest's format and of the Client's interface that is used.
const FORMAT: &str = "1.2.0";
/// Side of an icon, in pixels.
const ICON: u16 = crate::sprite::TILE;

/// The wizard's size in pixels; the Client makes it smaller on a smaller screen.
const WIZARD: Size = Size { width: 1160, height: 640 };

#[derive(Serialize)]
struct Manifest {
    #[serde(rename = "manifestVersion")]
    format: &'static str,
    requirements: Requirements,
    configuration: Configuration,
    global: Global,
    objects: BTreeMap<&'static str, Object>,
    definitions: Definitions,
}

/// What the Client must be able to do. What is only used if it is there is asked for at run time instead: an
/// unmet requirement keeps the whole plug-in away.
#[derive(Serialize)]
struct Requirements {
    #[serde(rename = "plugin.api.version")]
    api: &'static str,
    #[serde(rename = "vcenter.server")]
    vcenter: Product,
    #[serde(rename = "plugin.dynamic.extensions")]
    dynamic: &'static str,
    #[serde(rename = "plugin.backend.info.api")]
    backend_info: &'static str,
    #[serde(rename = "icon.sprite.sheet.theming")]
    theming: &'static str,
    #[serde(rename = "action.accepts.multiple.targets")]
    multiple_targets: bool,
}

#[derive(Serialize)]
struct Product {
    version: &'static str,
    environments: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    name_key: &'static str,
    icon: IconName,
}

#[derive(Serialize)]
struct IconName {
    name: &'static str,
}

#[derive(Serialize)]
struct Global {
    view: GlobalView,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GlobalView {
    navigation_id: &'static str,
    uri: &'static str,
    navigation_visible: bool,
}

#[derive(Serialize)]
struct Object {
    monitor: Monitor,
    menu: Menu,
}

#[derive(Serialize)]
struct Monitor {
    views: Vec<View>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    navigation_id: &'static str,
    label_key: &'static str,
    uri: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Menu {
    dynamic_uri: &'static str,
    actions: Vec<Action>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    id: &'static str,
    label_key: &'static str,
    icon: IconName,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    accepts_multiple_targets: bool,
    dynamic: bool,
    trigger: Trigger,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trigger {
    #[serde(rename = "type")]
    kind: &'static str,
    uri: &'static str,
    title_key: &'static str,
    accessibility_title_key: &'static str,
    size: Size,
}

#[derive(Clone, Copy, Serialize)]
struct Size {
    width: u32,
    height: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Definitions {
    icon_sprite_sheet: SpriteSheet,
    i18n: Translations,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpriteSheet {
    uri: &'static str,
    definitions: BTreeMap<&'static str, Place>,
    theme_overrides: Overrides,
}

#[derive(Serialize)]
struct Overrides {
    dark: Override,
}

#[derive(Serialize)]
struct Override {
    uri: &'static str,
    definitions: BTreeMap<&'static str, Place>,
}

#[derive(Serialize)]
struct Place {
    x: u16,
    y: u16,
}

#[derive(Serialize)]
struct Translations {
    locales: Vec<&'static str>,
    definitions: BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>,
}

/// Keys of texts, with their texts.
const TEXTS: [(&str, Text); 4] = [
    ("hdm.name", text::NAME),
    ("hdm.migration", text::MIGRATION),
    ("hdm.migrate", text::MIGRATE),
    ("hdm.migrate.wizard", text::MIGRATE_WIZARD),
];

/// The manifest.
///
/// # Panics
///
/// Never: what it is made of can always be written as JSON.
pub fn plugin_json() -> String {
    let mut text = serde_json::to_string_pretty(&manifest()).unwrap_or_default();
    text.push('\n');
    text
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        requirements: Requirements {
            api: FORMAT,
            vcenter: Product { version: "[7.0,)", environments: vec!["onprem"] },
            dynamic: "1.0.0",
            backend_info: "1.0.0",
            theming: "1.0.0",
            multiple_targets: true,
        },
        configuration: Configuration { name_key: "hdm.name", icon: IconName { name: "main" } },
        global: Global {
            view: GlobalView {
                navigation_id: "home",
                uri: "index.html#/home/dashboard",
                navigation_visible: false,
            },
        },
        objects: BTreeMap::from([
            (
                "ClusterComputeResource",
                object(
                    "cluster-migration",
                    "index.html#/cluster/migration/in-progress",
                    "dyn/cluster/menu",
                    CLUSTER_MIGRATE,
                    false,
                ),
            ),
            (
                "VirtualMachine",
                object("vm-migrations", "index.html#/vm/migrations", "dyn/vm/menu", VM_MIGRATE, true),
            ),
        ]),
        definitions: definitions(),
    }
}

fn object(
    navigation_id: &'static str,
    uri: &'static str,
    dynamic_uri: &'static str,
    action: &'static str,
    accepts_multiple_targets: bool,
) -> Object {
    let migrate = Action {
        id: action,
        label_key: "hdm.migrate",
        icon: IconName { name: "migrate" },
        accepts_multiple_targets,
        dynamic: true,
        trigger: Trigger {
            kind: "modal",
            uri: "index.html#/migrate",
            title_key: "hdm.migrate",
            accessibility_title_key: "hdm.migrate.wizard",
            size: WIZARD,
        },
    };
    Object {
        monitor: Monitor { views: vec![View { navigation_id, label_key: "hdm.migration", uri }] },
        menu: Menu { dynamic_uri, actions: vec![migrate] },
    }
}

fn definitions() -> Definitions {
    let places = || BTreeMap::from([("main", Place { x: 0, y: 0 }), ("migrate", Place { x: ICON, y: 0 })]);
    let translations = |text: &Text| {
        Language::ALL.into_iter().map(|language| (language.locale(), text.of(language))).collect()
    };
    Definitions {
        icon_sprite_sheet: SpriteSheet {
            uri: SPRITE,
            definitions: places(),
            theme_overrides: Overrides { dark: Override { uri: SPRITE_DARK, definitions: places() } },
        },
        i18n: Translations {
            locales: Language::ALL.map(Language::locale).to_vec(),
            definitions: TEXTS.iter().map(|(key, text)| (*key, translations(text))).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::VERSION;

    fn schema() -> jsonschema::Validator {
        let text = include_str!("../schema/plugin.schema.json");
        jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
    }

    fn parsed() -> Value {
        serde_json::from_str(&plugin_json()).unwrap()
    }

    #[test]
    fn it_obeys_the_schema() {
        let schema = schema();
        let manifest = parsed();
        let errors: Vec<String> =
            schema.iter_errors(&manifest).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    type Spoil = fn(&mut Value);

    #[test]
    fn the_schema_refuses_what_the_client_would() {
        let schema = schema();
        let spoil: [(&str, Spoil); 6] = [
            ("a property nobody knows", |m| m["_comment"] = json!("x")),
            ("a locale of another form", |m| m["definitions"]["i18n"]["locales"] = json!(["en_US"])),
            ("an unknown format", |m| m["manifestVersion"] = json!("9.9.9")),
            ("an action without a label", |m| {
                m["objects"]["VirtualMachine"]["menu"]["actions"][0]
                    .as_object_mut()
                    .unwrap()
                    .remove("labelKey");
            }),
            ("a modal without a size", |m| {
                m["objects"]["VirtualMachine"]["menu"]["actions"][0]["trigger"]
                    .as_object_mut()
                    .unwrap()
                    .remove("size");
            }),
            ("an absolute address", |m| m["global"]["view"]["uri"] = json!("/index.html")),
        ];
        for (what, spoil) in spoil {
            let mut manifest = parsed();
            spoil(&mut manifest);
            assert!(!schema.is_valid(&manifest), "{what}");
        }
    }

    #[test]
    fn every_key_that_is_used_has_a_text_in_every_locale() {
        let manifest = parsed();
        let texts = manifest["definitions"]["i18n"]["definitions"].as_object().unwrap();
        let mut used = Vec::new();
        keys(&manifest, &mut used);
        assert!(used.len() > 6);
        for key in used {
            let text = texts.get(&key).unwrap_or_else(|| panic!("{key} has no text"));
            for locale in manifest["definitions"]["i18n"]["locales"].as_array().unwrap() {
                let shown = text[locale.as_str().unwrap()].as_str().unwrap_or_default();
                assert!(!shown.is_empty(), "{key} in {locale}");
            }
        }
    }

    fn keys(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    if name.ends_with("Key") {
                        found.push(value.as_str().unwrap().to_owned());
                    }
                    keys(value, found);
                }
            }
            Value::Array(array) => array.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }

    #[test]
    fn a_changed_manifest_has_a_higher_version() {
        let hash =
            hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, plugin_json().as_bytes()));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest.lock");
        let lock = std::fs::read_to_string(file).unwrap();
        let lines: Vec<(&str, &str)> = lock
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(' '))
            .collect();
        let number =
            |version: &str| -> Vec<u32> { version.split('.').map(|part| part.parse().unwrap()).collect() };
        assert!(lines.windows(2).all(|two| number(two[0].0) < number(two[1].0)), "versions ascend");
        assert_eq!(
            lines.last().copied(),
            Some((VERSION, hash.as_str())),
            "The manifest has changed, or its version: raise VERSION and add the line '{VERSION} {hash}' to manifest.lock. \
             The vSphere Client keeps a manifest for as long as its version stays the same."
        );
    }
}
