//! The vCenters that HDM knows: the only addresses at which a user's session is asked for.
//!
//! The table comes from the appliance. Nothing that a browser sends can add to it or change an address; a
//! request names a vCenter by its instance UUID, and one that is not in the table is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use hdm_shared::VcenterId;
use hdm_shared::vcenter::VcenterRole;
use hdm_vsphere::{Endpoint, Thumbprint};
use serde::Deserialize;

/// How many vCenters are kept.
const MAX_VCENTERS: usize = 256;

/// A vCenter as the appliance lists it, as far as the plugin server cares.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    id: VcenterId,
    role: VcenterRole,
    url: String,
    thumbprint: String,
    #[serde(default)]
    instance_uuid: Option<String>,
}

/// A vCenter of the table.
#[derive(Clone, Debug)]
pub struct Vcenter {
    /// Its name in HDM.
    pub id: VcenterId,
    /// What it is to HDM.
    pub role: VcenterRole,
    /// Where it is, and which certificate is trusted there.
    pub endpoint: Endpoint,
    /// Its instance UUID, in lower case.
    pub guid: String,
}

impl PartialEq for Vcenter {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
            && self.role == other.role
            && self.guid == other.guid
            && self.endpoint.url == other.endpoint.url
            && self.endpoint.thumbprint == other.endpoint.thumbprint
    }
}

/// The table.
#[derive(Debug, Default)]
pub struct Vcenters {
    known: RwLock<BTreeMap<String, Arc<Vcenter>>>,
}

impl Vcenters {
    /// Makes the table what the appliance says. A vCenter that it has not reached yet has no instance UUID
    /// and is left out until it has one.
    pub fn set(&self, listed: Vec<Listed>) {
        let mut now = BTreeMap::new();
        for one in listed.into_iter().take(MAX_VCENTERS) {
            let Some(guid) = one.instance_uuid.filter(|guid| !guid.is_empty()) else { continue };
            let thumbprint: Result<Thumbprint, _> = one.thumbprint.parse();
            let (Ok(url), Ok(thumbprint)) = (Endpoint::parse_url(&one.url), thumbprint) else {
                tracing::warn!(vcenter = %one.id, "the appliance lists a vCenter whose address cannot be read");
                continue;
            };
            let guid = guid.to_ascii_lowercase();
            let endpoint = Endpoint { name: one.id.to_string(), url, thumbprint };
            now.insert(guid.clone(), Arc::new(Vcenter { id: one.id, role: one.role, endpoint, guid }));
        }
        if let Ok(mut known) = self.known.write() {
            // What has not changed keeps its identity.
            for (guid, vcenter) in &mut now {
                if let Some(old) = known.get(guid).filter(|old| *old == vcenter) {
                    *vcenter = old.clone();
                }
            }
            *known = now;
        }
    }

    /// Makes the table hold these.
    #[cfg(test)]
    pub fn put(&self, vcenters: impl IntoIterator<Item = Arc<Vcenter>>) {
        if let Ok(mut known) = self.known.write() {
            *known = vcenters.into_iter().map(|vcenter| (vcenter.guid.clone(), vcenter)).collect();
        }
    }

    /// A vCenter by its name in HDM.
    pub fn named(&self, id: &VcenterId) -> Option<Arc<Vcenter>> {
        self.all().into_iter().find(|vcenter| vcenter.id == *id)
    }

    /// A vCenter by its instance UUID, whatever its case.
    pub fn get(&self, guid: &str) -> Option<Arc<Vcenter>> {
        self.known.read().ok()?.get(&guid.to_ascii_lowercase()).cloned()
    }

    /// The vCenter whose Client's pages have an origin, as browsers tell it (RFC 6454, section 7).
    pub fn of_origin(&self, origin: &str) -> Option<Arc<Vcenter>> {
        self.all().into_iter().find(|vcenter| vcenter.endpoint.url.origin().ascii_serialization() == origin)
    }

    /// All.
    pub fn all(&self) -> Vec<Arc<Vcenter>> {
        self.known.read().map(|known| known.values().cloned().collect()).unwrap_or_default()
    }

    /// The only one that VMs are moved from, if there is only one.
    pub fn only_source(&self) -> Option<Arc<Vcenter>> {
        let mut sources = self.all().into_iter().filter(|vcenter| vcenter.role == VcenterRole::Source);
        let first = sources.next();
        if sources.next().is_some() { None } else { first }
    }

    /// The origins of the vSphere Clients that show the pages: of the vCenters that VMs are moved from, with which
    /// the plugin is registered.
    pub fn origins(&self) -> Vec<String> {
        let all = self.all();
        let sources = all.iter().filter(|vcenter| vcenter.role == VcenterRole::Source);
        sources.map(|vcenter| vcenter.endpoint.url.origin().ascii_serialization()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn listed(id: &str, role: &str, guid: Option<&str>) -> Listed {
        let thumbprint = "00:".repeat(31) + "00";
        serde_json::from_value(serde_json::json!({
            "id": id, "role": role, "url": format!("https://{id}.example.org/sdk"), "thumbprint": thumbprint,
            "instance_uuid": guid, "user": "u", "state": "live"
        }))
        .unwrap()
    }

    #[test]
    fn a_vcenter_is_found_by_its_uuid_and_only_if_it_has_one() {
        let table = Vcenters::default();
        table.set(vec![
            listed("onprem", "source", Some("AB-1")),
            listed("cloud", "cloud", Some("ab-2")),
            listed("new", "source", None),
        ]);
        assert_eq!(table.get("ab-1").unwrap().id.as_str(), "onprem");
        assert_eq!(table.get("AB-2").unwrap().id.as_str(), "cloud");
        assert!(table.get("").is_none() && table.get("ab-3").is_none());
        assert_eq!(table.only_source().unwrap().id.as_str(), "onprem");
        assert_eq!(table.of_origin("https://cloud.example.org").unwrap().id.as_str(), "cloud");
        assert!(
            table.of_origin("https://cloud.example.org:444").is_none() && table.of_origin("null").is_none()
        );
        assert_eq!(table.origins(), ["https://onprem.example.org"]);
    }

    #[test]
    fn what_has_not_changed_keeps_its_identity() {
        let table = Vcenters::default();
        table.set(vec![listed("onprem", "source", Some("ab-1"))]);
        let before = table.get("ab-1").unwrap();
        table.set(vec![listed("onprem", "source", Some("ab-1"))]);
        assert!(Arc::ptr_eq(&before, &table.get("ab-1").unwrap()));
        table.set(vec![listed("onprem", "cloud", Some("ab-1"))]);
        assert!(!Arc::ptr_eq(&before, &table.get("ab-1").unwrap()));
    }
}
