//! The description of the API. `docs/openapi.json` is its snapshot, which a test compares.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{
    actions, batches, changes, dashboard, events, inventory, limits, migrations, offers, plugin, preferences,
    report, samples, stream, support, vcenter_edit, vcenters,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "HDM appliance",
        description = "Moves virtual machines from an on-premises vCenter to a cloud vCenter. Every call carries the appliance's token as a bearer token, or the plugin server's; only with the latter the header HDM-Acting-User, which names a vCenter user, is believed. Errors are problem documents (RFC 9457)."
    ),
    paths(
        vcenters::list, vcenters::add, vcenters::remove, vcenters::check, vcenter_edit::edit,
        offers::whole, offers::released, offers::release, plugin::status, plugin::register, plugin::unregister,
        inventory::vms, inventory::clouds, offers::list, dashboard::show, samples::series,
        batches::start, batches::plan, changes::page, actions::act, actions::dismiss,
        preferences::show, preferences::set, preferences::forget,
        migrations::list, migrations::start, migrations::plan, migrations::show, migrations::log,
        limits::show, limits::set, limits::set_for,
        migrations::cancel, migrations::pause, migrations::resume, migrations::retry, migrations::release,
        report::show, support::about, support::log, events::list, stream::migration, stream::events,
    ),
    security(("token" = []))
)]
struct Description;

/// The OpenAPI document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Description::openapi();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    document
}

/// `/api/v1/openapi.json`.
pub async fn show() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    /// Run with `HDM_UPDATE_SNAPSHOTS=1` to write the snapshot anew.
    #[test]
    fn the_snapshot_in_docs_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        let now = format!("{}\n", super::document().to_pretty_json().unwrap());
        if std::env::var_os("HDM_UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let snapshot = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            now == snapshot,
            "the API has changed: run this test with HDM_UPDATE_SNAPSHOTS=1 and look at the diff"
        );
    }
}
