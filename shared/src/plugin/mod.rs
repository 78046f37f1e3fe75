//! What the plugin's pages and the plugin server exchange.
//!
//! Every address is relative to the page's own folder, which is the vSphere Client's proxy followed by the
//! folder of the manifest:
//!
//! | Request | Body | Answer |
//! |---|---|---|
//! | `POST api/session` | [`SessionRequest`], the Client's token as `vmware-api-session-id` | [`SessionGrant`] |
//! | `GET api/changes?since=N&cluster=ID\|vm=ID` | | [`VisibleChanges`] |
//! | `GET api/migrations?since_ms=T` | | finished ones: `[MigrationView]`, newest first |
//! | `GET api/migrations/ID` | | [`MigrationDetail`](crate::changes::MigrationDetail) |
//! | `POST api/migrations/actions` | [`ActionRequest`](crate::changes::ActionRequest), `Idempotency-Key` | [`ActionReport`](crate::changes::ActionReport) |
//! | `GET api/vms?cluster=ID` or `?vm=ID&vm=ID` | | [`VmPage`](crate::vm::VmPage) |
//! | `GET api/clouds?vm=ID&cluster=ID` | | `[`[`CloudOffer`](crate::cloud::CloudOffer)`]` |
//! | `POST api/plan` | [`BatchRequest`](crate::batch::BatchRequest) | [`Plan`](crate::migration::Plan) |
//! | `POST api/migrations` | [`BatchRequest`](crate::batch::BatchRequest), `Idempotency-Key` | `[MigrationView]` or a [`Problem`](crate::problem::Problem) with findings |
//! | `GET api/samples?cloud=ID&cluster=ID&from_ms=T` | | [`SampleSeries`](crate::sample::SampleSeries) |
//! | `GET api/events?before=N&limit=N` | | [`EventPage`](crate::event::EventPage) |
//! | `GET api/dashboard` | | [`Dashboard`](crate::dashboard::Dashboard) |
//! | `GET`, `PUT`, `DELETE api/preferences` | [`Preferences`]; what is not named stays | [`Preferences`] |
//! | `GET`, `POST api/vcenters` | [`AddVcenter`](crate::vcenter::AddVcenter) | [`VcenterView`](crate::vcenter::VcenterView), or all of them |
//! | `PUT`, `DELETE api/vcenters/ID` | the appliance's | the appliance's |
//! | `POST api/vcenters/ID/check` | | [`VcenterCheck`](crate::vcenter::VcenterCheck) |
//! | `GET api/vcenters/ID/offer` | | everything that can be released: [`CloudOffer`](crate::cloud::CloudOffer) |
//! | `GET`, `PUT api/vcenters/ID/released` | [`ReleasedObjects`](crate::cloud::ReleasedObjects) | [`ReleasedObjects`](crate::cloud::ReleasedObjects) |
//! | `POST dyn/vm/menu`, `dyn/cluster/menu` | the Client's own, see [`menu`] | |
//!
//! `Idempotency-Key` counts for `api/migrations` and `api/migrations/actions`. Every other write can be sent again as
//! it is: the second `PUT` or `DELETE` changes nothing more, and a cloud that was added is not added a second time.
//!
//! All but the first and the last carry `Authorization: Bearer <token of the grant>`. Failures are
//! [`Problem`](crate::problem::Problem)s. 401 with the kind [`SESSION_UNKNOWN`] means: exchange the Client's
//! token again and repeat the request once. 401 with the kind [`CLIENT_SESSION`], which only the exchange
//! itself answers, means that the Client's session has ended.
//!
//! VMs and clusters are named by managed object id, such as `vm-12`, in the vCenter of the session. What a
//! user may not see is answered as if it were not there. `api/clouds` wants a VM or a cluster on which the user holds
//! `HDM.Migrate`; without one the object of the session is meant.

pub mod menu;
pub mod registration;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::changes::{ApplianceState, ChangePage};
use crate::ids::{MigrationId, VcenterId};
use crate::migration::MigrationView;

/// The extension's key.
pub const EXTENSION_KEY: &str = "com.hdm.plugin";

/// What the appliance calls itself when it reads a plugin server's manifest.
pub const APPLIANCE_AGENT: &str = "HDM-appliance";
/// The header in which the vSphere Client's session token travels.
pub const CLIENT_TOKEN_HEADER: &str = "vmware-api-session-id";

/// The kind of a problem that says: exchange the token again.
pub const SESSION_UNKNOWN: &str = "urn:hdm:problem:session-unknown";
/// The kind of a problem that says: the vSphere Client's session has ended; log in to the Client again.
pub const CLIENT_SESSION: &str = "urn:hdm:problem:client-session";
/// The kind of a problem that says: the appliance cannot be reached.
pub const APPLIANCE_AWAY: &str = "urn:hdm:problem:appliance-away";
/// The kind of a problem that says: HDM does not know the vCenter.
pub const VCENTER_UNKNOWN: &str = "urn:hdm:problem:vcenter-unknown";
/// The kind of a problem that says: a privilege is missing; the detail names it.
pub const FORBIDDEN: &str = "urn:hdm:problem:forbidden";

/// How many objects a selection may hold.
pub const MAX_SELECTED: usize = 500;

/// A privilege that the extension adds to vCenter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Privilege {
    /// See HDM's pages for an object.
    #[serde(rename = "HDM.View")]
    View,
    /// Move virtual machines to a cloud.
    #[serde(rename = "HDM.Migrate")]
    Migrate,
    /// Bring virtual machines back.
    #[serde(rename = "HDM.MigrateBack")]
    MigrateBack,
    /// Prepare guests.
    #[serde(rename = "HDM.Prepare")]
    Prepare,
    /// Change policies.
    #[serde(rename = "HDM.Policy")]
    Policy,
    /// Add and remove clouds, and everything else.
    #[serde(rename = "HDM.Administer")]
    Administer,
}

impl Privilege {
    /// All, as the extension registers them.
    pub const ALL: [Self; 6] =
        [Self::View, Self::Migrate, Self::MigrateBack, Self::Prepare, Self::Policy, Self::Administer];

    /// Its id in vCenter.
    pub fn id(self) -> &'static str {
        match self {
            Self::View => "HDM.View",
            Self::Migrate => "HDM.Migrate",
            Self::MigrateBack => "HDM.MigrateBack",
            Self::Prepare => "HDM.Prepare",
            Self::Policy => "HDM.Policy",
            Self::Administer => "HDM.Administer",
        }
    }
}

/// Asks for a session with one vCenter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The vCenter's instance UUID, as the vSphere Client names it in object ids.
    pub vc_guid: String,
    /// The object the page is about, such as `domain-c8` of type `ClusterComputeResource`, if it is about one.
    #[serde(default)]
    pub object: Option<ManagedObject>,
    /// The version of the page that asks.
    pub page_version: String,
}

/// One time that somebody fetched the manifest from a plugin server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFetch {
    /// The version of the manifest that was given out.
    pub version: String,
    /// When.
    #[serde(deserialize_with = "crate::instant::read")]
    pub at: Timestamp,
    /// The address it was asked from.
    pub from: String,
    /// What asked, as it calls itself; at most 200 characters.
    pub agent: String,
}

/// Which times the manifest was fetched: what a plugin server answers at `/manifest-fetches` of its loopback
/// listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFetches {
    /// The version it gives out now.
    pub version: String,
    /// The newest 100, newest first.
    pub fetches: Vec<ManifestFetch>,
}

/// A managed object of a vCenter that is known from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedObject {
    /// Its type, such as `VirtualMachine`.
    pub kind: String,
    /// Its id, such as `vm-12`.
    pub id: String,
}

/// A session with one vCenter. It is held in the page's memory and nowhere else.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionGrant {
    /// A JSON Web Token, to be sent as `Authorization: Bearer`.
    pub token: String,
    /// How long it is good for.
    pub expires_in_seconds: u32,
    /// The user, as vCenter names it.
    pub user: String,
    /// The vCenter, as HDM names it.
    pub vcenter: VcenterId,
    /// HDM's privileges on the object asked for, or on the root folder.
    pub privileges: Vec<Privilege>,
    /// The version of the plugin server; another than the page's means that the page is an old one.
    pub server_version: String,
}

impl std::fmt::Debug for SessionGrant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionGrant")
            .field("user", &self.user)
            .field("vcenter", &self.vcenter)
            .field("privileges", &self.privileges)
            .finish_non_exhaustive()
    }
}

/// What has changed, as one user may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "FlatChanges")]
pub struct VisibleChanges {
    /// The changes.
    #[serde(flatten)]
    pub page: ChangePage,
    /// Those of the page's migrations that the user may look at, but not act on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub view_only: Vec<MigrationId>,
}

/// The same as it is read. Reading what is flattened would need a second reader for everything in it, which the
/// pages' program, fetched by a browser, would have to carry.
#[derive(Deserialize)]
struct FlatChanges {
    cursor: i64,
    reset: bool,
    more: bool,
    migrations: Vec<MigrationView>,
    appliance: ApplianceState,
    #[serde(default)]
    view_only: Vec<MigrationId>,
}

impl From<FlatChanges> for VisibleChanges {
    fn from(flat: FlatChanges) -> Self {
        let FlatChanges { cursor, reset, more, migrations, appliance, view_only } = flat;
        Self { page: ChangePage { cursor, reset, more, migrations, appliance }, view_only }
    }
}

/// What a user has set, kept by the appliance for each vCenter user: at most 64 KiB as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Whether the wizard's instructions are skipped.
    pub skip_instructions: bool,
    /// Columns shown, by table; an absent table shows its default.
    pub columns: BTreeMap<String, Vec<String>>,
    /// The network last chosen in a cloud for a source network: `cloud` → source network → target network.
    pub networks: BTreeMap<String, BTreeMap<String, String>>,
}

/// How large [`Preferences`] may be as JSON.
pub const MAX_PREFERENCES_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_privilege_is_told_by_its_id() {
        for privilege in Privilege::ALL {
            assert_eq!(serde_json::to_value(privilege).unwrap(), privilege.id());
        }
    }
}
