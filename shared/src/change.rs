//! What is changed about a migration that is tried again: only what is named; all else stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::migration::{ColdOptions, DiskFormat, MacPolicy, ShutdownMode, TargetChoice, Verify};

/// Another place. What is absent stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TargetChange {
    /// Another cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Another host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Another resource pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Another datastore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datastore: Option<String>,
    /// Another VM folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Source network to target network; networks that are not named keep theirs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, String>,
    /// Network adapter, by its label, to target network; adapters that are not named keep theirs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub adapters: BTreeMap<String, String>,
}

impl TargetChange {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This change, and where it says nothing, another. Hosts and pools of another cluster are not taken over.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        let same_cluster = self.cluster.is_none() || self.cluster == below.cluster;
        let of_cluster = |mine: Option<String>, theirs: &Option<String>| {
            mine.or_else(|| theirs.clone().filter(|_| same_cluster))
        };
        let mut pairs = (below.networks.clone(), below.adapters.clone());
        pairs.0.extend(self.networks);
        pairs.1.extend(self.adapters);
        Self {
            host: of_cluster(self.host, &below.host),
            pool: of_cluster(self.pool, &below.pool),
            cluster: self.cluster.or_else(|| below.cluster.clone()),
            datastore: self.datastore.or_else(|| below.datastore.clone()),
            folder: self.folder.or_else(|| below.folder.clone()),
            networks: pairs.0,
            adapters: pairs.1,
        }
    }

    /// Makes the change. What depends on the cluster, its hosts and pools, does not survive another cluster.
    pub fn apply(self, to: &mut TargetChoice) {
        if self.cluster.is_some() && self.cluster != to.cluster {
            to.host = None;
            to.pool = None;
        }
        let Self { cluster, host, pool, datastore, folder, networks, adapters } = self;
        for (new, old) in [
            (cluster, &mut to.cluster),
            (host, &mut to.host),
            (pool, &mut to.pool),
            (datastore, &mut to.datastore),
            (folder, &mut to.folder),
        ] {
            *old = new.or_else(|| old.take());
        }
        to.networks.extend(networks);
        to.adapters.extend(adapters);
    }
}

/// Other options. What is absent stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct OptionsChange {
    /// Another disk allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_format: Option<DiskFormat>,
    /// Another number of virtual CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Another amount of memory, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Other MAC addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacPolicy>,
    /// Another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rename: Option<String>,
    /// Whether the target is powered on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_on: Option<bool>,
    /// Another way to shut down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<ShutdownMode>,
    /// Another deadline for the guest's shutdown, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown_timeout_seconds: Option<u32>,
    /// Another number of restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_guest: Option<u32>,
    /// Another way to verify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

impl OptionsChange {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This change, and where it says nothing, another.
    #[must_use]
    pub fn over(self, below: &Self) -> Self {
        Self {
            disk_format: self.disk_format.or(below.disk_format),
            cpus: self.cpus.or(below.cpus),
            memory_mib: self.memory_mib.or(below.memory_mib),
            mac: self.mac.or(below.mac),
            rename: self.rename.or_else(|| below.rename.clone()),
            power_on: self.power_on.or(below.power_on),
            shutdown: self.shutdown.or(below.shutdown),
            shutdown_timeout_seconds: self.shutdown_timeout_seconds.or(below.shutdown_timeout_seconds),
            restart_guest: self.restart_guest.or(below.restart_guest),
            verify: self.verify.or(below.verify),
        }
    }

    /// Makes the change.
    pub fn apply(self, to: &mut ColdOptions) {
        to.disk_format = self.disk_format.unwrap_or(to.disk_format);
        to.cpus = self.cpus.or(to.cpus);
        to.memory_mib = self.memory_mib.or(to.memory_mib);
        to.mac = self.mac.unwrap_or(to.mac);
        to.rename = self.rename.or_else(|| to.rename.take());
        to.power_on = self.power_on.unwrap_or(to.power_on);
        to.shutdown = self.shutdown.unwrap_or(to.shutdown);
        to.shutdown_timeout_seconds = self.shutdown_timeout_seconds.unwrap_or(to.shutdown_timeout_seconds);
        to.restart_guest = self.restart_guest.unwrap_or(to.restart_guest);
        to.verify = self.verify.unwrap_or(to.verify);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice() -> TargetChoice {
        TargetChoice {
            cluster: Some("C0".into()),
            host: Some("h0".into()),
            pool: Some("Gold".into()),
            datastore: Some("ds0".into()),
            folder: Some("/DC0/vm/Prod".into()),
            networks: [("LAN".to_owned(), "Cloud LAN".to_owned())].into(),
            adapters: [("Network adapter 1".to_owned(), "Cloud LAN".to_owned())].into(),
        }
    }

    #[test]
    fn only_what_is_named_changes() {
        let mut target = choice();
        TargetChange { datastore: Some("ds1".into()), ..TargetChange::default() }.apply(&mut target);
        assert_eq!(target, TargetChoice { datastore: Some("ds1".into()), ..choice() });

        let more = [("DMZ".to_owned(), "Cloud DMZ".to_owned())];
        TargetChange { networks: more.into(), ..TargetChange::default() }.apply(&mut target);
        assert_eq!(target.networks.len(), 2, "the other network keeps its counterpart");
        let more = [("Network adapter 2".to_owned(), "Cloud DMZ".to_owned())];
        TargetChange { adapters: more.into(), ..TargetChange::default() }.apply(&mut target);
        assert_eq!(target.adapters.len(), 2, "the other adapter keeps its own");

        let was =
            ColdOptions { power_on: true, cpus: Some(4), mac: MacPolicy::New, ..ColdOptions::default() };
        let mut options = was.clone();
        OptionsChange { power_on: Some(false), ..OptionsChange::default() }.apply(&mut options);
        assert_eq!(options, ColdOptions { power_on: false, ..was.clone() });
        OptionsChange { mac: Some(MacPolicy::Keep), ..OptionsChange::default() }.apply(&mut options);
        assert_eq!(options.mac, MacPolicy::Keep, "a default can be asked for again");
        let mut same = was.clone();
        OptionsChange::default().apply(&mut same);
        assert_eq!(same, was);
    }

    #[test]
    fn another_cluster_has_other_hosts_and_pools() {
        let mut target = choice();
        TargetChange { cluster: Some("C1".into()), ..TargetChange::default() }.apply(&mut target);
        assert_eq!((target.host, target.pool, target.datastore.as_deref()), (None, None, Some("ds0")));
    }
}
