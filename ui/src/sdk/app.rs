//! What the Client tells about itself, and moving about in it.

use hdm_shared::plugin::menu::ClientObject;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::{answered, call0, call1, function, get};

/// The objects the page is about: one in an object's view, the selection in an action's dialog, none in a
/// global view.
pub fn context_objects() -> Vec<ClientObject> {
    let Some(objects) = call0("app", "getContextObjects") else { return Vec::new() };
    let id = |object: JsValue| ClientObject::parse(&get(&object, "id")?.as_string()?);
    Array::from(&objects).iter().filter_map(id).collect()
}

/// The token of the Client's session; `None` if there is no session any more.
pub async fn session_token() -> Option<String> {
    let info = answered("app", "getSessionInfo").await?;
    get(&info, "sessionToken")?.as_string().filter(|token| !token.is_empty())
}

/// The instance UUIDs of the vCenters at which this plug-in is registered.
pub async fn vcenter_guids() -> Vec<String> {
    let Some(info) = answered("app", "getPluginBackendInfo").await else { return Vec::new() };
    let Some(by_vcenter) = get(&info, "backendServersPerVc") else { return Vec::new() };
    let keys = Object::keys(by_vcenter.unchecked_ref::<Object>());
    keys.iter().filter_map(|key| key.as_string()).map(|guid| guid.to_ascii_lowercase()).collect()
}

/// The Client's locale, such as `de-DE`.
pub fn locale() -> Option<String> {
    call0("app", "getClientLocale")?.as_string()
}

/// The Client's theme, `light` or `dark`.
pub fn theme() -> Option<String> {
    get(&call0("app", "getTheme")?, "name")?.as_string()
}

/// A time as the user has set it in the Client. `format` is `DATE`, `TIME` or `DATE_AND_TIME`.
#[cfg(target_arch = "wasm32")]
pub fn format_date_time(at_ms: i64, format: &str) -> Option<String> {
    let (app, function) = function("app", "formatDateTime")?;
    let options = Object::new();
    Reflect::set(&options, &"format".into(), &format.into()).ok()?;
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    let shown = function.call2(&app, &(at_ms as f64).into(), &options).ok()?;
    shown.as_string().filter(|text| !text.is_empty())
}

/// What another view handed over when it came here.
pub fn navigation_data(name: &str) -> Option<String> {
    get(&call0("app", "getNavigationData")?, name)?.as_string()
}

fn navigate(name: &str, pairs: &[(&str, JsValue)]) {
    let options = Object::new();
    for (key, value) in pairs {
        let _ = Reflect::set(&options, &(*key).into(), value);
    }
    let _ = call1("app", name, &options);
}

/// Goes to a view of ours: `view` as the manifest names it; `object` where it is an object's view.
pub fn navigate_to(view: &str, object: Option<&ClientObject>, tab: Option<&str>) {
    let mut pairs = vec![("targetViewId", JsValue::from(view))];
    if let Some(object) = object {
        pairs.push(("objectId", object.to_string().into()));
    }
    if let Some(tab) = tab {
        let data = Object::new();
        let _ = Reflect::set(&data, &"tab".into(), &tab.into());
        pairs.push(("customData", data.into()));
    }
    navigate("navigateTo", &pairs);
}

/// A view of the Client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientView {
    /// A virtual machine's Summary.
    VmSummary,
    /// A cluster's Summary.
    ClusterSummary,
}

/// Whether the Client can be asked to show one of its own views.
pub fn can_navigate() -> bool {
    function("app", "navigateToClientView").is_some()
}

/// Goes to a view of the Client's own; says whether the Client could be asked.
pub fn navigate_to_client(view: ClientView, object: &ClientObject) -> bool {
    if !can_navigate() {
        return false;
    }
    let id = match view {
        ClientView::VmSummary => "vm.summary",
        ClientView::ClusterSummary => "cluster.summary",
    };
    navigate("navigateToClientView", &[("targetViewId", id.into()), ("objectId", object.to_string().into())]);
    true
}

/// Lets the Client ask again which of our menu items to show.
pub fn refresh_plugin_items() {
    let _ = call0("app", "refreshPluginItemsState");
}
