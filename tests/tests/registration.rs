//! Registering the plug-in with vCenters of several versions.

#![allow(clippy::unwrap_used, reason = "tests")]

use hdm_tests::lab::{Account, vm};
use hdm_tests::plugin::{PluginServer, log_in};
use hdm_tests::product::{Outcome, privileges};
use hdm_tests::{Appliance, Lab, wait};
use reqwest::Method;
use serde_json::{Value, json};

/// A site with a vSphere Client, an appliance that knows it, and a plugin server.
struct Setting {
    lab: Lab,
    appliance: Appliance,
    server: PluginServer,
}

impl Setting {
    async fn at_version(version: &str) -> Self {
        Self::with(json!({"version": version})).await
    }

    /// With one more role.
    async fn with_role(role: Value) -> Self {
        Self::with(json!({"roles": [role]})).await
    }

    async fn with(mut extra: Value) -> Self {
        extra["client"] = json!({"dir": concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/client")});
        let lab = Lab::start_with(json!([vm("vm-0", &[1])]), extra).await;
        let appliance = Appliance::start(&lab).await;
        let server = PluginServer::start("server", &appliance, None).await;
        Self { lab, appliance, server }
    }

    /// Registers, trusting a thumbprint.
    async fn register(&self, thumbprint: Option<&str>) -> Outcome {
        let mut arguments = vec!["-o", "json", "register", "onprem", "--url", self.server.url()];
        if let Some(thumbprint) = thumbprint {
            arguments.extend(["--thumbprint", thumbprint]);
        }
        self.appliance.hdm(&arguments).await
    }

    async fn status(&self) -> Outcome {
        let metrics = ["--server-metrics", self.server.loopback()];
        self.appliance
            .hdm(&[&["-o", "json", "registration", "status", "onprem"], &metrics[..]].concat())
            .await
    }

    async fn unregister(&self) -> Value {
        self.appliance.hdm(&["-o", "json", "unregister", "onprem"]).await.ok().json()
    }
}

fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 3, "{outcome:?}");
    for word in words {
        assert!(outcome.stderr.contains(word), "'{word}' is missing in {outcome:?}");
    }
}

/// From nothing to a plug-in that the Client has fetched, and back.
async fn comes_and_goes(version: &str, certificate: bool) {
    let s = Setting::at_version(version).await;
    let thumbprint = s.server.thumbprint().to_string();
    let nothing = s.status().await.ok().json();
    assert_eq!(nothing["manifest_url"], Value::Null, "{nothing}");

    refused(&s.register(None).await, &[&thumbprint, "--thumbprint"]);
    let wrong = "00:".repeat(31) + "00";
    refused(&s.register(Some(&wrong)).await, &[&thumbprint, "somebody is between"]);
    let sha1 = "00:".repeat(19) + "00";
    refused(&s.register(Some(&sha1)).await, &[&thumbprint, "SHA-1"]);
    assert_eq!(s.status().await.ok().json()["manifest_url"], Value::Null, "nothing was changed");

    let first = s.register(Some(&thumbprint)).await.ok().json();
    assert_eq!(first["manifest_url"], format!("{}/plugin.json", s.server.url()), "{first}");
    assert_eq!((&first["thumbprint"], &first["certificate"]), (&json!(thumbprint), &json!(certificate)));
    let again = s.register(Some(&thumbprint)).await.ok().json();
    assert_eq!(again["written_at"], first["written_at"], "twice is once");

    s.server.send(Method::HEAD, "plugin.json", &[], None).await.ok();
    let registered = s.status().await.ok().json();
    assert_eq!((&registered["findings"], &registered["fetched"]), (&json!([]), &json!("not-fetched")));
    // Checking the vCenter writes nothing anew either.
    s.appliance.hdm(&["vcenter", "check", "onprem"]).await.ok();
    assert_eq!(s.status().await.ok().json()["written_at"], first["written_at"]);
    log_in(&s.lab.onprem, "administrator@vsphere.local", "lab-Passw0rd").await;
    wait::until("the Client has fetched it", async || {
        let status = s.status().await.ok().json();
        if status["fetched"] == "fetched" { Ok(()) } else { Err(status) }
    })
    .await;

    assert_eq!(s.unregister().await["manifest_url"], Value::Null);
    assert_eq!(s.unregister().await["manifest_url"], Value::Null, "twice is once");
    let types = s.status().await.ok().json();
    assert_eq!((&types["version"], &types["findings"]), (&first["version"], &json!([])), "its types stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_8_0_2_the_thumbprint_is_registered() {
    comes_and_goes("7.0.3", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_8_0_2_on_the_certificate_is_registered_too() {
    comes_and_goes("8.0.2", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_8_0_3_it_is_the_same() {
    comes_and_goes("8.0.3", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_noticed_and_registered_whole() {
    let mut s = Setting::at_version("8.0.3").await;
    let old = s.server.thumbprint().to_string();
    s.register(Some(&old)).await.ok();
    s.server.renew_certificate("127.0.0.1").await;
    let new = s.server.thumbprint().to_string();

    let noticed = s.status().await;
    refused(&noticed, &["1 of the checks"]);
    assert_eq!(noticed.json()["findings"][0]["code"], "plugin-certificate", "{noticed:?}");
    refused(&s.register(Some(&old)).await, &[&new]);
    assert_eq!(s.register(Some(&new)).await.ok().json()["thumbprint"], new);
    let status = s.status().await.ok().json();
    assert_eq!((&status["thumbprint"], &status["certificate"]), (&json!(new), &json!(true)), "{status}");
    assert_eq!(status["findings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused_where_vcenter_compares_names() {
    for (version, taken) in [("7.0.3", true), ("8.0.2", false)] {
        let mut s = Setting::at_version(version).await;
        s.server.renew_certificate("elsewhere.example.org").await;
        let thumbprint = s.server.thumbprint().to_string();
        let outcome = s.register(Some(&thumbprint)).await;
        if taken {
            assert_eq!(outcome.ok().json()["findings"][0]["code"], "certificate-name");
        } else {
            refused(&outcome, &["elsewhere.example.org", "nothing was changed"]);
            assert_eq!(s.status().await.ok().json()["manifest_url"], Value::Null);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_register_is_told_what_it_lacks() {
    for lacking in ["Extension.Register", "Extension.Update"] {
        let mut almost = privileges("onprem").await;
        almost.as_array_mut().unwrap().retain(|privilege| privilege != lacking);
        let s = Setting::with_role(json!({"name": "Almost", "privileges": almost})).await;
        let role = async |name: &str| {
            let permission =
                json!({"path": "/", "principal": Account::USER, "role": name, "propagate": true});
            s.lab.onprem.put("/permissions", permission).await;
        };
        let thumbprint = s.server.thumbprint().to_string();
        role("Almost").await;
        let outcome = s.register(Some(&thumbprint)).await;
        refused(&outcome, &[&format!("lacks {lacking}."), "on the vCenter itself", "nothing was changed"]);
        let status = s.status().await.json();
        assert_eq!(
            (&status["manifest_url"], status["findings"].to_string().contains(lacking)),
            (&Value::Null, true),
            "{status}"
        );
        role("HDM account").await;
        s.register(Some(&thumbprint)).await.ok();
    }
}
