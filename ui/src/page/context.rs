//! What the page is about: which view, which object, which vCenters.

use hdm_shared::migration::MigrationView;
use hdm_shared::plugin::ManagedObject;
use hdm_shared::plugin::menu::ClientObject;
use leptos::prelude::*;

use crate::api::{self, Guid};
use crate::i18n::t;
use crate::route::Route;
use crate::sdk;

/// What the page is about.
#[derive(Clone, Debug)]
pub struct Context {
    /// The page shown.
    pub route: RwSignal<Route>,
    /// The object, or the selection.
    pub objects: Vec<ClientObject>,
    /// The vCenters to ask: the object's own, or all that the plug-in is registered at.
    pub guids: Vec<Guid>,
}

impl Context {
    /// Finds out; `None` if the address names no page.
    pub async fn find() -> Option<Self> {
        let objects = sdk::context_objects();
        let hash = window().location().hash().unwrap_or_default();
        let route = Route::parse(&hash)?;
        let own = objects.iter().find_map(|object| object.vc_guid.clone());
        let guids = match (route, own) {
            (Route::Home(_), _) | (_, None) => sdk::vcenter_guids().await,
            (_, Some(guid)) => vec![guid],
        };
        let about = objects.first().filter(|_| objects.len() == 1);
        api::sign_in(about.map(|object| ManagedObject { kind: object.kind.clone(), id: object.id.clone() }));
        let route = RwSignal::new(restored(route));
        Some(Self { route, objects, guids })
    }

    /// The vCenter the page is about.
    pub fn guid(&self) -> Guid {
        self.guids.first().cloned().unwrap_or_default()
    }

    /// Whether the page is about more than one vCenter.
    pub fn is_global(&self) -> bool {
        matches!(self.route.get_untracked(), Route::Home(_))
    }

    /// The restriction of what is followed, as the API wants it.
    pub fn filter(&self) -> String {
        let object = self.objects.first().map(|object| api::escape(&object.id)).unwrap_or_default();
        match self.route.get_untracked() {
            Route::Cluster(_) => format!("&cluster={object}"),
            Route::Vm => format!("&vm={object}"),
            Route::Migrate | Route::Home(_) => String::new(),
        }
    }

    /// What the page is about, as a query of its own: `?vm=ID`, `?cluster=ID` or nothing.
    pub fn about(&self) -> String {
        let query = |object: &ClientObject| match object.kind.as_str() {
            "VirtualMachine" => Some(format!("?vm={}", api::escape(&object.id))),
            "ClusterComputeResource" => Some(format!("?cluster={}", api::escape(&object.id))),
            _ => None,
        };
        self.objects.first().and_then(query).unwrap_or_default()
    }

    /// Whether a migration is of the page's object.
    pub fn concerns(&self, migration: &MigrationView) -> bool {
        let Some(object) = self.objects.first() else { return true };
        match self.route.get_untracked() {
            Route::Cluster(_) => migration.source_cluster_id == object.id,
            Route::Vm => migration.vm.moid == object.id,
            Route::Migrate | Route::Home(_) => true,
        }
    }

    /// Under which name something is remembered that is about the page's object only.
    pub fn memory_key(&self, name: &str) -> String {
        match self.objects.first() {
            Some(object) if !self.is_global() => format!("{name}@{object}"),
            _ => name.to_owned(),
        }
    }

    /// The object of the Client for something of a vCenter of this page.
    pub fn client_object(&self, kind: &str, id: &str) -> ClientObject {
        ClientObject { kind: kind.into(), id: id.into(), vc_guid: Some(self.guid()) }
    }
}

/// The wizard's size, as the manifest has it.
const WIZARD_PX: (u32, u32) = (1160, 640);

impl Context {
    /// Opens the wizard about the page's object.
    pub fn open_wizard(&self) {
        let address = Route::Migrate.to_string();
        let base = window().location().href().unwrap_or_default();
        let page = base.split(['#', '?']).next().unwrap_or_default().to_owned();
        sdk::open_modal(&format!("{page}{address}"), t::wizard::title(), WIZARD_PX, &self.objects);
    }
}

/// A browser's reload of the Client returns to the manifest's address: the last tab is remembered here.
fn restored(route: Route) -> Route {
    let asked = sdk::navigation_data("tab").and_then(|tab| Route::parse(&tab));
    let last = || match route {
        Route::Cluster(_) | Route::Home(_) => {
            super::memory::recall::<String>(area(route)).and_then(|last| Route::parse(&last))
        }
        Route::Vm | Route::Migrate => None,
    };
    // The program has the views of one area.
    asked.or_else(last).filter(|found| area(*found) == area(route)).unwrap_or(route)
}

fn area(route: Route) -> &'static str {
    match route {
        Route::Cluster(_) => "tab.cluster",
        Route::Home(_) => "tab.home",
        Route::Vm => "tab.vm",
        Route::Migrate => "tab.migrate",
    }
}

/// Shows another page of the same view, and remembers it.
pub fn go(route: RwSignal<Route>, to: Route) {
    super::memory::remember(area(to), &to.to_string());
    if let Ok(history) = window().history() {
        let _ = history.replace_state_with_url(&wasm_bindgen::JsValue::NULL, "", Some(&to.to_string()));
    }
    route.set(to);
}
