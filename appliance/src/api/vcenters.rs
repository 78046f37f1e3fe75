//! `/api/v1/vcenters`.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hdm_shared::VcenterId;
use hdm_shared::event::EventSeverity;
use hdm_shared::problem::{Finding, Problem};
use hdm_shared::vcenter::{AddVcenter, VcenterCheck, VcenterView};
use hdm_vsphere::{CacheState, Credentials, Endpoint, MoRef, Secret, Session, Thumbprint, probe};

use super::caller::User;
use super::problem::certificate;
use super::{ApiError, Shared};
use crate::events;
use crate::extension::{self, Registration};
use crate::privileges::needed;
use crate::sites::Site;
use crate::store::{NewEvent, VcenterRecord};

/// How long a server may take to show its certificate.
const PROBE: Duration = Duration::from_secs(10);

/// All vCenters.
#[utoipa::path(get, path = "/api/v1/vcenters", tag = "vcenters",
    responses((status = 200, body = Vec<VcenterView>), (status = 401, body = Problem)))]
pub async fn list(State(api): Shared) -> Result<Json<Vec<VcenterView>>, ApiError> {
    api.sites.refresh().await?;
    let mut views = Vec::new();
    for (record, site) in api.sites.all() {
        views.push(view(&record, &site).await);
    }
    views.extend(api.sites.unusable().into_iter().map(|(record, why)| unusable(&record, &why)));
    Ok(Json(views))
}

pub(super) async fn view(record: &VcenterRecord, site: &Site) -> VcenterView {
    let (state, since) = match site.inventory.state() {
        CacheState::Connecting => ("connecting".to_owned(), None),
        CacheState::Live { since } => ("live".to_owned(), Some(since)),
        CacheState::Stale { since, why } => (format!("stale: {why}"), Some(since)),
    };
    let live = state == "live";
    let version = if live { site.session.about().await.ok().map(|about| about.full_name) } else { None };
    VcenterView {
        id: record.id.clone(),
        role: record.role,
        url: record.url.clone(),
        user: record.user.clone(),
        thumbprint: record.thumbprint.clone(),
        instance_uuid: record.instance_uuid.clone(),
        version,
        state,
        since,
        vms: live.then(|| site.inventory.snapshot().vms.len() as u64),
    }
}

/// A vCenter that is stored and cannot be spoken to.
fn unusable(record: &VcenterRecord, why: &str) -> VcenterView {
    VcenterView {
        id: record.id.clone(),
        role: record.role,
        url: record.url.clone(),
        user: record.user.clone(),
        thumbprint: record.thumbprint.clone(),
        instance_uuid: record.instance_uuid.clone(),
        version: None,
        state: format!("unusable: {why}. Remove it and add it again"),
        since: None,
        vms: None,
    }
}

/// Adds a vCenter: looks at its certificate, logs in, registers HDM's task and event types, and only then
/// remembers it.
#[utoipa::path(post, path = "/api/v1/vcenters", tag = "vcenters", request_body = AddVcenter,
    responses((status = 201, body = VcenterView), (status = 400, body = Problem), (status = 409, body = Problem),
        (status = 422, description = "Certificate or login refused", body = Problem), (status = 502, body = Problem)))]
pub async fn add(
    State(api): Shared,
    User(user): User,
    body: Result<Json<AddVcenter>, JsonRejection>,
) -> Result<(StatusCode, Json<VcenterView>), ApiError> {
    let Json(asked) = body?;
    if api.store.vcenters().await?.iter().any(|known| known.id == asked.id) {
        return Err(taken(&asked.id));
    }
    let url = Endpoint::parse_url(&asked.url)?;
    let trusted = trust(&url, asked.thumbprint.as_deref()).await?;
    let password = Secret::new(asked.password.clone());
    let credentials = Credentials { user: asked.user.clone(), password: password.clone() };
    let session = api.sites.session(asked.id.as_str(), url.as_str(), trusted, credentials)?;
    let prepared = prepare(&session).await;
    // The site gets a session of its own; nobody would end this one.
    let logged_out = session.logout().await;
    let instance_uuid = prepared?;
    if let Err(error) = logged_out {
        tracing::info!(%error, "the first session ends by itself");
    }
    let record = VcenterRecord {
        id: asked.id.clone(),
        role: asked.role,
        url: url.to_string(),
        user: asked.user.clone(),
        sealed_password: api.sites.seal(&asked.id, &password)?,
        thumbprint: trusted.to_string(),
        instance_uuid,
        added_at: api.clock.now(),
    };
    if let Some(same) = api.store.vcenters().await?.iter().find(|k| k.instance_uuid == record.instance_uuid) {
        return Err(ApiError::conflict(format!("This vCenter is known already, as '{}'.", same.id)));
    }
    if !api.store.add_vcenter(&record).await? {
        return Err(taken(&asked.id));
    }
    api.sites.refresh().await?;
    log(&api, events::VCENTER_ADDED, &record.id, &user, "was added").await?;
    let site = api.sites.get(&record.id).ok_or_else(|| unknown(&record.id))?;
    // A short look saves the caller from asking again; a large inventory takes longer.
    let _ = site.inventory.ready(std::time::Instant::now() + Duration::from_secs(10)).await;
    Ok((StatusCode::CREATED, Json(view(&record, &site).await)))
}

/// The thumbprint to trust, if the server presents a certificate that has it.
pub(super) async fn trust(url: &url::Url, thumbprint: Option<&str>) -> Result<Thumbprint, ApiError> {
    let host = Endpoint::host_port(url);
    let presented = probe(&host, PROBE).await?;
    let Some(trusted) = thumbprint else {
        return Err(certificate(format!(
            "{host} presents a certificate with the thumbprint {} (SHA-256), issued to {}, valid until {:.0}. Compare it with the vCenter's own, then name it with --thumbprint.",
            presented.sha256, presented.subject, presented.not_after
        )));
    };
    let trusted: Thumbprint = trusted.parse()?;
    if trusted != presented.sha256 && trusted != presented.sha1 {
        return Err(certificate(format!(
            "{host} presents a certificate with the thumbprint {}, not {trusted}. Compare it with the vCenter's own: if it is right, name that one; if not, somebody is between.",
            presented.sha256
        )));
    }
    Ok(trusted)
}

fn taken(id: &VcenterId) -> ApiError {
    ApiError::conflict(format!(
        "There is a vCenter '{id}' already. Choose another name, or remove that one first."
    ))
}

pub(super) fn unknown(id: &VcenterId) -> ApiError {
    ApiError::not_found(format!("There is no vCenter '{id}'. `hdm vcenter list` lists those there are."))
}

/// Logs in and registers the extension; the answer is the vCenter's instance UUID.
pub(super) async fn prepare(session: &Session) -> Result<String, ApiError> {
    let about = session.about().await?;
    if about.product_line != "vpx" {
        let host = &session.endpoint().url;
        return Err(ApiError::bad_request(format!(
            "{host} is {}, not a vCenter. Add the vCenter that manages it.",
            about.full_name
        )));
    }
    session.login().await?;
    let registered = extension::ensure(session).await?;
    tracing::info!(vcenter = %session.endpoint().name, ?registered, "the extension is there");
    Ok(about.instance_uuid)
}

pub(super) async fn log(
    api: &super::Api,
    type_id: &str,
    id: &VcenterId,
    user: &str,
    what: &str,
) -> Result<(), ApiError> {
    let event = NewEvent {
        type_id: type_id.to_owned(),
        severity: EventSeverity::Info,
        object: id.to_string(),
        operation: "vCenter".into(),
        user: user.to_owned(),
        message: format!("The vCenter '{id}' {what}."),
    };
    Ok(api.store.add_event(&event, api.clock.now()).await?)
}

/// Forgets a vCenter. Refused while a migration uses it.
#[utoipa::path(delete, path = "/api/v1/vcenters/{id}", tag = "vcenters", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn remove(
    State(api): Shared,
    User(user): User,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let Path(id) = id?;
    for record in api.store.open_workflows().await? {
        // One that cannot be understood cannot go on with it either.
        let Ok(shown) = crate::cold::view(&record, None, api.attempts, api.clock.now()) else { continue };
        if shown.vm.vcenter == id || shown.cloud == id {
            return Err(ApiError::conflict(format!(
                "Migration {} of '{}' uses the vCenter '{id}'. Wait for its end, or cancel it.",
                record.id, shown.vm_name
            )));
        }
    }
    if !api.store.remove_vcenter(&id).await? {
        return Err(unknown(&id));
    }
    api.sites.refresh().await?;
    log(&api, events::VCENTER_REMOVED, &id, &user, "was removed").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks a vCenter: login, privileges, registration, and name, port and certificate of every host.
#[utoipa::path(post, path = "/api/v1/vcenters/{id}/check", tag = "vcenters", params(("id" = String, Path)),
    responses((status = 200, body = VcenterCheck), (status = 404, body = Problem)))]
pub async fn check(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<Json<VcenterCheck>, ApiError> {
    let Path(id) = id?;
    let site = api.sites.get(&id).ok_or_else(|| unknown(&id))?;
    let mut found = VcenterCheck { passed: Vec::new(), findings: Vec::new() };
    let name = id.as_str();
    match site.session.login().await {
        Ok(_) => found.passed.push(format!("{} answers and takes the login.", site.session.endpoint().url)),
        Err(error) => {
            let remedy = "Mend that first; the rest could not be checked.";
            found.findings.push(Finding::blocker("vcenter-login", name, format!("{error}."), remedy));
            return Ok(Json(found));
        }
    }
    check_rights(&site, &mut found).await?;
    check_hosts(&site, &mut found).await?;
    Ok(Json(found))
}

async fn check_rights(site: &Site, found: &mut VcenterCheck) -> Result<(), ApiError> {
    let name = site.id.as_str();
    let root = MoRef::new("Folder", "group-d1");
    let ids: Vec<&str> = needed(site.role).map(|privilege| privilege.id).collect();
    let missing = site.session.missing_privileges(&root, &ids).await?;
    if missing.is_empty() {
        found.passed.push("The account has every privilege HDM needs.".into());
    } else {
        found.findings.push(Finding::blocker(
            "privileges-missing",
            name,
            format!("The account lacks {}.", missing.join(", ")),
            "Give its role these privileges, on the vCenter and everything below.",
        ));
    }
    match extension::ensure(&site.session).await? {
        Registration::Current => found.passed.push("HDM's task and event types are registered.".into()),
        Registration::Registered | Registration::Updated => {
            found
                .passed
                .push("HDM's task and event types were missing or old, and are registered now.".into());
        }
    }
    Ok(())
}

async fn check_hosts(site: &Site, found: &mut VcenterCheck) -> Result<(), ApiError> {
    for host in site.session.host_addresses().await? {
        let address = format!("{}:{}", host.name, host.port);
        let finding = match probe(&address, PROBE).await {
            Err(error) => Finding::blocker(
                "host-unreachable",
                &host.name,
                format!("The host cannot be reached at {address}, where disks are transferred: {error}."),
                "Check that the appliance can resolve its name and that no firewall stands between.",
            ),
            Ok(shown) => match host.thumbprint {
                Some(known) if known != shown.sha1 && known != shown.sha256 => Finding::blocker(
                    "host-certificate",
                    &host.name,
                    format!("{address} presents the thumbprint {}, but vCenter knows {known}.", shown.sha256),
                    "Reconnect the host in vCenter if its certificate was replaced; if not, somebody is between.",
                ),
                None => Finding::warning(
                    "host-certificate-unknown",
                    &host.name,
                    format!(
                        "{address} presents the thumbprint {}, and vCenter tells none to compare it with.",
                        shown.sha256
                    ),
                    "Nothing needs to be done if the leases of this host tell it; a transfer is refused otherwise. Reconnect the host in vCenter to let it know the certificate.",
                ),
                _ => {
                    found
                        .passed
                        .push(format!("The host {address} answers with the certificate vCenter knows."));
                    continue;
                }
            },
        };
        found.findings.push(finding);
    }
    Ok(())
}
