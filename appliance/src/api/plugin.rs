//! Registering the plug-in with a vCenter, and what can be checked of it from here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::header;
use hdm_plugin_manifest::{KEY, VERSION};
use hdm_shared::VcenterId;
use hdm_shared::plugin::APPLIANCE_AGENT;
use hdm_shared::plugin::registration::{RegisterPlugin, RegistrationView};
use hdm_shared::problem::{Finding, Problem};
use hdm_vsphere::{
    About, Endpoint, ExtensionInfo, ExtensionPlugin, MoRef, PresentedCertificate, Thumbprint, probe,
};
use url::Url;

use super::problem::certificate;
use super::vcenters::unknown;
use super::{Api, ApiError, Shared};
use crate::extension;
use crate::sites::Site;

/// How long the plugin server may take to present itself.
const PROBE: Duration = Duration::from_secs(10);
/// The name of the manifest in the plugin server's root.
const MANIFEST: &str = "plugin.json";
/// What registering needs.
const PRIVILEGES: &[&str] = &["Extension.Register", "Extension.Update"];
/// How much of what a plugin server gives out as its manifest is read, in bytes.
const MAX_MANIFEST_BYTES: usize = 1 << 20;
/// From this version of the vSphere API on vCenter takes the certificate beside its thumbprint.
const CERTIFICATE_SINCE: [u32; 4] = [8, 0, 2, 0];

/// Registers the plug-in, or writes the registration anew: thumbprint and certificate always together. The plugin
/// server must give out the manifest of this version of HDM.
#[utoipa::path(put, path = "/api/v1/vcenters/{id}/plugin", tag = "plugin", params(("id" = String, Path)),
    request_body = RegisterPlugin,
    responses((status = 200, body = RegistrationView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "The certificate is not trusted, or a check failed", body = Problem)))]
pub async fn register(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
    body: Result<Json<RegisterPlugin>, JsonRejection>,
) -> Result<Json<RegistrationView>, ApiError> {
    let Path(id) = id?;
    let Json(asked) = body?;
    let site = site(&api, &id)?;
    let url = manifest_url(&asked.url)?;
    let presented = probe(&Endpoint::host_port(&url), PROBE).await?;
    trust(&url, asked.thumbprint.as_deref(), &presented)?;
    let about = site.session.about().await?;
    let plugin = ExtensionPlugin {
        manifest_url: url.to_string(),
        admin_email: asked
            .admin_email
            .unwrap_or_else(|| format!("hdm@{}", url.host_str().unwrap_or_default())),
        thumbprint: presented.sha256.to_string(),
        certificate_pem: takes_certificate(&about).then(|| presented.pem.clone()),
    };
    let mut found = Found::default();
    check_certificate(&url, &plugin, &presented, &mut found);
    check_manifest(&url, presented.sha256, &mut found).await;
    check_rights(&site, &mut found).await?;
    if found.1.iter().any(Finding::blocks) {
        let mut refused = ApiError::new(
            axum::http::StatusCode::UNPROCESSABLE_ENTITY,
            "registration",
            "The plug-in was not registered",
            "Something stands in the way; nothing was changed.",
        );
        refused.0.findings = found.1;
        return Err(refused);
    }
    let done = extension::set_plugin(&site.session, Some(plugin)).await?;
    tracing::info!(vcenter = %id, ?done, %url, "the plug-in is registered");
    let known = site.session.find_extension(KEY).await?;
    Ok(Json(view(&site, known, found).await))
}

/// Takes the plug-in away. The types of tasks and events stay: migrations need them.
#[utoipa::path(delete, path = "/api/v1/vcenters/{id}/plugin", tag = "plugin", params(("id" = String, Path)),
    responses((status = 200, body = RegistrationView), (status = 404, body = Problem)))]
pub async fn unregister(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<Json<RegistrationView>, ApiError> {
    let Path(id) = id?;
    let site = site(&api, &id)?;
    extension::set_plugin(&site.session, None).await?;
    let known = site.session.find_extension(KEY).await?;
    Ok(Json(view(&site, known, Found::default()).await))
}

/// How the vCenter knows HDM, and whether what it knows is still so.
#[utoipa::path(get, path = "/api/v1/vcenters/{id}/plugin", tag = "plugin", params(("id" = String, Path)),
    responses((status = 200, body = RegistrationView), (status = 404, body = Problem)))]
pub async fn status(
    State(api): Shared,
    id: Result<Path<VcenterId>, PathRejection>,
) -> Result<Json<RegistrationView>, ApiError> {
    let Path(id) = id?;
    let site = site(&api, &id)?;
    let known = site.session.find_extension(KEY).await?;
    let mut found = Found::default();
    if let Some(known) = &known {
        check_types(known, &mut found);
        if let Some(plugin) = &known.plugin {
            check_server(plugin, &mut found).await;
        }
    }
    check_rights(&site, &mut found).await?;
    Ok(Json(view(&site, known, found).await))
}

/// What was found to be well, and what was not.
type Found = (Vec<String>, Vec<Finding>);

fn site(api: &Api, id: &VcenterId) -> Result<Site, ApiError> {
    api.sites.get(id).ok_or_else(|| unknown(id))
}

fn manifest_url(text: &str) -> Result<Url, ApiError> {
    let wrong = || {
        ApiError::bad_request(format!(
            "'{text}' is not the address of a plugin server: give 'https://host[:port]' as the vCenter and its users reach it."
        ))
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if url.scheme() != "https" || url.host_str().is_none() || !plain {
        return Err(wrong());
    }
    if std::path::Path::new(url.path()).extension().is_some_and(|end| end == "json") {
        return Ok(url);
    }
    let mut folder = url;
    if !folder.path().ends_with('/') {
        let path = format!("{}/", folder.path());
        folder.set_path(&path);
    }
    folder.join(MANIFEST).map_err(|_| wrong())
}

fn trust(url: &Url, trusted: Option<&str>, presented: &PresentedCertificate) -> Result<(), ApiError> {
    let host = Endpoint::host_port(url);
    let Some(trusted) = trusted else {
        return Err(certificate(format!(
            "{host} presents a certificate with the thumbprint {} (SHA-256), issued to {}, valid until {:.0}. Compare it with the plugin server's own, then name it with --thumbprint.",
            presented.sha256, presented.subject, presented.not_after
        )));
    };
    let trusted: Thumbprint = trusted.parse()?;
    if matches!(trusted, Thumbprint::Sha1(_)) {
        return Err(certificate(format!(
            "{trusted} is a SHA-1 thumbprint, which certificates can be forged to have. Compare the SHA-256 thumbprint that {host} presents, {}, with the plugin server's own, then name it with --thumbprint.",
            presented.sha256
        )));
    }
    if trusted != presented.sha256 {
        return Err(certificate(format!(
            "{host} presents a certificate with the thumbprint {}, not {trusted}. Compare it with the plugin server's own: if it is right, name that one; if not, somebody is between.",
            presented.sha256
        )));
    }
    Ok(())
}

fn takes_certificate(about: &About) -> bool {
    extension::number(&about.api_version) >= CERTIFICATE_SINCE.to_vec()
}

fn check_certificate(
    url: &Url,
    plugin: &ExtensionPlugin,
    presented: &PresentedCertificate,
    found: &mut Found,
) {
    let host = url.host_str().unwrap_or_default();
    if presented.names_host {
        found.0.push(format!("The certificate of {host} names it."));
    } else {
        let names = if presented.names.is_empty() { "nothing".into() } else { presented.names.join(", ") };
        let message = format!("The certificate of {host} is for {names}.");
        let remedy = "Give the plugin server a certificate whose alternative names hold this address, or register it under a name that is there.";
        // From 8.0.2.0 on vCenter compares them; before, only the thumbprint counts.
        found.1.push(if plugin.certificate_pem.is_some() {
            Finding::blocker("certificate-name", host, message, remedy)
        } else {
            Finding::warning("certificate-name", host, message, remedy)
        });
    }
}

/// Whether the manifest at the address is the one that belongs to the version that is registered: the vSphere
/// Client keeps whatever it finds there for as long as the version stays the same.
async fn check_manifest(url: &Url, pin: Thumbprint, found: &mut Found) {
    let host = Endpoint::host_port(url);
    match manifest(url, pin).await {
        Ok(text) if text == hdm_plugin_manifest::plugin_json().as_bytes() => {
            found.0.push(format!("{host} gives out HDM's manifest of version {VERSION}."));
        }
        Ok(_) => found.1.push(Finding::blocker(
            "plugin-manifest",
            &host,
            format!("What is at {url} is not the manifest of this version of HDM ({VERSION})."),
            "Update appliance and plugin server to the same version of HDM, and give the plugin server's own address.",
        )),
        Err(why) => found.1.push(Finding::blocker(
            "plugin-manifest",
            &host,
            format!("The manifest cannot be read at {url}: {why}."),
            "See that `hdm server run` runs there, and that it is the plugin server's address.",
        )),
    }
}

async fn manifest(url: &Url, pin: Thumbprint) -> Result<Vec<u8>, String> {
    let http = hdm_vsphere::client(pin, PROBE).map_err(|error| error.to_string())?;
    let request = http.get(url.clone()).header(header::USER_AGENT, APPLIANCE_AGENT).timeout(PROBE);
    let mut response = request.send().await.map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("the answer has HTTP status {}", response.status()));
    }
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_MANIFEST_BYTES {
            return Err(format!("it is larger than {MAX_MANIFEST_BYTES} bytes"));
        }
    }
    Ok(text)
}

async fn check_rights(site: &Site, found: &mut Found) -> Result<(), ApiError> {
    let root = MoRef::new("Folder", "group-d1");
    let missing = site.session.missing_privileges(&root, PRIVILEGES).await?;
    if missing.is_empty() {
        found.0.push("HDM's account may register extensions.".into());
    } else {
        found.1.push(Finding::blocker(
            "privileges-missing",
            site.id.as_str(),
            format!("HDM's account lacks {}.", missing.join(", ")),
            "Give its role these privileges, on the vCenter itself.",
        ));
    }
    Ok(())
}

fn check_types(known: &ExtensionInfo, found: &mut Found) {
    let missing = extension::missing(&extension::wanted(None), known);
    if missing.is_empty() {
        found.0.push("All of HDM's types are registered.".into());
    } else {
        found.1.push(Finding::warning(
            "types-missing",
            KEY,
            format!("The registration lacks {}.", missing.join(", ")),
            "`hdm vcenter check` brings it up to date.",
        ));
    }
    if extension::number(&known.version) < extension::number(VERSION) {
        found.1.push(Finding::warning(
            "older-version",
            KEY,
            format!("Version {} is registered; this appliance has {VERSION}.", known.version),
            "`hdm register` writes the registration anew.",
        ));
    }
}

/// Whether the address that is registered still presents the certificate that is registered.
async fn check_server(plugin: &ExtensionPlugin, found: &mut Found) {
    let address = Url::parse(&plugin.manifest_url).ok();
    let Some(url) = address else {
        found.1.push(Finding::blocker(
            "plugin-url",
            KEY,
            format!("'{}' is registered, which is no address.", plugin.manifest_url),
            "`hdm register` writes the registration anew.",
        ));
        return;
    };
    let host = Endpoint::host_port(&url);
    match probe(&host, PROBE).await {
        Err(error) => found.1.push(Finding::blocker(
            "plugin-unreachable",
            &host,
            format!("The plugin server does not answer at {host}: {error}."),
            "See that `hdm server run` runs there, and that its name resolves, here and on the vCenter.",
        )),
        Ok(presented) => {
            if plugin.thumbprint.parse::<Thumbprint>().is_ok_and(|known| known == presented.sha256) {
                found.0.push(format!("{host} presents the certificate that is registered."));
            } else {
                found.1.push(Finding::blocker(
                    "plugin-certificate",
                    &host,
                    format!(
                        "{host} presents the thumbprint {}, but {} is registered: the vSphere Client will not load the plug-in.",
                        presented.sha256, plugin.thumbprint
                    ),
                    "If the certificate was replaced, run `hdm register` again; if not, somebody is between.",
                ));
            }
            check_certificate(&url, plugin, &presented, found);
        }
    }
}

async fn view(site: &Site, known: Option<ExtensionInfo>, (passed, findings): Found) -> RegistrationView {
    let host = Endpoint::host_port(&site.session.endpoint().url);
    let resolved = tokio::time::timeout(PROBE, tokio::net::lookup_host(host)).await;
    // A name that cannot be resolved now is as good as one without addresses.
    let addresses: BTreeSet<IpAddr> = resolved
        .ok()
        .and_then(Result::ok)
        .map(|all| all.map(|address| address.ip().to_canonical()).collect())
        .unwrap_or_default();
    let plugin = known.as_ref().and_then(|known| known.plugin.clone());
    RegistrationView {
        version: known.as_ref().map(|known| known.version.clone()),
        manifest_url: plugin.as_ref().map(|plugin| plugin.manifest_url.clone()),
        thumbprint: plugin.as_ref().map(|plugin| plugin.thumbprint.clone()),
        certificate: plugin.is_some_and(|plugin| plugin.certificate_pem.is_some()),
        written_at: known.and_then(|known| known.written_at),
        vcenter_addresses: addresses.iter().map(IpAddr::to_string).collect(),
        passed,
        findings,
    }
}

/// Takes a registration that was read, as far as nobody is asked.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn fuzz_registration(known: &ExtensionInfo) {
    extension::fuzz_renewed(known);
    let mut found = Found::default();
    check_types(known, &mut found);
    let about = About { api_version: known.version.clone(), ..About::default() };
    let _ = takes_certificate(&about);
    if let Some(plugin) = &known.plugin {
        let _ = plugin.thumbprint.parse::<Thumbprint>();
        if let Ok(url) = manifest_url(&plugin.manifest_url) {
            assert!(url.scheme() == "https" && !Endpoint::host_port(&url).starts_with(':'), "{url}");
        }
    }
}

/// Whether the address of a plugin server would be asked.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn is_asked(url: &str) -> bool {
    manifest_url(url).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_manifest_is_in_the_root_of_the_server_unless_it_is_named() {
        let url = |text: &str| manifest_url(text).map(|url| url.to_string()).map_err(|e| e.0.detail);
        assert_eq!(url("https://hdm.example.org:8443").unwrap(), "https://hdm.example.org:8443/plugin.json");
        assert_eq!(url("https://hdm.example.org/a").unwrap(), "https://hdm.example.org/a/plugin.json");
        assert_eq!(
            url("https://hdm.example.org/a/plugin.json").unwrap(),
            "https://hdm.example.org/a/plugin.json"
        );
        for bad in
            ["http://hdm.example.org", "hdm.example.org", "https://u@hdm.example.org", "https://h/?q=1"]
        {
            assert!(url(bad).unwrap_err().contains("is not the address"), "{bad}");
        }
    }

    /// A server that presents a certificate of its own and gives out a text, whatever it is asked for.
    async fn serving(text: String) -> (Url, Thumbprint) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pin = Thumbprint::sha256_of(made.cert.der());
        let tls = axum_server::tls_rustls::RustlsConfig::from_pem(
            made.cert.pem().into(),
            made.signing_key.serialize_pem().into(),
        );
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("https://{}/plugin.json", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(async move || text.clone()).into_make_service();
        let server = axum_server::from_tcp_rustls(listener, tls.await.unwrap()).unwrap();
        tokio::spawn(server.serve(app));
        (url.parse().unwrap(), pin)
    }

    #[tokio::test]
    async fn a_server_is_registered_only_if_it_gives_out_this_versions_manifest() {
        for (text, well) in [
            (hdm_plugin_manifest::plugin_json(), true),
            (hdm_plugin_manifest::plugin_json().replace("1.0.0", "1.0.1"), false),
            ("<p>Welcome</p>".into(), false),
            ("x".repeat(MAX_MANIFEST_BYTES + 1), false),
        ] {
            let (url, pin) = serving(text).await;
            let mut found = Found::default();
            check_manifest(&url, pin, &mut found).await;
            assert_eq!((found.0.len(), found.1.len()), (usize::from(well), usize::from(!well)), "{found:?}");
            assert!(found.1.iter().all(|finding| finding.code == "plugin-manifest" && finding.blocks()));
        }
    }

    #[tokio::test]
    async fn a_certificate_is_compared_by_its_sha_256_thumbprint() {
        let (url, pin) = serving(String::new()).await;
        let presented = probe(&Endpoint::host_port(&url), PROBE).await.unwrap();
        assert_eq!(presented.sha256, pin);
        trust(&url, Some(&pin.to_string()), &presented).unwrap();
        let refused = trust(&url, Some(&presented.sha1.to_string()), &presented).unwrap_err().0.detail;
        assert!(refused.contains("SHA-1") && refused.contains(&pin.to_string()), "{refused}");
    }

    #[test]
    fn the_certificate_is_registered_from_8_0_2_on() {
        let about = |version: &str| About { api_version: version.into(), ..About::default() };
        assert!(!takes_certificate(&about("7.0.3.0")));
        assert!(!takes_certificate(&about("8.0.1.0")));
        assert!(takes_certificate(&about("8.0.2.0")));
        assert!(takes_certificate(&about("8.0.3.0")));
    }
}
