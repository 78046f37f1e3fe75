//! `hdm register`, `hdm unregister`, `hdm registration status`.

use std::net::IpAddr;
use std::time::Duration;

use hdm_shared::plugin::registration::{RegisterPlugin, RegistrationView};
use hdm_shared::plugin::{APPLIANCE_AGENT, ManifestFetch, ManifestFetches};
use hdm_shared::problem::Finding;
use serde::Serialize;

use super::vcenter_id;
use crate::cli::Output;
use crate::client::Client;
use crate::failure::Failure;
use crate::output;

/// How long the plugin server may take to tell who fetched the manifest.
const FETCHES: Duration = Duration::from_secs(5);

/// Whether the vCenter has taken what is registered, for its vSphere Client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Uptake {
    /// The vCenter fetched the registered version after it was registered.
    #[serde(rename = "fetched")]
    Yes,
    /// Somebody did, from an address that is none of the vCenter's.
    ByAnother {
        /// The address.
        from: String,
        /// What it calls itself.
        agent: String,
    },
    /// Nobody has fetched it since.
    #[serde(rename = "not-fetched")]
    No,
    /// What was fetched since is of another version.
    OlderVersion,
    /// The plugin server cannot be asked.
    Unknown(String),
}

impl Uptake {
    fn sentence(&self) -> String {
        match self {
            Self::Yes => "fetched".into(),
            Self::ByAnother { from, agent } => format!(
                "fetched since registration by {from} ('{agent}'), which is not an address of the vCenter as the \
                 appliance resolves its name: if it is the vCenter's or a balancer's before the plugin server, all is well"
            ),
            Self::No => "not fetched since registration: log in again, then check from the vCenter with this command: \
                curl --insecure --head MANIFEST-URL".into(),
            Self::OlderVersion => "an older version is still served: restart the plugin server with this version of HDM".into(),
            Self::Unknown(why) => format!("not known: {why}"),
        }
    }
}

/// Registers.
pub async fn register(
    client: &Client,
    output: Output,
    vcenter: &str,
    asked: RegisterPlugin,
) -> Result<(), Failure> {
    let view: RegistrationView = client.put(&path(vcenter)?, &asked).await?;
    if output == Output::Json {
        return output::json(&view);
    }
    output::checks(&view.passed, &view.findings);
    println!(
        "The plug-in is registered with '{vcenter}': {}, version {}. Log in to the vSphere Client again to see it.",
        view.manifest_url.unwrap_or_default(),
        view.version.unwrap_or_default()
    );
    Ok(())
}

/// Takes it away.
pub async fn unregister(client: &Client, output: Output, vcenter: &str) -> Result<(), Failure> {
    let view: RegistrationView = client.delete_for(&path(vcenter)?).await?;
    if output == Output::Json {
        return output::json(&view);
    }
    println!("The plug-in is no longer registered with '{vcenter}'. Migrations go on.");
    Ok(())
}

#[derive(Serialize)]
struct Status<'a> {
    #[serde(flatten)]
    registration: &'a RegistrationView,
    fetched: Uptake,
}

/// Shows how a vCenter knows the plug-in.
pub async fn status(
    client: &Client,
    output: Output,
    vcenter: &str,
    server_metrics: &str,
) -> Result<(), Failure> {
    let view: RegistrationView = client.get(&path(vcenter)?).await?;
    let fetched = match fetches(server_metrics).await {
        Ok(fetches) => judge(&view, &fetches),
        Err(why) => Uptake::Unknown(why),
    };
    let blocked = view.findings.iter().filter(|finding| Finding::blocks(finding)).count();
    if output == Output::Json {
        output::json(&Status { registration: &view, fetched })?;
    } else {
        output::checks(&view.passed, &view.findings);
        match &view.manifest_url {
            None => println!("No plug-in is registered with '{vcenter}'; `hdm register` registers it."),
            Some(url) => {
                let version = view.version.as_deref().unwrap_or_default();
                println!("registered  {url}, version {version}");
                println!("vSphere Client  {}", fetched.sentence().replace("MANIFEST-URL", url));
            }
        }
    }
    if blocked > 0 {
        return Err(Failure::NotAdmitted(format!("{blocked} of the checks of '{vcenter}' failed.")));
    }
    Ok(())
}

fn path(vcenter: &str) -> Result<String, Failure> {
    Ok(format!("/vcenters/{}/plugin", vcenter_id(vcenter)?))
}

async fn fetches(server_metrics: &str) -> Result<ManifestFetches, String> {
    let url = format!("{}/manifest-fetches", server_metrics.trim_end_matches('/'));
    let why = |error: reqwest::Error| {
        format!(
            "the plugin server does not answer at {url} ({error}); name its listener for metrics with --server-metrics"
        )
    };
    let http = reqwest::Client::builder().no_proxy().timeout(FETCHES).build().map_err(why)?;
    http.get(&url)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(why)?
        .json()
        .await
        .map_err(why)
}

fn judge(view: &RegistrationView, fetches: &ManifestFetches) -> Uptake {
    let registered = view.version.as_deref();
    // The appliance reads it, too, before it registers it.
    let is_later = |fetch: &&ManifestFetch| {
        view.written_at.is_none_or(|since| fetch.at >= since) && !fetch.agent.starts_with(APPLIANCE_AGENT)
    };
    let later: Vec<&ManifestFetch> = fetches.fetches.iter().filter(is_later).collect();
    let is_vcenter = |fetch: &ManifestFetch| {
        let from = fetch.from.parse::<IpAddr>().map(|from| from.to_canonical().to_string());
        from.is_ok_and(|from| view.vcenter_addresses.contains(&from))
    };
    let good = || later.iter().filter(|fetch| registered == Some(&fetch.version));
    if good().any(|fetch| is_vcenter(fetch)) {
        return Uptake::Yes;
    }
    if let Some(fetch) = good().next() {
        return Uptake::ByAnother { from: fetch.from.clone(), agent: fetch.agent.clone() };
    }
    if later.is_empty() && registered == Some(&fetches.version) { Uptake::No } else { Uptake::OlderVersion }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_a_fetch_by_the_vcenter_of_the_registered_version_after_the_registration_counts() {
        let view = RegistrationView {
            version: Some("0.2.0".into()),
            manifest_url: Some("https://hdm/plugin.json".into()),
            thumbprint: None,
            certificate: false,
            written_at: Some("2026-01-01T12:00:00Z".parse().unwrap()),
            vcenter_addresses: vec!["10.0.0.1".into()],
            passed: Vec::new(),
            findings: Vec::new(),
        };
        let by = |from: &str, agent: &str, at: &str, version: &str| ManifestFetch {
            version: version.into(),
            at: at.parse().unwrap(),
            from: from.into(),
            agent: agent.into(),
        };
        let told_of =
            |serves: &str, fetches: Vec<ManifestFetch>| ManifestFetches { version: serves.into(), fetches };
        let told = |serves: &str, fetches: &[(&str, &str)]| {
            let all = fetches.iter().map(|(at, version)| by("::ffff:10.0.0.1", "vCenter", at, version));
            told_of(serves, all.collect())
        };
        let before = ("2026-01-01T11:00:00Z", "0.2.0");
        let after = ("2026-01-01T13:00:00Z", "0.2.0");
        let old = ("2026-01-01T13:00:00Z", "0.1.0");
        assert_eq!(judge(&view, &told("0.2.0", &[before])), Uptake::No);
        assert_eq!(judge(&view, &told("0.2.0", &[after, before])), Uptake::Yes);
        assert_eq!(judge(&view, &told("0.1.0", &[old])), Uptake::OlderVersion);
        assert_eq!(judge(&view, &told("0.1.0", &[])), Uptake::OlderVersion);
        let curl = by("10.0.0.9", "curl/8", after.0, after.1);
        let another = Uptake::ByAnother { from: "10.0.0.9".into(), agent: "curl/8".into() };
        assert_eq!(judge(&view, &told_of("0.2.0", vec![curl.clone()])), another);
        let vcenter = by("10.0.0.1", "", after.0, after.1);
        assert_eq!(judge(&view, &told_of("0.2.0", vec![curl, vcenter])), Uptake::Yes);
        let appliance = by("10.0.0.1", APPLIANCE_AGENT, after.0, after.1);
        assert_eq!(judge(&view, &told_of("0.2.0", vec![appliance])), Uptake::No);
    }
}
