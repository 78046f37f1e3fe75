//! What HDM tells a vCenter and the vSphere Client of itself.
//!
//! | Module | For | What |
//! |---|---|---|
//! | [`manifest`] | the vSphere Client | `plugin.json`: views, menus, icons, their texts |
//! | [`sprite`] | the vSphere Client | the icons, drawn here, for the light and the dark theme |
//! | [`descriptor`] | vCenter | types of tasks, events, faults and privileges, with their texts |
//! | [`text`] | both | the five languages |
//!
//! The vSphere Client keeps a manifest for as long as its version stays the same, so that each change needs a
//! higher [`VERSION`]: a test compares the manifest's hash with `manifest.lock`.

pub mod descriptor;
pub mod manifest;
pub mod sprite;
pub mod text;

pub use manifest::plugin_json;

/// The key under which HDM is registered: lower case, as a Java package.
pub const KEY: &str = hdm_shared::plugin::EXTENSION_KEY;

/// The version of manifest and registration: three numbers. To be raised with each change of the manifest.
pub const VERSION: &str = "0.2.0";

/// Where, beside the manifest, the icons for the light theme are.
pub const SPRITE: &str = "sprite.png";
/// The same for the dark theme.
pub const SPRITE_DARK: &str = "sprite-dark.png";
